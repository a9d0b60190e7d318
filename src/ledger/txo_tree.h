// The commitment to all outputs ever created and to which of them are unspent: consensus.md 5,
// bytes in docs/protocol/ledger.md (Commitments), hashes and proofs in codec/chain_txo_proof.h.
//
// TxoTree is the finalized state: a bitmap, the leaf root and node of every chunk of 256 outputs,
// and the tree above them, half a byte an output. It keeps no leaf hashes; they leave through the
// deltas for an append-only file, and whoever proves hands a chunk's back. TxoView is a block that
// is not final yet: an overlay over the tree or over another view, so that views are a tree of
// forks.
//
// Lifetimes. A view reads the tree and its parents: the tree outlives its views and does not move,
// a view shares its parent, and nobody changes a view once another stands on it. What a view says
// is absolute (new bitmaps and nodes, not differences), so when a block is final: tree.apply(its
// delta), then rebase() each of its children, and drop it and every fork beside it. Descendants are
// right before, between and after these steps; forks beside it are not any more. Not thread-safe:
// views may be read on many threads, but not while the tree applies.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "codec/chain_txo_proof.h"

namespace kith::ledger {

using codec::Hash;
using codec::TxoBitmap;

/// The leaves of the unfinished last chunk, rolled up: the root of every full subtree on its left,
/// one for each 1 bit of the number of leaves, the largest first.
class TxoFrontier {
 public:
  void push(const Hash& leaf);
  /// The number of leaves, 0 to 255 after a finished chunk is taken out, 256 before.
  std::size_t count() const { return count_; }
  /// The root with the absent leaves as zeros.
  Hash root() const;
  const std::vector<Hash>& peaks() const { return peaks_; }
  static Result<TxoFrontier> of(std::size_t count, std::vector<Hash> peaks);
  friend bool operator==(const TxoFrontier&, const TxoFrontier&) = default;

 private:
  std::size_t count_ = 0;
  std::vector<Hash> peaks_;
};

struct TxoChunk {
  Hash leaf_root{};
  TxoBitmap bitmap{};
  friend bool operator==(const TxoChunk&, const TxoChunk&) = default;
};

/// All that a view adds to what it stands on, in the order of indices.
struct TxoDelta {
  template <class T>
  struct At {
    std::uint64_t index = 0;
    T value{};
    friend bool operator==(const At&, const At&) = default;
  };

  Hash root_before{};
  Hash root_after{};
  std::uint64_t first_index = 0;  // of `leaves`
  std::vector<Hash> leaves;       // appended, for the append-only file
  std::vector<std::uint64_t> spent;
  std::vector<At<TxoChunk>> chunks;          // changed ones, as they are now
  std::vector<std::vector<At<Hash>>> nodes;  // by level: 0 the chunk nodes, the last one the top
  TxoFrontier frontier;

  std::uint64_t size() const { return first_index + leaves.size(); }
  std::size_t memory_bytes() const;
};

class TxoTree {
 public:
  TxoTree();
  // Views point at it.
  TxoTree(TxoTree&&) = default;
  TxoTree& operator=(TxoTree&&) = default;

  std::uint64_t size() const { return size_; }
  const Hash& root() const { return root_; }
  /// False beyond the size.
  bool is_unspent(std::uint64_t index) const;

  /// `delta.root_before` is root(): ASSERTed, since finality has one order.
  void apply(const TxoDelta& delta);

  /// The parts of a proof. `chunk` below txo_chunk_count(size()), 0 for the chunk of no outputs.
  const TxoChunk& chunk(std::uint64_t chunk) const;
  std::vector<Hash> upper_siblings(std::uint64_t chunk) const;
  /// A proof for output `index` out of its chunk's leaf hashes: 256, or what the last chunk has.
  /// Leaves that are not the chunk's are an error (a damaged file).
  Result<codec::TxoProof> prove(std::uint64_t index, std::span<const Hash> chunk_leaves) const;

  /// For a restart. Decoding rebuilds the nodes; whether root() is the one of the last final block
  /// is the caller's to check, as is the cap on the bytes.
  Bytes encode() const;
  static Result<TxoTree> decode(ByteView bytes);

  std::size_t memory_bytes() const;

 private:
  friend class TxoView;
  void rebuild();

  std::uint64_t size_ = 0;
  std::vector<TxoChunk> chunks_;           // one, empty, when there is no output
  std::vector<std::vector<Hash>> levels_;  // 0 the chunk nodes, the last one the top; unpadded
  TxoFrontier frontier_;
  Hash root_{};
};

class TxoView {
 public:
  explicit TxoView(const TxoTree& base);
  /// Takes the parent's root() as its start: ASSERTs that it was computed since the last change.
  explicit TxoView(std::shared_ptr<const TxoView> parent);

  /// The index of the new output, unspent. txo_size_max is out of reach.
  std::uint64_t append(const Hash& leaf);
  /// `not_found` beyond the size, `refused` when spent already.
  Result<void> spend(std::uint64_t index);
  bool is_unspent(std::uint64_t index) const;
  std::uint64_t size() const { return delta_.size(); }

  /// Hashes what changed: O(changes * log n) after a change, free when there was none.
  const Hash& root();
  /// With root() computed.
  const TxoDelta& delta();

  /// The parent's delta has been applied to the tree: let go of it.
  void rebase();

  std::size_t memory_bytes() const;

 private:
  const TxoChunk* find_chunk(std::uint64_t chunk) const;
  const Hash& find_node(std::size_t level, std::uint64_t index) const;
  /// The chunk as this view may change it.
  TxoChunk& draft(std::uint64_t chunk);
  void settle_chunks();
  void settle_level(std::size_t level, std::uint64_t count_below);

  const TxoTree* base_;
  std::shared_ptr<const TxoView> parent_;
  TxoDelta delta_;
  /// Where a changed chunk stands in delta_.chunks.
  std::unordered_map<std::uint64_t, std::size_t> slots_;  // lookup only
  bool settled_ = true;
};

}  // namespace kith::ledger
