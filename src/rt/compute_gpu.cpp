#include "rt/compute_gpu.h"

namespace kith::rt {

std::string_view name_of(GpuApi api) {
  switch (api) {
    case GpuApi::cuda: return "cuda";
    case GpuApi::opencl: return "opencl";
  }
  return "";
}

Result<std::vector<GpuInfo>> list_gpus(GpuApi api) {
  return api == GpuApi::cuda ? list_cuda() : list_opencl();
}

Result<std::unique_ptr<compute::collatz::GpuDevice>> open_gpu(const GpuInfo& info) {
  return info.api == GpuApi::cuda ? open_cuda(info) : open_opencl(info);
}

}  // namespace kith::rt
