// The text of the GPU kernels, CUDA C++ and OpenCL C in one, and how it is shaped for a device.
#pragma once

#include <string>
#include <string_view>

#include "compute/collatz/gpu_shape.h"

namespace kith::compute::collatz {

/// Without the shape's definitions, which gpu_program() puts before it.
std::string_view gpu_source();

enum class GpuLanguage : std::uint8_t { cuda, opencl };
std::string gpu_program(const GpuShape& shape, GpuLanguage language);

}  // namespace kith::compute::collatz
