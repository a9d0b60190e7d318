// Making a snapshot of the state after the last block of an epoch (codec/chain_snapshot.h): a job
// in small steps, over a frozen view of the store, so that the node goes on meanwhile.
//
// The store has outputs by name, a snapshot has them by number: each step of the first half reads
// some and lays them on heaps of 16 parts each, each step of the second half sorts a heap, or makes
// one part of it. Memory: the chunks' roots, one heap, and what waits for the heaps.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "codec/chain_snapshot.h"
#include "host/world_chain.h"
#include "ledger/snapshot_shelf.h"
#include "ledger/state_tree.h"
#include "node/chain_store.h"

namespace kith::node {

inline constexpr std::size_t snapshots_kept = 2;

class MakeSnapshotJob final : public host::Job {
 public:
  /// `state` is frozen at `last`, the last block of an epoch, whose history is that of all before.
  MakeSnapshotJob(std::shared_ptr<const Store> state, ledger::SnapshotShelf& shelf,
                  FinalHeader last, codec::Mmr history);
  /// One step.
  void run() override;

  bool is_done() const { return is_done_; }
  const Result<void>& result() const { return result_; }
  Height height() const { return last_.header.height; }
  std::uint64_t outputs() const { return unspent_; }

 private:
  Result<void> step();
  Result<void> begin();
  Result<void> read_some();
  Result<void> spill(std::uint32_t heap);
  Result<void> take_heap();
  Result<void> make_part();
  Result<codec::SnapshotChunk> make_chunk(std::uint64_t chunk);
  Result<void> finish();

  std::shared_ptr<const Store> state_;
  ledger::SnapshotShelf& shelf_;
  const FinalHeader last_;
  const codec::Mmr history_;
  std::unique_ptr<ledger::StateTree> tree_;
  std::optional<Bytes> at_ = Bytes{};  // where reading goes on
  std::map<std::uint32_t, Bytes> heaps_;
  std::size_t waiting_ = 0;  // bytes in them
  std::uint64_t unspent_ = 0;
  std::uint64_t part_ = 0;
  std::optional<std::uint32_t> heap_;  // the one that is sorted
  std::vector<codec::SnapshotOutput> sorted_;
  std::size_t next_ = 0;  // of sorted_
  bool is_done_ = false;
  Result<void> result_;
};

}  // namespace kith::node
