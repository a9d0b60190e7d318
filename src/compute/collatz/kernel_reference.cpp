// The kernel that all others are measured by: every candidate bit by bit in 1024-bit integers.
#include <algorithm>

#include "compute/collatz/finish.h"
#include "compute/collatz/kernel.h"

namespace kith::compute::collatz {
namespace {

constexpr std::uint64_t stop_mask = (std::uint64_t{1} << stop_bits) - 1;

class ReferenceKernel : public Kernel {
 public:
  std::string_view name() const override { return "reference"; }

  Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) override {
    for (SliceResult& result : out) result = run_slice(plan, first++);
    return {};
  }

 private:
  static SliceResult run_slice(const Plan& plan, std::uint32_t slice) {
    SliceResult result;
    LeafWalk walk(plan, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      for (const Leaf& leaf : leaves) run_leaf(plan, leaf, result);
    }
    return result;
  }

  static void run_leaf(const Plan& plan, const Leaf& leaf, SliceResult& result) {
    const Unit& unit = plan.unit();
    for (std::uint64_t i = 0; i < unit.a_count; ++i) {
      const U128 n = ((unit.a_first + i) << unit.sieve_bits) + leaf.b;
      const auto residue = static_cast<std::uint64_t>(n % 9);
      const std::uint64_t q = unit.map.increment;
      if (residue == 2 * q % 9 || residue == 4 * q % 9 || residue == 5 * q % 9 ||
          residue == 8 * q % 9) {
        continue;
      }
      ++result.candidates;
      run_number(plan, n, result);
    }
  }

  /// False when the number grows out of Big.
  static bool step_once(const Plan& plan, Big& n, bool has_escaped, SliceResult& result) {
    if (n.is_odd()) {
      if (!n.mul_add(3, plan.unit().map.increment)) return false;
      if (has_escaped && n > result.peak) result.peak = n;
    }
    n.shift_right(1);
    return true;
  }

  static void run_number(const Plan& plan, U128 start, SliceResult& result) {
    const Big threshold(plan.threshold());
    const Big escape(escape_at);
    Big n(start);
    for (unsigned i = 0; i < plan.unit().sieve_bits; ++i) {
      if (!step_once(plan, n, false, result)) break;
    }
    bool has_escaped = false;
    for (std::uint32_t checks = 0; checks < checks_max; ++checks) {
      for (unsigned i = 0; i < check_steps; ++i) {
        if (!step_once(plan, n, has_escaped, result)) {
          ++result.suspects;
          return;
        }
      }
      if (n < threshold) {
        result.stop_sum += n.low() & stop_mask;
        return;
      }
      if (!has_escaped && n >= escape) {
        has_escaped = true;
        ++result.escapes;
      }
    }
    ++result.suspects;
  }
};

/// Calls visit(n, what that number alone comes to) for each candidate of a slice.
template <class Visit>
void visit_candidates(const Plan& plan, std::uint32_t slice, Visit visit) {
  const Unit& unit = plan.unit();
  const Finisher finisher(plan);
  LeafWalk walk(plan, slice);
  for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
    for (const Leaf& leaf : leaves) {
      const auto& offsets = plan.patterns()[plan.pattern_of(leaf.b)].offsets;
      for (std::uint64_t i = 0; i < unit.a_count; ++i) {
        if (std::ranges::find(offsets, i % 9) == offsets.end()) continue;
        SliceResult one;
        finisher.finish_number(leaf, i, one);
        if (!visit(((unit.a_first + i) << unit.sieve_bits) + leaf.b, one)) return;
      }
    }
  }
}

}  // namespace

std::unique_ptr<Kernel> make_reference_kernel() { return std::make_unique<ReferenceKernel>(); }

std::vector<U128> find_suspects(const Plan& plan, std::uint32_t slice, std::size_t limit) {
  std::vector<U128> found;
  visit_candidates(plan, slice, [&](U128 n, const SliceResult& one) {
    if (one.suspects > 0) found.push_back(n);
    return found.size() < limit;
  });
  return found;
}

std::optional<U128> find_peak(const Plan& plan, std::uint32_t slice, const Big& peak) {
  std::optional<U128> least;
  visit_candidates(plan, slice, [&](U128 n, const SliceResult& one) {
    if (one.peak == peak && (!least || n < *least)) least = n;
    return true;
  });
  return least;
}

}  // namespace kith::compute::collatz
