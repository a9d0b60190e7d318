// Twins (Bano et al., OPODIS 2021): two nodes with one key, a partition of all nodes for each view,
// and every leader; exhaustively for four validators, sampled for more. What is said of a view is
// heard within its partition alone; after the last of these views all hear each other, and the
// network must go on and be one. Safety is what EngineCluster checks at every step.
//
// A scenario of four is a number: the place of the twins in the order of leaders, and a partition
// of the five nodes in two (or none) for each view, so 4 * 16^views of them. Those that differ only
// in which twin is which are run once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kith::sim {

struct TwinsResult {
  std::vector<std::string> violations;
  std::uint64_t events = 0;
  bool is_caught = false;  // somebody holds evidence against the twins
};

std::uint64_t twins_count(std::uint32_t views);
/// False for one that is another with the twins' names changed.
bool is_twins_canonical(std::uint64_t id, std::uint32_t views);
TwinsResult run_twins(std::uint64_t id, std::uint32_t views);

/// `nodes` validators, as many of them twins as may be, up to three parts a view.
TwinsResult run_twins_sample(std::uint64_t seed, std::uint32_t nodes, std::uint32_t views);

}  // namespace kith::sim
