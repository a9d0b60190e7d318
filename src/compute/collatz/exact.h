// True records of a range: the largest number that any orbit of it visits, the most steps that any
// takes to 1, and the sum of all steps, over every number and with no assumption about those below.
//
// Numbers of a block of 2^20 whose first 20 steps lead to the same function a * 3^c + d take
// equally many steps from there, and their orbits are one: so one of each such family is followed,
// the smallest, and counts for all. What a family member may visit within those steps is at most 2
// * 1.5^20 * (n + 1); where the peak that was found is not above that for the whole range, the
// range is walked number by number instead. So the result does not depend on the families at all.
//
// A chunk is pure work without state. Limits: numbers below 2^127.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compute/collatz/wide.h"

namespace kith::compute::collatz {

struct ExactResult {
  U128 count = 0;
  Big peak;  // largest number visited
  U128 peak_at = 0;
  std::uint64_t steps = 0;      // each 3n + 1 and each n / 2
  U128 steps_at = 0;            // the least number with these
  std::uint64_t steps_sum = 0;  // of all numbers, mod 2^64: the range's checksum
  std::optional<U128> suspect;  // one that did not reach 1
};

/// Of two ranges that have no number in common, in either order.
ExactResult joined(const ExactResult& low, const ExactResult& high);

class ExactWalker {
 public:
  /// Makes tables of about 3 MB, in some tenths of a second.
  ExactWalker();
  /// All of from..to, both included; 1 <= from <= to < 2^127.
  ExactResult walk(U128 from, U128 to) const;

 private:
  class Run;
  struct Family {
    std::uint32_t b = 0;  // the smallest residue
    std::uint32_t size = 0;
    std::uint32_t factor = 0;  // 3^c
    std::uint32_t addend = 0;  // d
    std::uint32_t steps = 0;   // of the common part: its bits, and c
  };
  struct Entry {
    std::uint32_t factor = 0, addend = 0, steps = 0;
  };

  std::vector<Family> families_;
  std::vector<Entry> table_;
  // Of all numbers below 2^small_bits.
  std::vector<std::uint16_t> small_steps_;
  std::vector<std::uint64_t> small_peaks_;
  std::uint64_t small_peak_ = 0;  // the highest of them
};

}  // namespace kith::compute::collatz
