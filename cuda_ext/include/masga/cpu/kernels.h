// The table of kernels that one instruction set offers; plain types only.
#pragma once

#include <cstdint>

#include "masga/grouped_attribution.h"

namespace masga {

enum class Element : int { kFloat32, kBFloat16, kFloat16, kFloat64 };

// How grouped attribution is cut: depends on the shape alone.
struct AttributionCut {
  int64_t chunks, tasks;
};

struct CpuKernels {
  const char* level;
  AttributionCut (*attribution_cut)(const AttributionShape&);
  // One task; tasks are independent. partials: (batch, chunks, 3, groups) doubles.
  void (*attribution_task)(
      const AttributionShape&, Element, const void* x, const void* grad, bool exact,
      double* partials, int64_t task);
};

const CpuKernels& baseline_kernels();
#if defined(__x86_64__)
const CpuKernels& avx2_kernels();
const CpuKernels& avx512_kernels();
#endif

// The best table that this processor can run; MASGA_CPU_LEVEL=baseline|avx2|avx512 may lower it.
const CpuKernels& best_kernels();

}  // namespace masga
