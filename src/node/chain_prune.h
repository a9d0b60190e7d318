// What a chain keeps of its past. One policy for all of it: `retain_blocks` blocks, their
// certificates, where they and their transactions are found, and who spent what in them. What stays
// for ever: the last header of each epoch with its certificate and the validators of the next one
// (light clients and snapshots need them), and the history's Merkle nodes.
//
// Pruning follows the chain: with each block a few old ones go in the same batch, read before by a
// job. Space comes back by the store's own compactions, which look for deletions, and every
// `reclaim_blocks` by one over what is ordered by height.
#pragma once

#include <memory>
#include <optional>

#include "host/world_chain.h"
#include "node/chain_store.h"

namespace kith::node {

struct ChainKeeping {
  /// 0: all. Else these many and at least `retain_blocks_min`.
  std::uint64_t retain_blocks = 0;
  /// A snapshot every so many epochs; 0: none.
  std::uint64_t snapshot_interval = 1;
  /// Who is so far behind takes a snapshot when somebody offers one; 0: only when nobody has the
  /// blocks any more.
  std::uint64_t snapshot_behind = 10'000;
  /// Bytes a second of blocks, and as many of snapshots, to all peers together; 0: any.
  std::uint64_t serve_rate = 64 * 1024 * 1024;
};

/// Consensus gives blocks to who lags by less.
inline constexpr std::uint64_t retain_blocks_min = 64;
inline constexpr std::uint64_t prune_blocks_max = 128;  // with one new block
inline constexpr std::uint64_t reclaim_blocks = 4096;

/// Finds all that goes with blocks `from` to before `to`.
class PruneJob final : public host::Job {
 public:
  struct Pruned {
    std::vector<WriteBatch::Record> records;
    Height floor;  // from now on
  };
  PruneJob(const Store& store, Height from, Height to) : store_(store), from_(from), to_(to) {}
  void run() override;
  /// An error is the disk's.
  Result<Pruned>& result() { return result_; }

 private:
  const Store& store_;
  const Height from_;
  const Height to_;
  Result<Pruned> result_ = Pruned{};
};

/// Gives back the space of the blocks before `floor`.
class ReclaimJob final : public host::Job {
 public:
  ReclaimJob(const Store& store, Height floor) : store_(store), floor_(floor) {}
  void run() override;

 private:
  const Store& store_;
  const Height floor_;
};

}  // namespace kith::node
