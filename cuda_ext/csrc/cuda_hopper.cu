// Launch of the kernels that only Hopper has (sm_90a); compiled for nothing else.
#include "masga/cuda/attention_hopper.cuh"
#include "masga/cuda/hopper.h"

#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#error "cuda_hopper.cu must be compiled for sm_90a alone"
#endif

namespace masga {
namespace {

using namespace cuda;

template <typename T, int Width>
cudaError_t launch(
    const AttentionShape& s, const void* q, const void* k, const AttentionOutput& output,
    cudaStream_t stream) {
  if constexpr (Width < 256) {
    if (s.width > Width) return launch<T, 2 * Width>(s, q, k, output, stream);
  }
  using Shape = HopperShape<Width>;
  const cudaError_t error = cudaFuncSetAttribute(
      attention_hopper_kernel<T, Width>, cudaFuncAttributeMaxDynamicSharedMemorySize,
      static_cast<int>(Shape::kSharedBytes));
  if (error != cudaSuccess) return error;
  const int64_t blocks = s.batch * s.heads * ((s.rows + Shape::kRows - 1) / Shape::kRows);
  attention_hopper_kernel<T, Width><<<blocks, Shape::kThreads, Shape::kSharedBytes, stream>>>(
      s, static_cast<const T*>(q), static_cast<const T*>(k), output);
  return cudaGetLastError();
}

}  // namespace

cudaError_t hopper_attention_statistics(
    const AttentionShape& s, Element element, const void* q, const void* k,
    const AttentionOutput& output, cudaStream_t stream) {
  return element == Element::kBFloat16
             ? launch<__nv_bfloat16, 64>(s, q, k, output, stream)
             : launch<__half, 64>(s, q, k, output, stream);
}

}  // namespace masga
