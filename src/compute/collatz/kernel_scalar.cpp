// Plain 64-bit code for any processor: candidates go block by block through a buffer, and those
// that live on are moved together without a branch, since whether one stops is a coin's toss that
// no processor predicts.
//
// The a's of a leaf that lie 512 apart take the same nine steps behind the sieve's. Those are
// stepped once for all of them, so that the first block has one lookup left instead of two.
#include <algorithm>
#include <array>

#include "compute/collatz/finish.h"
#include "compute/collatz/kernel.h"
#include "compute/collatz/lazy_radix.h"

namespace kith::compute::collatz {
namespace {

constexpr std::size_t buffer_size = 1024;  // 16 KiB: half of a first-level cache
/// Most passes over a full buffer leave fewer, so that one is enough.
constexpr std::size_t drained_to = 640;
/// Passes of one drain. A tenth of them is usual; what is left then is followed one by one.
constexpr unsigned passes_max = 200;
constexpr unsigned table_bits = 9;
constexpr unsigned stride = 1u << table_bits;
constexpr unsigned nine = 9;
constexpr std::uint64_t strides_least = 4;  // fewer are not worth a start
/// Numbers side by side: each is a chain of operations that wait for each other, and of whole
/// numbers one behind the other a processor holds three or four at most. Five want more registers
/// than there are.
constexpr std::size_t width = 4;

#define KITH_INLINE __attribute__((always_inline)) inline

/// `is_aligned`: the threshold is a multiple of 2^low_bits, so that upper halves alone decide.
template <bool is_aligned>
class SliceRun {
 public:
  explicit SliceRun(const Plan& plan)
      : plan_(plan),
        finisher_(plan),
        table_(make_step_table<table_bits>(plan.unit().map)),
        threshold_(split(plan.threshold())),
        nine_of_a_(static_cast<std::size_t>((U128{1} << plan.unit().sieve_bits) % nine)) {
    const std::uint64_t strides = plan.unit().a_count / stride;
    strided_ = strides < strides_least ? 0 : strides;
    for (std::size_t i = 0; i < odd_steps_.size(); ++i) {
      while (power3(odd_steps_[i]) < table_.of(i).factor) ++odd_steps_[i];
    }
    // 512 is -1 mod 9: along a stride, the pattern of nine runs backwards.
    for (std::size_t first = 0; first < nine; ++first) {
      std::size_t kept = 0;
      for (std::uint8_t i = 0; i < nine; ++i) {
        const auto& offsets = plan.patterns()[first].offsets;
        const std::uint8_t a = static_cast<std::uint8_t>((nine - i) % nine);
        if (std::ranges::find(offsets, a) != offsets.end()) backwards_[first][kept++] = i;
      }
    }
    for (unsigned power = 0; power < multiples_.size(); ++power) {
      for (unsigned i = 0; i <= nine; ++i) multiples_[power][i] = split(i * power3(power));
    }
  }

  SliceResult run(std::uint32_t slice) {
    const bool is_wide = plan_.threshold() > escape_at;
    LeafWalk walk(plan_, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      for (const Leaf& leaf : leaves) {
        const auto first = is_wide ? std::nullopt : first_within(plan_, leaf, escape_bits);
        if (first) {
          run_strides(leaf, *first);
          run_rest(leaf, *first);
          result_.candidates += candidates_of(plan_, leaf);
        } else {
          finisher_.finish_leaf(leaf, result_);
        }
      }
    }
    drain(0);
    result_.stop_sum += stop_sum_;
    return result_;
  }

 private:
  using Offsets = std::array<std::uint8_t, 5>;
  /// What loops change: local to them, since members would be written and read around each store.
  struct Hot {
    std::size_t count = 0;  // of what is kept
    std::uint64_t stop_sum = 0;
  };
  Hot begin() const { return {count_, stop_sum_}; }
  void end(const Hot& hot) {
    count_ = hot.count;
    stop_sum_ = hot.stop_sum;
  }
  KITH_INLINE void make_room(Hot& hot) {
    if (hot.count + nine <= buffer_size) [[likely]]
      return;
    end(hot);
    drain(drained_to);
    hot = begin();
  }

  /// All a's with one value of a mod 512, which begin with the same nine steps, and so on.
  void run_strides(const Leaf& leaf, U128 first) {
    if (strided_ == 0) return;
    const U128 factor = power3(leaf.odd_steps);
    std::size_t pattern = plan_.pattern_of(leaf.b);
    Hot hot = begin();
    for (unsigned i = 0; i < stride; ++i) {
      const auto low = static_cast<std::size_t>(first) % stride;
      const Halves at = split(step_by(table_, first));
      const auto& multiples = multiples_[leaf.odd_steps + odd_steps_[low]];
      run_stride(hot, at, multiples, backwards_[pattern]);
      first += factor;
      pattern = (pattern + nine_of_a_) % nine;
    }
    end(hot);
  }

  using Multiples = std::array<Halves, nine + 1>;
  KITH_INLINE void run_stride(Hot& hot, Halves at, const Multiples& multiples,
                              const Offsets& offsets) {
    std::uint64_t left = strided_;
    for (; left >= nine; left -= nine) {
      make_room(hot);
      for (const std::uint8_t offset : offsets) keep(hot, ahead(at, multiples[offset]));
      at = {at.low + multiples[nine].low, at.high + multiples[nine].high};
      at = {at.low & low_mask, at.high + (at.low >> low_bits)};
    }
    make_room(hot);
    for (const std::uint8_t offset : offsets) {
      if (offset >= left) break;
      keep(hot, ahead(at, multiples[offset]));
    }
  }

  Halves ahead(Halves at, const Halves& more) const {
    return step_half_block(table_, {at.low + more.low, at.high + more.high});
  }

  struct Group {
    std::array<std::uint64_t, width> low, high;
  };
  /// Nine steps of the lower halves; the higher ones times their powers of three.
  KITH_INLINE void look_up(Group& group) const {
    std::array<TableEntry, width> entries;
    for (std::size_t i = 0; i < width; ++i) entries[i] = table_.of(group.low[i]);
    for (std::size_t i = 0; i < width; ++i) {
      group.low[i] = (group.low[i] >> table_bits) * entries[i].factor + entries[i].addend;
      group.high[i] *= entries[i].factor;
    }
  }

  /// The a's behind those of run_strides, one after the other.
  void run_rest(const Leaf& leaf, U128 first) {
    const std::uint64_t begun = strided_ * stride;
    const std::size_t pattern = (plan_.pattern_of(leaf.b) + begun % nine * nine_of_a_) % nine;
    const Offsets& offsets = plan_.patterns()[pattern].offsets;
    const U128 factor = power3(leaf.odd_steps);
    first += begun * factor;
    Hot hot = begin();
    for (std::uint64_t left = plan_.unit().a_count - begun; left > 0;) {
      make_room(hot);
      for (const std::uint8_t offset : offsets) {
        if (offset < left) keep(hot, step_block(table_, split(first + offset * factor)));
      }
      first += nine * factor;
      left -= std::min<std::uint64_t>(left, nine);
    }
    end(hot);
  }

  /// A number behind its block: what lives is put at the end of what is kept.
  KITH_INLINE void keep(Hot& hot, Halves n) {
    low_[hot.count] = n.low;
    high_[hot.count] = n.high;
    if (n.high >> high_bits_max != 0) [[unlikely]] {
      finisher_.finish_escaped(join(n), result_);
      return;
    }
    bool is_live = n.high >= threshold_.high;
    if constexpr (!is_aligned) {
      is_live =
          (n.high > threshold_.high) | ((n.high == threshold_.high) & (n.low >= threshold_.low));
    }
    hot.stop_sum += is_live ? 0 : n.low;
    hot.count += is_live ? 1 : 0;
  }

  __attribute__((noinline)) void drain(std::size_t least) {
    for (unsigned pass = 0; count_ > least; ++pass) {
      if (pass == passes_max) return finish_rest();
      const std::size_t old_count = count_;
      Hot hot{0, stop_sum_};
      std::size_t i = 0;
      for (; i + width <= old_count; i += width) {
        Group group;
        for (std::size_t j = 0; j < width; ++j) {
          group.low[j] = low_[i + j];
          group.high[j] = high_[i + j];
        }
        look_up(group);
        look_up(group);
        for (std::size_t j = 0; j < width; ++j) {
          keep(hot, normalized<check_steps>(group.low[j], group.high[j]));
        }
      }
      for (; i < old_count; ++i) keep(hot, step_block(table_, {low_[i], high_[i]}));
      end(hot);
    }
  }

  void finish_rest() {
    for (std::size_t i = 0; i < count_; ++i) finisher_.finish(join({low_[i], high_[i]}), result_);
    count_ = 0;
  }

  const Plan& plan_;
  Finisher finisher_;
  StepTable<table_bits> table_;
  Halves threshold_;
  std::size_t nine_of_a_;      // 2^K mod 9
  std::uint64_t strided_ = 0;  // numbers of each stride that run_strides takes
  std::array<std::uint8_t, stride> odd_steps_{};
  std::array<Offsets, nine> backwards_{};
  std::array<Multiples, Unit::sieve_bits_max + table_bits + 1> multiples_{};  // of powers of three
  SliceResult result_;
  std::uint64_t stop_sum_ = 0;
  std::array<std::uint64_t, buffer_size> low_;
  std::array<std::uint64_t, buffer_size> high_;
  std::size_t count_ = 0;
};

class ScalarKernel : public Kernel {
 public:
  std::string_view name() const override { return "scalar"; }

  Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) override {
    const bool is_aligned = split(plan.threshold()).low == 0;
    for (SliceResult& result : out) {
      result = is_aligned ? SliceRun<true>(plan).run(first) : SliceRun<false>(plan).run(first);
      ++first;
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<Kernel> make_scalar_kernel() { return std::make_unique<ScalarKernel>(); }

}  // namespace kith::compute::collatz
