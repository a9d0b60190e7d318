// Slices by a GPU: the sieve's last bits and all numbers there; what grows too wide or goes on for
// too long comes back and is finished by the exact path that all kernels share (finish.h). What no
// GPU should do (units beyond 2^88, classes whose lists overflow) is done by the scalar kernel, so
// that every unit has its result on every device.
#pragma once

#include <functional>
#include <memory>

#include "compute/collatz/gpu_device.h"
#include "compute/collatz/kernel.h"

namespace kith::compute::collatz {

/// Compiles and allocates; the device's error when that fails.
Result<std::unique_ptr<Kernel>> make_gpu_kernel(std::unique_ptr<GpuDevice> device,
                                                const GpuShape& shape);

/// A kernel that works until `first` fails, and by `then` from there on: the slices that were being
/// done are done again. `on_loss` is told the error, once.
std::unique_ptr<Kernel> make_fallback_kernel(std::unique_ptr<Kernel> first,
                                             std::unique_ptr<Kernel> then,
                                             std::function<void(const Error&)> on_loss);

}  // namespace kith::compute::collatz
