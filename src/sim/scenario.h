// Scenarios: worlds of whole nodes with a purpose, run from a name and a seed. `kith simulate` and
// the tests under tests/scenario run these. The nodes are real: Noise, yamux, signatures, services.
//
//   peers   nodes that know a few bootstrap addresses find each other by peer exchange, identify
//           and ping, over eight regions with loss and jitter, while nodes crash and come back.
//   calm    the same without crashes and loss: what a network at rest costs.
//   gossip  messages from everywhere to everybody; sim/scenario_gossip.h has its settings.
//   ledger  nodes with a chain pay each other in any weather; sim/scenario_ledger.h.
//   compute slots that compute a job on the ledger's rules, a part of which cheats; no nodes.
//           sim/scenario_compute.h.
//   packet  sessions of the packet transport alone; sim/scenario_packet.h.
//   storm   gusts of partitions (also one-way), pauses, power losses, jumping clocks, bad and
//           corrupting links; after each the network is one again within two minutes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "sim/checker.h"

namespace kith::sim {

struct ScenarioOptions {
  std::string name = "peers";
  std::uint32_t nodes = 100;
  std::uint64_t seed = 1;
  Duration duration = 10min;
  /// NAME and VALUE; which there are, the scenario says.
  std::vector<std::pair<std::string, std::string>> settings = {};
};

struct ScenarioResult {
  std::uint64_t events = 0;
  std::uint64_t trace_hash = 0;
  std::vector<Violation> violations;
  std::vector<std::pair<std::string, double>> figures;  // the scenario's own, in order
};

inline constexpr std::uint32_t scenario_nodes_max = 100'000;

/// `not_found` names the scenarios there are; `usage` for numbers out of range
/// and settings that the scenario does not have.
Result<ScenarioResult> run_scenario(const ScenarioOptions& options);
std::vector<std::string> scenario_names();

}  // namespace kith::sim
