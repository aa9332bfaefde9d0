// Matrix products of a warpgroup, four warps, on Hopper (sm_90a). As with machine.cuh, a test puts another
// header of this name in front, which does the same on the host.
#pragma once

#include <cstdint>
#include <type_traits>

#include "masga/cuda/machine.cuh"

namespace masga::cuda {

// The descriptor of rows of 64 half-precision elements in shared memory (PTX, "Matrix Descriptor"): row r
// begins at r * 128 bytes and its sixteen-byte part p lies at place p ^ (r % 8). `tile` begins at a
// multiple of 1,024 bytes.
__device__ __forceinline__ uint64_t describe_tile(const void* tile) {
  constexpr uint64_t kEightRows = 1024 >> 4, kSwizzle128 = 1;
  const uint64_t address = __cvta_generic_to_shared(tile);
  return (address & 0x3ffff) >> 4 | uint64_t{1} << 16 | kEightRows << 32 | kSwizzle128 << 62;
}

// The same tile from a later element of its rows on; `bytes` a multiple of sixteen.
__device__ __forceinline__ uint64_t described_at(uint64_t descriptor, int bytes) {
  return descriptor + static_cast<uint64_t>(bytes >> 4);
}

// What this thread wrote to shared memory will be seen by the tensor cores, after a barrier.
__device__ __forceinline__ void show_to_tensor_cores() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Before the first product, and whenever registers it uses were touched.
__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

#define MASGA_EIGHT(c, i) c(i), c(i + 1), c(i + 2), c(i + 3), c(i + 4), c(i + 5), c(i + 6), c(i + 7)
#define MASGA_ALL_OF(c) MASGA_EIGHT(c, 0), MASGA_EIGHT(c, 8), MASGA_EIGHT(c, 16), MASGA_EIGHT(c, 24)
#define MASGA_IN_OUT(i) "+f"(c[(i) / 4][(i) % 4])
#define MASGA_OUT(i) "=f"(c[(i) / 4][(i) % 4])

// Wait for every product of this warpgroup; c is theirs until then.
__device__ __forceinline__ void await_products(float (&c)[8][4]) {
  asm volatile("wgmma.wait_group.sync.aligned 0;" : MASGA_ALL_OF(MASGA_IN_OUT) : : "memory");
}

#define MASGA_PRODUCT(type, constraint, accumulate)                                                       \
  asm volatile(                                                                                           \
      "wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type                                         \
      " {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,"  \
      "%26,%27,%28,%29,%30,%31}, {%32,%33,%34,%35}, %36, " accumulate ", 1, 1, 0;"                        \
      : MASGA_ALL_OF(constraint)                                                                          \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

// c (64 x 64) = a (64 x 16) b' or c + a b', in the background: b' (16 x 64) is the first 16 elements of 64
// described rows, and of a and c a warp has 16 rows, a in the layout of mma.m16n8k16, c as eight of its
// results side by side.
template <typename T, bool Accumulate>
__device__ __forceinline__ void start_product(float (&c)[8][4], const uint32_t (&a)[4], uint64_t b) {
  if constexpr (std::is_same_v<T, __half>) {
    if constexpr (Accumulate) {
      MASGA_PRODUCT("f16", MASGA_IN_OUT, "1");
    } else {
      MASGA_PRODUCT("f16", MASGA_OUT, "0");
    }
  } else {
    if constexpr (Accumulate) {
      MASGA_PRODUCT("bf16", MASGA_IN_OUT, "1");
    } else {
      MASGA_PRODUCT("bf16", MASGA_OUT, "0");
    }
  }
}

#undef MASGA_EIGHT
#undef MASGA_ALL_OF
#undef MASGA_IN_OUT
#undef MASGA_OUT
#undef MASGA_PRODUCT

}  // namespace masga::cuda
