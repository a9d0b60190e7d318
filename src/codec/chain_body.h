// A block's body: on a chain that computes its proposer's proof (docs/adr/0023), then transactions
// in the order in which they happen, then evidence against validators as opaque bytes
// (codec/chain_evidence.h reads them). Grammar: docs/protocol/ledger.md, "Blocks' bodies". A header
// commits to it by body_hash as a whole, by tx_root, a Merkle tree over the wtxids, and by
// evidence_root; to what the proof leads to by the registry's root. Whether there has to be a proof
// is the chain's parameters' matter, not the format's (ledger/execute.h).
// Limits: the bytes that the chain's parameters give a body, 64 pieces of evidence of 16 KiB.
#pragma once

#include <optional>
#include <vector>

#include "codec/chain_tx.h"
#include "crypto/vrf.h"

namespace kith::codec {

inline constexpr std::size_t body_evidence_max = 64;
inline constexpr std::size_t evidence_bytes_max = 16 * 1024;
/// A body without anything in it, and without a proof, which takes its own bytes more.
inline constexpr std::size_t body_empty_bytes = 1 + 4 + 2;
/// What a transaction or a piece of evidence takes beside its own bytes.
inline constexpr std::size_t body_item_overhead = 4;

struct BlockBody {
  std::vector<TxPtr> transactions;
  std::vector<Bytes> evidence;
  std::optional<crypto::VrfProof> proof = {};
};

std::size_t encoded_size(const BlockBody& body);
Bytes encode_body(const BlockBody& body);
Result<BlockBody> decode_body(ByteView bytes, std::size_t bytes_max);

Hash tx_root(const BlockBody& body);
Hash evidence_root(const BlockBody& body);

}  // namespace kith::codec
