// Checks and layout of the tensors of grouped attribution; shared by the CPU and CUDA bindings.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "masga/grouped_attribution.h"

namespace masga {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// x and grad as the kernels read them, and what keeps copies of them alive.
struct AttributionArguments {
  Tensor x, grad;
  AttributionShape shape;
};

// Does the last dimension lie densely, so that a row can be read by vectors?
inline bool rows_are_dense(const Tensor& t) {
  const int64_t last = t.dim() - 1;
  return t.size(last) <= 1 || t.stride(last) == 1;
}

// Can (heads, width) be read as one row?
inline bool heads_are_joined(const Tensor& t) {
  return t.dim() == 3 || t.size(2) <= 1 || t.stride(2) == t.size(3) || t.numel() == 0;
}

inline AttributionArguments attribution_arguments(Tensor x, Tensor grad, int64_t group_size) {
  STD_TORCH_CHECK(x.dim() == 3 || x.dim() == 4, "x must be (B, T, C) or (B, T, H, D).");
  STD_TORCH_CHECK(grad.dim() == x.dim(), "grad must have the shape of x.");
  for (int64_t i = 0; i < x.dim(); ++i) {
    STD_TORCH_CHECK(x.size(i) == grad.size(i), "grad must have the shape of x.");
  }
  STD_TORCH_CHECK(x.scalar_type() == grad.scalar_type(), "grad must have the dtype of x.");
  const int64_t channels = x.dim() == 3 ? x.size(2) : x.size(2) * x.size(3);
  STD_TORCH_CHECK(group_size >= 1, "group_size >= 1 must hold, but got ", group_size, ".");
  STD_TORCH_CHECK(
      channels % group_size == 0, "group_size must divide C = ", channels, ", but got ",
      group_size, ".");
  bool joined = heads_are_joined(x) && heads_are_joined(grad);
  // A group that crosses heads which lie apart needs a dense row, and so does a strange stride.
  const bool crosses = !joined && x.size(3) % group_size != 0;
  if (crosses || !rows_are_dense(x)) x = torch::stable::contiguous(x);
  if (crosses || !rows_are_dense(grad)) grad = torch::stable::contiguous(grad);
  joined = heads_are_joined(x) && heads_are_joined(grad);

  AttributionShape s{};
  s.batch = x.size(0);
  s.tokens = x.size(1);
  s.heads = joined ? 1 : x.size(2);
  s.width = joined ? channels : x.size(3);
  s.group_size = group_size;
  for (int i = 0; i < 2; ++i) {
    s.x_stride[i] = x.stride(i);
    s.grad_stride[i] = grad.stride(i);
  }
  s.x_stride[2] = joined ? 0 : x.stride(2);
  s.grad_stride[2] = joined ? 0 : grad.stride(2);
  return {std::move(x), std::move(grad), s};
}

}  // namespace masga
