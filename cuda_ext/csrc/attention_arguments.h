// Checks and layout of the tensors of attention_statistics; shared by the CPU and CUDA bindings.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "masga/attention_statistics.h"

namespace masga {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

struct AttentionArguments {
  Tensor q, k;
  std::optional<Tensor> rows;
  AttentionShape shape;
};

inline Tensor with_dense_rows(const Tensor& t) {
  return t.size(3) <= 1 || t.stride(3) == 1 ? t : torch::stable::contiguous(t);
}

inline AttentionArguments attention_arguments(
    const Tensor& q, const Tensor& k, double scale, bool causal,
    const std::optional<Tensor>& rows) {
  STD_TORCH_CHECK(
      q.dim() == 4 && k.dim() == 4 && q.size(0) == k.size(0) && q.size(2) == k.size(2) &&
          q.size(3) == k.size(3) && k.size(1) >= 1 && q.size(1) % k.size(1) == 0,
      "q must be (B, H, T, D) and k (B, K, T, D), with K dividing H.");
  STD_TORCH_CHECK(q.scalar_type() == k.scalar_type(), "k must have the dtype of q.");
  AttentionArguments a{with_dense_rows(q), with_dense_rows(k), std::nullopt, {}};
  AttentionShape& s = a.shape;
  s.batch = q.size(0);
  s.heads = q.size(1);
  s.kv_heads = k.size(1);
  s.tokens = q.size(2);
  s.width = q.size(3);
  s.rows = s.tokens;
  for (int i = 0; i < 3; ++i) {
    s.q_stride[i] = a.q.stride(i);
    s.k_stride[i] = a.k.stride(i);
  }
  s.row_index = nullptr;
  s.scale = static_cast<float>(scale);
  s.causal = causal;
  if (rows.has_value()) {
    STD_TORCH_CHECK(
        rows->dim() == 1 && rows->scalar_type() == ScalarType::Long, "rows must be (R,) int64.");
    a.rows = torch::stable::contiguous(*rows);
    s.rows = a.rows->size(0);
    s.row_index = static_cast<const int64_t*>(a.rows->const_data_ptr());
  }
  return a;
}

}  // namespace masga
