// The scenario "peers" (scenario.h).
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

ScenarioResult run_peers(const ScenarioOptions& options);

}  // namespace kith::sim
