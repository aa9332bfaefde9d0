// CPU binding of attention_statistics, in the LibTorch Stable ABI. Always one value a query row; means
// are taken by the caller.
#include <memory>
#include <tuple>

#include "attention_arguments.h"
#include "element_of.h"
#include "masga/cpu/kernels.h"

namespace masga {
namespace {

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> attention_statistics(
    const Tensor& q, const Tensor& k, double scale, bool causal, std::optional<Tensor> rows) {
  const AttentionArguments a = attention_arguments(q, k, scale, causal, rows);
  const AttentionShape& s = a.shape;
  const Element element = element_of(q);
  STD_TORCH_CHECK(element != Element::kFloat64, "q must be float32, bfloat16 or float16.");
  for (int64_t i = 0; s.row_index != nullptr && i < s.rows; ++i) {
    STD_TORCH_CHECK(
        s.row_index[i] >= 0 && s.row_index[i] < s.tokens, "0 <= rows < T = ", s.tokens,
        " must hold, but got ", s.row_index[i], ".");
  }
  const int64_t size[3] = {s.batch, s.heads, s.rows};
  const auto fresh = [&size] { return torch::stable::empty({size, 3}, ScalarType::Float); };
  std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> out{
      fresh(), fresh(), fresh(), fresh(), fresh(), fresh()};
  if (s.batch * s.heads * s.rows == 0) return out;
  float* data[kAttentionStatistics];
  std::apply(
      [&data](const auto&... t) {
        int i = 0;
        ((data[i++] = static_cast<float*>(t.mutable_data_ptr())), ...);
      },
      out);

  const CpuKernels& kernels = best_kernels();
  const AttentionCut cut = kernels.attention_cut(s);
  const std::unique_ptr<float[]> packed(new float[cut.packed_floats]);
  torch::stable::parallel_for(0, cut.pack_tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      kernels.attention_pack(s, element, a.k.const_data_ptr(), packed.get(), i);
    }
  });
  torch::stable::parallel_for(0, cut.row_tasks, 1, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<float[]> scratch(new float[cut.scratch_floats]);
    for (int64_t i = begin; i < end; ++i) {
      kernels.attention_task(
          s, element, a.q.const_data_ptr(), packed.get(), scratch.get(), data, i);
    }
  });
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(masga, CPU, library) {
  library.impl("attention_statistics", TORCH_BOX(&attention_statistics));
}

}  // namespace masga
