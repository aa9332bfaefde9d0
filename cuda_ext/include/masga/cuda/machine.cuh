// The instructions that the kernels use beyond C++: everything else in them is plain code. A test puts
// another header of this name in front, which does the same on the host, and so runs the kernels there.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#define MASGA_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]

namespace masga::cuda {

__device__ __forceinline__ void sync_block() { __syncthreads(); }

template <typename T>
__device__ __forceinline__ T shuffle_xor(T value, int distance) {
  return __shfl_xor_sync(0xffffffffu, value, distance);
}

// What all lanes have anyway, in a form that the compiler knows they share.
__device__ __forceinline__ int same_in_warp(int value) { return __shfl_sync(0xffffffffu, value, 0); }
__device__ __forceinline__ bool any_lane(bool here) { return __any_sync(0xffffffffu, here); }

// 2^x within two units in the last place; zero below 2^-126. exp2f takes three instructions more.
__host__ __device__ __forceinline__ float power_of_two(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

// What was computed from it is computed again, rather than kept in registers for a rare path.
__device__ __forceinline__ void forget(float& value) { asm volatile("" : "+f"(value)); }

__device__ __forceinline__ uint4 load_streaming(const uint4* p) { return __ldcs(p); }

// Sixteen bytes from global to shared memory in the background; zeros if not `inside`.
__device__ __forceinline__ void copy16(void* to, const void* from, bool inside) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  const int bytes = inside ? 16 : 0;
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes)
      : "memory");
}

// Copies so far form a group; await_copies waits until at most Pending groups are under way.
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Pending>
__device__ __forceinline__ void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// Four 8 x 8 matrices of 16-bit elements; lane l gives row l % 8 of matrix l / 8 and receives, of each
// matrix, the two elements at row l / 4, columns 2 (l % 4) and the next.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const void* row) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
      : "r"(address)
      : "memory");
}

// c (16 x 8) += a (16 x 16) b (16 x 8), in the layouts of mma.m16n8k16.
template <typename T>
__device__ __forceinline__ void multiply(
    float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (std::is_same_v<T, __half>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

}  // namespace masga::cuda
