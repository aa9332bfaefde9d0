// CUDA bindings of all operators, in the LibTorch Stable ABI. Compiled without CUDA's headers; it builds
// beside a torch without CUDA, and finds the current stream in the torch that loads it.
#include <dlfcn.h>
#include <torch/csrc/stable/accelerator.h>

#include <optional>
#include <tuple>

#include "attention_arguments.h"
#include "attribution_arguments.h"
#include "element_of.h"
#include "masga/cuda/kernels.h"

namespace masga {
namespace {

using torch::headeronly::DeviceType;
using torch::stable::accelerator::DeviceGuard;

void* current_stream(int32_t device) {
  using Function = AOTITorchError (*)(int32_t, void**);
  static const auto function = [] {
    void* torch_cuda = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
    return torch_cuda == nullptr ? nullptr
                                 : reinterpret_cast<Function>(
                                       dlsym(torch_cuda, "aoti_torch_get_current_cuda_stream"));
  }();
  STD_TORCH_CHECK(function != nullptr, "This torch has no CUDA streams.");
  void* stream = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(function(device, &stream));
  return stream;
}

void check_launch(const char* error) {
  STD_TORCH_CHECK(error == nullptr, "A CUDA kernel could not be launched: ", error);
}

void check_same_device(const Tensor& a, const Tensor& b) {
  STD_TORCH_CHECK(
      a.is_cuda() && b.is_cuda() && a.get_device_index() == b.get_device_index(),
      "All tensors must be on one CUDA device.");
}

Tensor fresh(torch::headeronly::IntHeaderOnlyArrayRef size, ScalarType dtype, const Tensor& like) {
  return torch::stable::empty(
      size, dtype, std::nullopt, torch::stable::Device(DeviceType::CUDA, like.get_device_index()));
}

Tensor partials_for(const AttributionShape& s, Element element, const Tensor& like) {
  const int64_t size[1] = {s.batch * cuda_attribution_chunks(s, element) * 3 * s.groups()};
  return fresh({size, 1}, ScalarType::Double, like);
}

void run_attribution(
    const AttributionArguments& a, bool exact, const AttributionOutput& output) {
  const Element element = element_of(a.x);
  const Tensor partials = partials_for(a.shape, element, a.x);
  check_launch(cuda_grouped_attribution(
      a.shape, element, a.x.const_data_ptr(), a.grad.const_data_ptr(), exact,
      static_cast<double*>(partials.mutable_data_ptr()), output,
      current_stream(a.x.get_device_index())));
}

std::tuple<Tensor, Tensor, Tensor> grouped_attribution(
    const Tensor& x, const Tensor& grad, int64_t group_size, bool double_precision) {
  check_same_device(x, grad);
  const DeviceGuard guard(x.get_device_index());
  const AttributionArguments a = attribution_arguments(x, grad, group_size);
  const int64_t size[2] = {a.shape.batch, a.shape.groups()};
  const ScalarType dtype = double_precision ? ScalarType::Double : ScalarType::Float;
  std::tuple<Tensor, Tensor, Tensor> out{
      fresh({size, 2}, dtype, x), fresh({size, 2}, dtype, x), fresh({size, 2}, dtype, x)};
  run_attribution(
      a, double_precision,
      {{std::get<0>(out).mutable_data_ptr(), std::get<1>(out).mutable_data_ptr(),
        std::get<2>(out).mutable_data_ptr()},
       a.shape.groups(), 1, double_precision, false});
  return out;
}

void accumulate_attribution(
    const Tensor& x, const Tensor& grad, const Tensor& buffer, int64_t group_size) {
  check_same_device(x, grad);
  check_same_device(x, buffer);
  const DeviceGuard guard(x.get_device_index());
  const AttributionArguments a = attribution_arguments(x, grad, group_size);
  STD_TORCH_CHECK(
      buffer.scalar_type() == ScalarType::Float && buffer.dim() == 3 && buffer.size(0) == 3 &&
          buffer.size(1) == a.shape.batch && buffer.size(2) == a.shape.groups(),
      "buffer must be float32 of shape (3, B, G).");
  auto* const data = static_cast<float*>(buffer.mutable_data_ptr());
  run_attribution(
      a, false,
      {{data, data + buffer.stride(0), data + 2 * buffer.stride(0)}, buffer.stride(1),
       buffer.stride(2), false, true});
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> attention_statistics(
    const Tensor& q, const Tensor& k, double scale, bool causal, std::optional<Tensor> rows) {
  check_same_device(q, k);
  if (rows.has_value()) check_same_device(q, *rows);
  const DeviceGuard guard(q.get_device_index());
  const AttentionArguments a = attention_arguments(q, k, scale, causal, rows);
  STD_TORCH_CHECK(a.shape.width <= 256, "D <= 256 must hold, but got ", a.shape.width, ".");
  STD_TORCH_CHECK(
      a.shape.tokens <= kMostAttentionTokens, "T <= ", kMostAttentionTokens, " must hold, but got ",
      a.shape.tokens, ".");
  const int64_t size[3] = {a.shape.batch, a.shape.heads, a.shape.rows};
  const auto one = [&] { return fresh({size, 3}, ScalarType::Float, q); };
  std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> out{one(), one(), one(),
                                                                 one(), one(), one()};
  float* data[kAttentionStatistics];
  std::apply(
      [&data](const auto&... t) {
        int i = 0;
        ((data[i++] = static_cast<float*>(t.mutable_data_ptr())), ...);
      },
      out);
  check_launch(cuda_attention_statistics(
      a.shape, element_of(q), a.q.const_data_ptr(), a.k.const_data_ptr(), data,
      current_stream(q.get_device_index())));
  return out;
}

std::tuple<Tensor, Tensor, Tensor> embedding_attribution(
    const Tensor& tokens, const Tensor& x, const Tensor& grad, const Tensor& buckets,
    int64_t num_buckets) {
  for (const Tensor& other : {tokens, grad, buckets}) check_same_device(x, other);
  STD_TORCH_CHECK(
      x.dim() == 3 && tokens.dim() == 2 && tokens.size(0) == x.size(0) &&
          tokens.size(1) == x.size(1) && tokens.scalar_type() == ScalarType::Long,
      "x must be (B, T, C) and tokens (B, T) int64.");
  STD_TORCH_CHECK(
      buckets.dim() == 1 && buckets.scalar_type() == ScalarType::Long && num_buckets >= 1,
      "buckets must be (V,) int64 and num_buckets >= 1.");
  const DeviceGuard guard(x.get_device_index());
  const int64_t channels = x.size(2);
  const AttributionArguments a = attribution_arguments(x, grad, channels > 0 ? channels : 1);
  const Tensor ids = torch::stable::contiguous(tokens), table = torch::stable::contiguous(buckets);
  const int64_t deltas_size[1] = {a.shape.batch * a.shape.tokens};
  const Tensor deltas = fresh({deltas_size, 1}, ScalarType::Double, x);
  const int64_t size[2] = {a.shape.batch, num_buckets};
  const auto one = [&] { return fresh({size, 2}, ScalarType::Float, x); };
  std::tuple<Tensor, Tensor, Tensor> out{one(), one(), one()};
  float* const data[3] = {
      static_cast<float*>(std::get<0>(out).mutable_data_ptr()),
      static_cast<float*>(std::get<1>(out).mutable_data_ptr()),
      static_cast<float*>(std::get<2>(out).mutable_data_ptr())};
  check_launch(cuda_embedding_attribution(
      a.shape, element_of(x), static_cast<const int64_t*>(ids.const_data_ptr()),
      a.x.const_data_ptr(), a.grad.const_data_ptr(),
      static_cast<const int64_t*>(table.const_data_ptr()), table.size(0), num_buckets,
      static_cast<double*>(deltas.mutable_data_ptr()), data,
      current_stream(x.get_device_index())));
  return out;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(masga, CUDA, library) {
  library.impl("grouped_attribution", TORCH_BOX(&grouped_attribution));
  library.impl("accumulate_attribution", TORCH_BOX(&accumulate_attribution));
  library.impl("attention_statistics", TORCH_BOX(&attention_statistics));
  library.impl("embedding_attribution", TORCH_BOX(&embedding_attribution));
}

}  // namespace masga
