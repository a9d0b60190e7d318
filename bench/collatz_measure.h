// What collatz_rates and collatz_gpus have in common: the units that they measure, and a row.
#pragma once

#include <chrono>
#include <ctime>
#include <string_view>
#include <vector>

#include "compute/collatz/finish.h"
#include "compute/collatz/kernel.h"

namespace kith::bench {

struct Shape {
  const char* name;
  compute::collatz::Unit unit;
  std::uint32_t slices;  // that a processor does in a row, of 1024
};

inline std::vector<Shape> collatz_shapes() {
  using namespace compute::collatz;
  constexpr U128 at_2_71 = U128{1} << 71;
  return {
      {"region K=45", region_unit(45, at_2_71 >> 45, 12345), 16},
      {"region K=51", region_unit(51, at_2_71 >> 51, 12345), 32},
      {"region K=56", region_unit(56, at_2_71 >> 56, 12345), 32},
      {"consecutive 2^40", consecutive_unit(std::uint64_t{1} << 31), 64},
  };
}

/// Of this process.
inline double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
inline double wall_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Row {
  double candidates = 0, numbers = 0, cpu = 0, wall = 0;
};

/// Of all slices, some of which have half as many as others.
inline double candidates_of(const compute::collatz::Unit& unit) {
  using namespace compute::collatz;
  const Plan plan(unit);
  double candidates = 0;
  for (std::uint32_t slice = 0; slice < unit.slices(); ++slice) {
    LeafWalk walk(plan, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      for (const Leaf& leaf : leaves) {
        candidates += static_cast<double>(compute::collatz::candidates_of(plan, leaf));
      }
    }
  }
  return candidates;
}

/// The first slices of the unit, with its plan made within the time, or before; zeros on an error.
/// `results` has as many elements. Its numbers are left to the caller.
inline Row measure(compute::collatz::Kernel& kernel, const compute::collatz::Unit& unit,
                   std::vector<compute::collatz::SliceResult>& results,
                   const compute::collatz::Plan* plan = nullptr) {
  using namespace compute::collatz;
  Row row;
  const double wall_began = wall_s();
  const double began = cpu_s();
  if (!(plan != nullptr ? kernel.run(*plan, 0, results) : kernel.run(Plan(unit), 0, results))) {
    return {};
  }
  row.cpu = cpu_s() - began;
  row.wall = wall_s() - wall_began;
  row.candidates = static_cast<double>(total_of(results).candidates);
  return row;
}

}  // namespace kith::bench
