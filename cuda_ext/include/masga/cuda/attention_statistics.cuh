// Statistics of softmax attention on CUDA: one pass over the keys, tensor cores for half precision.
//
// A block takes 64 query rows of one head, a warp 16 of them; tiles of 64 keys pass through shared memory,
// the next one being copied while this one is used (half precision). On Hopper attention_hopper.cuh serves
// half precision instead.
#pragma once

#include <cstdint>
#include <type_traits>

#include "masga/attention_statistics.h"
#include "masga/cuda/attention_keys.cuh"
#include "masga/cuda/attention_rows.cuh"
#include "masga/cuda/element.cuh"

namespace masga::cuda {

constexpr int kAttentionRows = 64;
constexpr int kAttentionWarps = kAttentionRows / 16;
constexpr int kAttentionThreads = 32 * kAttentionWarps;

// Bytes between rows of a tile in shared memory: padded by one access, so that eight rows at the same
// column lie in different banks.
template <typename T, int Width>
constexpr int kPitch = Width + 16 / static_cast<int>(sizeof(T));

template <typename T>
constexpr int kStages = sizeof(T) == 2 ? 2 : 1;

template <typename T, int Width>
constexpr size_t attention_shared_bytes() {
  return sizeof(T) * kPitch<T, Width> *
         (kAttentionRows + static_cast<size_t>(kStages<T>)*kAttentionKeys);
}

// scores[n] = 16 rows of q times 8 keys of tile n, or less that. q points at the warp's first row.
template <typename T, int Width>
__device__ __forceinline__ void tile_scores(
    float (&scores)[kKeyTiles][4], const T* q, const T* keys, bool negative, int lane) {
  constexpr int pitch = kPitch<T, Width>;
  const uint32_t flip = negative ? 0x80008000u : 0u;
  if constexpr (sizeof(T) == 2) {
#pragma unroll
    for (int d = 0; d < Width; d += 16) {
      // Matrices of q: rows 0-7 and 8-15 at d, then both at d + 8.
      uint32_t a[4];
      load_matrices(a, q + (lane % 16) * pitch + d + lane / 16 * 8);
#pragma unroll
      for (uint32_t& pair : a) pair ^= flip;
#pragma unroll
      for (int n = 0; n < kKeyTiles; n += 2) {
        // Matrices of k: keys of tile n at d and d + 8, then those of tile n + 1.
        uint32_t b[4];
        load_matrices(b, keys + (n * 8 + lane / 16 * 8 + lane % 8) * pitch + d + lane / 8 % 2 * 8);
        multiply<T>(scores[n], a, b[0], b[1]);
        multiply<T>(scores[n + 1], a, b[2], b[3]);
      }
    }
  } else {
    const T* q0 = q + lane / 4 * pitch;
    const T* k0 = keys + lane % 4 * 2 * pitch;
    for (int d = 0; d < Width; d += 4) {
      const float4 a0 = *reinterpret_cast<const float4*>(q0 + d);
      const float4 a1 = *reinterpret_cast<const float4*>(q0 + 8 * pitch + d);
#pragma unroll
      for (int n = 0; n < kKeyTiles; ++n) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const float4 b = *reinterpret_cast<const float4*>(k0 + (n * 8 + j) * pitch + d);
          scores[n][j] = fmaf(a0.w, b.w, fmaf(a0.z, b.z, fmaf(a0.y, b.y, fmaf(a0.x, b.x, scores[n][j]))));
          scores[n][2 + j] =
              fmaf(a1.w, b.w, fmaf(a1.z, b.z, fmaf(a1.y, b.y, fmaf(a1.x, b.x, scores[n][2 + j]))));
        }
      }
    }
#pragma unroll
    for (int i = 0; i < 4 * kKeyTiles; ++i) {
      scores[i / 4][i % 4] = __uint_as_float(__float_as_uint(scores[i / 4][i % 4]) ^ (flip & 0x80000000u));
    }
  }
}

template <typename T, int Width>
__global__ void __launch_bounds__(kAttentionThreads, 4) attention_kernel(
    AttentionShape s, const T* __restrict__ queries, const T* __restrict__ keys, bool vectors,
    AttentionOutput output) {
  MASGA_DYNAMIC_SHARED(memory);
  constexpr int pitch = kPitch<T, Width>, kParts = Width / Loaded<T>::kCount;
  T* const q_tile = reinterpret_cast<T*>(memory);
  T* const k_tiles = q_tile + kAttentionRows * pitch;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const AttentionPlace place(s, kAttentionRows, blockIdx.x);
  LaneRows rows(s, place.first + warp * 16, lane);
  __shared__ int most[kAttentionWarps];
  const int limit = block_limit(rows, most, warp, kAttentionWarps, lane);

  const KeyCopier<T, Width, kAttentionThreads> copy_keys(s, place, keys, vectors);
  const auto to_stage = [=](int stage) {
    T* const tile = k_tiles + stage * kAttentionKeys * pitch;
    return [=](int key, int part) { return tile + key * pitch + part * Loaded<T>::kCount; };
  };
  queries += place.batch * s.q_stride[0] + place.head * s.q_stride[1];
  for (int i = threadIdx.x; i < kAttentionRows * kParts; i += kAttentionThreads) {
    const int row = row_at(s, place.first + i / kParts), column = i % kParts * Loaded<T>::kCount;
    copy_part(
        q_tile + i / kParts * pitch + column, queries + (row < 0 ? 0 : row) * s.q_stride[2], column,
        s.width, row >= 0, vectors);
  }
  if constexpr (kStages<T> == 2) copy_keys(0, to_stage(0));
  commit_copies();

  const float factor = fabsf(s.scale) * 1.44269504088896340736f;  // log2(e)
  int stage = 0;
  for (int start = 0; start < limit; start += kAttentionKeys) {
    const T* tile = k_tiles + stage * kAttentionKeys * pitch;
    if constexpr (kStages<T> == 2) {
      stage ^= 1;
      if (start + kAttentionKeys < limit) {
        copy_keys(start + kAttentionKeys, to_stage(stage));
      }
      commit_copies();
      await_copies<1>();
    } else {
      copy_keys(start, to_stage(0));
      commit_copies();
      await_copies<0>();
    }
    sync_block();
    float scores[kKeyTiles][4] = {};
    tile_scores<T, Width>(scores, q_tile + warp * 16 * pitch, tile, s.scale < 0.0f, lane);
    rows.take_in(scores, start, factor, lane);
    sync_block();  // before the next copy overwrites this tile
  }
  rows.write(s, output, place.head_index, place.first + warp * 16, lane);
}

}  // namespace masga::cuda
