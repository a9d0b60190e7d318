// A sparse Merkle tree: 32-byte keys to 32-byte hashes of values, with proofs that a key is there
// with a value, or is not there (docs/protocol/ledger.md, Commitments). The key's bits, the most
// significant first, are the way down. A subtree of no leaf is 32 zeros, a subtree of one leaf is
// that leaf, any other is the hash of its halves: the root depends on the content alone, and a
// proof has about log2 n siblings. An empty tree's root is 32 zeros.
//
// SparseTree's nodes are shared and never change: a copy is a snapshot, made in O(1). Keys should
// be hashes: whoever chooses them freely can make paths of up to 256.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "codec/chain.h"

namespace kith::codec {

inline constexpr std::size_t sparse_depth_max = 256;

Hash sparse_leaf(const Hash& key, const Hash& value);
Hash sparse_node(const Hash& left, const Hash& right);

struct SparseEntry {
  Hash key{};
  Hash value{};
  friend bool operator==(const SparseEntry&, const SparseEntry&) = default;
};

struct SparseProof {
  /// What stands where the way of the key ends: the key's own leaf, the leaf of another key, or
  /// nothing.
  std::optional<SparseEntry> end;
  /// From the top down; zeros for an empty one, never the last.
  std::vector<Hash> siblings;
  friend bool operator==(const SparseProof&, const SparseProof&) = default;
};

inline constexpr std::size_t sparse_proof_bytes_max =
    1 + 64 + 2 + sparse_depth_max / 8 + 32 * sparse_depth_max;

/// At most sparse_depth_max siblings, the last not empty: ASSERTed.
Bytes encode_sparse_proof(const SparseProof& proof);
Result<SparseProof> decode_sparse_proof(ByteView bytes);
/// The value of `key` under `root`, or that it has none.
Result<std::optional<Hash>> verify_sparse_proof(const Hash& root, const Hash& key,
                                                const SparseProof& proof);

class SparseTree {
 public:
  /// Puts the key in, or gives it another value.
  void insert(const Hash& key, const Hash& value);
  /// Whether it was there.
  bool erase(const Hash& key);
  std::optional<Hash> find(const Hash& key) const;
  std::size_t size() const { return size_; }
  Hash root() const;
  SparseProof prove(const Hash& key) const;

 private:
  struct Node;
  using Link = std::shared_ptr<const Node>;

  static Hash hash_of(const Link& link);
  static Link make_leaf(const Hash& key, const Hash& value);
  static Link make_fork(Link left, Link right);
  static Link make_split(std::size_t depth, const Link& leaf, const Link& added);
  static Link inserted(const Link& link, std::size_t depth, const Link& leaf);
  static Link erased(const Link& link, std::size_t depth, const Hash& key);

  Link top_;
  std::size_t size_ = 0;
};

}  // namespace kith::codec
