// The map that is iterated: T(n) = n / 2 for even n, (3n + q) / 2 for odd n, q = 1 being Collatz's.
// Other q are for tests alone: their cycles are counterexamples that lie where a test wants them,
// and the kernels, which take the map as data, must find them.
//
// k steps at once: T^k(a * 2^k + b) = a * 3^c + d, where c is the number of odd steps of b and d is
// T^k(b). Tables hold (3^c, d) for every b below 2^k.
#pragma once

#include <array>
#include <cstdint>

#include "compute/collatz/wide.h"

namespace kith::compute::collatz {

struct Map {
  /// Odd, no multiple of 3, at most increment_max: entries of the smallest table have 16 bits.
  std::uint64_t increment = 1;
  friend bool operator==(const Map&, const Map&) = default;
};
inline constexpr std::uint64_t increment_max = 79;

constexpr U128 step(const Map& map, U128 n) {
  return (n & 1) != 0 ? n + (n >> 1) + (map.increment + 1) / 2 : n >> 1;
}

struct TableEntry {
  std::uint32_t factor = 0;  // 3^c
  std::uint32_t addend = 0;  // d
};

template <unsigned bits>
struct StepTable {
  std::array<TableEntry, std::size_t{1} << bits> entries;
  constexpr const TableEntry& of(std::uint64_t n) const {
    return entries[n & (entries.size() - 1)];
  }
};

/// bits at most 12: larger entries would not fit for every map.
template <unsigned bits>
constexpr StepTable<bits> make_step_table(const Map& map) {
  static_assert(bits <= 12);
  StepTable<bits> table{};
  for (std::size_t b = 0; b < table.entries.size(); ++b) {
    std::uint64_t value = b;
    std::uint32_t factor = 1;
    for (unsigned i = 0; i < bits; ++i) {
      if ((value & 1) != 0) factor *= 3;
      value = static_cast<std::uint64_t>(step(map, value));
    }
    table.entries[b] = {factor, static_cast<std::uint32_t>(value)};
  }
  return table;
}

/// bits steps of n, which is below 2^(126 - 0.6 bits).
template <unsigned bits>
constexpr U128 step_by(const StepTable<bits>& table, U128 n) {
  const TableEntry& entry = table.of(static_cast<std::uint64_t>(n));
  return (n >> bits) * entry.factor + entry.addend;
}

}  // namespace kith::compute::collatz
