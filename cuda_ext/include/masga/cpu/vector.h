// One SIMD vocabulary for every instruction set, on the vector extensions of GCC and Clang.
//
// The includer compiles each translation unit for one instruction set and names it by MASGA_ISA;
// everything lives in masga::MASGA_ISA, so that the linker never merges code of two instruction sets.
#pragma once

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#ifndef MASGA_ISA
#define MASGA_ISA baseline
#endif

#define MASGA_INLINE inline __attribute__((always_inline))

namespace masga {

// Storage formats; only their bits matter here.
struct BFloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

namespace MASGA_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif
constexpr int kLanes = kVectorBytes / 4;

typedef float Vec __attribute__((vector_size(kVectorBytes)));
typedef int32_t IVec __attribute__((vector_size(kVectorBytes)));

MASGA_INLINE Vec broadcast(float value) { return value - Vec{}; }

// Scalar loads; half precision goes through the exponent so that no hardware support is assumed.
MASGA_INLINE float to_float(float v) { return v; }
MASGA_INLINE double to_float(double v) { return v; }
MASGA_INLINE float to_float(BFloat16 v) {
  const uint32_t bits = static_cast<uint32_t>(v.bits) << 16;
  float out;
  __builtin_memcpy(&out, &bits, 4);
  return out;
}
MASGA_INLINE float to_float(Float16 v) {
  const uint32_t sign = static_cast<uint32_t>(v.bits & 0x8000u) << 16;
  const uint32_t magnitude = v.bits & 0x7fffu;
  float out;
  if (magnitude >= 0x7c00u) {  // infinity, NaN
    const uint32_t bits = sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13);
    __builtin_memcpy(&out, &bits, 4);
    return out;
  }
  const uint32_t bits = magnitude << 13;  // rebias by multiplying with 2^112: exact, subnormals too
  __builtin_memcpy(&out, &bits, 4);
  out *= 5.192296858534828e33f;
  return sign != 0 ? -out : out;
}

MASGA_INLINE Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
MASGA_INLINE void store(float* p, Vec v) { __builtin_memcpy(p, &v, sizeof(v)); }

MASGA_INLINE Vec load(const BFloat16* p) {
#if defined(__AVX512F__)
  const __m256i raw = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(raw), 16);
#elif defined(__AVX2__)
  const __m128i raw = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return (Vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(raw), 16);
#else
  Vec v;
  for (int i = 0; i < kLanes; ++i) v[i] = to_float(p[i]);
  return v;
#endif
}

MASGA_INLINE Vec load(const Float16* p) {
#if defined(__AVX512F__)
  return (Vec)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
  Vec v;
  for (int i = 0; i < kLanes; ++i) v[i] = to_float(p[i]);
  return v;
#endif
}

// 2 * kLanes neighbours in two vectors. Halves of 32-bit words are bfloat16 neighbours: taking them apart
// where they lie costs half of what widening them in order does, so even elements come first, then odd.
struct VecPair {
  Vec first, second;
};
template <typename T>
MASGA_INLINE VecPair load_pair(const T* p) {
  return {load(p), load(p + kLanes)};
}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
constexpr bool kSplitsWords = true;
MASGA_INLINE VecPair load_pair(const BFloat16* p) {
  IVec words;
  __builtin_memcpy(&words, p, sizeof(words));
  return {(Vec)(words << 16), (Vec)(words & static_cast<int32_t>(0xffff0000u))};
}
#else
constexpr bool kSplitsWords = false;
#endif

// Whether lane l of load_pair's vectors holds elements 2l and 2l + 1, not l and kLanes + l.
template <typename T>
constexpr bool kPairsNeighbours = false;
template <>
constexpr bool kPairsNeighbours<BFloat16> = kSplitsWords;

MASGA_INLINE Vec absolute(Vec v) { return (Vec)((IVec)v & 0x7fffffff); }
// b where it is greater, else a: a NaN in b never enters, one in a stays.
MASGA_INLINE Vec greater(Vec a, Vec b) { return b > a ? b : a; }

// Lane i of the result is lane i ^ Distance.
template <int Distance>
MASGA_INLINE Vec butterfly(Vec v) {
#if defined(__AVX512F__)
  if constexpr (Distance == 1) return (Vec)_mm512_permute_ps((__m512)v, 0xb1);
  if constexpr (Distance == 2) return (Vec)_mm512_permute_ps((__m512)v, 0x4e);
  if constexpr (Distance == 4) return (Vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0xb1);
  return (Vec)_mm512_shuffle_f32x4((__m512)v, (__m512)v, 0x4e);
#elif defined(__AVX2__)
  if constexpr (Distance == 1) return (Vec)_mm256_permute_ps((__m256)v, 0xb1);
  if constexpr (Distance == 2) return (Vec)_mm256_permute_ps((__m256)v, 0x4e);
  return (Vec)_mm256_permute2f128_ps((__m256)v, (__m256)v, 0x01);
#else
  if constexpr (Distance == 1) return __builtin_shuffle(v, IVec{1, 0, 3, 2});
  return __builtin_shuffle(v, IVec{2, 3, 0, 1});
#endif
}

// Sum within aligned runs of Width lanes, left in every lane of the run.
template <int Width>
MASGA_INLINE Vec run_sum(Vec v) {
  if constexpr (Width >= 2) v += butterfly<1>(v);
  if constexpr (Width >= 4) v += butterfly<2>(v);
  if constexpr (Width >= 8) v += butterfly<4>(v);
  if constexpr (Width >= 16) v += butterfly<8>(v);
  return v;
}

// All ones in the lanes whose index lacks the bit Distance.
template <int Distance>
MASGA_INLINE IVec lower_lanes() {
  IVec lower;
  for (int i = 0; i < kLanes; ++i) lower[i] = (i & Distance) == 0 ? -1 : 0;
  return lower;
}

// The lanes of a whose index has the bit Distance, moved to where it is lacking, and the others of b moved
// to where it is not. One shuffle where it does not cross a boundary that the instruction set minds.
template <int Distance>
MASGA_INLINE Vec crossed(Vec a, Vec b) {
#if defined(__AVX512F__)
  if constexpr (Distance == 2) return (Vec)_mm512_shuffle_ps((__m512)a, (__m512)b, 0x4e);
  if constexpr (Distance == 8) return (Vec)_mm512_shuffle_f32x4((__m512)a, (__m512)b, 0x4e);
#elif defined(__AVX2__)
  if constexpr (Distance == 2) return (Vec)_mm256_shuffle_ps((__m256)a, (__m256)b, 0x4e);
  if constexpr (Distance == 4) return (Vec)_mm256_permute2f128_ps((__m256)a, (__m256)b, 0x21);
#endif
  return butterfly<Distance>(lower_lanes<Distance>() ? b : a);
}

// Sums of lanes Distance apart, of a in the lanes whose index lacks that bit, of b in the others.
template <int Distance>
MASGA_INLINE Vec merge(Vec a, Vec b) {
  return (lower_lanes<Distance>() ? a : b) + crossed<Distance>(a, b);
}

MASGA_INLINE float sum(Vec v) { return run_sum<kLanes>(v)[0]; }
MASGA_INLINE float maximum(Vec v) {
  float out = v[0];
  for (int i = 1; i < kLanes; ++i) out = v[i] > out ? v[i] : out;
  return out;
}

}  // namespace MASGA_ISA
}  // namespace masga
