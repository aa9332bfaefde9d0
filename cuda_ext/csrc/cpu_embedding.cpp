// CPU binding of embedding_attribution, in the LibTorch Stable ABI.
#include <cmath>
#include <memory>
#include <tuple>
#include <vector>

#include "attribution_arguments.h"
#include "element_of.h"
#include "masga/cpu/kernels.h"

namespace masga {
namespace {

std::tuple<Tensor, Tensor, Tensor> embedding_attribution(
    const Tensor& tokens, const Tensor& x, const Tensor& grad, const Tensor& buckets,
    int64_t num_buckets) {
  STD_TORCH_CHECK(
      x.dim() == 3 && tokens.dim() == 2 && tokens.size(0) == x.size(0) &&
          tokens.size(1) == x.size(1) && tokens.scalar_type() == ScalarType::Long,
      "x must be (B, T, C) and tokens (B, T) int64.");
  STD_TORCH_CHECK(
      buckets.dim() == 1 && buckets.scalar_type() == ScalarType::Long && num_buckets >= 0,
      "buckets must be (V,) int64 and num_buckets >= 0.");
  const int64_t channels = x.size(2);
  const AttributionArguments a = attribution_arguments(x, grad, channels > 0 ? channels : 1);
  const AttributionShape& s = a.shape;
  const CpuKernels& kernels = best_kernels();
  const Element element = element_of(x);
  const int64_t all = s.batch * s.tokens;
  const std::unique_ptr<double[]> deltas(new double[all]);
  torch::stable::parallel_for(
      0, (all + kernels.delta_tokens - 1) / kernels.delta_tokens, 1,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          kernels.token_deltas_task(
              s, element, a.x.const_data_ptr(), a.grad.const_data_ptr(), deltas.get(), i);
        }
      });

  const Tensor ids = torch::stable::contiguous(tokens), table = torch::stable::contiguous(buckets);
  const auto* id = static_cast<const int64_t*>(ids.const_data_ptr());
  const auto* bucket_of = static_cast<const int64_t*>(table.const_data_ptr());
  const int64_t size[2] = {s.batch, num_buckets}, vocabulary = table.size(0);
  const auto fresh = [&size] { return torch::stable::empty({size, 2}, ScalarType::Float); };
  std::tuple<Tensor, Tensor, Tensor> out{fresh(), fresh(), fresh()};
  float* data[3] = {
      static_cast<float*>(std::get<0>(out).mutable_data_ptr()),
      static_cast<float*>(std::get<1>(out).mutable_data_ptr()),
      static_cast<float*>(std::get<2>(out).mutable_data_ptr())};
  std::vector<double> sums(3 * num_buckets);
  for (int64_t b = 0; b < s.batch; ++b) {
    sums.assign(3 * num_buckets, 0.0);
    for (int64_t i = b * s.tokens; i < (b + 1) * s.tokens; ++i) {
      STD_TORCH_CHECK(
          id[i] >= 0 && id[i] < vocabulary, "0 <= tokens < V = ", vocabulary,
          " must hold, but got ", id[i], ".");
      const int64_t bucket = bucket_of[id[i]];
      STD_TORCH_CHECK(
          bucket >= 0 && bucket < num_buckets, "0 <= buckets < num_buckets = ", num_buckets,
          " must hold, but got ", bucket, ".");
      sums[bucket] += deltas[i];
      sums[num_buckets + bucket] += std::abs(deltas[i]);
      sums[2 * num_buckets + bucket] += deltas[i] * deltas[i];
    }
    for (int64_t k = 0; k < 3 * num_buckets; ++k) {
      data[k / num_buckets][b * num_buckets + k % num_buckets] = static_cast<float>(sums[k]);
    }
  }
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(masga, CPU, library) {
  library.impl("embedding_attribution", TORCH_BOX(&embedding_attribution));
}

}  // namespace masga
