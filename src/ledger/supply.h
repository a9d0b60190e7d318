// How many coins there are and where: a part of the state, under a name of its own in the
// registry's tree. Coins are made by block rewards and end by slashing; everything else only moves
// them, which is checked after every block. Grammar: docs/protocol/ledger.md, "Validators".
#pragma once

#include "codec/chain.h"
#include "codec/reader.h"

namespace kith::ledger {

struct Supply {
  codec::Amount outputs = 0;   // in unspent outputs
  codec::Amount bonded = 0;    // validators' stake, and what of it is on its way out
  codec::Amount owed = 0;      // validators' rewards that are not paid yet
  codec::Amount treasury = 0;  // and the treasury's
  codec::Amount minted = 0;    // ever, genesis included
  codec::Amount burnt = 0;     // ever
  codec::Amount escrow = 0;    // what accounts have bonded and earned
  friend bool operator==(const Supply&, const Supply&) = default;

  bool is_conserved() const {
    return outputs + bonded + owed + treasury + escrow == minted - burnt;
  }
};

/// With nothing in escrow 49 bytes, as before there was one; else 57.
Bytes encode(const Supply& supply);
Result<Supply> read_supply(codec::Reader& reader);
Result<Supply> decode_supply(ByteView bytes);
codec::Hash supply_hash(const Supply& supply);

}  // namespace kith::ledger
