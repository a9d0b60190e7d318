// The states that a node holds: the last final one, which the store has, and those of the blocks
// above it that may yet become final, a tree of forks by block hash. When a block is final: write
// batch_of() whole, then finalize(); between the two everything reads as before, and a crash leaves
// the store at the one or the other. Forks beside the final block are dropped; nothing is ever
// undone in the store.
//
// Limits: the hot cache's outputs; how many blocks wait for finality is consensus' to bound.
#pragma once

#include <map>
#include <memory>

#include "codec/chain_params.h"
#include "ledger/state.h"

namespace kith::ledger {

/// What the store of a new chain is to hold, and the roots of its first header.
struct GenesisState {
  WriteBatch batch;
  BlockState::Roots roots;
};
/// `genesis` has passed check().
GenesisState make_genesis_state(const codec::Genesis& genesis);

class StateTree {
 public:
  struct Config {
    std::size_t hot_outputs = 262'144;
    std::uint64_t seed = 0;  // random, and nobody else's: see outpoint_hash.h
  };

  /// Reads the last final state out of the store: validators and the tree of outputs, which are
  /// kept in memory. `tip` is the hash of its block, which the store of blocks knows. `malformed`
  /// when what is there does not fit together.
  static Result<std::unique_ptr<StateTree>> open(const Store& store, const Hash& tip,
                                                 const Config& config);

  const Hash& tip_id() const { return tip_id_; }
  const std::shared_ptr<const BlockState>& tip() const { return tip_; }
  /// The tip or a block above it; null when unknown.
  std::shared_ptr<const BlockState> find(const Hash& block) const;
  /// Keeps the state of a block whose parent is known: ASSERTed. Twice is nothing.
  void add(const Hash& block, std::shared_ptr<BlockState> state);
  std::size_t pending() const { return pending_.size(); }

  /// `block` stands on the tip: ASSERTed.
  WriteBatch batch_of(const Hash& block) const;
  /// The batch is written. Returns the blocks that cannot become final any more.
  std::vector<Hash> finalize(const Hash& block);

  const HotCache::Counters& hot_counters() const { return base_.hot.counters(); }
  const TxoTree& txos() const { return base_.txos; }
  const Store& store() const { return *base_.store; }

 private:
  StateTree(const Store& store, const Hash& tip, const Config& config);

  FinalBase base_;
  Hash tip_id_;
  std::shared_ptr<const BlockState> tip_;
  std::map<Hash, std::shared_ptr<BlockState>> pending_;
};

/// What becomes of an output, as its owner sees it.
enum class OutputState : std::uint8_t {
  unknown,    // never seen, or spent so long ago that the index has been pruned
  pending,    // created, or spent, by a block that is not final yet
  unspent,    // final, and nobody spends it
  locked,     // a transaction that waits for a block spends it
  finalized,  // spent by a final block
};
std::string_view name_of(OutputState state);

struct OutputStatus {
  OutputState state = OutputState::unknown;
  std::optional<Hash> spender;
};
/// In the state of `head`, which is the tip or above. `locked_by` is the mempool's word.
Result<OutputStatus> status_of(const StateTree& tree, const BlockState& head,
                               const OutPoint& outpoint, const std::optional<Hash>& locked_by);

}  // namespace kith::ledger
