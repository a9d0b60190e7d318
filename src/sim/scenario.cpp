#include "sim/scenario.h"

#include <algorithm>

#include "base/format.h"
#include "sim/scenario_peers.h"

namespace kith::sim {

std::vector<std::string> scenario_names() { return {"peers"}; }

Result<ScenarioResult> run_scenario(const ScenarioOptions& options) {
  if (options.nodes < 1 || options.nodes > scenario_nodes_max) {
    return fail(Code::usage, base::format("{} nodes; 1 to {} can be simulated", options.nodes,
                                          scenario_nodes_max));
  }
  if (options.duration <= Duration::zero()) {
    return fail(Code::usage, "a simulation must last longer than nothing");
  }
  if (options.name == "peers") return run_peers(options);
  return fail(Code::not_found, base::format("no scenario \"{}\"; there is: {}", options.name,
                                            fmt::join(scenario_names(), ", ")));
}

}  // namespace kith::sim
