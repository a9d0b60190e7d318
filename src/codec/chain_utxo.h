// An unspent output as the state holds it, and its leaf in the commitment to all outputs
// (codec/chain_txo_proof.h): the position is what the proof speaks of, and the rest is what a light
// client wants to know is true. Grammar: docs/protocol/ledger.md, "Transactions".
#pragma once

#include "codec/chain_tx.h"

namespace kith::codec {

struct Utxo {
  std::uint64_t position = 0;  // among all outputs ever created
  TxOutput output;
  Height height;  // of the block that created it; 0: genesis
  friend bool operator==(const Utxo&, const Utxo&) = default;
};

/// What the leaf at `utxo.position` holds.
Hash txo_leaf(const OutPoint& outpoint, const Utxo& utxo);

/// A format byte, then all but the outpoint: what stores keep under the outpoint.
inline constexpr std::size_t utxo_bytes = 1 + 8 + output_bytes + 8;
std::array<std::uint8_t, utxo_bytes> encode(const Utxo& utxo);
Result<Utxo> decode_utxo(ByteView bytes);

}  // namespace kith::codec
