#include "compute/collatz/ways_back.h"

#include <algorithm>
#include <vector>

namespace kith::compute::collatz {
namespace {

/// By k: from so many odd steps on 3^c is above 2^k.
constexpr auto powers_above = [] {
  std::array<std::uint8_t, Unit::sieve_bits_max + 1> least{};
  for (unsigned k = 0; k < least.size(); ++k) {
    while (powers_of_3[least[k]] < (U128{1} << k)) ++least[k];
  }
  return least;
}();

/// A class of k steps, c of them odd, lives only while 3^c > 2^k or d - b >= 2^k - 3^c. Its
/// d = (3^c / 2^k) (b + q S), where S is the sum of 2^i / 3^(u + 1) over its odd steps, the i-th of
/// all and the u-th of these. S < 2^7 / 3 after seven steps. Later, that the class lives gives
/// 2^i / 3^u <= 1 + q S / 2^i, and after more than 20 steps 2^i / 3^u < 1. In thirds, rounded up:
constexpr std::uint64_t thirds_after(unsigned steps) {
  std::uint64_t thirds = std::uint64_t{1} << 7;
  for (unsigned i = 7; i < steps; ++i) {
    const std::uint64_t divisor = std::uint64_t{3} << i;
    thirds += 1 + (i <= back_exact_bits ? (increment_max * thirds + divisor - 1) / divisor : 0);
  }
  return thirds;
}
/// With r = 3^c / 2^k and s = 2^j / 3^m, p - n <= s (3^c a + d) - 2^k a - b
/// = -(2^k - s 3^c) a - (1 - s r) b + s r q S, where s r < 1: below 0 for every a > 0 when q S is
/// less than 2^k - 2^j 3^(c - m).
constexpr bool is_certain = [] {
  for (unsigned k = back_exact_bits + 1; k <= Unit::sieve_bits_max; ++k) {
    for (unsigned j = 0; j <= k && j <= 2 * back_steps_max; ++j) {
      if (powers_above[k - j] == 0) continue;
      const U128 grown = powers_of_3[powers_above[k - j] - 1] << j;
      if (increment_max * thirds_after(k) >= 3 * ((U128{1} << k) - grown)) return false;
    }
  }
  return true;
}();
static_assert(is_certain);
// And p > 0: ways back subtract less than 6000 in all, for q / 3 is subtracted at most eight times,
// and grows at most (3 / 2)^8 times as long as p < n; and s (3^c a + d) > 3^14 (2 / 3)^8 where
// fewer odd steps than 14 after more than 20 steps mean that x itself is smaller.
static_assert(back_steps_max * increment_max * 26 / 3 < 6000);
static_assert(powers_above[back_exact_bits + 1] == 14 && powers_of_3[14] / 26 > 6000);

using Kind = WaysBack::Kind;

/// Whether way a shrinks more than way b.
constexpr bool shrinks_more(const Kind& a, const Kind& b) {
  return (powers_of_3[b.odd_steps] << a.steps) < (powers_of_3[a.odd_steps] << b.steps);
}

/// Whether with `left` more odd steps it can become shorter than x.
constexpr bool may_shrink(const Kind& way, unsigned left) {
  return (U128{1} << (way.steps + left)) < powers_of_3[way.odd_steps + left];
}

/// From x mod 3^8: the way of at most 8 odd steps that shrinks the most.
Kind best_way(std::uint32_t residue) {
  struct Place {
    Kind way;
    std::uint32_t residue;  // mod 3^(8 - odd steps)
  };
  Kind best;
  std::vector<Place> places{{Kind{}, residue}};
  while (!places.empty()) {
    const Place at = places.back();
    places.pop_back();
    if (shrinks_more(at.way, best)) best = at.way;
    const unsigned left = back_steps_max - at.way.odd_steps;
    if (left == 0) continue;
    const auto steps = static_cast<std::uint8_t>(at.way.steps + 1);
    const auto modulus = static_cast<std::uint32_t>(power3(left));
    if (const Kind even{steps, at.way.odd_steps}; may_shrink(even, left)) {
      places.push_back({even, 2 * at.residue % modulus});
    }
    if (at.residue % 3 == 2) {
      const Kind odd{steps, static_cast<std::uint8_t>(at.way.odd_steps + 1)};
      places.push_back({odd, (2 * at.residue - 1) / 3 % (modulus / 3)});
    }
  }
  return best;
}

void limit_kinds(WaysBack& ways, std::size_t kinds) {
  for (unsigned k = 0; k < ways.growing_from.size(); ++k) {
    for (std::size_t i = 0; i < kinds; ++i) {
      const Kind& kind = ways.kinds[i];
      if (k < kind.steps) continue;
      const unsigned above = powers_above[k - kind.steps];
      ways.growing_from[k][i] = static_cast<std::uint8_t>(above + kind.odd_steps);
    }
  }
}

WaysBack make_ways(Ways which) {
  WaysBack ways;
  std::size_t kinds = 1;
  for (std::uint32_t residue = 0; which == Ways::back && residue < back_modulus; ++residue) {
    const Kind best = best_way(residue);
    std::size_t kind = 0;
    while (kind < kinds &&
           (ways.kinds[kind].steps != best.steps || ways.kinds[kind].odd_steps != best.odd_steps)) {
      ++kind;
    }
    if (kind == kinds) {
      ASSERT(kinds < WaysBack::kinds_max);
      ways.kinds[kinds++] = best;
    }
    ways.kind_of[residue] = static_cast<std::uint8_t>(kind);
  }
  limit_kinds(ways, kinds);
  return ways;
}

/// A number of a class with a = 1, and how much it grows with a.
struct Number {
  std::int64_t value = 0;
  std::int64_t growth = 0;
};

/// Whether x, or what leads to it by ways of at most `left` odd steps, is smaller than n.
bool leads_back(std::int64_t q, const Number& n, const Number& x, unsigned left) {
  if (x.value <= 0) return false;
  if (x.value < n.value && x.growth < n.growth) return true;
  if (left == 0 || (x.growth << left) >= n.growth * static_cast<std::int64_t>(power3(left)))
    return false;
  if (const std::int64_t odd = 2 * x.value - q; odd % 3 == 0) {
    if (leads_back(q, n, {odd / 3, 2 * x.growth / 3}, left - 1)) return true;
  }
  return leads_back(q, n, {2 * x.value, 2 * x.growth}, left);
}

}  // namespace

const WaysBack& ways_back(Ways ways) {
  static const WaysBack back = make_ways(Ways::back);
  static const WaysBack down = make_ways(Ways::down);
  return ways == Ways::back ? back : down;
}

std::uint32_t back_scale(const Map& map) {
  // By Euler: q^(2 * 3^7) is 1.
  std::uint32_t inverse = 1;
  for (std::uint32_t i = 0; map.increment != 1 && i + 1 < back_modulus / 3 * 2; ++i) {
    inverse = static_cast<std::uint32_t>(inverse * map.increment % back_modulus);
  }
  return inverse;
}

bool has_smaller(const Map& map, Ways ways, std::uint64_t b, std::int64_t d, unsigned k,
                 unsigned c) {
  ASSERT(k <= back_exact_bits);
  const Number n{static_cast<std::int64_t>((std::uint64_t{1} << k) + b), std::int64_t{1} << k};
  const auto growth = static_cast<std::int64_t>(power3(c));
  const unsigned odd_steps = ways == Ways::back ? std::min(c, back_steps_max) : 0;
  return leads_back(static_cast<std::int64_t>(map.increment), n, {growth + d, growth}, odd_steps);
}

}  // namespace kith::compute::collatz
