// Embedding attribution on CUDA: one warp a token for delta, then one block a sequence for the buckets.
#pragma once

#include <cstdint>

#include "masga/cuda/grouped_attribution.cuh"

namespace masga::cuda {

template <typename T>
__global__ void __launch_bounds__(32 * kWarps) token_deltas(
    AttributionShape s, const T* __restrict__ x, const T* __restrict__ grad,
    double* __restrict__ deltas) {
  using A = decltype(to_float(T{}));
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (i >= s.batch * s.tokens) return;
  const int64_t b = i / s.tokens, t = i % s.tokens;
  x += b * s.x_stride[0] + t * s.x_stride[1];
  grad += b * s.grad_stride[0] + t * s.grad_stride[1];
  A delta = 0;
  for (int64_t c = threadIdx.x % 32; c < s.width; c += 32) delta += to_float(x[c]) * to_float(grad[c]);
  delta = lane_sum<32>(delta);
  if (threadIdx.x % 32 == 0) deltas[i] = delta;
}

constexpr int kBucketThreads = 256;

// Block (sequence, tile of `width` buckets), width a power of two up to 256: thread (slice, bucket) adds
// up every token of its slice that falls into its bucket; slices are then added in order.
__global__ void __launch_bounds__(kBucketThreads) bucket_sums(
    int64_t tokens, int64_t vocabulary, int64_t buckets, int width,
    const int64_t* __restrict__ ids, const int64_t* __restrict__ bucket_of,
    const double* __restrict__ deltas, float* signed_out, float* absolute_out, float* squared_out) {
  __shared__ double shared[3][kBucketThreads];
  const int slices = kBucketThreads / width, slice = threadIdx.x / width;
  const int64_t b = blockIdx.x;
  const int64_t bucket = static_cast<int64_t>(blockIdx.y) * width + threadIdx.x % width;
  double sums[3] = {};
  for (int64_t t = slice; t < tokens; t += slices) {
    const int64_t id = ids[b * tokens + t];
    const int64_t found = id >= 0 && id < vocabulary ? bucket_of[id] : -1;
    double delta = deltas[b * tokens + t];
    const bool bad = found < 0 || found >= buckets;
    if (bad) delta = nan("");
    if (bad || found == bucket) {
      sums[0] += delta;
      sums[1] += fabs(delta);
      sums[2] += delta * delta;
    }
  }
#pragma unroll
  for (int k = 0; k < 3; ++k) shared[k][threadIdx.x] = sums[k];
  sync_block();
  if (slice != 0 || bucket >= buckets) return;
  float* out[3] = {signed_out, absolute_out, squared_out};
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    double total = 0.0;
    for (int i = 0; i < slices; ++i) total += shared[k][i * width + threadIdx.x];
    out[k][b * buckets + bucket] = static_cast<float>(total);
  }
}

}  // namespace masga::cuda
