// The blocks of an epoch that are not final yet, and the last one that is: by digest, with what is
// known of them. A block is checked once its parent is known to be good.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "codec/chain_block.h"

namespace kith::consensus {

using codec::BlockPtr;
using codec::Hash;
using codec::Height;

class BlockPool {
 public:
  enum class State : std::uint8_t { unchecked, checking, good, bad };
  struct Entry {
    BlockPtr block;
    State state = State::unchecked;
    bool is_logged = false;
  };

  Entry* find(const Hash& digest);
  const Entry* find(const Hash& digest) const;
  bool is_good(const Hash& digest) const;
  /// The entry that is there, or a new one.
  Entry& add(const BlockPtr& block);
  /// Unchecked blocks on this parent.
  std::vector<BlockPtr> waiting_for(const Hash& parent) const;
  /// Lets everything at or below `height` go, but the block `kept`.
  void prune(Height height, const Hash& kept);
  /// Lets go what is above `height` and does not stand on `final`, the block of that height, as far
  /// as one can see.
  void drop_branches_beside(const Hash& final, Height height);

  const std::map<Hash, Entry>& all() const { return entries_; }
  /// Of bodies.
  std::size_t bytes() const { return bytes_; }

 private:
  std::map<Hash, Entry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace kith::consensus
