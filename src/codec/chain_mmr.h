// A Merkle mountain range: the Merkle list of chain_merkle.h for a list that only grows, such as
// the digests of all blocks. It keeps the roots of its full subtrees ("peaks", O(log n) of them),
// and root() is merkle_root() of all that was appended: the peaks are joined from the right, which
// is RFC 6962's shape. So proofs, their bytes and their verification are those of chain_merkle.h.
//
// Nodes may live in a store: append() reports the new ones, prove_mmr() asks for old ones. Node
// (level, index) is the root of the full subtree over entries index * 2^level and on; level 0 is
// merkle_leaf(entry). None ever changes. docs/protocol/ledger.md, Commitments.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "codec/chain_merkle.h"

namespace kith::codec {

struct MmrNode {
  std::size_t level = 0;
  std::uint64_t index = 0;
  Hash hash{};
  friend bool operator==(const MmrNode&, const MmrNode&) = default;
};

class Mmr {
 public:
  std::uint64_t count() const { return count_; }
  Hash root() const;
  /// The nodes that are complete by it, from the leaf up; 2 a call on average. count() is below
  /// merkle_count_max before.
  std::vector<MmrNode> append(const Hash& entry);

  /// count u64, then the peaks, the largest first.
  Bytes encode() const;
  static Result<Mmr> decode(ByteView bytes);

  friend bool operator==(const Mmr&, const Mmr&) = default;

 private:
  std::uint64_t count_ = 0;
  std::vector<Hash> peaks_;  // one for each 1 bit of count_, the largest first
};

using MmrLookup = std::function<Result<Hash>(std::size_t level, std::uint64_t index)>;
/// The proof of entry `index` when there were `count`, whatever came after; O(log count) look-ups,
/// whose errors are passed on.
Result<MerkleProof> prove_mmr(std::uint64_t index, std::uint64_t count, const MmrLookup& node);

}  // namespace kith::codec
