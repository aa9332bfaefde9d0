// Compiled once for each instruction set, with MASGA_ISA naming it.
#include "masga/cpu/kernels.h"

#include "masga/cpu/attention_statistics.h"
#include "masga/cpu/embedding_attribution.h"
#include "masga/cpu/grouped_attribution.h"

#define MASGA_JOIN_(a, b) a##b
#define MASGA_JOIN(a, b) MASGA_JOIN_(a, b)
#define MASGA_QUOTE_(a) #a
#define MASGA_QUOTE(a) MASGA_QUOTE_(a)

namespace masga {
namespace MASGA_ISA {
namespace {

AttributionCut attribution_cut(const AttributionShape& shape) {
  const AttributionPlan plan = AttributionPlan::of(shape);
  return {plan.chunks, plan.tasks};
}

// Calls function<T>(arguments) for the element's type T; statistics of attention know no float64.
#define MASGA_BY_ELEMENT(element, function, ...)            \
  switch (element) {                                        \
    case Element::kFloat32:                                 \
      return function<float>(__VA_ARGS__);                  \
    case Element::kBFloat16:                                \
      return function<BFloat16>(__VA_ARGS__);               \
    case Element::kFloat16:                                 \
      return function<Float16>(__VA_ARGS__);                \
    default:                                                \
      break;                                                \
  }

void attribution(
    const AttributionShape& shape, Element element, const void* x, const void* grad, bool exact,
    double* partials, int64_t task) {
  const AttributionPlan plan = AttributionPlan::of(shape);
  MASGA_BY_ELEMENT(element, attribution_task, shape, plan, x, grad, exact, partials, task)
  attribution_task<double>(shape, plan, x, grad, exact, partials, task);
}

AttentionCut attention_cut(const AttentionShape& s) {
  const int64_t packs = s.batch * s.kv_heads;
  return {
      packs, packs * attention_panels(s.tokens) * kPanel * s.width,
      s.batch * s.heads * attention_blocks(s.rows), kRowBlock * s.width};
}

void pack_keys(
    const AttentionShape& shape, Element element, const void* keys, float* packed, int64_t task) {
  MASGA_BY_ELEMENT(element, attention_pack, shape, keys, packed, task)
}

void attention(
    const AttentionShape& shape, Element element, const void* queries, const float* packed,
    float* scratch, float* const out[kAttentionStatistics], int64_t task) {
  MASGA_BY_ELEMENT(element, attention_task, shape, queries, packed, scratch, out, task)
}

void token_deltas(
    const AttributionShape& shape, Element element, const void* x, const void* grad, double* deltas,
    int64_t task) {
  MASGA_BY_ELEMENT(element, token_deltas_task, shape, x, grad, deltas, task)
  token_deltas_task<double>(shape, x, grad, deltas, task);
}

}  // namespace
}  // namespace MASGA_ISA

const CpuKernels& MASGA_JOIN(MASGA_ISA, _kernels)() {
  static constexpr CpuKernels table = {
      MASGA_QUOTE(MASGA_ISA),
      MASGA_ISA::attribution_cut,
      MASGA_ISA::attribution,
      MASGA_ISA::attention_cut,
      MASGA_ISA::pack_keys,
      MASGA_ISA::attention,
      MASGA_ISA::kDeltaTokens,
      MASGA_ISA::token_deltas,
  };
  return table;
}

}  // namespace masga
