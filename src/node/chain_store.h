// What a node keeps of its chain beside the ledger's state, in the same store and the same batches:
// blocks with the certificate that they stand by, where a digest or a transaction is to be found,
// the nodes of the history's Merkle mountain range, and the validators of each epoch. Every value
// begins with a format byte. docs/protocol/ledger.md, "Stored state".
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "codec/chain_block.h"
#include "codec/chain_body.h"
#include "codec/chain_mmr.h"
#include "codec/chain_params.h"
#include "codec/chain_validators.h"
#include "consensus/view_votes.h"
#include "ledger/state_tree.h"
#include "ledger/store.h"

namespace kith::node {

using codec::BlockPtr;
using codec::Hash;
using codec::Height;
using consensus::CertificatePtr;
using ledger::Store;
using ledger::Table;
using ledger::WriteBatch;

/// In files: never renumber. Below 16 are the ledger's.
inline constexpr auto block_table = static_cast<Table>(16);        // height -> block
inline constexpr auto certificate_table = static_cast<Table>(17);  // height -> certificate
inline constexpr auto digest_table = static_cast<Table>(18);       // digest -> height
inline constexpr auto history_table = static_cast<Table>(19);      // level u8, index -> node
inline constexpr auto validators_table = static_cast<Table>(20);   // epoch -> set
inline constexpr auto tx_table = static_cast<Table>(21);           // txid -> height, place
inline constexpr auto epoch_end_table = static_cast<Table>(22);    // epoch -> header, certificate
// 24 and 25 are those of chain_index.h; 23 and 26 to 31 are free.
inline constexpr auto first_output_table = static_cast<Table>(32);  // height -> place among all
inline constexpr auto header_table = static_cast<Table>(33);        // height -> BlockSummary

struct StoredBlock {
  BlockPtr block;
  /// A finalization of it; or a notarization when a later block of the same commit was finalized.
  CertificatePtr certificate;
};
/// What remains of the last block of an epoch when blocks are pruned, and all that a snapshot
/// brings of any.
struct FinalHeader {
  codec::BlockHeader header;
  CertificatePtr certificate;
};
/// A block without its body, which may be large.
struct BlockSummary {
  codec::BlockHeader header;
  std::uint32_t transactions = 0;
  std::uint32_t body_bytes = 0;
};
struct TxPlace {
  Height height;
  std::uint32_t index = 0;
};

/// Nothing when there is no such block; height 0 has none.
Result<std::optional<StoredBlock>> read_block(const Store& store, Height height);
/// Parts of it, without the body.
Result<std::optional<BlockSummary>> read_summary(const Store& store, Height height);
Result<std::optional<codec::BlockHeader>> read_header(const Store& store, Height height);
Result<std::optional<codec::Certificate>> read_certificate(const Store& store, Height height);
/// How many outputs there were before the block's first.
Result<std::optional<std::uint64_t>> read_first_output(const Store& store, Height height);
Result<std::optional<Height>> read_height(const Store& store, const Hash& digest);
Result<std::optional<codec::ValidatorSet>> read_validators(const Store& store, codec::Epoch epoch);
Result<std::optional<TxPlace>> read_tx_place(const Store& store, const Hash& txid);
Result<std::optional<FinalHeader>> read_epoch_end(const Store& store, codec::Epoch epoch);
/// Of any block that is stored, and of the last one of any epoch.
Result<std::optional<FinalHeader>> read_final(const Store& store, Height height,
                                              std::uint64_t epoch_blocks);
/// The lowest block that was not pruned.
Result<Height> read_floor(const Store& store);
Result<Hash> read_history_node(const Store& store, std::size_t level, std::uint64_t index);
Result<codec::Mmr> read_history(const Store& store);

/// Adds the block to a batch that holds its state. `history`: of all before it; becomes that with
/// it.
void add_block(WriteBatch& batch, const StoredBlock& stored, codec::Mmr& history,
               const std::vector<Hash>& txids);
void add_epoch_end(WriteBatch& batch, const FinalHeader& last);
void add_floor(WriteBatch& batch, Height floor);
/// All that a store holds beside the ledger's tables once a snapshot of this block was taken.
/// `history`: of all before it.
void add_snapshot_base(WriteBatch& batch, const Hash& genesis, const codec::BlockHeader& header,
                       codec::Mmr history);
/// What reading made of `stored`, in records that take it away again.
void remove_block(WriteBatch& batch, const StoredBlock& stored);
void add_validators(WriteBatch& batch, codec::Epoch epoch, const codec::ValidatorSet& validators);

/// All that the store of a new chain is to hold.
WriteBatch make_genesis_batch(const codec::Genesis& genesis, bool is_indexed = true);
/// The validators of the first epoch. `genesis` has passed check().
codec::ValidatorSet genesis_validators(const codec::Genesis& genesis);
/// Whether the store has a chain, and of which genesis: `wrong_peer` when of another.
Result<bool> holds_chain(const Store& store, const Hash& genesis);

}  // namespace kith::node
