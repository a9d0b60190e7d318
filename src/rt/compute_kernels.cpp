#include "rt/compute_kernels.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/format.h"

namespace kith::rt {
namespace {

using namespace compute::collatz;

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

}  // namespace

Result<KernelKind> choose_kernel(std::string_view device) {
  if (device == "cuda" || device == "opencl") {
    return fail(Code::unsupported,
                base::format("device {}: this version computes on the processor only", device));
  }
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
