// The chain's randomness: one value a block, made of the one before and of what the block's
// proposer proves by its key, which it cannot choose (crypto/vrf.h; docs/adr/0023 says what is left
// to choose). An entry of the state, so that whoever reads it later sees what draws were made of;
// beside it what it was when the last epoch ended, by which this one's leaders are ordered: whoever
// starts in the middle of an epoch has the state of its last block only. Grammar:
// docs/protocol/accounts.md, "Randomness".
#pragma once

#include "codec/chain_beacon.h"
#include "codec/chain_tx.h"
#include "crypto/vrf.h"
#include "ledger/entries.h"

namespace kith::ledger {

using codec::beacon_input;

/// As of the last block; the genesis hash before the first.
codec::Hash beacon_of(const Entries& entries, const codec::Hash& genesis);
/// Takes in the proof of the block of `height`. `bad_signature` or `bad_key` when it is not
/// `proposer`'s.
Result<void> advance_beacon(Entries& entries, const codec::Hash& genesis, codec::Height height,
                            const codec::ChainKey& proposer, const crypto::VrfProof& proof);

/// What the leaders of the present epoch are ordered by: the beacon as of the epoch's floor.
codec::Hash leaders_seed_of(const Entries& entries, const codec::Hash& genesis);
/// At the end of an epoch: the beacon as it is now orders the leaders of the next one.
void seed_leaders(Entries& entries, const codec::Hash& genesis);

}  // namespace kith::ledger
