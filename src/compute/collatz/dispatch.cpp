#include <algorithm>

#include "base/format.h"
#include "compute/collatz/kernel.h"
#include "compute/collatz/known_slices.h"

namespace kith::compute::collatz {
namespace {

struct Entry {
  KernelKind kind;
  std::string_view name;
  std::unique_ptr<Kernel> (*make)();
};

constexpr Entry entries[] = {
    {KernelKind::reference, "reference", make_reference_kernel},
    {KernelKind::scalar, "scalar", make_scalar_kernel},
    {KernelKind::avx512_ifma, "avx512-ifma", make_avx512_ifma_kernel},
    {KernelKind::avx512_mul, "avx512-mul", make_avx512_mul_kernel},
};

const Entry& entry_of(KernelKind kind) {
  const auto* entry = std::ranges::find(entries, kind, &Entry::kind);
  ASSERT(entry != std::end(entries));
  return *entry;
}

}  // namespace

std::unique_ptr<Kernel> make_kernel(KernelKind kind) { return entry_of(kind).make(); }
std::string_view name_of(KernelKind kind) { return entry_of(kind).name; }

Result<KernelKind> kernel_from_name(std::string_view name) {
  std::string names;
  for (const Entry& entry : entries) {
    if (entry.name == name) return entry.kind;
    names += base::format("{}{}", names.empty() ? "" : ", ", entry.name);
  }
  return fail(Code::usage,
              base::format("no kernel is called \"{}\"; there are {}", name.substr(0, 40), names));
}

std::vector<KernelKind> supported_kernels() {
  std::vector<KernelKind> kinds;
  for (const Entry& entry : entries) {
    if (entry.make()) kinds.push_back(entry.kind);
  }
  return kinds;
}

Result<void> self_test(Kernel& kernel) {
  for (const KnownSlice& known : known_slices()) {
    const Plan plan(known.unit);
    SliceResult result;
    TRY_VOID(kernel.run(plan, known.slice, std::span(&result, 1)));
    if (result == known.result) continue;
    return fail(
        Code::internal,
        base::format("the kernel {} computes slice {} of the unit of {} wrongly: {} "
                     "candidates, sum {}, known are {} and {}",
                     kernel.name(), known.slice, to_decimal(known.unit.start()), result.candidates,
                     result.stop_sum, known.result.candidates, known.result.stop_sum));
  }
  return {};
}

}  // namespace kith::compute::collatz
