#include "compute/collatz/orbit.h"

#include "base/assert.h"

namespace kith::compute::collatz {
namespace {

/// One step; false when the number grows out of Big.
bool advance(const OrbitMap& map, Big& n) {
  if (!n.is_odd()) {
    n.shift_right(1);
    return true;
  }
  return n.mul_add(map.factor, map.increment);
}

void measure_cycle(const OrbitMap& map, const Big& start, Orbit& orbit) {
  Big n = start;
  orbit.verdict = Verdict::cycles;
  orbit.least = start;
  orbit.steps = 0;
  do {
    const bool is_inside = advance(map, n);
    ASSERT(is_inside);  // it went round before
    if (n < orbit.least) orbit.least = n;
    ++orbit.steps;
  } while (n != start);
}

}  // namespace

Orbit walk_orbit(U128 start, U128 floor, const OrbitMap& map) {
  Orbit orbit;
  Big n(start);
  const Big end(floor);
  const Big one(U128{1});
  orbit.peak = n;
  // Brent: a marker is moved ahead at powers of two; whoever meets it again is in a cycle.
  Big marker = n;
  std::uint64_t next_marker = 1;
  while (true) {
    if (floor > 1 && n < end) {
      orbit.verdict = Verdict::descends;
      return orbit;
    }
    if (n == one && floor <= 1) return orbit;
    if (orbit.steps == orbit_steps_max || !advance(map, n)) {
      orbit.verdict = Verdict::diverges;
      return orbit;
    }
    ++orbit.steps;
    if (n > orbit.peak) orbit.peak = n;
    if (n == marker) {
      measure_cycle(map, n, orbit);
      return orbit;
    }
    if (orbit.steps == next_marker) {
      marker = n;
      next_marker *= 2;
    }
  }
}

}  // namespace kith::compute::collatz
