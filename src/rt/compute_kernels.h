// Who computes on this machine: a team of workers, each with a kernel of its own, which has been
// tested on slices whose results are known; one that fails is never used. A GPU that is lost in
// mid-work is replaced by the processor's kernel on the spot, so that no slice is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compute/collatz/kernel.h"
#include "rt/compute_gpu.h"

namespace kith::rt {

struct ComputeWorker {
  std::unique_ptr<compute::collatz::Kernel> kernel;
  bool is_gpu = false;
};

struct ComputeTeam {
  std::vector<ComputeWorker> workers;
  std::string name;                // "cpu/avx512-mul", "cuda:0 NVIDIA H100 80GB HBM3"
  std::vector<std::string> notes;  // why a device that was looked for does not work
  /// The processor's kernel: of its workers, and of whoever takes over from a lost GPU.
  compute::collatz::KernelKind processor = compute::collatz::KernelKind::scalar;
};

struct TeamOptions {
  /// "auto": GPUs when they are faster than the processor, else it. "cpu". A kernel's name
  /// (kernel.h). "cuda" and "opencl": all GPUs of that interface. "hybrid": GPUs and the processor.
  std::string_view device = "auto";
  unsigned threads = 1;  // of the processor
  /// Whether the work is worth a look for GPUs, which takes seconds, when nothing says which.
  bool is_large = false;
  /// Told by a worker that has lost its GPU, on its thread.
  std::function<void(const Error&)> on_loss = [](const Error&) {};
  GpuOpener open = open_gpu;
  /// For tests: OpenCL on the processor is as good as a GPU.
  bool counts_processors = false;
};

/// `unsupported` says which device is missing, `usage` that there is no such name.
Result<ComputeTeam> choose_team(const TeamOptions& options);

/// "auto" or "cpu" take the fastest; a kernel's name takes that one.
Result<compute::collatz::KernelKind> choose_kernel(std::string_view device);

}  // namespace kith::rt
