// The orbit of one number, in full and by arbitrary precision: its steps, its peak, and whether it
// ends. This is the judge: what a kernel could not bring below its threshold is decided here, and
// records that kernels find are measured here. Slow and plain.
//
// Steps count each 3n + q and each n / 2; the peak is the largest number that the orbit visits.
#pragma once

#include <cstdint>

#include "compute/collatz/wide.h"

namespace kith::compute::collatz {

/// Of the map factor * n + increment for odd n, n / 2 for even n.
struct OrbitMap {
  std::uint64_t factor = 3;
  std::uint64_t increment = 1;
};

enum class Verdict : std::uint8_t {
  converges,  // reaches 1
  descends,   // reaches a number below `floor`
  cycles,     // comes back to where it was: a counterexample
  diverges,   // climbs beyond Big, or goes on for steps_max: unproven, and worth a look
};

struct Orbit {
  Verdict verdict = Verdict::converges;
  std::uint64_t steps = 0;  // to 1, or below floor; of a cycle: its length
  Big peak;                 // the start among what is visited
  Big least;                // of a cycle: its least number
};

inline constexpr std::uint64_t orbit_steps_max = 10'000'000;

/// The orbit of `start`, which is positive, down to 1. With `floor` above 1 it ends at the first
/// number below that, so that `steps` is the glide for floor = start.
Orbit walk_orbit(U128 start, U128 floor = 1, const OrbitMap& map = {});

}  // namespace kith::compute::collatz
