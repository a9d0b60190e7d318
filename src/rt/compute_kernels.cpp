#include "rt/compute_kernels.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/format.h"
#include "rt/compute_tune.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;

/// So that sieves are prepared while another's numbers are walked.
constexpr unsigned workers_of_gpu = 3;

struct Gpu {
  GpuInfo info;
  GpuShape shape;
  std::vector<std::unique_ptr<Kernel>> kernels;
};

/// Tuned and tested. A shape that was kept and works no more is found anew.
Result<Gpu> open_tuned(const GpuInfo& info, const GpuOpener& open) {
  const auto path = shapes_path();
  Gpu gpu{info, TRY(tuned_shape(info, path, open)), {}};
  auto kernel = open_gpu_kernel(info, gpu.shape, open);
  if (!kernel && path) {
    forget_shape(info, *path);
    gpu.shape = TRY(tuned_shape(info, path, open));
    kernel = open_gpu_kernel(info, gpu.shape, open);
  }
  gpu.kernels.push_back(TRY(std::move(kernel)));
  while (gpu.kernels.size() < workers_of_gpu) {
    gpu.kernels.push_back(TRY(open_gpu_kernel(info, gpu.shape, open)));
  }
  return gpu;
}

/// The least of a few turns on one slice at 2^71, since other programs take turns as well.
std::chrono::nanoseconds time_of(Kernel& kernel) {
  const Plan plan(Unit{51, 12, 0, 12345, 1048576, 9216, {}});
  auto least = std::chrono::nanoseconds::max();
  for (int turn = 0; turn < 5; ++turn) {
    SliceResult result;
    const auto began = std::chrono::steady_clock::now();
    if (!kernel.run(plan, 0, std::span(&result, 1))) break;
    least = std::min(least, std::chrono::nanoseconds(std::chrono::steady_clock::now() - began));
  }
  return least;
}

class TeamMaker {
 public:
  explicit TeamMaker(const TeamOptions& options) : options_(options) {}

  Result<ComputeTeam> make() {
    const std::string_view device = options_.device;
    if (device == "cuda") return make_of_gpus({GpuApi::cuda}, true, 0);
    if (device == "opencl") return make_of_gpus({GpuApi::opencl}, true, 0);
    if (device == "hybrid") {
      return make_of_gpus({GpuApi::cuda, GpuApi::opencl}, options_.counts_processors,
                          options_.threads);
    }
    team_.processor = TRY(choose_kernel(device));
    if (device == "auto" && options_.is_large && take_faster_gpus()) return std::move(team_);
    add_processor(options_.threads);
    return std::move(team_);
  }

 private:
  Result<ComputeTeam> make_of_gpus(const std::vector<GpuApi>& apis, bool takes_processors,
                                   unsigned threads) {
    std::vector<Gpu> gpus = open_gpus(apis, takes_processors);
    if (gpus.empty()) return fail(Code::unsupported, why_none());
    team_.processor = TRY(choose_kernel("cpu"));
    for (Gpu& gpu : gpus) add(gpu);
    // One is left to feed each GPU.
    const auto others = static_cast<int>(std::thread::hardware_concurrency() - gpus.size());
    add_processor(std::min(threads, static_cast<unsigned>(std::max(1, others))));
    return std::move(team_);
  }

  /// Those of the first interface that has any which works.
  std::vector<Gpu> open_gpus(const std::vector<GpuApi>& apis, bool takes_processors) {
    std::vector<Gpu> gpus;
    for (const GpuApi api : apis) {
      const auto listed = list_gpus(api);
      if (!listed) {
        missing_.push_back(listed.error().message);
        continue;
      }
      for (const GpuInfo& info : *listed) {
        if (info.is_processor && !takes_processors) {
          missing_.push_back(base::format("{} is no GPU", info.name));
          continue;
        }
        auto gpu = open_tuned(info, options_.open);
        if (gpu) {
          gpus.push_back(*std::move(gpu));
        } else {
          team_.notes.push_back(gpu.error().message);
        }
      }
      if (!gpus.empty()) break;
    }
    return gpus;
  }

  std::string why_none() const {
    std::string words = base::format("device {}", options_.device);
    std::string_view before = ": ";
    for (const auto* reasons : {&missing_, &team_.notes}) {
      for (const std::string& reason : *reasons) {
        words += base::format("{}{}", before, reason);
        before = "; ";
      }
    }
    return words;
  }

  bool take_faster_gpus() {
    std::vector<Gpu> gpus = open_gpus({GpuApi::cuda, GpuApi::opencl}, false);
    if (gpus.empty()) return false;
    const double of_processor = measure_rate(*make_kernel(team_.processor)) * options_.threads;
    std::erase_if(
        gpus, [&](const Gpu& gpu) { return measure_rate(*gpu.kernels.front()) <= of_processor; });
    for (Gpu& gpu : gpus) add(gpu);
    return !gpus.empty();
  }

  void add(Gpu& gpu) {
    for (auto& kernel : gpu.kernels) {
      team_.workers.push_back(
          {make_fallback_kernel(std::move(kernel), make_kernel(team_.processor), options_.on_loss),
           true});
    }
    add_name(gpu.info.name);
  }

  void add_processor(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
      team_.workers.push_back({make_kernel(team_.processor), false});
    }
    if (threads > 0) add_name(base::format("cpu/{}", compute::collatz::name_of(team_.processor)));
  }

  void add_name(std::string_view name) {
    if (!team_.name.empty()) team_.name += " + ";
    team_.name += name;
  }

  const TeamOptions& options_;
  ComputeTeam team_;
  std::vector<std::string> missing_;  // no fault, unless it was asked for
};

}  // namespace

Result<ComputeTeam> choose_team(const TeamOptions& options) { return TeamMaker(options).make(); }

Result<KernelKind> choose_kernel(std::string_view device) {
  if (device != "auto" && device != "cpu") {
    const KernelKind kind = TRY(kernel_from_name(device));
    const auto kernel = make_kernel(kind);
    if (!kernel) {
      return fail(Code::unsupported, base::format("this processor lacks what {} needs", device));
    }
    TRY_VOID(self_test(*kernel));
    return kind;
  }
  std::optional<KernelKind> best;
  auto least = std::chrono::nanoseconds::max();
  std::optional<Error> fault;
  for (const KernelKind kind : supported_kernels()) {
    if (kind == KernelKind::reference) continue;
    const auto kernel = make_kernel(kind);
    if (const auto passed = self_test(*kernel); !passed) {
      fault = passed.error();
      continue;
    }
    if (const auto time = time_of(*kernel); !best || time < least) {
      best = kind;
      least = time;
    }
  }
  if (!best) return fail(*fault);
  return *best;
}

}  // namespace kith::rt
