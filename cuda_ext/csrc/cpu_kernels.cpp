// Compiled once for each instruction set, with MASGA_ISA naming it.
#include "masga/cpu/kernels.h"

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

void attribution(
    const AttributionShape& shape, Element element, const void* x, const void* grad, bool exact,
    double* partials, int64_t task) {
  const AttributionPlan plan = AttributionPlan::of(shape);
  switch (element) {
    case Element::kFloat32:
      return attribution_task<float>(shape, plan, x, grad, exact, partials, task);
    case Element::kBFloat16:
      return attribution_task<BFloat16>(shape, plan, x, grad, exact, partials, task);
    case Element::kFloat16:
      return attribution_task<Float16>(shape, plan, x, grad, exact, partials, task);
    case Element::kFloat64:
      return attribution_task<double>(shape, plan, x, grad, exact, partials, task);
  }
}

}  // namespace
}  // namespace MASGA_ISA

const CpuKernels& MASGA_JOIN(MASGA_ISA, _kernels)() {
  static constexpr CpuKernels table = {
      MASGA_QUOTE(MASGA_ISA),
      MASGA_ISA::attribution_cut,
      MASGA_ISA::attribution,
  };
  return table;
}

}  // namespace masga
