// The scenario "ledger" (scenario.h): whole nodes with a chain, validators and followers, that pay
// while the weather turns: power losses at any step of their disks, pauses, partitions that leave a
// majority or none, clocks ten seconds off and jumping, bad links, slow disks, all of it together.
// After each gust the chain goes on and all are one within a minute.
//
// Checked all the time: one digest a height; heights in order; nothing that was final is lost by a
// power loss; no output spent twice and no coin out of nothing (sim/payment_load.h); the supply is
// conserved, and the same at every node; nobody honest is accused; nobody halts.
//
// Settings, all optional:
//   validators=4          of the nodes, the first ones; the others follow
//   interval=1s           between blocks
//   epoch=32              blocks
//   rate=2                payments a second
//   gusts=all             or one of: power, pauses, minority, halves, clocks, links, disks
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

Result<ScenarioResult> run_ledger(const ScenarioOptions& options);

}  // namespace kith::sim
