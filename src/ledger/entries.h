// Entries of a state by kind and id (codec/chain_entry.h): a value that is copied in O(1) and
// changed in O(log n), so that a block has its own, and so has each transaction on its way into a
// block: a copy is a draft, assigning it back commits. What differs between two of them, which a
// batch has to write and the registry's tree to hash anew, is found without a list of changes.
//
// A persistent radix tree over kind and id, in order: its shape follows from what is in it,
// whatever the order of changes, and nodes are shared between copies and never change. All of it is
// in memory: about 350 bytes an entry beside its own. No limit here; each entry is paid or bonded
// for.
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "codec/chain_entry.h"
#include "codec/chain_sparse.h"

namespace kith::ledger {

using codec::EntryKind;

struct EntryKey {
  EntryKind kind{};
  Bytes id;
  friend auto operator<=>(const EntryKey&, const EntryKey&) = default;
};

class Entries {
 public:
  /// Null: there is none.
  std::shared_ptr<const Bytes> find(EntryKind kind, ByteView id) const;
  bool contains(EntryKind kind, ByteView id) const { return find(kind, id) != nullptr; }
  /// `id` is of the kind's size, the entry not empty and at most entry_bytes_max: ASSERTed.
  void put(EntryKind kind, ByteView id, Bytes entry);
  /// Whether it was there.
  bool erase(EntryKind kind, ByteView id);
  std::size_t size() const { return size_; }

  /// Those of `kind` whose id begins with `prefix`, by id, ascending, until `see` says false. The
  /// walk is over what is here when it begins, whatever is put or erased meanwhile.
  using See = std::function<bool(ByteView id, const std::shared_ptr<const Bytes>& entry)>;
  void visit(EntryKind kind, ByteView prefix, const See& see) const;

  /// What has another value here than in `before`, or is in one of the two only; ascending. Costs
  /// what differs, when one came from the other.
  std::vector<EntryKey> changed_since(const Entries& before) const;

 private:
  struct Node;
  using Link = std::shared_ptr<const Node>;
  struct Tree;  // what is done with links

  Link top_;
  std::size_t size_ = 0;
};

/// Brings a registry's tree that has the leaves of `before` to those of `now`.
void rehash(codec::SparseTree& tree, const Entries& before, const Entries& now);

}  // namespace kith::ledger
