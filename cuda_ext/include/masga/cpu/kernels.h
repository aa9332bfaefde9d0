// The table of kernels that one instruction set offers; plain types only.
#pragma once

#include <cstdint>

#include "masga/attention_statistics.h"
#include "masga/element.h"
#include "masga/grouped_attribution.h"

namespace masga {

// How grouped attribution is cut: depends on the shape alone.
struct AttributionCut {
  int64_t chunks, tasks;
};

// How attention statistics are cut, and the sizes of their scratch in floats.
struct AttentionCut {
  int64_t pack_tasks, packed_floats;
  int64_t row_tasks, scratch_floats;  // the scratch of one task at a time
};

struct CpuKernels {
  const char* level;
  AttributionCut (*attribution_cut)(const AttributionShape&);
  // One task; tasks are independent. partials: (batch, chunks, 3, groups) doubles.
  void (*attribution_task)(
      const AttributionShape&, Element, const void* x, const void* grad, bool exact,
      double* partials, int64_t task);

  AttentionCut (*attention_cut)(const AttentionShape&);
  void (*attention_pack)(
      const AttentionShape&, Element, const void* keys, float* packed, int64_t task);
  // Needs all keys packed. out: (batch, heads, rows) each, in the order of the header.
  void (*attention_task)(
      const AttentionShape&, Element, const void* queries, const float* packed, float* scratch,
      float* const out[kAttentionStatistics], int64_t task);

  // deltas: (batch, tokens) doubles; one head; ceil(batch * tokens / delta_tokens) tasks.
  int64_t delta_tokens;
  void (*token_deltas_task)(
      const AttributionShape&, Element, const void* x, const void* grad, double* deltas,
      int64_t task);
};

const CpuKernels& baseline_kernels();
#if defined(__x86_64__)
const CpuKernels& avx2_kernels();
const CpuKernels& avx512_kernels();
#endif

// The best table that this processor can run; MASGA_CPU_LEVEL=baseline|avx2|avx512 may lower it.
const CpuKernels& best_kernels();

}  // namespace masga
