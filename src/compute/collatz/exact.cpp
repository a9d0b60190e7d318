#include "compute/collatz/exact.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "compute/collatz/map.h"
#include "compute/collatz/orbit.h"

namespace kith::compute::collatz {
namespace {

constexpr unsigned family_bits = 20;
constexpr unsigned small_bits = 18;
constexpr unsigned table_bits = 10;
constexpr std::uint64_t table_mask = (std::uint64_t{1} << table_bits) - 1;
/// 2 * 1.5^10 * (n + 1) < 2^8 n: no number that is visited within a table's steps is above it.
constexpr unsigned table_peak_bits = 8;
/// 2 * 1.5^20 * (n + 1) < 2^13 n: the same of the steps that families share.
constexpr unsigned family_peak_bits = 13;
/// Below these a table's steps fit 64 bits, or 128.
constexpr unsigned word_bits = 56;
constexpr unsigned wide_bits = 118;

/// Whether the second is the one to report: of equals, the least number.
template <class Value>
bool is_better(const Value& value, U128 at, const Value& old_value, U128 old_at) {
  return old_at == 0 || value > old_value || (value == old_value && at < old_at);
}

}  // namespace

ExactResult joined(const ExactResult& low, const ExactResult& high) {
  if (low.count == 0) return high;
  if (high.count == 0) return low;
  ExactResult all = low;
  all.count += high.count;
  all.steps_sum += high.steps_sum;
  if (is_better(high.peak, high.peak_at, all.peak, all.peak_at)) {
    all.peak = high.peak;
    all.peak_at = high.peak_at;
  }
  if (is_better(high.steps, high.steps_at, all.steps, all.steps_at)) {
    all.steps = high.steps;
    all.steps_at = high.steps_at;
  }
  if (!all.suspect || (high.suspect && *high.suspect < *all.suspect)) all.suspect = high.suspect;
  return all;
}

/// A range on its way: the result so far, and from where on a number must be looked at step by
/// step.
class ExactWalker::Run {
 public:
  explicit Run(const ExactWalker& walker) : walker_(walker) { look_from(0); }

  void walk_number(U128 n) {
    raise(Big(n), n);
    finish(n, n, 0, 1);
  }

  void walk_block(U128 a) {
    for (const Family& family : walker_.families_) {
      const U128 n = (a << family_bits) + family.b;
      const auto meeting = checked_mul_add(a, family.factor, family.addend);
      if (meeting && bit_width(*meeting) <= number_bits_max) {
        finish(*meeting, n, family.steps, family.size);
      } else {
        std::uint64_t steps = 0;
        finish_wide(n, n, steps);
        count(steps, n, family.size);
      }
    }
  }

  ExactResult result;

 private:
  void look_from(U128 least) {
    narrow_end_ = std::min(least, U128{1} << word_bits);
    wide_end_ = std::min(least, U128{1} << wide_bits);
  }

  void raise(const Big& peak, U128 at) {
    if (!is_better(peak, at, result.peak, result.peak_at)) return;
    result.peak = peak;
    result.peak_at = at;
    // Below it a table's steps visit nothing new. Until small numbers give none, all are looked at.
    const U128 reached = result.peak.small().value_or(u128_max);
    sees_small_ = reached <= walker_.small_peak_;
    look_from(sees_small_ ? U128{0} : reached >> table_peak_bits);
  }

  void count(std::uint64_t steps, U128 at, std::uint64_t numbers) {
    if (is_better(steps, at, result.steps, result.steps_at)) {
      result.steps = steps;
      result.steps_at = at;
    }
    result.steps_sum += steps * numbers;
  }

  /// From n down to 1, as the rest of the orbit of `start`, which stands for `numbers` of them.
  void finish(U128 n, U128 start, std::uint64_t steps, std::uint64_t numbers) {
    while ((n >> small_bits) != 0) {
      if (n < narrow_end_) {
        n = skip_narrow(static_cast<std::uint64_t>(n), steps);
      } else if (n < wide_end_) {
        const Entry& entry = walker_.table_[static_cast<std::uint64_t>(n) & table_mask];
        n = (n >> table_bits) * entry.factor + entry.addend;
        steps += entry.steps;
      } else if (bit_width(n) > wide_bits || steps > orbit_steps_max) {
        finish_wide(n, start, steps);
        return count(steps, start, numbers);
      } else {
        n = step_exactly(n, start, steps);
      }
    }
    const auto end = static_cast<std::size_t>(n);
    steps += walker_.small_steps_[end];
    if (sees_small_) raise(Big(U128{walker_.small_peaks_[end]}), start);
    count(steps, start, numbers);
  }

  std::uint64_t skip_narrow(std::uint64_t n, std::uint64_t& steps) const {
    const auto end = static_cast<std::uint64_t>(narrow_end_);
    do {
      const Entry& entry = walker_.table_[n & table_mask];
      n = (n >> table_bits) * entry.factor + entry.addend;
      steps += entry.steps;
    } while (n < end && (n >> small_bits) != 0);
    return n;
  }

  /// A table's steps, each looked at; fewer when n becomes small.
  U128 step_exactly(U128 n, U128 start, std::uint64_t& steps) {
    U128 highest = 0;
    for (unsigned i = 0; i < table_bits && (n >> small_bits) != 0; ++i) {
      if ((n & 1) != 0) {
        highest = std::max(highest, 3 * n + 1);
        ++steps;
      }
      n = step({}, n);
      ++steps;
    }
    raise(Big(highest), start);
    return n;
  }

  void finish_wide(U128 n, U128 start, std::uint64_t& steps) {
    const Orbit orbit = walk_orbit(n);
    raise(orbit.peak, start);
    steps += orbit.steps;
    if (orbit.verdict != Verdict::converges && !result.suspect) result.suspect = start;
  }

  const ExactWalker& walker_;
  U128 narrow_end_ = 0;
  U128 wide_end_ = 0;
  bool sees_small_ = true;
};

ExactWalker::ExactWalker() {
  std::map<std::pair<std::uint32_t, std::uint32_t>, Family> families;  // by d and c
  for (std::uint32_t b = 0; b < (std::uint32_t{1} << family_bits); ++b) {
    std::uint32_t odd = 0;
    U128 d = b;
    for (unsigned i = 0; i < family_bits; ++i) {
      odd += static_cast<std::uint32_t>(d & 1);
      d = step({}, d);
    }
    const auto addend = static_cast<std::uint32_t>(d);
    Family& family = families[{addend, odd}];
    if (family.size++ > 0) continue;
    family = {b, 1, static_cast<std::uint32_t>(power3(odd)), addend, family_bits + odd};
  }
  for (const auto& [key, family] : families) families_.push_back(family);
  std::ranges::sort(families_, {}, &Family::b);

  small_steps_.resize(std::size_t{1} << small_bits);
  small_peaks_.resize(small_steps_.size());
  small_peaks_[1] = 1;
  for (std::size_t n = 2; n < small_steps_.size(); ++n) {
    // Below n all are known.
    U128 at = n;
    U128 peak = n;
    unsigned steps = 0;
    for (; at >= n; ++steps) {
      at = (at & 1) != 0 ? 3 * at + 1 : at / 2;
      peak = std::max(peak, at);
    }
    ASSERT(bit_width(peak) <= 64);
    const auto below = static_cast<std::size_t>(at);
    small_steps_[n] = static_cast<std::uint16_t>(steps + small_steps_[below]);
    small_peaks_[n] = std::max(static_cast<std::uint64_t>(peak), small_peaks_[below]);
    small_peak_ = std::max(small_peak_, small_peaks_[n]);
  }
  const auto steps = make_step_table<table_bits>({});
  for (const TableEntry& entry : steps.entries) {
    unsigned odd = 0;
    for (std::uint32_t power = 1; power < entry.factor; power *= 3) ++odd;
    table_.push_back({entry.factor, entry.addend, table_bits + odd});
  }
}

ExactResult ExactWalker::walk(U128 from, U128 to) const {
  ASSERT(from >= 1 && from <= to && bit_width(to) <= number_bits_max);
  constexpr std::uint64_t block = std::uint64_t{1} << family_bits;
  Run run(*this);
  for (U128 n = from; n <= to;) {
    // The lowest block holds 1 itself, whose orbit ends: no function of a.
    if (n % block == 0 && to - n >= block - 1 && n >= block) {
      run.walk_block(n >> family_bits);
      n += block;
    } else {
      run.walk_number(n++);
    }
  }
  run.result.count = to - from + 1;
  const Big visited_in_common = *big_mul_add(to, U128{1} << family_peak_bits, 0);
  if (run.result.peak > visited_in_common) return run.result;
  Run plain(*this);
  for (U128 n = from; n <= to; ++n) plain.walk_number(n);
  plain.result.count = run.result.count;
  return plain.result;
}

}  // namespace kith::compute::collatz
