// Units of any shape and place, small enough for the reference kernel; for property tests.
#pragma once

#include <rapidcheck.h>

#include "compute/collatz/unit.h"

namespace kith::compute::collatz {

/// Its numbers begin anywhere below 2^126, often at an edge of what some kernel can hold.
inline Unit any_unit() {
  Unit unit;
  unit.free_bits = *rc::gen::inRange(1u, 13u);
  unit.sieve_bits = unit.free_bits + *rc::gen::inRange(0u, 48u);
  unit.slice_bits = *rc::gen::inRange(0u, std::min(unit.free_bits, 4u) + 1);
  const unsigned fixed_bits = unit.sieve_bits - unit.free_bits;
  unit.fixed = *rc::gen::arbitrary<std::uint64_t>() & ((std::uint64_t{1} << fixed_bits) - 1);
  unit.a_count = *rc::gen::inRange<std::uint64_t>(1, 200);
  unit.map.increment = *rc::gen::element<std::uint64_t>(1, 1, 1, 1, 5, 7, 13, 79);
  const auto edge = *rc::gen::elementOf(
      std::vector<unsigned>{10, 41, 53, 56, 57, 64, 65, 71, 87, 88, 92, 112, 125});
  const unsigned a_bits = edge > unit.sieve_bits ? edge - unit.sieve_bits : 0;
  const U128 noise =
      (U128{*rc::gen::arbitrary<std::uint64_t>()} << 64) | *rc::gen::arbitrary<std::uint64_t>();
  const U128 at = U128{1} << a_bits;
  switch (*rc::gen::inRange(0, 3)) {
    case 0: unit.a_first = at; break;
    case 1: unit.a_first = at + (noise & (at - 1)); break;
    default: unit.a_first = at > 100 ? at - *rc::gen::inRange(1u, 100u) : at; break;
  }
  return unit;
}

}  // namespace kith::compute::collatz
