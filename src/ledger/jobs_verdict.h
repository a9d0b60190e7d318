// Verdicts of the validators on one slice, or on a find: who they are and what is to be verified.
// Execution holds no arithmetic of any workload: it counts the weight of those who say what a slice
// comes to, and more than two thirds decide (docs/protocol/compute.md, "Disputes").
#pragma once

#include "ledger/jobs.h"
#include "ledger/registry.h"

namespace kith::ledger {

/// Those who have weight in this epoch, by key: the same indices as in its validator set.
Jury jury_of(const Registry& registry);
/// More than two thirds of the jury's weight; 1 at least.
codec::Weight quorum_of(const Jury& jury);

/// One a signature of a verdict, none of other orders: to be verified with those of the
/// transaction's witnesses. `refused` for a validator that there is not.
Result<std::vector<codec::SignatureJob>> verdict_jobs(const codec::JobOrder& order,
                                                      const Hash& genesis, const Jury& jury);
/// Those of a transaction's verdicts. Which keys they are depends on the epoch, so that a block
/// verifies them whatever the mempool has seen.
Result<void> verify_verdicts(const codec::Transaction& tx, const Hash& genesis,
                             const Registry& registry);

}  // namespace kith::ledger
