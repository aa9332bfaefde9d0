// Grouped gate-gradient attribution on one core: delta = sum of x * grad over a group, then
// sum, sum of absolute values and sum of squares of delta over tokens.
//
// Two stages, no atomics. `AttributionPlan` cuts the work by shape alone (never by the number of
// threads), `attribution_task` writes the partial sums of one cut, and the caller adds them in order:
// the same bits come out whatever ran where. Only this header, group_sums.h and vector.h are needed.
#pragma once

#include <cstdint>

#include "masga/cpu/group_sums.h"
#include "masga/grouped_attribution.h"

namespace masga::MASGA_ISA {

// The cuts: batch x token chunks x heads x blocks of groups. Partials are (batch, chunks, 3, groups).
struct AttributionPlan {
  int64_t chunk_tokens, chunks, block_groups, blocks, tasks;

  static AttributionPlan of(const AttributionShape& s) {
    AttributionPlan p{};
    const int64_t per_head = s.groups_per_head();
    const int64_t fit = s.group_size < kBlockColumns ? kBlockColumns / s.group_size : 1;
    p.block_groups = per_head < fit ? per_head : fit;
    p.blocks = p.block_groups == 0 ? 0 : (per_head + p.block_groups - 1) / p.block_groups;
    const int64_t columns = p.block_groups * s.group_size;
    int64_t tokens = columns == 0 ? 1 : (int64_t{1} << 17) / columns;
    const int64_t least = s.group_size < 16 ? 512 : 64;  // keeps partials small beside the inputs
    p.chunk_tokens = tokens > least ? tokens : least;
    p.chunks = (s.tokens + p.chunk_tokens - 1) / p.chunk_tokens;
    p.tasks = s.batch * p.chunks * s.heads * p.blocks;
    return p;
  }
};

// Write the partial sums of one cut. partials is (batch, chunks, 3, groups) and need not be cleared.
template <typename T>
void attribution_task(
    const AttributionShape& s, const AttributionPlan& p, const void* x_data, const void* grad_data,
    bool exact, double* partials, int64_t task) {
  const int64_t block = task % p.blocks;
  const int64_t head = task / p.blocks % s.heads;
  const int64_t chunk = task / p.blocks / s.heads % p.chunks;
  const int64_t batch = task / p.blocks / s.heads / p.chunks;
  const int64_t first_group = block * p.block_groups;
  const int64_t left = s.groups_per_head() - first_group;
  const int64_t groups = left < p.block_groups ? left : p.block_groups;
  const int64_t first_token = chunk * p.chunk_tokens;
  const int64_t tokens_left = s.tokens - first_token;
  const int64_t tokens = tokens_left < p.chunk_tokens ? tokens_left : p.chunk_tokens;
  const int64_t column = first_group * s.group_size;
  const T* x = static_cast<const T*>(x_data) + batch * s.x_stride[0] + first_token * s.x_stride[1] +
               head * s.x_stride[2] + column;
  const T* grad = static_cast<const T*>(grad_data) + batch * s.grad_stride[0] +
                  first_token * s.grad_stride[1] + head * s.grad_stride[2] + column;
  double* signed_sum = partials + (batch * p.chunks + chunk) * 3 * s.groups() +
                       head * s.groups_per_head() + first_group;
  double* absolute_sum = signed_sum + s.groups();
  double* squared_sum = absolute_sum + s.groups();
  for (int64_t g = 0; g < groups; ++g) signed_sum[g] = absolute_sum[g] = squared_sum[g] = 0.0;

  const int64_t xs = s.x_stride[1], gs = s.grad_stride[1], n = s.group_size;
  if constexpr (sizeof(T) == 8) {
    attribution_exact(x, grad, xs, gs, tokens, groups, n, signed_sum, absolute_sum, squared_sum);
  } else if (exact) {
    attribution_exact(x, grad, xs, gs, tokens, groups, n, signed_sum, absolute_sum, squared_sum);
  } else if (n >= 16 * kLanes) {
    attribution_broad(x, grad, xs, gs, tokens, groups, n, signed_sum, absolute_sum, squared_sum);
  } else if (n == 1) {
    attribution_single(x, grad, xs, gs, tokens, groups, signed_sum, absolute_sum, squared_sum);
  } else if (n == 2) {
    attribution_narrow<2>(x, grad, xs, gs, tokens, groups, signed_sum, absolute_sum, squared_sum);
  } else if (n == 4) {
    attribution_narrow<4>(x, grad, xs, gs, tokens, groups, signed_sum, absolute_sum, squared_sum);
  } else if (n == 8) {
    attribution_narrow<8>(x, grad, xs, gs, tokens, groups, signed_sum, absolute_sum, squared_sum);
  } else if (n == 16) {
    attribution_narrow<16>(x, grad, xs, gs, tokens, groups, signed_sum, absolute_sum, squared_sum);
  } else if (n == 32) {
    attribution_narrow<32>(x, grad, xs, gs, tokens, groups, signed_sum, absolute_sum, squared_sum);
  } else if (n > kLanes) {
    attribution_wide(x, grad, xs, gs, tokens, groups, n, signed_sum, absolute_sum, squared_sum);
  } else {
    attribution_odd(x, grad, xs, gs, tokens, groups, n, signed_sum, absolute_sum, squared_sum);
  }
}

}  // namespace masga::MASGA_ISA
