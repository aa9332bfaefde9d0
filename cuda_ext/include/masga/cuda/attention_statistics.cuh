// Statistics of softmax attention on CUDA: one pass over the keys, tensor cores for half precision.
//
// A block takes 64 query rows of one head, a warp 16 of them; tiles of 64 keys pass through shared memory,
// the next one being copied while this one is used (half precision). Scores are held in the layout of
// mma.m16n8k16: lane l has rows l / 4 and l / 4 + 8 of its warp and, of every eight keys, 2 (l % 4) and the
// next. The online sums are those of cpu/attention_statistics.h; every lane keeps its own, for its columns,
// about a largest score that the four lanes of a row share.
#pragma once

#include <cstdint>
#include <type_traits>

#include "masga/attention_statistics.h"
#include "masga/cuda/element.cuh"

namespace masga::cuda {

constexpr int kAttentionRows = 64;
constexpr int kAttentionWarps = kAttentionRows / 16;
constexpr int kAttentionKeys = 64;
constexpr int kKeyTiles = kAttentionKeys / 8;
constexpr int kAttentionThreads = 32 * kAttentionWarps;

// Sums of one row over the keys that one lane sees, in units of log 2.
struct OnlineRow {
  float largest = -INFINITY, l = 0.0f, u = 0.0f, w = 0.0f;
  float sink = -INFINITY, previous = -INFINITY;

  __host__ __device__ __forceinline__ void raise(float now) {
    if (!(now > largest)) return;
    if (largest != -INFINITY) {
      const float factor = exp2f(largest - now);
      u = factor * (u + (largest - now) * l);
      l *= factor;
      w *= factor * factor;
    } else {
      l = u = w = 0.0f;
    }
    largest = now;
  }
  __host__ __device__ __forceinline__ void add(float score) {
    float d = score - (largest == -INFINITY ? 0.0f : largest);
    d = d < -126.0f ? -126.0f : d;  // masked or vanishing; NaN stays NaN
    const float e = exp2f(d);
    l += e;
    u = fmaf(e, d, u);
    w = fmaf(e, e, w);
  }
};

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

// One row of Width elements into shared memory, zeros past `width` and for rows that are not there.
// `vectors`: sixteen bytes at a time are allowed.
template <typename T, int Width>
__device__ __forceinline__ void copy_row_part(
    T* to, const T* from, int64_t width, int part, bool there, bool vectors) {
  constexpr int kVector = Loaded<T>::kCount;
  const int column = part * kVector;
  if (vectors) {
    const bool inside = there && column < width;
    copy16(to + column, inside ? from + column : from, inside);
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      to[column + i] = there && column + i < width ? from[column + i] : T(0.0f);
    }
  }
}

// scores[n] += 16 rows of q times 8 keys of tile n. q points at the warp's first row.
template <typename T, int Width>
__device__ __forceinline__ void tile_scores(
    float (&scores)[kKeyTiles][4], const T* q, const T* keys, int lane) {
  constexpr int pitch = kPitch<T, Width>;
  if constexpr (sizeof(T) == 2) {
#pragma unroll
    for (int d = 0; d < Width; d += 16) {
      // Matrices of q: rows 0-7 and 8-15 at d, then both at d + 8.
      uint32_t a[4];
      load_matrices(a, q + (lane % 16) * pitch + d + lane / 16 * 8);
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
  }
}

struct AttentionOutput {
  float* out[kAttentionStatistics];
};

template <typename T, int Width>
__global__ void __launch_bounds__(kAttentionThreads) attention_kernel(
    AttentionShape s, const T* __restrict__ queries, const T* __restrict__ keys, bool vectors,
    AttentionOutput output) {
  MASGA_DYNAMIC_SHARED(memory);
  constexpr int pitch = kPitch<T, Width>, kParts = Width / Loaded<T>::kCount;
  T* const q_tile = reinterpret_cast<T*>(memory);
  T* const k_tiles = q_tile + kAttentionRows * pitch;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int64_t blocks = (s.rows + kAttentionRows - 1) / kAttentionRows;
  const int64_t head_index = blockIdx.x % (s.batch * s.heads);
  // The last rows of a causal head are the longest: they start first.
  const int64_t first = (blocks - 1 - blockIdx.x / (s.batch * s.heads)) * kAttentionRows;
  const int64_t batch = head_index / s.heads, head = head_index % s.heads;
  queries += batch * s.q_stride[0] + head * s.q_stride[1];
  keys += batch * s.k_stride[0] + head / (s.heads / s.kv_heads) * s.k_stride[1];
  const auto row_at = [&](int64_t i) -> int64_t {  // -1: no such row
    if (i >= s.rows) return -1;
    const int64_t row = s.row_index == nullptr ? i : s.row_index[i];
    return row >= 0 && row < s.tokens ? row : -1;
  };

  int64_t rows[2];
  for (int h = 0; h < 2; ++h) rows[h] = row_at(first + warp * 16 + lane / 4 + 8 * h);
  // The number of keys that any row of the block sees.
  __shared__ int most[kAttentionWarps];
  int limit = s.causal ? static_cast<int>(max(rows[0], rows[1])) + 1 : static_cast<int>(s.tokens);
  for (int distance = 16; distance > 0; distance /= 2) {
    limit = max(limit, shuffle_xor(limit, distance));
  }
  if (lane == 0) most[warp] = limit;
  sync_block();
  for (int w = 0; w < kAttentionWarps; ++w) limit = max(limit, most[w]);

  const auto copy_keys = [&](int64_t start, T* to) {
    for (int i = threadIdx.x; i < kAttentionKeys * kParts; i += kAttentionThreads) {
      const int64_t key = start + i / kParts;
      const bool there = key < s.tokens;
      copy_row_part<T, Width>(
          to + i / kParts * pitch, keys + (there ? key : 0) * s.k_stride[2], s.width, i % kParts, there,
          vectors);
    }
  };
  for (int i = threadIdx.x; i < kAttentionRows * kParts; i += kAttentionThreads) {
    const int64_t row = row_at(first + i / kParts);
    copy_row_part<T, Width>(
        q_tile + i / kParts * pitch, queries + (row < 0 ? 0 : row) * s.q_stride[2], s.width, i % kParts,
        row >= 0, vectors);
  }
  if constexpr (kStages<T> == 2) copy_keys(0, k_tiles);
  commit_copies();

  OnlineRow state[2];
  const float factor = s.scale * 1.44269504088896340736f;  // log2(e)
  int stage = 0;
  for (int64_t start = 0; start < limit; start += kAttentionKeys) {
    const T* tile = k_tiles + stage * kAttentionKeys * pitch;
    if constexpr (kStages<T> == 2) {
      stage ^= 1;
      if (start + kAttentionKeys < limit) {
        copy_keys(start + kAttentionKeys, k_tiles + stage * kAttentionKeys * pitch);
      }
      commit_copies();
      await_copies<1>();
    } else {
      copy_keys(start, k_tiles);
      commit_copies();
      await_copies<0>();
    }
    sync_block();
    float scores[kKeyTiles][4] = {};
    tile_scores<T, Width>(scores, q_tile + warp * 16 * pitch, tile, lane);
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int64_t row = rows[h];
      const int64_t end = s.causal ? row + 1 : s.tokens;
      const int64_t column = start + lane % 4 * 2;
      float largest = -INFINITY;
#pragma unroll
      for (int n = 0; n < kKeyTiles; ++n) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          float& score = scores[n][2 * h + j];
          const int64_t key = column + n * 8 + j;
          score = key < end ? score * factor : -INFINITY;
          largest = fmaxf(largest, score);
          if (key == 0) state[h].sink = score;
          if (key == row - 1) state[h].previous = score;
        }
      }
      largest = fmaxf(largest, shuffle_xor(largest, 1));
      largest = fmaxf(largest, shuffle_xor(largest, 2));
      state[h].raise(largest);
#pragma unroll
      for (int n = 0; n < kKeyTiles; ++n) {
        state[h].add(scores[n][2 * h]);
        state[h].add(scores[n][2 * h + 1]);
      }
    }
    sync_block();  // before the next copy overwrites this tile
  }

#pragma unroll
  for (int h = 0; h < 2; ++h) {
    OnlineRow& r = state[h];
#pragma unroll
    for (int distance = 1; distance <= 2; distance *= 2) {
      r.l += shuffle_xor(r.l, distance);
      r.u += shuffle_xor(r.u, distance);
      r.w += shuffle_xor(r.w, distance);
      r.sink = fmaxf(r.sink, shuffle_xor(r.sink, distance));
      r.previous = fmaxf(r.previous, shuffle_xor(r.previous, distance));
    }
    const int64_t i = first + warp * 16 + lane / 4 + 8 * h;
    if (i >= s.rows || lane % 4 != 0) continue;
    constexpr float kLn2 = 0.693147180559945309417f;
    // A row that is out of range, or that saw nothing but minus infinity, has no distribution.
    const float l = rows[h] < 0 || r.largest == -INFINITY ? NAN : r.l;
    const float bits = log2f(l);
    const int64_t at = head_index * s.rows + i;
    output.out[0][at] = (r.largest + bits) * kLn2;
    output.out[1][at] = (bits - r.u / l) * kLn2;
    output.out[2][at] = (2.0f * bits - log2f(r.w)) * kLn2;
    output.out[3][at] = 1.0f / l;
    output.out[4][at] = exp2f(r.sink - r.largest) / l;
    output.out[5][at] = rows[h] == 0 ? 0.0f : exp2f(r.previous - r.largest) / l;
  }
}

}  // namespace masga::cuda
