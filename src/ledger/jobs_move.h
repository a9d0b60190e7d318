// The next move of who has computed a disputed task, or a part of it: opens what it said, chooses
// the first entry that differs from its own, says what the slice comes to. Pure. Whoever finds that
// what it has now is not what it said, or that nothing differs, was wrong, and concedes: a
// sixteenth of a bond instead of all (docs/protocol/compute.md, "Disputes").
#pragma once

#include <functional>

#include "ledger/jobs_view.h"

namespace kith::ledger {

/// What the key's machine comes to, computed again or kept.
struct OwnResults {
  /// The root of a unit of the task. Of all units for a worker, of the part's for a checker.
  std::function<Hash(std::uint16_t unit)> root_of;
  /// The digests of a unit's slices.
  std::function<std::vector<Hash>(std::uint16_t unit)> slices_of;
};

/// To be signed by the key whose turn it is. At most one unit's slices are asked for.
codec::JobOrder honest_move(const OwedMove& owed, const OwnResults& own);

}  // namespace kith::ledger
