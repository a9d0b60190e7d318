// Slices whose results are known: computed once by the reference kernel, and at every start by the
// kernel that is about to work. They cover what a broken one gets wrong first: carries, escapes,
// short rows, thresholds inside a half, numbers that do not stop.
#pragma once

#include <vector>

#include "compute/collatz/slice.h"

namespace kith::compute::collatz {

struct KnownSlice {
  Unit unit;
  std::uint32_t slice = 0;
  SliceResult result;
};
std::vector<KnownSlice> known_slices();

}  // namespace kith::compute::collatz
