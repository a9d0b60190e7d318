// Which kernel of compute/collatz/ this machine should use: those its processor has are tested on
// slices whose results are known, then timed. One that fails is never used.
#pragma once

#include <string_view>

#include "compute/collatz/kernel.h"

namespace kith::rt {

/// "auto" or "cpu" take the fastest; a kernel's name (compute/collatz/kernel.h) takes that one.
/// "cuda" and "opencl" are `unsupported` in this version, other names `usage`.
Result<compute::collatz::KernelKind> choose_kernel(std::string_view device);

}  // namespace kith::rt
