// Launchers of the kernels for Hopper alone.
#pragma once

#include <cuda_runtime_api.h>

#include "masga/cuda/attention_rows.cuh"
#include "masga/element.h"

namespace masga {

// As cuda_attention_statistics, for bfloat16 and float16, at least one row, and rows of q and k that begin
// at multiples of sixteen bytes and whose width is one of eight elements.
cudaError_t hopper_attention_statistics(
    const AttentionShape& shape, Element element, const void* q, const void* k,
    const cuda::AttentionOutput& output, cudaStream_t stream);

}  // namespace masga
