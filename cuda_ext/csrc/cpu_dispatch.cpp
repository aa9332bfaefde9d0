// Choice of the instruction set, once a process.
#include <cstdlib>
#include <cstring>

#include "masga/cpu/kernels.h"

namespace masga {
namespace {

const CpuKernels& choose() {
#if defined(__x86_64__)
  const char* asked = std::getenv("MASGA_CPU_LEVEL");
  const auto allowed = [asked](const char* level) {
    return asked == nullptr || *asked == '\0' || std::strcmp(asked, level) == 0;
  };
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  if (avx512 && allowed("avx512")) return avx512_kernels();
  if (avx2 && (allowed("avx2") || allowed("avx512"))) return avx2_kernels();
#endif
  return baseline_kernels();
}

}  // namespace

const CpuKernels& best_kernels() {
  static const CpuKernels& chosen = choose();
  return chosen;
}

}  // namespace masga

// For the Python side (ctypes): the level in use.
extern "C" __attribute__((visibility("default"))) const char* masga_cpu_level() {
  return masga::best_kernels().level;
}
