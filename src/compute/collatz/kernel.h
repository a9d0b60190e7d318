// What runs slices: one interface for processors and for GPUs (gpu_kernel.h), which want many
// slices at once. A kernel object holds its buffers and belongs to one thread. All kernels give the
// same results, bit by bit (slice.h); a test runs them side by side, and self_test() once more on
// the machine that is about to work.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compute/collatz/sieve.h"
#include "compute/collatz/slice.h"

namespace kith::compute::collatz {

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual std::string_view name() const = 0;
  /// How many slices keep it busy; fewer are done as well.
  virtual std::uint32_t slices_at_once() const { return 1; }
  /// Slices first to first + out.size() - 1 of the plan. An error is the device's, never the
  /// numbers': what does not end is counted as a suspect.
  virtual Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) = 0;
};

enum class KernelKind : std::uint8_t { reference, scalar, avx512_ifma, avx512_mul };

/// Null when this processor or build lacks it.
std::unique_ptr<Kernel> make_kernel(KernelKind kind);
std::string_view name_of(KernelKind kind);
/// "scalar" and so on; what no kernel is called is `usage`, and the sentence has the names.
Result<KernelKind> kernel_from_name(std::string_view name);
/// Those that this processor has, the plainest first and the one that is expected to be the fastest
/// last. rt/ measures and takes what is.
std::vector<KernelKind> supported_kernels();

/// Runs units whose results are known and compares all of it. `internal` names the unit: such a
/// kernel must not be used on this machine. About 20 ms.
Result<void> self_test(Kernel& kernel);

/// The numbers of a slice that do not stop, exactly and one by one: what a slice with suspects is
/// run again for. At most `limit` of them.
std::vector<U128> find_suspects(const Plan& plan, std::uint32_t slice, std::size_t limit);
/// The number whose orbit has the peak of the slice, the least of them.
std::optional<U128> find_peak(const Plan& plan, std::uint32_t slice, const Big& peak);

// One a file.
std::unique_ptr<Kernel> make_reference_kernel();
std::unique_ptr<Kernel> make_scalar_kernel();
std::unique_ptr<Kernel> make_avx512_ifma_kernel();
std::unique_ptr<Kernel> make_avx512_mul_kernel();

}  // namespace kith::compute::collatz
