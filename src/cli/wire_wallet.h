// What a node answers to questions about coins and validators (docs/api.md), as values. Amounts are
// units; JSON stays behind this header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace kith::cli {

/// Of a chain that computes.
struct ComputeTerms {
  std::uint64_t cheats = 0;    // in 10,000
  std::uint64_t draw_gap = 0;  // blocks
  std::uint64_t min_bond = 0;  // of a slot
  std::uint64_t account_bond = 0;
};
/// chain.params, as far as a wallet needs it.
struct ChainTerms {
  std::string network;
  std::string genesis;  // hex
  std::string hrp;
  std::uint64_t min_fee_rate = 0;
  std::uint64_t dust = 0;
  std::uint64_t tx_bytes_max = 0;
  std::uint64_t min_stake = 0;
  std::uint64_t block_interval_ms = 0;  // 0: whatever comes
  std::optional<ComputeTerms> computing;
};
Result<ChainTerms> read_chain_params(std::string_view result);

/// An output of address.utxos.
struct NodeCoin {
  std::string outpoint;  // "txid:index"
  std::uint64_t value = 0;
  std::optional<std::uint64_t> height;  // none: no final block has it yet
  std::string state;                    // unspent, locked or pending
};
struct CoinPage {
  std::uint64_t height = 0;  // of the node
  std::vector<NodeCoin> coins;
  std::string next;  // "after" of the next page; empty: this was the last
};
Result<CoinPage> read_utxos(std::string_view result);

/// An entry of address.history.
struct NodeEntry {
  std::string txid;
  std::string status;  // final or mempool
  std::uint64_t height = 0;
  std::uint64_t time_ms = 0;
  std::uint64_t received = 0;
  std::uint64_t spent = 0;
};
struct HistoryPage {
  std::uint64_t height = 0;
  std::vector<NodeEntry> entries;
};
Result<HistoryPage> read_history(std::string_view result);

/// tx.submit and tx.wait.
struct Submitted {
  std::string txid;
  std::string status;
  std::optional<std::uint64_t> height;
};
Result<Submitted> read_submitted(std::string_view result);

/// validator.get, as far as orders need it.
struct NodeValidator {
  std::string key;    // hex
  std::string owner;  // address
  std::string status;
  std::uint64_t stake = 0;
};
Result<NodeValidator> read_validator(std::string_view result);

}  // namespace kith::cli
