// The GPUs of this machine, by CUDA's driver and by OpenCL. Both are loaded at run time; a machine
// that has neither says so in a sentence.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compute/collatz/gpu_device.h"

namespace kith::rt {

enum class GpuApi : std::uint8_t { cuda, opencl };
std::string_view name_of(GpuApi api);

struct GpuInfo {
  GpuApi api = GpuApi::cuda;
  std::uint32_t index = 0;    // among those of its API
  std::string name;           // "cuda:0 NVIDIA H100 80GB HBM3"
  std::string key;            // of the hardware and its driver, for what was tuned (gpu_shape.h)
  bool is_processor = false;  // OpenCL on the processor (pocl): for tests, hardly for work
};

/// Not empty: `unsupported` says what is missing, "no CUDA driver: libcuda.so.1 ..." for example.
Result<std::vector<GpuInfo>> list_gpus(GpuApi api);

/// Opened as often as one likes; each has its own queue and buffers.
Result<std::unique_ptr<compute::collatz::GpuDevice>> open_gpu(const GpuInfo& info);
/// Who opens devices: open_gpu, or a test that loses them.
using GpuOpener =
    std::function<Result<std::unique_ptr<compute::collatz::GpuDevice>>(const GpuInfo&)>;

// By API; the two above choose.
Result<std::vector<GpuInfo>> list_cuda();
Result<std::vector<GpuInfo>> list_opencl();
Result<std::unique_ptr<compute::collatz::GpuDevice>> open_cuda(const GpuInfo& info);
Result<std::unique_ptr<compute::collatz::GpuDevice>> open_opencl(const GpuInfo& info);

}  // namespace kith::rt
