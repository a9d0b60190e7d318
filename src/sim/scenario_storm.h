// The scenario "storm" (scenario.h): everything that may go wrong between honest nodes, in gusts.
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

ScenarioResult run_storm(const ScenarioOptions& options);

}  // namespace kith::sim
