// Ways back: x = T^k(n) is T^j of other numbers too. One of them, p = (2^j x - e) / 3^m, that is
// smaller than n settles n, since both come to x. Which ways there are, m being their odd steps,
// x mod 3^m decides; and of a class with c odd steps x mod 3^c is known, so that ways of at most c
// odd steps are ways of the whole class. x itself is one of them (j = m = 0).
//
// Of a class, p < n for all a > 0 when p grows slower than n and p < n for a = 1. The first says
// 3^c * 2^j / 3^m < 2^k, for which the way that shrinks the most is enough: a table has it by
// x mod 3^8. The second follows from it after 20 steps (the proof is in the source).
//
// All is said for 3n + 1; with x / q mod 3^8 it is the same for 3n + q.
#pragma once

#include <array>
#include <cstdint>

#include "compute/collatz/unit.h"

namespace kith::compute::collatz {

/// Odd steps of a way back. Each one more triples the table; from 8 to 9, 1.3 % fewer classes live.
inline constexpr unsigned back_steps_max = 8;
inline constexpr std::uint32_t back_modulus = 6561;
/// Up to so many steps of a class, p < n for a = 1 has to be looked at.
inline constexpr unsigned back_exact_bits = 20;
static_assert(power3(back_steps_max) == back_modulus);

/// Rule 1 of unit.h as a whole, or without ways back: what others' sieves are compared with.
enum class Ways : std::uint8_t { back, down };

struct WaysBack {
  static constexpr std::size_t kinds_max = 32;
  struct Kind {
    std::uint8_t steps = 0;      // j
    std::uint8_t odd_steps = 0;  // m
  };
  std::array<Kind, kinds_max> kinds{};
  /// By x / q mod 3^8: the kind of the way that shrinks the most.
  std::array<std::uint8_t, back_modulus> kind_of{};
  /// By k and kind: with fewer odd steps than that a class has such a way that grows slower.
  std::array<std::array<std::uint8_t, kinds_max>, Unit::sieve_bits_max + 1> growing_from{};

  bool has_slower(unsigned k, unsigned c, std::uint32_t residue) const {
    return c < growing_from[k][kind_of[residue]];
  }
};

/// The tables; of Ways::down, x itself is the only way.
const WaysBack& ways_back(Ways ways);

/// Whether a class of k at most 20 bits has a way back to a smaller number: by all ways of at most
/// min(c, 8) odd steps (or 0), as far as p may still be below n.
bool has_smaller(const Map& map, Ways ways, std::uint64_t b, std::int64_t d, unsigned k,
                 unsigned c);

/// 1 / q mod 3^8.
std::uint32_t back_scale(const Map& map);
/// The residue one step later.
constexpr std::uint32_t step_residue(std::uint32_t residue, std::uint32_t is_odd) {
  residue += (2 * residue + 1) & (0 - is_odd);
  residue = (residue + (back_modulus & (0 - (residue & 1)))) >> 1;
  return residue - (residue >= back_modulus ? back_modulus : 0);
}

}  // namespace kith::compute::collatz
