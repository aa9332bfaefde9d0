// Launchers of the CUDA kernels; plain types only. Each returns null, or why it did not launch.
#pragma once

#include <cstdint>

#include "masga/attention_statistics.h"
#include "masga/element.h"
#include "masga/grouped_attribution.h"

namespace masga {

// Kernels for the current device: "hopper" on compute capability 9.0, where they were built, "ampere" on any
// other. MASGA_CUDA_LEVEL=ampere lowers it.
const char* cuda_level();

// Where sums go: statistic k of sequence b and group g at out[k][b * row_stride + g * group_stride].
struct AttributionOutput {
  void* out[3];
  int64_t row_stride, group_stride;
  bool is_double;   // double outputs; else float
  bool accumulate;  // add to what is there; else overwrite
};

// Token chunks of the first stage; the caller provides batch * chunks * 3 * groups doubles.
int64_t cuda_attribution_chunks(const AttributionShape& shape, Element element);

const char* cuda_grouped_attribution(
    const AttributionShape& shape, Element element, const void* x, const void* grad, bool exact,
    double* partials, const AttributionOutput& output, void* stream);

// Positions are ints, and copies look a few tiles ahead.
constexpr int64_t kMostAttentionTokens = (int64_t{1} << 31) - 1024;

// At most kMostAttentionTokens tokens. out: (batch, heads, rows) floats each.
const char* cuda_attention_statistics(
    const AttentionShape& shape, Element element, const void* q, const void* k,
    float* const out[kAttentionStatistics], void* stream);

// tokens (batch, tokens) and bucket_of (vocabulary) contiguous; deltas: batch * tokens floats of scratch;
// out: (batch, buckets) floats each, NaN in a sequence where an id is out of range.
const char* cuda_embedding_attribution(
    const AttributionShape& shape, Element element, const int64_t* tokens, const void* x,
    const void* grad, const int64_t* bucket_of, int64_t vocabulary, int64_t buckets, double* deltas,
    float* const out[3], void* stream);

}  // namespace masga
