// Statistics of softmax attention on Hopper, half precision: products by warpgroups in the background.
//
// A warpgroup has 64 query rows, whose elements stay in registers; the warpgroups of a block share tiles
// of 64 keys in a ring of three in shared memory. While a warpgroup takes in the scores of one tile, its
// tensor cores compute those of the next and the tile after that is being copied:
//
//   wait for the scores of tile t and for tile t + 1; barrier; start the scores of tile t + 1;
//   start the copy of tile t + 3 to where tile t was; take in the scores of tile t
//
// Rows must begin at multiples of sixteen bytes and be a multiple of them wide; attention_statistics.cuh
// serves the others. The exponentials are the bound: sixteen a clock and multiprocessor, where the products
// of 64 channels take half as long and those of 128 as long.
#pragma once

#include <cstdint>

#include "masga/attention_statistics.h"
#include "masga/cuda/attention_keys.cuh"
#include "masga/cuda/attention_rows.cuh"
#include "masga/cuda/warpgroup.cuh"

namespace masga::cuda {

// Widths are padded to 64, 128 or 256 channels. Warpgroups a block and blocks a multiprocessor share its
// 65,536 registers, which queries and two tiles of scores fill.
template <int Width>
struct HopperShape {
  static constexpr int kGroups = Width == 128 ? 3 : 2;
  static constexpr int kBlocks = Width == 64 ? 2 : 1;
  static constexpr int kRows = 64 * kGroups, kThreads = 128 * kGroups;
  static constexpr int kTile = kAttentionKeys * Width;  // elements
  static constexpr int kRing = 3;
  // A tile begins at a multiple of 1,024 bytes.
  static constexpr size_t kSharedBytes = size_t{2} * kRing * kTile + 1024;
};

// Query elements of a warp's sixteen rows, as mma.m16n8k16 has its first matrix.
template <typename T, int Width>
struct QueryRegisters {
  uint32_t part[Width / 16][4];

  __device__ __forceinline__ QueryRegisters(
      const AttentionShape& s, const T* queries, const LaneRows& rows, int lane) {
    const uint32_t flip = s.scale < 0.0f ? 0x80008000u : 0u;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const T* row = queries + (rows.row[h] < 0 ? 0 : rows.row[h]) * s.q_stride[2];
#pragma unroll
      for (int d = 0; d < Width; d += 8) {
        const int column = d + lane % 4 * 2;
        const bool there = rows.row[h] >= 0 && column < s.width;
        const uint32_t both = there ? *reinterpret_cast<const uint32_t*>(row + column) : 0;
        part[d / 16][d / 8 % 2 * 2 + h] = both ^ flip;
      }
    }
  }
};

template <typename T, int Width>
__global__ void __launch_bounds__(HopperShape<Width>::kThreads, HopperShape<Width>::kBlocks)
    attention_hopper_kernel(
        AttentionShape s, const T* __restrict__ queries, const T* __restrict__ keys, AttentionOutput output) {
  using Shape = HopperShape<Width>;
  MASGA_DYNAMIC_SHARED(memory);
  T* const ring = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(memory) + 1023) / 1024 * 1024);
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const AttentionPlace place(s, Shape::kRows, blockIdx.x);
  queries += place.batch * s.q_stride[0] + place.head * s.q_stride[1];
  LaneRows rows(s, place.first + warp * 16, lane);
  __shared__ int most[Shape::kThreads / 32];
  const int limit = block_limit(rows, most, warp, Shape::kThreads / 32, lane);

  // A group of copies for every tile, though it be empty beyond the limit: they are awaited by number.
  const KeyCopier<T, Width, Shape::kThreads> copier(s, place, keys, true);
  const auto copy_tile = [&](int start, T* tile) {
    if (start < limit) {
      copier(start, [=](int key, int part) {
        return tile + part / 8 * kAttentionKeys * 64 + key * 64 + (part % 8 ^ key % 8) * 8;
      });
    }
    commit_copies();
  };
  const uint64_t described = describe_tile(ring);
  const QueryRegisters<T, Width> q(s, queries, rows, lane);
  const auto start_scores = [&](float(&scores)[kKeyTiles][4], int place_in_ring) {
    const uint64_t tile = described_at(described, place_in_ring * Shape::kTile * 2);
    begin_products();
    start_product<T, false>(scores, q.part[0], tile);
#pragma unroll
    for (int d = 16; d < Width; d += 16) {
      start_product<T, true>(
          scores, q.part[d / 16], described_at(tile, d / 64 * kAttentionKeys * 128 + d % 64 * 2));
    }
    commit_products();
  };

  const float factor = fabsf(s.scale) * 1.44269504088896340736f;  // log2(e)
  int here = 0;  // the place of the tile whose scores are awaited
  const auto step = [&](float(&scores)[kKeyTiles][4], float(&next)[kKeyTiles][4], int start) {
    const int place_after = here == Shape::kRing - 1 ? 0 : here + 1;
    await_copies<Shape::kRing - 2>();
    show_to_tensor_cores();
    await_products(scores);
    sync_block();
    start_scores(next, place_after);
    copy_tile(start + Shape::kRing * kAttentionKeys, ring + here * Shape::kTile);
    rows.take_in(scores, start, factor, lane);
    here = place_after;
  };

  for (int i = 0; i < Shape::kRing; ++i) copy_tile(i * kAttentionKeys, ring + i * Shape::kTile);
  await_copies<Shape::kRing - 1>();
  show_to_tensor_cores();
  sync_block();
  float even[kKeyTiles][4], odd[kKeyTiles][4];
  start_scores(even, 0);
  // Products of tiles beyond the limit are of what lies there, and nobody looks at them.
  for (int start = 0; start < limit; start += 2 * kAttentionKeys) {
    step(even, odd, start);
    step(odd, even, start + kAttentionKeys);
  }
  await_products(even);
  rows.write(s, output, place.head_index, place.first + warp * 16, lane);
}

}  // namespace masga::cuda
