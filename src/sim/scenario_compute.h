// The scenario "compute" (scenario.h): slots that compute a job on the real rules of the ledger
// (ledger/jobs.h), of which a part cheats, each liar by its name (scenario_compute_net.h). There
// are no nodes, signatures or kernels: a hash stands for a unit's result, and blocks follow each
// other once a minute. `nodes` are slots, and the duration is time of the chain: a round of 64
// blocks is 64 minutes.
//
// Checked: the share of wrong units among those that are accepted stays below the bound that the
// job's numbers promise, after the first pass and after the second; nobody honest is fined; coins
// are conserved. Disputes are contested in every way that a liar may try, and validators' verdicts
// are true.
//
// Settings, all optional:
//   cheats=0.3   the share of slots that cheat
//   lie=all      or one of: lazy, colluding, front-running, burst, device, copying, silent,
//                hopping, hollow
//   contest=all  or one of: concede, fight, silence, opening, path
//   failures=on  off: honest ones are never away, late or restarted
//   eps=250      wrong units in a million that the job allows
//   after=41     tasks that patient liars do honestly first
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

Result<ScenarioResult> run_compute(const ScenarioOptions& options);

}  // namespace kith::sim
