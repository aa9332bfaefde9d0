// The element types that kernels read.
#pragma once

namespace masga {

enum class Element : int { kFloat32, kBFloat16, kFloat16, kFloat64 };

}  // namespace masga
