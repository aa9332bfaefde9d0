// From a tensor's dtype to the kernels' element.
#pragma once

#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include "masga/element.h"

namespace masga {

inline Element element_of(const torch::stable::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::headeronly::ScalarType::Float:
      return Element::kFloat32;
    case torch::headeronly::ScalarType::BFloat16:
      return Element::kBFloat16;
    case torch::headeronly::ScalarType::Half:
      return Element::kFloat16;
    case torch::headeronly::ScalarType::Double:
      return Element::kFloat64;
    default:
      STD_TORCH_CHECK(false, "dtype must be float32, bfloat16, float16 or float64.");
  }
}

}  // namespace masga
