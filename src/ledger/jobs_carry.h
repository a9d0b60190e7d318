// Whether it is worth while to carry a statement: what the mempool asks before it takes a
// transaction that carries some, and again after every block. In a block a statement that says
// nothing new is void and spoils nothing, so whoever pays may have it there; a node keeps and hands
// on only what may still have an effect. docs/protocol/compute.md, "What a node relays".
//
// It looks, and works nothing out: cheap, and nearly exact. A statement that passes may turn out
// void, when another that says the same is in the same block; one that does not pass cannot have an
// effect in the next block. Limit: so many slots and jobs are read as the caller allows; what comes
// behind them has the benefit of the doubt, and pays its fee like everything.
#pragma once

#include "ledger/jobs.h"

namespace kith::ledger {

/// A statement may come so many blocks before its round begins as this node sees it: others may be
/// that much ahead.
inline constexpr std::uint64_t carried_early_blocks = 8;

/// Whether one of the statements could have an effect in the block of `height` or, of one that is
/// early, soon after; `refused` says why the last one could not. `looks`: how many entries may be
/// read yet; takes off what was.
Result<void> check_carried(const Entries& entries, Height height,
                           const codec::CarryStatements& order, std::size_t& looks);

}  // namespace kith::ledger
