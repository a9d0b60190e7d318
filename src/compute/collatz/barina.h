// Units of David Barina's project (github.com/xbarin02/collatz): 2^40 consecutive numbers from
// id * 2^40 on, with his sieve of 34 bits and mod 9, so that a unit that both have done can be
// compared: the checksum is the sum, over all numbers that are tested, of the odd steps until each
// falls below itself, and the offset is that of the number which climbs highest.
//
// His sieve ("esieve") is rule 1 of unit.h without ways back and with more neighbours: a class also
// dies when any smaller one of 34 bits has met it. The nearest 48 are all that do (the counts of
// live classes of 16, 24, 32 and 34 bits are his). He stops at a number's own value, not at a
// threshold, so this is a path of its own, several times slower than the kernels; it exists to
// prove that they and he agree.
#pragma once

#include <cstdint>

#include "compute/collatz/sieve.h"

namespace kith::compute::collatz {

struct BarinaResult {
  std::uint64_t live = 0;        // classes
  std::uint64_t candidates = 0;  // numbers tested
  std::uint64_t checksum = 0;    // odd steps
  U128 peak = 0;                 // largest (3n + 1) / 2 behind the sieve's steps
  std::uint64_t peak_offset = 0;
  bool has_overflowed = false;  // a number left 128 bits: the peak is not known
};

class BarinaUnit {
 public:
  static constexpr unsigned sieve_bits = 34;
  static constexpr unsigned unit_bits = 40;
  static constexpr unsigned slice_bits = 10;

  /// `id` from 1 to 2^47 - 1; `bits` of the sieve up to 34, fewer for tests.
  explicit BarinaUnit(std::uint64_t id, unsigned bits = sieve_bits);
  /// One of 2^slice_bits parts of the unit, by residues as in unit.h.
  BarinaResult run(std::uint32_t slice) const;
  static void add_to(BarinaResult& all, const BarinaResult& part);

  /// Whether a class that rule 1 leaves is live in his sieve.
  bool is_live(const Leaf& leaf) const;

 private:
  struct Jump {
    std::uint32_t factor = 0, addend = 0;
    std::uint16_t odd_steps = 0;
    std::uint16_t drop = 0;  // within these steps a number stays above n >> drop
  };
  void run_number(U128 n0, U128 n, std::uint64_t offset, BarinaResult& result) const;

  Plan plan_;
  std::vector<Jump> jumps_;
};

}  // namespace kith::compute::collatz
