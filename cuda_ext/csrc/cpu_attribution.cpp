// CPU bindings of grouped_attribution and of the tap's backward pass, in the LibTorch Stable ABI.
#include <memory>
#include <tuple>

#include "attribution_arguments.h"
#include "element_of.h"
#include "masga/cpu/kernels.h"

namespace masga {
namespace {

constexpr int64_t kElementsWorthAThread = 1 << 15;

struct Partials {
  std::unique_ptr<double[]> values;  // (batch, chunks, 3, groups)
  AttributionShape shape;
  int64_t chunks;

  double total(int64_t batch, int64_t statistic, int64_t group) const {
    const int64_t groups = shape.groups();
    const double* p = values.get() + (batch * chunks * 3 + statistic) * groups + group;
    double sum = 0.0;
    for (int64_t c = 0; c < chunks; ++c) sum += p[c * 3 * groups];
    return sum;
  }
};

Partials first_stage(const AttributionArguments& a, bool exact) {
  const CpuKernels& kernels = best_kernels();
  const AttributionShape& s = a.shape;
  const AttributionCut cut = kernels.attribution_cut(s);
  Partials out{nullptr, s, cut.chunks};
  if (cut.tasks == 0) return out;
  out.values.reset(new double[s.batch * cut.chunks * 3 * s.groups()]);
  const Element element = element_of(a.x);
  const void* x = a.x.const_data_ptr();
  const void* grad = a.grad.const_data_ptr();
  double* partials = out.values.get();
  const int64_t per_task = s.batch * s.tokens * s.heads * s.width / cut.tasks + 1;
  torch::stable::parallel_for(
      0, cut.tasks, kElementsWorthAThread / per_task + 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          kernels.attribution_task(s, element, x, grad, exact, partials, i);
        }
      });
  return out;
}

// Adds the chunks up in order; `put(statistic, batch, group, total)` says where to.
template <typename Put>
void second_stage(const Partials& p, const Put& put) {
  const int64_t rows = 3 * p.shape.batch, groups = p.shape.groups();
  if (rows == 0 || groups == 0) return;
  const int64_t work = groups * (p.chunks + 1);
  torch::stable::parallel_for(
      0, rows, kElementsWorthAThread / work + 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t statistic = row / p.shape.batch, batch = row % p.shape.batch;
          for (int64_t g = 0; g < groups; ++g) {
            put(statistic, batch, g, p.total(batch, statistic, g));
          }
        }
      });
}

template <typename T>
void write(const Partials& p, Tensor (&outputs)[3]) {
  T* out[3];
  for (int i = 0; i < 3; ++i) out[i] = static_cast<T*>(outputs[i].mutable_data_ptr());
  const int64_t groups = p.shape.groups();
  second_stage(p, [&](int64_t statistic, int64_t batch, int64_t group, double total) {
    out[statistic][batch * groups + group] = static_cast<T>(total);
  });
}

std::tuple<Tensor, Tensor, Tensor> grouped_attribution(
    const Tensor& x, const Tensor& grad, int64_t group_size, bool double_precision) {
  const AttributionArguments a = attribution_arguments(x, grad, group_size);
  const bool exact = double_precision || x.scalar_type() == ScalarType::Double;
  const Partials partials = first_stage(a, exact);
  const int64_t size[2] = {a.shape.batch, a.shape.groups()};
  const ScalarType dtype = double_precision ? ScalarType::Double : ScalarType::Float;
  Tensor out[3] = {
      torch::stable::empty({size, 2}, dtype), torch::stable::empty({size, 2}, dtype),
      torch::stable::empty({size, 2}, dtype)};
  double_precision ? write<double>(partials, out) : write<float>(partials, out);
  return {out[0], out[1], out[2]};
}

void accumulate_attribution(
    const Tensor& x, const Tensor& grad, const Tensor& buffer, int64_t group_size) {
  const AttributionArguments a = attribution_arguments(x, grad, group_size);
  STD_TORCH_CHECK(
      buffer.scalar_type() == ScalarType::Float && buffer.dim() == 3 && buffer.size(0) == 3 &&
          buffer.size(1) == a.shape.batch && buffer.size(2) == a.shape.groups(),
      "buffer must be float32 of shape (3, B, G).");
  const Partials partials = first_stage(a, x.scalar_type() == ScalarType::Double);
  float* out = static_cast<float*>(buffer.mutable_data_ptr());
  const int64_t stride[3] = {buffer.stride(0), buffer.stride(1), buffer.stride(2)};
  second_stage(partials, [&](int64_t statistic, int64_t batch, int64_t group, double total) {
    float& slot = out[statistic * stride[0] + batch * stride[1] + group * stride[2]];
    slot = static_cast<float>(slot + total);
  });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(masga, CPU, library) {
  library.impl("grouped_attribution", TORCH_BOX(&grouped_attribution));
  library.impl("accumulate_attribution", TORCH_BOX(&accumulate_attribution));
}

}  // namespace masga
