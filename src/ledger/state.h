// The state after a block that may not be final yet: what the block changed, over its parent's
// state, down to what is final. Blocks that are not final form a tree of these, which state_tree.h
// keeps; executing a block (execute.h) reads one and makes the next.
//
// Changed only while it is made; then shared, and read from any thread, as long as no block becomes
// final meanwhile: reading goes through the hot cache and the finalized tree, so all work on states
// belongs to one worker at a time.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "ledger/hot_cache.h"
#include "ledger/registry.h"
#include "ledger/store.h"
#include "ledger/supply.h"
#include "ledger/txo_tree.h"

namespace kith::ledger {

/// What all states stand on. Outlives them and does not move.
struct FinalBase {
  FinalBase(const Store& store, std::size_t hot_outputs, std::uint64_t seed)
      : store(&store), hot(hot_outputs, seed), seed(seed) {}

  const Store* store;
  HotCache hot;
  std::uint64_t seed;  // for hash tables alone
  TxoTree txos;
};

class BlockState {
 public:
  /// The state of the last final block.
  BlockState(FinalBase& base, Height height, Registry registry, const Supply& supply);
  /// A block on top of `parent`, without changes yet. `expected` changes of outputs.
  BlockState(std::shared_ptr<const BlockState> parent, std::size_t expected);

  Height height() const { return height_; }
  const Supply& supply() const { return supply_; }
  const Registry& registry() const { return registry_; }
  const TxoView& txos() const { return *txos_; }

  /// The output, if it is there and unspent in this state. Errors are the store's.
  Result<std::optional<Utxo>> find(const OutPoint& outpoint) const;
  /// The transaction of a block above the final one, up to this, that spends the output.
  std::optional<Hash> pending_spender(const OutPoint& outpoint) const;
  /// Who spent it in a final block, as far as the index goes back.
  Result<std::optional<Spend>> final_spend(const OutPoint& outpoint) const {
    return find_spend(*base_->store, outpoint);
  }
  /// Whether a block above the final one creates the output.
  bool is_pending(const OutPoint& outpoint) const;

  /// What this block alone changed, in its order: an output that it created, spent (`spender`), or
  /// both.
  using VisitChange =
      std::function<void(const OutPoint&, const Utxo&, bool is_created, const Hash* spender)>;
  void visit_changes(const VisitChange& visit) const;

  // For execute.h, while the state is made.

  /// `utxo` is what find() gave: ASSERTed by the tree of outputs.
  void spend(const OutPoint& outpoint, const Utxo& utxo, const Hash& spender);
  void create(const OutPoint& outpoint, const codec::TxOutput& output);
  Registry& change_registry() { return registry_; }
  Supply& change_supply() { return supply_; }
  struct Roots {
    Hash utxos;
    Hash registry;
  };
  /// Computes what the header commits to; the last step.
  Roots settle();

  // For state_tree.h.

  /// All that is to be written when this block becomes final, on top of the final one.
  WriteBatch batch() const;
  /// The parent's changes are in the base: `tip` is the state of the last final block.
  void rebase(std::shared_ptr<const BlockState> tip);
  /// Puts this block's changes into the base's memory.
  void apply_to_base() const;
  const std::shared_ptr<const BlockState>& parent() const { return parent_; }

  std::size_t memory_bytes() const;

 private:
  struct Change {
    Utxo utxo;
    bool is_created = false;  // by this block
    bool is_spent = false;
    Hash spender{};
  };
  using Changes = std::unordered_map<OutPoint, Change, OutPointHash>;  // lookup only

  FinalBase* base_;
  std::shared_ptr<const BlockState> parent_;  // empty: this is the final one
  Height height_;
  Changes changes_;
  std::vector<OutPoint> touched_;  // keys of changes_, in the order of the block
  std::shared_ptr<TxoView> txos_;
  Registry registry_;
  Supply supply_;
};

/// "tip": what a restart begins with.
struct TipRecord {
  Height height;
  Supply supply;
  std::uint64_t txo_count = 0;
  std::vector<Hash> frontier;  // peaks of the unfinished chunk
  Hash txo_root{};
};
Bytes encode(const TipRecord& tip);
Result<TipRecord> decode_tip(ByteView bytes);
inline constexpr std::string_view tip_key = "tip";

}  // namespace kith::ledger
