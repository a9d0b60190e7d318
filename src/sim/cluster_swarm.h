// Weather drawn from a seed for a whole EngineCluster, in the way of TigerBeetle's VOPR: how many
// nodes, of what weight, how lossy a network, how slow a disk, how long an epoch, who lies how
// (less than a third), and what befalls the honest meanwhile: crashes of one and of all, pauses,
// partitions, jumping clocks, logs that are lost, disks of the past. Then the weather clears, and
// the network must finalize within ten delta_max and be one again.
//
// A violation names its seed; the same seed shows it again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace kith::sim {

struct SwarmResult {
  std::uint64_t seed = 0;
  std::string weather;  // in words
  Duration lasted{0};   // virtual
  std::uint64_t heights = 0;
  std::uint64_t events = 0;
  std::uint64_t trace_hash = 0;
  Duration healed_in{0};  // from clear weather to the next final block
  std::vector<std::string> violations;
};

/// `scale`: of how long it lasts; 1 is some hundreds of heights.
SwarmResult run_cluster_swarm(std::uint64_t seed, double scale = 1);

}  // namespace kith::sim
