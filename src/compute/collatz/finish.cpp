#include "compute/collatz/finish.h"

namespace kith::compute::collatz {
namespace {

/// Below it a block of 18 steps stays below 2^124.
constexpr unsigned narrow_bits = 112;
/// 2 * 1.5^18 * n < 2^12 * n, so that a block cannot peak above that.
constexpr unsigned block_peak_bits = 12;
constexpr std::uint64_t stop_mask = (std::uint64_t{1} << stop_bits) - 1;

}  // namespace

Finisher::Finisher(const Plan& plan)
    : plan_(plan), table_(make_step_table<check_steps / 2>(plan.unit().map)) {}

void Finisher::finish_leaf(const Leaf& leaf, SliceResult& result) const {
  const auto& offsets = plan_.patterns()[plan_.pattern_of(leaf.b)].offsets;
  for (std::uint64_t nine = 0; nine < plan_.unit().a_count; nine += 9) {
    for (const std::uint8_t offset : offsets) {
      if (nine + offset < plan_.unit().a_count) finish_number(leaf, nine + offset, result);
    }
  }
}

void Finisher::finish_number(const Leaf& leaf, std::uint64_t index, SliceResult& result) const {
  const U128 a = plan_.unit().a_first + index;
  const U128 factor = power3(leaf.odd_steps);
  ++result.candidates;
  if (const auto n = checked_mul_add(a, factor, leaf.d); n) {
    follow(*n, false, result);
  } else if (const auto big = big_mul_add(a, factor, leaf.d); big) {
    follow_big(*big, false, 0, result);
  } else {
    ++result.suspects;
  }
}

/// One block of an escaped number, with its peak.
U128 Finisher::step_block(U128 n, SliceResult& result) const {
  const auto peak = result.peak.small();
  if (!peak || (n << block_peak_bits) <= *peak) return step_by(table_, step_by(table_, n));
  U128 highest = *peak;
  for (unsigned i = 0; i < check_steps; ++i) {
    const bool is_odd = (n & 1) != 0;
    n = step(plan_.unit().map, n);
    if (is_odd && 2 * n > highest) highest = 2 * n;
  }
  result.peak = Big(highest);
  return n;
}

void Finisher::follow(U128 n, bool has_escaped, SliceResult& result) const {
  for (std::uint32_t checks = 0; checks < checks_max; ++checks) {
    if (bit_width(n) > narrow_bits) return follow_big(Big(n), has_escaped, checks, result);
    n = has_escaped ? step_block(n, result) : step_by(table_, step_by(table_, n));
    if (n < plan_.threshold()) {
      result.stop_sum += static_cast<std::uint64_t>(n) & stop_mask;
      return;
    }
    if (!has_escaped && n >= escape_at) {
      has_escaped = true;
      ++result.escapes;
    }
  }
  ++result.suspects;
}

void Finisher::follow_big(Big n, bool has_escaped, std::uint32_t checks,
                          SliceResult& result) const {
  const Big threshold(plan_.threshold());
  const Big escape(escape_at);
  for (; checks < checks_max; ++checks) {
    for (unsigned i = 0; i < check_steps; ++i) {
      if (n.is_odd()) {
        if (!n.mul_add(3, plan_.unit().map.increment)) {
          ++result.suspects;
          return;
        }
        if (has_escaped && n > result.peak) result.peak = n;
      }
      n.shift_right(1);
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

std::uint64_t candidates_of(const Plan& plan, const Leaf& leaf) {
  const auto& offsets = plan.patterns()[plan.pattern_of(leaf.b)].offsets;
  const std::uint64_t count = plan.unit().a_count;
  std::uint64_t candidates = count / 9 * offsets.size();
  for (const std::uint8_t offset : offsets) candidates += offset < count % 9 ? 1 : 0;
  return candidates;
}

std::optional<U128> first_within(const Plan& plan, const Leaf& leaf, unsigned bits) {
  const Unit& unit = plan.unit();
  const U128 factor = power3(leaf.odd_steps);
  const U128 last_a = unit.a_first + (unit.a_count - 1);
  // A product of so many bits is at least 2^126; of fewer, it leaves room for d below 2^97.
  if (bits > 126 || bit_width(last_a) + bit_width(factor) > 127) return std::nullopt;
  if (bit_width(last_a * factor + leaf.d) > bits) return std::nullopt;
  return unit.a_first * factor + leaf.d;
}

}  // namespace kith::compute::collatz
