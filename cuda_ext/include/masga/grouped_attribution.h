// Grouped gate-gradient attribution: what the CPU and the CUDA kernels are told.
#pragma once

#include <cstdint>

namespace masga {

// x and grad as (batch, tokens, heads, width), innermost stride 1, all strides in elements.
// A contiguous (B, T, C) tensor has one head of width C. group_size divides width; a group never
// crosses a head, and groups are numbered head by head.
struct AttributionShape {
  int64_t batch, tokens, heads, width, group_size;
  int64_t x_stride[3], grad_stride[3];  // of batch, tokens, heads

  __attribute__((always_inline)) int64_t groups_per_head() const { return width / group_size; }
  __attribute__((always_inline)) int64_t groups() const { return heads * groups_per_head(); }
};

}  // namespace masga
