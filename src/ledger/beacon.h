// The chain's randomness: one value a block, made of the one before and of what the block's
// proposer proves by its key, which it cannot choose (crypto/vrf.h; docs/adr/0023 says what is left
// to choose). An entry of the state, so that whoever reads it later sees what draws were made of.
// Grammar: docs/protocol/accounts.md, "Randomness".
#pragma once

#include "codec/chain_entry.h"
#include "codec/chain_tx.h"
#include "crypto/vrf.h"
#include "ledger/entries.h"

namespace kith::ledger {

/// What the proposer of the block of `height` proves: known long before, the same for everybody.
codec::Hash beacon_input(const codec::Hash& genesis, codec::Height height);
/// As of the last block; the genesis hash before the first.
codec::Hash beacon_of(const Entries& entries, const codec::Hash& genesis);
/// Takes in the proof of the block of `height`. `bad_signature` or `bad_key` when it is not
/// `proposer`'s.
Result<void> advance_beacon(Entries& entries, const codec::Hash& genesis, codec::Height height,
                            const codec::ChainKey& proposer, const crypto::VrfProof& proof);

inline constexpr std::uint8_t beacon_version = 1;

}  // namespace kith::ledger
