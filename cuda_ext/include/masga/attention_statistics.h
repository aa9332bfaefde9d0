// Attention statistics: what the CPU and the CUDA kernels are told.
#pragma once

#include <cstdint>

namespace masga {

constexpr int kAttentionStatistics = 6;  // lse, entropy, renyi2, max probability, sink, previous

// q (batch, heads, tokens, width), k (batch, kv_heads, tokens, width), innermost stride 1. Query head h
// reads key head h / (heads / kv_heads). `row_index` (rows) names the query rows, or is null for all.
struct AttentionShape {
  int64_t batch, heads, kv_heads, tokens, width, rows;
  int64_t q_stride[3], k_stride[3];  // of batch, heads, tokens
  const int64_t* row_index;
  float scale;
  bool causal;
};

}  // namespace masga
