// The scenario "ledger" (scenario.h): whole nodes with a chain, validators and followers, that pay
// while the weather turns: power losses at any step of their disks, pauses, partitions that leave a
// majority or none, clocks ten seconds off and jumping, bad links, slow disks, all of it together.
// After each gust the chain goes on and all are one within a minute.
//
// Checked all the time: one digest a height; heights in order; nothing that was final is lost by a
// power loss; no output spent twice and no coin out of nothing (sim/payment_load.h); the supply is
// conserved, and the same at every node; nobody honest is accused or convicted; nobody halts; what
// nodes hold of others' words is bounded.
//
// Settings, all optional:
//   validators=4          of the nodes, the first ones; the others follow
//   interval=1s           between blocks
//   epoch=32              blocks
//   rate=2                payments a second
//   gusts=all             none, or one of: power, pauses, minority, halves, clocks, links, disks,
//                         backup, everything
//   liars=0 lie=NAME      of the validators, the last ones, and how they lie (scenario_liar.h)
//   weights=even          edge: the liars weigh one less than would be a third
//   twins=0               so many keys have two nodes each; the network is cut in two between them,
//                         then heals: forks may be, and must be blamed on these keys
//   computing=off         on: a chain that computes, with a proof of its proposer in each body
//   churn=0s              each so often a node falls and comes back, and a stake is bonded, grows
//                         or goes, so that each epoch has other validators
#pragma once

#include "sim/scenario.h"

namespace kith::sim {

Result<ScenarioResult> run_ledger(const ScenarioOptions& options);

}  // namespace kith::sim
