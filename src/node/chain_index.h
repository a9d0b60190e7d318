// The index of addresses: which unspent outputs a lock keeps, and in which transactions it received
// or spent, newest first. Written in the same batch as the block, so that it is never ahead or
// behind; off by `chain.index`. docs/protocol/ledger.md, "Stored state".
//
// A store has it whole or not at all: a record of its own says from which height on every block is
// in it, and goes with the first block that is written without. Behind a snapshot that is later
// than genesis: what is unspent is complete, and what locks did before is not there.
#pragma once

#include <optional>
#include <vector>

#include "ledger/state.h"
#include "ledger/store.h"

namespace kith::node {

/// In files: never renumber. 16 to 22 and 32 are those of chain_store.h.
inline constexpr auto owned_table = static_cast<ledger::Table>(24);  // lock, outpoint -> nothing
inline constexpr auto history_of_table = static_cast<ledger::Table>(25);  // lock, ~height, ~place

/// The place in a block of what the block itself pays at the end of an epoch: behind all others.
inline constexpr std::uint32_t system_place = 0xffffffff;

/// Adds what the block of `state` changed. `txids`: of its transactions, in their order.
void add_index(ledger::WriteBatch& batch, const ledger::BlockState& state,
               const std::vector<codec::Hash>& txids);
/// The index of a new chain, for its genesis.
void begin_index(ledger::WriteBatch& batch, const codec::Hash& genesis,
                 const std::vector<codec::TxOutput>& outputs);
/// The index that begins with a snapshot: blocks from this one on will be in it, and add_owned()
/// puts all that is unspent there.
void begin_index(ledger::WriteBatch& batch, codec::Height history_from);
void add_owned(ledger::WriteBatch& batch, const codec::Hash& lock, const codec::OutPoint& outpoint);
/// From now on there is none.
void end_index(ledger::WriteBatch& batch);
/// The first block whose doings are in the index, 0: all since genesis; nothing: there is no index.
Result<std::optional<codec::Height>> read_history_from(const ledger::Store& store);

/// Up to `limit` unspent final outputs of the lock, those behind `after`, by outpoint.
Result<std::vector<codec::OutPoint>> read_owned(const ledger::Store& store, const codec::Hash& lock,
                                                const std::optional<codec::OutPoint>& after,
                                                std::size_t limit);

struct OwnerEntry {
  codec::Height height;
  std::uint32_t place = 0;  // in the block, or system_place
  codec::Hash txid{};
  codec::Amount received = 0;
  codec::Amount spent = 0;
};
/// Up to `limit` of the final transactions that touched the lock, newest first, those before
/// `before`.
struct HistoryPlace {
  codec::Height height;
  std::uint32_t place = 0;
};
Result<std::vector<OwnerEntry>> read_owner_history(const ledger::Store& store,
                                                   const codec::Hash& lock,
                                                   const std::optional<HistoryPlace>& before,
                                                   std::size_t limit);

}  // namespace kith::node
