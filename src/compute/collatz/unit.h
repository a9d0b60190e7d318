// A unit of work: the numbers a * 2^K + b, where a runs over a_count consecutive values and b over
// the K-bit residues whose upper K - F bits are fixed. Each b is sieved and stepped K times once
// for all its a's. With F = K a unit is 2^K * a_count consecutive numbers; with F < K it is a part
// of a region, which is complete when all 2^(K - F) units of it are.
//
// The candidates of a unit, in this order of rules (docs/compute.md, "What is tested"):
//   1. b is live: for no k <= K is T^k(n) of its class, or a number that leads to it by at most
//      eight odd steps, certainly below n for a > 0 (ways_back.h), and the class of n - 1 has not
//      merged with that of n.
//   2. n is not q * {2, 4, 5, 8} mod 9: such n is T^j of a smaller number.
// A slice is what has one value of a hash of b's lowest prefix_bits.
//
// Every candidate goes K steps, then blocks of check_steps. After each block: below the threshold
// it stops; at 2^escape_bits or more it has escaped, and its peak is kept from there on.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "compute/collatz/map.h"

namespace kith::compute::collatz {

inline constexpr unsigned check_steps = 18;
inline constexpr unsigned escape_bits = 88;
inline constexpr U128 escape_at = U128{1} << escape_bits;
/// The part of a value that stopped which enters the sum.
inline constexpr unsigned stop_bits = 53;
/// Blocks until a number that has not stopped is a suspect: a hundred times what any known one
/// takes.
inline constexpr std::uint32_t checks_max = 16384;
inline constexpr unsigned prefix_bits = 20;

struct Unit {
  static constexpr unsigned sieve_bits_max = 60;
  static constexpr unsigned free_bits_max = 36;
  static constexpr unsigned slice_bits_max = 10;
  static constexpr std::uint64_t a_count_max = std::uint64_t{1} << 24;

  std::uint32_t sieve_bits = 0;  // K
  std::uint32_t free_bits = 0;   // F, at most K
  std::uint32_t slice_bits = 0;  // 2^slice_bits slices; at most F
  std::uint64_t fixed = 0;       // b >> F, below 2^(K - F)
  U128 a_first = 1;              // at least 1: rule 1 speaks of a > 0
  std::uint64_t a_count = 0;
  Map map;

  friend bool operator==(const Unit&, const Unit&) = default;

  std::uint32_t slices() const { return std::uint32_t{1} << slice_bits; }
  /// The least number of the region: all below it count as verified.
  U128 start() const { return a_first << sieve_bits; }
  /// Numbers that the unit speaks for, sieved ones too.
  U128 numbers() const { return U128{a_count} << free_bits; }
  /// A value below this has left the region: start, or from 2^64 on start without its low 56 bits,
  /// so that vector kernels compare upper parts only.
  U128 threshold() const;
  std::uint32_t slice_of(std::uint64_t b) const;
};

/// `usage` with the reason when a field is out of its bounds or the unit reaches 2^127.
Result<void> check_unit(const Unit& unit);

/// 2^40 consecutive numbers from id * 2^40 on: Barina's units by id, with this engine's sieve.
Unit consecutive_unit(std::uint64_t id);
/// Unit `fixed` of the region of K sieve bits and 9 * 2^13 a's that begins at a_first * 2^K.
Unit region_unit(std::uint32_t sieve_bits, U128 a_first, std::uint64_t fixed);

/// The canonical 44 bytes of a unit; decode takes these and no others.
Bytes encode_unit(const Unit& unit);
Result<Unit> decode_unit(ByteView bytes);

/// Of a class b: the a's of nine in a row that rule 2 leaves, as offsets from a_first.
struct NinePattern {
  std::array<std::uint8_t, 5> offsets{};
};
/// By (a_first * 2^K + b) mod 9.
using NinePatterns = std::array<NinePattern, 9>;
NinePatterns nine_patterns(const Unit& unit);

}  // namespace kith::compute::collatz
