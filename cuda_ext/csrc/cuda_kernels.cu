// Launches of the CUDA kernels. No torch here: streams and pointers come as plain values.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "masga/cuda/attention_statistics.cuh"
#include "masga/cuda/embedding_attribution.cuh"
#include "masga/cuda/grouped_attribution.cuh"
#include "masga/cuda/kernels.h"
#ifdef MASGA_HOPPER  // cuda_hopper.cu is built too
#include "masga/cuda/hopper.h"
#endif

namespace masga {
namespace {

using namespace cuda;

constexpr int64_t kBlocksWanted = 132 * 8;  // fills the largest GPU about twice

const char* error_text(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool is_aligned(const void* data, const int64_t (&stride)[3], int64_t vector) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride[0] % vector == 0 &&
         stride[1] % vector == 0 && stride[2] % vector == 0;
}

enum class Way { kVector, kWarp, kLane };

template <typename T>
constexpr int64_t vector_of() {
  return 16 / static_cast<int64_t>(sizeof(T));
}

// Which kernel reads this shape, data alignment apart.
template <typename T>
Way way_of(const AttributionShape& s, bool aligned, bool exact) {
  const bool power = (s.group_size & (s.group_size - 1)) == 0;
  if (aligned && !exact && power && s.width % vector_of<T>() == 0 &&
      s.group_size <= 32 * vector_of<T>()) {
    return Way::kVector;
  }
  return s.group_size >= 32 ? Way::kWarp : Way::kLane;
}

template <typename T>
AttributionCut cut_of(const AttributionShape& s, Way way, int64_t chunks) {
  AttributionCut cut;
  const int64_t groups = s.width / s.group_size;
  cut.tiles = way == Way::kVector ? ceil_div(s.width, 32 * vector_of<T>())
              : way == Way::kWarp ? groups
                                  : ceil_div(groups, 32);
  cut.chunks = chunks;
  cut.chunk_tokens = ceil_div(s.tokens, chunks);
  return cut;
}

template <typename T, int Size>
void launch_by_vector(
    const AttributionShape& s, const AttributionCut& cut, int64_t blocks, const void* x,
    const void* grad, double* partials, cudaStream_t stream) {
  if constexpr (Size <= 32 * vector_of<T>()) {
    if (s.group_size == Size) {
      attribution_by_vector<T, Size><<<blocks, 32 * kWarps, 0, stream>>>(
          s, cut, static_cast<const T*>(x), static_cast<const T*>(grad), partials);
    } else {
      launch_by_vector<T, 2 * Size>(s, cut, blocks, x, grad, partials, stream);
    }
  }
}

template <typename T>
void first_stage(
    const AttributionShape& s, const void* x_data, const void* grad_data, bool exact, int64_t chunks,
    double* partials, cudaStream_t stream) {
  const T* x = static_cast<const T*>(x_data);
  const T* grad = static_cast<const T*>(grad_data);
  const bool aligned = is_aligned(x, s.x_stride, vector_of<T>()) &&
                       is_aligned(grad, s.grad_stride, vector_of<T>());
  const Way way = way_of<T>(s, aligned, exact);
  const AttributionCut cut = cut_of<T>(s, way, chunks);
  const int64_t blocks = s.batch * chunks * s.heads * cut.tiles;
  constexpr int kThreads = 32 * kWarps;
  if constexpr (sizeof(T) == 8) {
    if (way == Way::kWarp) {
      attribution_by_warp<T, false, double><<<blocks, kThreads, 0, stream>>>(s, cut, x, grad, partials);
    } else {
      attribution_by_lane<T, double><<<blocks, kThreads, 0, stream>>>(s, cut, x, grad, partials);
    }
  } else if (way == Way::kVector) {
    launch_by_vector<T, 1>(s, cut, blocks, x, grad, partials, stream);
  } else if (way == Way::kWarp) {
    if (exact) {
      attribution_by_warp<T, false, double><<<blocks, kThreads, 0, stream>>>(s, cut, x, grad, partials);
    } else if (aligned && s.group_size % vector_of<T>() == 0) {
      attribution_by_warp<T, true, float><<<blocks, kThreads, 0, stream>>>(s, cut, x, grad, partials);
    } else {
      attribution_by_warp<T, false, float><<<blocks, kThreads, 0, stream>>>(s, cut, x, grad, partials);
    }
  } else if (exact) {
    attribution_by_lane<T, double><<<blocks, kThreads, 0, stream>>>(s, cut, x, grad, partials);
  } else {
    attribution_by_lane<T, float><<<blocks, kThreads, 0, stream>>>(s, cut, x, grad, partials);
  }
}

// The second stage may be set up while the first one ends (Hopper and later).
cudaError_t second_stage(
    const AttributionShape& s, int64_t chunks, const double* partials,
    const AttributionOutput& output, cudaStream_t stream) {
  int device = 0, major = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  const int64_t groups = s.heads * (s.width / s.group_size);
  cudaLaunchAttribute early = {};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.blockDim = dim3(128);
  config.gridDim = dim3(static_cast<unsigned>(ceil_div(s.batch * 3 * groups, 128)));
  config.stream = stream;
  config.attrs = &early;
  config.numAttrs = major >= 9 && s.tokens > 0 ? 1 : 0;
  return cudaLaunchKernelEx(
      &config, attribution_finish, s.batch, groups, chunks, partials, output);
}

bool are_vectors(const AttentionShape& s, const void* q, const void* k, int64_t vector) {
  return is_aligned(q, s.q_stride, vector) && is_aligned(k, s.k_stride, vector) && s.width % vector == 0;
}

template <typename T, int Width>
cudaError_t launch_attention(
    const AttentionShape& s, const void* q, const void* k, const AttentionOutput& output,
    cudaStream_t stream) {
  if constexpr (Width < 256) {
    if (s.width > Width) return launch_attention<T, 2 * Width>(s, q, k, output, stream);
  }
  constexpr size_t bytes = attention_shared_bytes<T, Width>();
  if constexpr (bytes > 48 * 1024) {
    const cudaError_t error = cudaFuncSetAttribute(
        attention_kernel<T, Width>, cudaFuncAttributeMaxDynamicSharedMemorySize,
        static_cast<int>(bytes));
    if (error != cudaSuccess) return error;
  }
  const int64_t blocks = s.batch * s.heads * ceil_div(s.rows, kAttentionRows);
  attention_kernel<T, Width><<<blocks, kAttentionThreads, bytes, stream>>>(
      s, static_cast<const T*>(q), static_cast<const T*>(k), are_vectors(s, q, k, vector_of<T>()), output);
  return cudaGetLastError();
}

// Whether kernels for Hopper were built, may be used, and fit the current device.
bool on_hopper() {
#ifdef MASGA_HOPPER
  static const char* const asked = std::getenv("MASGA_CUDA_LEVEL");
  if (asked != nullptr && *asked != '\0' && std::strcmp(asked, "hopper") != 0) return false;
  int device = 0, major = 0, minor = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  return major == 9 && minor == 0;
#else
  return false;
#endif
}

}  // namespace

const char* cuda_level() { return on_hopper() ? "hopper" : "ampere"; }

int64_t cuda_attribution_chunks(const AttributionShape& s, Element element) {
  if (s.tokens == 0) return 0;
  const int64_t vector = element == Element::kFloat32 ? 4 : element == Element::kFloat64 ? 2 : 8;
  const int64_t tiles = ceil_div(std::max<int64_t>(s.width, 1), 32 * vector);
  // A chunk writes six words a group: it must read enough tokens to make that little.
  const int64_t least = s.group_size < vector ? 128 : kWarps * kUnroll;
  const int64_t wanted = ceil_div(kBlocksWanted, std::max<int64_t>(s.batch * s.heads * tiles, 1));
  const int64_t chunks = std::clamp<int64_t>(wanted, 1, ceil_div(s.tokens, least));
  return ceil_div(s.tokens, ceil_div(s.tokens, chunks));  // none empty
}

const char* cuda_grouped_attribution(
    const AttributionShape& s, Element element, const void* x, const void* grad, bool exact,
    double* partials, const AttributionOutput& output, void* raw_stream) {
  const cudaStream_t stream = static_cast<cudaStream_t>(raw_stream);
  const int64_t chunks = cuda_attribution_chunks(s, element);
  if (s.batch * s.heads * s.width == 0) return nullptr;
  if (chunks > 0) {
    switch (element) {
      case Element::kFloat32:
        first_stage<float>(s, x, grad, exact, chunks, partials, stream);
        break;
      case Element::kBFloat16:
        first_stage<__nv_bfloat16>(s, x, grad, exact, chunks, partials, stream);
        break;
      case Element::kFloat16:
        first_stage<__half>(s, x, grad, exact, chunks, partials, stream);
        break;
      case Element::kFloat64:
        first_stage<double>(s, x, grad, true, chunks, partials, stream);
        break;
    }
    if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) return error_text(error);
  }
  return error_text(second_stage(s, chunks, partials, output, stream));
}

const char* cuda_attention_statistics(
    const AttentionShape& s, Element element, const void* q, const void* k,
    float* const out[kAttentionStatistics], void* raw_stream) {
  const cudaStream_t stream = static_cast<cudaStream_t>(raw_stream);
  AttentionOutput output;
  for (int i = 0; i < kAttentionStatistics; ++i) output.out[i] = out[i];
  if (s.batch * s.heads * s.rows == 0) return nullptr;
#ifdef MASGA_HOPPER
  const bool half = element == Element::kBFloat16 || element == Element::kFloat16;
  if (half && are_vectors(s, q, k, 8) && on_hopper()) {
    return error_text(hopper_attention_statistics(s, element, q, k, output, stream));
  }
#endif
  switch (element) {
    case Element::kFloat32:
      return error_text(launch_attention<float, 32>(s, q, k, output, stream));
    case Element::kBFloat16:
      return error_text(launch_attention<__nv_bfloat16, 32>(s, q, k, output, stream));
    case Element::kFloat16:
      return error_text(launch_attention<__half, 32>(s, q, k, output, stream));
    default:
      return "q must be float32, bfloat16 or float16";
  }
}

const char* cuda_embedding_attribution(
    const AttributionShape& s, Element element, const int64_t* tokens, const void* x,
    const void* grad, const int64_t* bucket_of, int64_t vocabulary, int64_t buckets, double* deltas,
    float* const out[3], void* raw_stream) {
  const cudaStream_t stream = static_cast<cudaStream_t>(raw_stream);
  if (s.batch == 0) return nullptr;
  const int64_t blocks = ceil_div(s.batch * s.tokens, kWarps);
  const auto launch = [&](auto kind) {
    using T = decltype(kind);
    token_deltas<T><<<blocks, 32 * kWarps, 0, stream>>>(
        s, static_cast<const T*>(x), static_cast<const T*>(grad), deltas);
  };
  if (blocks > 0) {
    switch (element) {
      case Element::kFloat32:
        launch(float{});
        break;
      case Element::kBFloat16:
        launch(__nv_bfloat16{});
        break;
      case Element::kFloat16:
        launch(__half{});
        break;
      case Element::kFloat64:
        launch(double{});
        break;
    }
    if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) return error_text(error);
  }
  int width = 1;
  while (width < buckets && width < kBucketThreads) width *= 2;
  const dim3 grid(static_cast<unsigned>(s.batch), static_cast<unsigned>(ceil_div(buckets, width)));
  bucket_sums<<<grid, kBucketThreads, 0, stream>>>(
      s.tokens, vocabulary, buckets, width, tokens, bucket_of, deltas, out[0], out[1], out[2]);
  return error_text(cudaGetLastError());
}

}  // namespace masga

// For the Python side (ctypes): the level in use on the current device.
extern "C" __attribute__((visibility("default"))) const char* masga_cuda_level() {
  return masga::cuda_level();
}
