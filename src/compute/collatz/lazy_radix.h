// A block of 18 steps on a number in two 64-bit halves, N = high * 2^53 + low, in 64-bit products.
//
// Only the low half decides which steps are odd, so it alone is stepped, 9 bits at a time, and may
// grow into the upper bits of its word; the high half is multiplied once by the powers of three
// that came together. For low < 2^53 the low half ends below 2^53 * 1.5^18 < 2^63.6, and for N <
// 2^88 the high one below 2^35 * 3^18 < 2^63.6: nothing is lost, and carries are looked at once a
// block instead of once a table. Vector kernels do the same with their own tables.
#pragma once

#include "compute/collatz/unit.h"

namespace kith::compute::collatz {

inline constexpr unsigned low_bits = 53;
inline constexpr std::uint64_t low_mask = (std::uint64_t{1} << low_bits) - 1;
inline constexpr unsigned high_bits_max = escape_bits - low_bits;
static_assert(check_steps == 18 && high_bits_max == 35 && stop_bits == low_bits);

struct Halves {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

constexpr Halves split(U128 n) {
  return {static_cast<std::uint64_t>(n) & low_mask, static_cast<std::uint64_t>(n >> low_bits)};
}
constexpr U128 join(Halves n) { return (U128{n.high} << low_bits) + n.low; }

/// The lower half of n after `steps`, and the higher one times their power of three.
template <unsigned steps>
constexpr Halves normalized(std::uint64_t low, std::uint64_t high) {
  constexpr unsigned shift = low_bits - steps;
  return {(low + (high << shift)) & low_mask, (high + (low >> shift)) >> steps};
}

/// 18 steps; n below 2^88.
constexpr Halves step_block(const StepTable<9>& table, Halves n) {
  const TableEntry& first = table.of(n.low);
  const std::uint64_t middle = (n.low >> 9) * first.factor + first.addend;
  const TableEntry& second = table.of(middle);
  const std::uint64_t last = (middle >> 9) * second.factor + second.addend;
  const std::uint64_t high = n.high * (std::uint64_t{first.factor} * second.factor);
  return normalized<check_steps>(last, high);
}

/// The last 9 of them; n below 2^94, in halves of which the lower one may have 58 bits, so that a
/// few multiples may be added up before it. 2^58 * 1.5^9 is below 2^63.3, and 2^41 * 3^9 below it.
constexpr Halves step_half_block(const StepTable<9>& table, Halves n) {
  const TableEntry& entry = table.of(n.low);
  return normalized<check_steps / 2>((n.low >> 9) * entry.factor + entry.addend,
                                     n.high * entry.factor);
}

}  // namespace kith::compute::collatz
