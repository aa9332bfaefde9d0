// Loads of the element types, sixteen bytes at a time or one by one, as floats or doubles.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "masga/cuda/machine.cuh"

namespace masga::cuda {

template <typename T>
struct Loaded {
  static constexpr int kCount = 16 / sizeof(T);
  uint4 bits;
};

__device__ __forceinline__ float to_float(float v) { return v; }
__device__ __forceinline__ double to_float(double v) { return v; }
__device__ __forceinline__ float to_float(__nv_bfloat16 v) { return __bfloat162float(v); }
__device__ __forceinline__ float to_float(__half v) { return __half2float(v); }

// Read once, never again: keep it out of the first-level cache.
template <typename T>
__device__ __forceinline__ Loaded<T> load16(const T* p) {
  return {load_streaming(reinterpret_cast<const uint4*>(p))};
}

template <typename T>
__device__ __forceinline__ void unpack(const Loaded<T>& v, float (&out)[Loaded<T>::kCount]) {
  const uint32_t words[4] = {v.bits.x, v.bits.y, v.bits.z, v.bits.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (sizeof(T) == 4) {
      out[i] = __uint_as_float(words[i]);
    } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
      out[2 * i] = __uint_as_float(words[i] << 16);
      out[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    } else {
      const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
      out[2 * i] = pair.x;
      out[2 * i + 1] = pair.y;
    }
  }
}

}  // namespace masga::cuda
