// Rows of queries and keys on their way into shared memory, sixteen bytes a time where they are aligned.
#pragma once

#include <cstdint>

#include "masga/attention_statistics.h"
#include "masga/cuda/attention_rows.cuh"
#include "masga/cuda/element.cuh"

namespace masga::cuda {

// Sixteen bytes of a row from its element `column` on; zeros past `width` and for rows that are not there.
// `vectors`: they may be read at once.
template <typename T>
__device__ __forceinline__ void copy_part(
    T* to, const T* row, int column, int64_t width, bool there, bool vectors) {
  if (vectors) {
    copy16(to, row + column, there && column < width);
  } else {
#pragma unroll
    for (int i = 0; i < Loaded<T>::kCount; ++i) {
      to[i] = there && column + i < width ? row[column + i] : T(0.0f);
    }
  }
}

// Copies tiles of 64 keys of one head; a thread copies the same part of every kRows-th key.
template <typename T, int Width, int Threads>
struct KeyCopier {
  static constexpr int kParts = Width / Loaded<T>::kCount;
  static constexpr int kRows = Threads / kParts;
  static constexpr int kSteps = (kAttentionKeys + kRows - 1) / kRows;
  static_assert(Threads % kParts == 0);

  const T* keys;  // of the head
  int64_t stride, width;
  int tokens, first, part;
  bool vectors;

  __device__ __forceinline__ KeyCopier(
      const AttentionShape& s, const AttentionPlace& place, const T* data, bool aligned)
      : keys(data + place.batch * s.k_stride[0] + place.head / (s.heads / s.kv_heads) * s.k_stride[1]),
        stride(s.k_stride[2]), width(s.width), tokens(static_cast<int>(s.tokens)),
        first(static_cast<int>(threadIdx.x) / kParts), part(static_cast<int>(threadIdx.x) % kParts),
        vectors(aligned) {}
  __device__ __forceinline__ int column() const { return part * Loaded<T>::kCount; }

  // to(key, part): where sixteen bytes of a key of the tile belong.
  template <typename To>
  __device__ __forceinline__ void operator()(int start, const To& to) const {
    if (vectors && start + kAttentionKeys <= tokens) {
      const T* row = keys + (start + first) * stride + column();
      each_key([&](int key) {
        copy16(to(key, part), row, column() < width);
        row += kRows * stride;
      });
    } else {
      each_key([&](int key) {
        const bool there = start + key < tokens;
        copy_part(
            to(key, part), keys + (there ? start + key : 0) * stride, column(), width, there, vectors);
      });
    }
  }

 private:
  template <typename Do>
  __device__ __forceinline__ void each_key(const Do& copy) const {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const int key = first + step * kRows;
      if (kAttentionKeys % kRows == 0 || key < kAttentionKeys) copy(key);
    }
  }
};

}  // namespace masga::cuda
