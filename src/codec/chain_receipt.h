// What executing a transaction did, as the header's receipts root commits to it: so that a proof
// tells where in the commitment to outputs (codec/chain_txo_proof.h) a transaction's outputs stand.
// Payments that the ledger makes itself, at the end of an epoch, have a receipt of their own.
// Grammar: docs/protocol/ledger.md, "Blocks' bodies".
#pragma once

#include "codec/chain_tx.h"

namespace kith::codec {

struct Receipt {
  Hash txid{};
  Amount fee = 0;
  Amount bonded = 0;                 // into validators' stake
  std::uint64_t first_position = 0;  // of its first output; the others follow
  std::uint32_t outputs = 0;
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

inline constexpr std::size_t receipt_bytes = 1 + 32 + 8 + 8 + 8 + 4;
Bytes encode_receipt(const Receipt& receipt);
Result<Receipt> decode_receipt(ByteView bytes);
/// The entry of the receipts' Merkle tree.
Hash receipt_hash(const Receipt& receipt);

/// The txid of the outputs that the block at `height` makes by itself.
Hash system_txid(const Hash& genesis, Height height);

}  // namespace kith::codec
