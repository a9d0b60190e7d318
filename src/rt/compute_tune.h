// Which shape of the GPU kernels (compute/collatz/gpu_shape.h) is the fastest on a device: found by
// trying, once a device and driver, and kept in $XDG_CACHE_HOME/kith/collatz_shapes (~/.cache when
// that is not set). The file is a cache: without it, or when it is damaged, one tries again.
#pragma once

#include <optional>
#include <string>

#include "compute/collatz/gpu_kernel.h"
#include "rt/compute_gpu.h"

namespace kith::rt {

/// Numbers a second of a kernel, in slices of a region at 2^71: the best of a few turns of about
/// 20 ms each. 0 when it fails.
double measure_rate(compute::collatz::Kernel& kernel);

/// Nothing when neither variable is set: then nothing is kept.
std::optional<std::string> shapes_path();

/// The device's shape from the file, or by trying, which takes about ten seconds; a device that is
/// a processor has a fixed one. The device's error when no shape works.
Result<compute::collatz::GpuShape> tuned_shape(const GpuInfo& info,
                                               const std::optional<std::string>& path,
                                               const GpuOpener& open);

/// Takes what is kept of the device out of the file: its shape does not work.
void forget_shape(const GpuInfo& info, const std::string& path);

/// Opens the device anew, with its tuned shape, and runs the self-test.
Result<std::unique_ptr<compute::collatz::Kernel>> open_gpu_kernel(
    const GpuInfo& info, const compute::collatz::GpuShape& shape, const GpuOpener& open);

}  // namespace kith::rt
