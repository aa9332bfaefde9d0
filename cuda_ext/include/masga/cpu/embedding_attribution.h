// Gate gradients of whole token embeddings: first one delta a token, then sums by bucket.
#pragma once

#include <cstdint>

#include "masga/cpu/grouped_attribution.h"

namespace masga::MASGA_ISA {

constexpr int64_t kDeltaTokens = 32;  // tokens of a task

// deltas[b * tokens + t] = <x[b,t,:], grad[b,t,:]>, for kDeltaTokens tokens. The shape has one head.
template <typename T>
void token_deltas_task(
    const AttributionShape& s, const void* x_data, const void* grad_data, double* deltas,
    int64_t task) {
  const int64_t all = s.batch * s.tokens, first = task * kDeltaTokens;
  const int64_t last = first + kDeltaTokens < all ? first + kDeltaTokens : all;
  for (int64_t i = first; i < last; ++i) {
    const int64_t b = i / s.tokens, t = i % s.tokens;
    const T* x = static_cast<const T*>(x_data) + b * s.x_stride[0] + t * s.x_stride[1];
    const T* g = static_cast<const T*>(grad_data) + b * s.grad_stride[0] + t * s.grad_stride[1];
    if constexpr (sizeof(T) == 8) {
      double delta = 0.0;
      for (int64_t c = 0; c < s.width; ++c) delta += x[c] * g[c];
      deltas[i] = delta;
    } else {
      deltas[i] = sum(group_products(x, g, s.width));
    }
  }
}

}  // namespace masga::MASGA_ISA
