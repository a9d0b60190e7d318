// The scenarios "peers" and "calm" (scenario.h): the same network with and without trouble.
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

ScenarioResult run_peers(const ScenarioOptions& options);
ScenarioResult run_calm(const ScenarioOptions& options);

}  // namespace kith::sim
