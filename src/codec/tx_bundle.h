// Transactions on their way between nodes: several of them in one message of gossip. Grammar and
// rules of who hands on what: docs/protocol/ledger.md, "Transactions between nodes". A bundle of
// one transaction of the largest size fits.
#pragma once

#include <vector>

#include "codec/chain_tx.h"

namespace kith::codec {

inline constexpr std::uint8_t tx_bundle_version = 1;
inline constexpr std::size_t bundle_txs_max = 256;
inline constexpr std::size_t bundle_bytes_max = 128 * 1024;
inline constexpr std::size_t bundle_head_bytes = 3;

/// REQUIRES: 1 to bundle_txs_max, and bundle_bytes_max at most in all.
Bytes encode_tx_bundle(const std::vector<TxPtr>& txs);
/// In their order. `malformed` also for none, and for one that is there twice.
Result<std::vector<TxPtr>> decode_tx_bundle(ByteView bytes);

}  // namespace kith::codec
