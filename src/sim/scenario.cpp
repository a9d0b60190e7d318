#include "sim/scenario.h"

#include <algorithm>

#include "base/format.h"
#include "sim/scenario_compute.h"
#include "sim/scenario_gossip.h"
#include "sim/scenario_ledger.h"
#include "sim/scenario_packet.h"
#include "sim/scenario_peers.h"
#include "sim/scenario_storm.h"

namespace kith::sim {
namespace {

struct Scenario {
  std::string_view name;
  Result<ScenarioResult> (*run)(const ScenarioOptions&);
};

template <ScenarioResult (*run)(const ScenarioOptions&)>
Result<ScenarioResult> without_settings(const ScenarioOptions& options) {
  if (options.settings.empty()) return run(options);
  return fail(Code::usage, base::format("the scenario {} has no settings", options.name));
}

constexpr Scenario scenarios[] = {{"peers", without_settings<run_peers>},
                                  {"calm", without_settings<run_calm>},
                                  {"storm", without_settings<run_storm>},
                                  {"gossip", run_gossip},
                                  {"ledger", run_ledger},
                                  {"compute", run_compute},
                                  {"packet", run_packet}};

}  // namespace

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const Scenario& scenario : scenarios) names.emplace_back(scenario.name);
  return names;
}

Result<ScenarioResult> run_scenario(const ScenarioOptions& options) {
  if (options.nodes < 1 || options.nodes > scenario_nodes_max) {
    return fail(Code::usage, base::format("{} nodes; 1 to {} can be simulated", options.nodes,
                                          scenario_nodes_max));
  }
  if (options.duration <= Duration::zero()) {
    return fail(Code::usage, "a simulation must last longer than nothing");
  }
  for (const Scenario& scenario : scenarios) {
    if (options.name == scenario.name) return scenario.run(options);
  }
  return fail(Code::usage, base::format("no scenario \"{}\"; there is: {}", options.name,
                                        fmt::join(scenario_names(), ", ")));
}

}  // namespace kith::sim
