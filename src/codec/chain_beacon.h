// The chain's randomness in bytes: what the proposer of a block proves, and the entry of the state
// that its proofs lead to (ledger/beacon.h, which advances it). Grammar: docs/protocol/accounts.md,
// "Randomness". Limits: none of its own; the entry has one size.
#pragma once

#include "codec/chain.h"

namespace kith::codec {

/// What the proposer of the block of `height` proves by its key: known long before, one a height.
Hash beacon_input(const Hash& genesis, Height height);

struct BeaconEntry {
  Hash beacon{};
  /// What it was when the last epoch ended: what this one's leaders are ordered by.
  Hash leaders_seed{};
  friend bool operator==(const BeaconEntry&, const BeaconEntry&) = default;
};

Bytes encode_beacon(const BeaconEntry& entry);
Result<BeaconEntry> decode_beacon(ByteView bytes);

}  // namespace kith::codec
