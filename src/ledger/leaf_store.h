// The leaf hashes of all outputs ever made (ledger/txo_tree.h), for whoever proves: a Store that
// keeps them is this too. Its own face, since only proofs read them. Limits: the caller's.
#pragma once

#include <vector>

#include "codec/chain.h"

namespace kith::ledger {

class LeafStore {
 public:
  virtual ~LeafStore() = default;
  /// Leaf hashes first ... first + count - 1; any thread. `usage` beyond the last one.
  virtual Result<std::vector<codec::Hash>> leaves(std::uint64_t first, std::size_t count) const = 0;
};

}  // namespace kith::ledger
