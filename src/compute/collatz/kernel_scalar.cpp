// Plain 64-bit code for any processor: candidates go block by block through a buffer, and those
// that live on are moved together without a branch, since whether one stops is a coin's toss that
// no processor predicts.
#include <array>

#include "compute/collatz/finish.h"
#include "compute/collatz/kernel.h"
#include "compute/collatz/lazy_radix.h"

namespace kith::compute::collatz {
namespace {

constexpr std::size_t buffer_size = 1024;  // 16 KiB: half of a first-level cache
constexpr std::size_t drained_to = 64;     // a few numbers live long, and wait for company
/// Passes of one drain. A tenth of them is usual; what is left then is followed one by one.
constexpr unsigned passes_max = 200;

class SliceRun {
 public:
  explicit SliceRun(const Plan& plan)
      : plan_(plan),
        finisher_(plan),
        table_(make_step_table<9>(plan.unit().map)),
        threshold_(split(plan.threshold())) {}

  SliceResult run(std::uint32_t slice) {
    const bool is_wide = plan_.threshold() > escape_at;
    LeafWalk walk(plan_, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      for (const Leaf& leaf : leaves) {
        const auto first = is_wide ? std::nullopt : first_within(plan_, leaf, escape_bits);
        if (first) {
          run_leaf(leaf, *first);
        } else {
          finisher_.finish_leaf(leaf, result_);
        }
      }
    }
    drain(0);
    return result_;
  }

 private:
  void run_leaf(const Leaf& leaf, U128 first) {
    const auto& offsets = plan_.patterns()[plan_.pattern_of(leaf.b)].offsets;
    const U128 factor = power3(leaf.odd_steps);
    std::array<U128, 5> ahead;
    for (std::size_t i = 0; i < ahead.size(); ++i) ahead[i] = offsets[i] * factor;
    const std::uint64_t count = plan_.unit().a_count;
    const std::uint64_t whole = count / 9;
    for (std::uint64_t nine = 0; nine < whole; ++nine) {
      if (count_ + 9 > buffer_size) drain(drained_to);
      for (const U128 more : ahead) take(split(first + more));
      first += 9 * factor;
    }
    for (std::size_t i = 0; i < ahead.size() && offsets[i] < count % 9; ++i) {
      if (count_ + 9 > buffer_size) drain(drained_to);
      take(split(first + ahead[i]));
    }
    result_.candidates += candidates_of(plan_, leaf);
  }

  /// A block; what lives is put at the end of what is kept.
  void take(Halves n) {
    n = step_block(table_, n);
    low_[count_] = n.low;
    high_[count_] = n.high;
    if (n.high >> high_bits_max != 0) [[unlikely]] {
      finisher_.finish_escaped(join(n), result_);
      return;
    }
    const bool is_live =
        (n.high > threshold_.high) | ((n.high == threshold_.high) & (n.low >= threshold_.low));
    result_.stop_sum += is_live ? 0 : n.low;
    count_ += is_live ? 1 : 0;
  }

  void drain(std::size_t keep) {
    for (unsigned pass = 0; count_ > keep; ++pass) {
      const std::size_t old_count = count_;
      count_ = 0;
      for (std::size_t i = 0; i < old_count; ++i) {
        const Halves n{low_[i], high_[i]};
        if (pass < passes_max) {
          take(n);
        } else {
          finisher_.finish(join(n), result_);
        }
      }
    }
  }

  const Plan& plan_;
  Finisher finisher_;
  StepTable<9> table_;
  Halves threshold_;
  SliceResult result_;
  std::array<std::uint64_t, buffer_size> low_;
  std::array<std::uint64_t, buffer_size> high_;
  std::size_t count_ = 0;
};

class ScalarKernel : public Kernel {
 public:
  std::string_view name() const override { return "scalar"; }

  Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) override {
    for (SliceResult& result : out) result = SliceRun(plan).run(first++);
    return {};
  }
};

}  // namespace

std::unique_ptr<Kernel> make_scalar_kernel() { return std::make_unique<ScalarKernel>(); }

}  // namespace kith::compute::collatz
