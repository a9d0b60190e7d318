// What stands for computed results in the scenario "compute": real Merkle trees down to slices, so
// that disputes can be contested, and so alike that thousands of tasks cost nothing. All true
// slices of all units and tasks come to the same; a false one names task, unit, and whose lie it
// is.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "codec/chain_merkle.h"

namespace kith::sim {

/// Units of a task that somebody has false, with which values; of each, one slice is.
struct ComputeFalse {
  std::uint64_t tag = 0;  // whose values: 0 nobody else's, 1 the league's, 2 the device's
  std::vector<std::uint16_t> units;  // ascending
};

class ComputeResults {
 public:
  /// Powers of two.
  ComputeResults(std::uint16_t units, std::uint16_t slices);

  /// `lie` may be null, as everywhere here.
  std::vector<codec::Hash> slices(std::uint64_t task, std::uint16_t unit,
                                  const ComputeFalse* lie) const;
  codec::Hash unit(std::uint64_t task, std::uint16_t unit, const ComputeFalse* lie) const;
  /// U.
  codec::Hash root(std::uint64_t task, const ComputeFalse* lie) const;
  /// D of these units.
  codec::Hash part(std::uint64_t task, const std::vector<std::uint16_t>& units,
                   const ComputeFalse& lie);
  /// D of so many true ones, whichever.
  codec::Hash true_part(std::size_t units);

 private:
  codec::Hash true_slice_{};
  std::uint16_t slices_;
  std::vector<codec::Hash> true_slice_nodes_;  // by level
  codec::Hash true_unit_{};
  std::vector<codec::Hash> true_nodes_;            // by level, of a task whose units are all true
  std::map<std::size_t, codec::Hash> true_parts_;  // by how many units
};

}  // namespace kith::sim
