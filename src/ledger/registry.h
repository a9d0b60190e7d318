// The validators of a state, active or not, by key, its entries by kind (entries.h), and the sparse
// tree that the header's registry root is the root of: under the hash of a validator's key the hash
// of its entry, likewise of an entry by kind, and under a name of its own the supply. Grammar:
// docs/protocol/ledger.md, "Validators"; accounts.md, "Entries".
//
// A value: a block that is not final yet copies its parent's and changes the copy. Entries are
// shared between copies, and so are the tree's nodes.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "codec/chain_sparse.h"
#include "codec/chain_validator.h"
#include "ledger/entries.h"
#include "ledger/supply.h"

namespace kith::ledger {

using codec::ChainKey;
using codec::ValidatorEntry;
using codec::ValidatorStatus;

class Registry {
 public:
  using Entries = std::map<ChainKey, std::shared_ptr<const ValidatorEntry>>;

  const ValidatorEntry* find(const ChainKey& key) const;
  const Entries& entries() const { return entries_; }
  void put(ValidatorEntry entry);
  void erase(const ChainKey& key);

  const ledger::Entries& by_kind() const { return by_kind_; }
  ledger::Entries& change_by_kind() { return by_kind_; }

  /// The root over all entries and `supply`.
  const codec::Hash& settle(const Supply& supply);
  /// As settle() left it.
  const codec::SparseTree& tree() const { return tree_; }

  /// Keys put or erased since begin(): what a batch has to write.
  const std::set<ChainKey>& changed() const { return changed_; }
  std::vector<EntryKey> changed_by_kind() const { return by_kind_.changed_since(begun_); }
  void begin() {
    changed_.clear();
    begun_ = by_kind_;
  }

 private:
  Entries entries_;
  std::set<ChainKey> changed_;
  std::set<ChainKey> unhashed_;
  ledger::Entries by_kind_;
  ledger::Entries begun_;   // as at begin()
  ledger::Entries hashed_;  // as in the tree
  codec::SparseTree tree_;
  codec::Hash root_{};
};

/// Where an entry stands in the tree.
codec::Hash registry_key_of(const ChainKey& validator);
codec::Hash registry_key_of_supply();

}  // namespace kith::ledger
