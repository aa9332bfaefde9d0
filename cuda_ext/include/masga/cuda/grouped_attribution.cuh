// Grouped gate-gradient attribution on CUDA: x and grad are read once, sums are two-staged.
//
// First stage: a block takes a chunk of tokens of one sequence and one tile of columns (or groups); its
// eight warps share the tokens, each thread keeps its sums in registers, and the block writes partial
// sums. Second stage: one thread a result adds the chunks in order. No atomics: the bits do not depend
// on timing.
#pragma once

#include <cstdint>
#include <type_traits>

#include "masga/cuda/element.cuh"
#include "masga/cuda/kernels.h"

namespace masga::cuda {

constexpr int kWarps = 8;
constexpr int kUnroll = 4;  // rows in flight a thread: 8 loads of 16 bytes

// What a block of the first stage works on.
struct AttributionTile {
  int64_t batch, chunk, head, tile, first_token, end_token;
};

struct AttributionCut {
  int64_t chunks, chunk_tokens, tiles;  // tiles of a head

  __device__ AttributionTile tile_of(const AttributionShape& s, int64_t block) const {
    AttributionTile t;
    t.tile = block % tiles;
    t.head = block / tiles % s.heads;
    t.chunk = block / tiles / s.heads % chunks;
    t.batch = block / tiles / s.heads / chunks;
    t.first_token = t.chunk * chunk_tokens;
    t.end_token = min(t.first_token + chunk_tokens, s.tokens);
    return t;
  }
};

// Sum over aligned runs of Lanes lanes, left in each of them.
template <int Lanes, typename A>
__device__ __forceinline__ A lane_sum(A v) {
#pragma unroll
  for (int distance = Lanes / 2; distance > 0; distance /= 2) {
    v += shuffle_xor(v, distance);
  }
  return v;
}

// Sums over the block's warps of Count triples a lane, in shared memory; `put(i, statistic, sum)` is
// called by warp 0 for lanes that `owns` says hold a group.
template <int Count, typename A, typename Put>
__device__ __forceinline__ void block_sums(const A (&sums)[3][Count], bool owns, const Put& put) {
  __shared__ A shared[3][Count][kWarps][32];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
  for (int k = 0; k < 3; ++k) {
#pragma unroll
    for (int i = 0; i < Count; ++i) shared[k][i][warp][lane] = sums[k][i];
  }
  sync_block();
  if (warp != 0 || !owns) return;
#pragma unroll
  for (int k = 0; k < 3; ++k) {
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      double total = 0.0;
      for (int w = 0; w < kWarps; ++w) total += static_cast<double>(shared[k][i][w][lane]);
      put(i, k, total);
    }
  }
}

// Group sizes that are powers of two up to 32 vectors, everything aligned to sixteen bytes. A warp reads
// 32 vectors of a row; a group is a run of lanes, or a vector holds several groups.
template <typename T, int Size>
__global__ void __launch_bounds__(32 * kWarps) attribution_by_vector(
    AttributionShape s, AttributionCut cut, const T* __restrict__ x, const T* __restrict__ grad,
    double* __restrict__ partials) {
  constexpr int kVector = Loaded<T>::kCount;
  constexpr int kLanes = Size > kVector ? Size / kVector : 1;
  constexpr int kGroups = Size < kVector ? kVector / Size : 1;
  constexpr int kElements = kVector / kGroups;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const AttributionTile at = cut.tile_of(s, blockIdx.x);
  const int64_t column = (at.tile * 32 + lane) * kVector;
  const bool inside = column < s.width;
  x += at.batch * s.x_stride[0] + at.head * s.x_stride[2] + column;
  grad += at.batch * s.grad_stride[0] + at.head * s.grad_stride[2] + column;

  float sums[3][kGroups] = {};
  for (int64_t t = at.first_token + warp; t < at.end_token; t += kWarps * kUnroll) {
    Loaded<T> xs[kUnroll], gs[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int64_t token = t + u * kWarps;
      xs[u].bits = gs[u].bits = make_uint4(0, 0, 0, 0);
      if (inside && token < at.end_token) {
        xs[u] = load16(x + token * s.x_stride[1]);
        gs[u] = load16(grad + token * s.grad_stride[1]);
      }
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      float a[kVector], b[kVector];
      unpack(xs[u], a);
      unpack(gs[u], b);
#pragma unroll
      for (int i = 0; i < kGroups; ++i) {
        float delta = a[i * kElements] * b[i * kElements];
#pragma unroll
        for (int j = 1; j < kElements; ++j) {
          delta = fmaf(a[i * kElements + j], b[i * kElements + j], delta);
        }
        delta = lane_sum<kLanes>(delta);
        sums[0][i] += delta;
        sums[1][i] += fabsf(delta);
        sums[2][i] = fmaf(delta, delta, sums[2][i]);
      }
    }
  }
  const int64_t groups = s.heads * (s.width / s.group_size);
  const int64_t group = at.head * (s.width / s.group_size) + column / Size;
  double* out = partials + (at.batch * cut.chunks + at.chunk) * 3 * groups + group;
  block_sums(sums, inside && lane % kLanes == 0, [&](int i, int k, double total) {
    out[k * groups + i] = total;
  });
}

// Any group size: a warp a (token, group), lanes over its elements, by vectors where Aligned.
template <typename T, bool Aligned, typename A>
__global__ void __launch_bounds__(32 * kWarps) attribution_by_warp(
    AttributionShape s, AttributionCut cut, const T* __restrict__ x, const T* __restrict__ grad,
    double* __restrict__ partials) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const AttributionTile at = cut.tile_of(s, blockIdx.x);  // a tile is one group
  x += at.batch * s.x_stride[0] + at.head * s.x_stride[2] + at.tile * s.group_size;
  grad += at.batch * s.grad_stride[0] + at.head * s.grad_stride[2] + at.tile * s.group_size;
  A sums[3][1] = {};
  for (int64_t t = at.first_token + warp; t < at.end_token; t += kWarps) {
    const T* xt = x + t * s.x_stride[1];
    const T* gt = grad + t * s.grad_stride[1];
    A delta = 0;
    if constexpr (Aligned) {
      constexpr int kVector = Loaded<T>::kCount;
      float chains[kUnroll] = {};
      for (int64_t i = lane * kVector; i < s.group_size; i += 32 * kVector * kUnroll) {
        Loaded<T> xs[kUnroll], gs[kUnroll];
#pragma unroll
        for (int u = 0; u < kUnroll; ++u) {
          const int64_t j = i + u * 32 * kVector;
          xs[u].bits = gs[u].bits = make_uint4(0, 0, 0, 0);
          if (j < s.group_size) {
            xs[u] = load16(xt + j);
            gs[u] = load16(gt + j);
          }
        }
#pragma unroll
        for (int u = 0; u < kUnroll; ++u) {
          float a[kVector], b[kVector];
          unpack(xs[u], a);
          unpack(gs[u], b);
#pragma unroll
          for (int j = 0; j < kVector; ++j) chains[u] = fmaf(a[j], b[j], chains[u]);
        }
      }
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) delta += chains[u];
    } else {
      for (int64_t i = lane; i < s.group_size; i += 32) {
        delta += static_cast<A>(to_float(xt[i])) * static_cast<A>(to_float(gt[i]));
      }
    }
    delta = lane_sum<32>(delta);
    sums[0][0] += delta;
    sums[1][0] += delta < 0 ? -delta : delta;
    sums[2][0] += delta * delta;
  }
  const int64_t groups = s.heads * (s.width / s.group_size);
  double* out = partials + (at.batch * cut.chunks + at.chunk) * 3 * groups +
                at.head * (s.width / s.group_size) + at.tile;
  block_sums(sums, lane == 0, [&](int, int k, double total) { out[k * groups] = total; });
}

// Small groups of any size and alignment: a lane a (token, group).
template <typename T, typename A>
__global__ void __launch_bounds__(32 * kWarps) attribution_by_lane(
    AttributionShape s, AttributionCut cut, const T* __restrict__ x, const T* __restrict__ grad,
    double* __restrict__ partials) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const AttributionTile at = cut.tile_of(s, blockIdx.x);  // a tile is 32 groups
  const int64_t group = at.tile * 32 + lane, per_head = s.width / s.group_size;
  const bool inside = group < per_head;
  x += at.batch * s.x_stride[0] + at.head * s.x_stride[2] + group * s.group_size;
  grad += at.batch * s.grad_stride[0] + at.head * s.grad_stride[2] + group * s.group_size;
  A sums[3][1] = {};
  for (int64_t t = at.first_token + warp; inside && t < at.end_token; t += kWarps) {
    const T* xt = x + t * s.x_stride[1];
    const T* gt = grad + t * s.grad_stride[1];
    A delta = 0;
    for (int64_t i = 0; i < s.group_size; ++i) {
      delta += static_cast<A>(to_float(xt[i])) * static_cast<A>(to_float(gt[i]));
    }
    sums[0][0] += delta;
    sums[1][0] += delta < 0 ? -delta : delta;
    sums[2][0] += delta * delta;
  }
  const int64_t groups = s.heads * per_head;
  double* out =
      partials + (at.batch * cut.chunks + at.chunk) * 3 * groups + at.head * per_head + group;
  block_sums(sums, inside, [&](int, int k, double total) { out[k * groups] = total; });
}

// Second stage: one thread a (sequence, statistic, group).
__global__ void attribution_finish(
    int64_t batch, int64_t groups, int64_t chunks, const double* __restrict__ partials,
    AttributionOutput output) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();  // launched early, beside the tail of the first stage
#endif
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= batch * 3 * groups) return;
  const int64_t group = index % groups, statistic = index / groups % 3, b = index / groups / 3;
  const double* p = partials + (b * chunks * 3 + statistic) * groups + group;
  double total = 0.0;
  for (int64_t c = 0; c < chunks; ++c) total += p[c * 3 * groups];
  const int64_t at = b * output.row_stride + group * output.group_stride;
  void* const to = statistic == 0 ? output.out[0] : statistic == 1 ? output.out[1] : output.out[2];
  if (output.is_double) {
    double* out = static_cast<double*>(to) + at;
    *out = output.accumulate ? *out + total : total;
  } else {
    float* out = static_cast<float*>(to) + at;
    *out = static_cast<float>(output.accumulate ? *out + total : total);
  }
}

}  // namespace masga::cuda
