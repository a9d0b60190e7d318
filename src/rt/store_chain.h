// Final state on disk: ledger::Store over RocksDB, and beside it the hashes of all outputs in one
// append-only file.
//
//   <folder>/state/      RocksDB; a key is the table's byte and the ledger's key
//   <folder>/leaves.dat  4096 bytes of header, then 32 bytes a leaf
//
// One column family: one memtable then holds the memory to its limit and one write-ahead log is all
// that a batch touches; families would each want buffers of their own, and keep each other's logs.
// Values are not compressed: they are keys, hashes and amounts.
//
// A batch: leaves first, synced, then one RocksDB batch, synced, that also says how many leaves
// there are. Opening cuts off leaves that no batch counted. The leaf file's header says, one batch
// late, up to which height batches were durable: a state that has gone back behind it, which
// RocksDB's own recovery would let pass, is an error, since votes about those blocks are gone.
//
// An import (ledger/store.h) is a second state of the same make in <folder>/import/, without a
// write-ahead log and without compactions: what a crash keeps of it are some first batches, which
// say how many they are. Adopting it is a mark (<folder>/ADOPT), then renames; opening goes on with
// what a crash left undone. Snapshots are in <folder>/snapshots/ (rt/snapshot_files.h).
//
// Errors: `locked` (another process), `malformed` (damage; names the folder), `io`. After an error
// of write() every further one fails: opening anew finds out what is there.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ledger/store.h"
#include "rt/snapshot_files.h"

namespace kith::rt {

struct ChainStoreConfig {
  /// Blocks, indexes and filters read, and write buffers, all together.
  std::size_t memory_bytes = 64 * 1024 * 1024;
  /// Of `memory_bytes`, one write buffer; there are two. At most an eighth each is sensible.
  std::size_t write_buffer_bytes = 8 * 1024 * 1024;
  /// One write buffer of an import; there are two, beside `memory_bytes`.
  std::size_t import_buffer_bytes = 64 * 1024 * 1024;
};

class ChainStore final : public ledger::Store {
 public:
  /// Makes the folder if need be.
  static Result<std::unique_ptr<ChainStore>> open(std::string folder, ChainStoreConfig config = {});
  ~ChainStore() override;

  // Any thread.
  Result<std::optional<Bytes>> get(ledger::Table table, ByteView key) const override;
  Result<void> scan(ledger::Table table, const Visit& visit) const override;
  Result<std::optional<Bytes>> scan_from(ledger::Table table, ByteView from, std::size_t limit,
                                         const Visit& visit) const override;
  /// Leaf hashes first … first + count − 1. `usage` beyond leaf_count().
  Result<std::vector<ledger::Hash>> leaves(std::uint64_t first, std::size_t count) const override;
  std::shared_ptr<const ledger::Store> freeze() const override;
  std::shared_ptr<const ledger::Store> import() const override;
  ledger::SnapshotShelf* shelf() const override { return shelf_.get(); }
  void reclaim(ledger::Table table, ByteView from, ByteView to) const override;
  std::uint64_t disk_bytes() const override;
  const std::string& folder() const { return folder_; }
  std::uint64_t leaf_count() const;
  /// Of the last batch; nothing before the first.
  std::optional<ledger::Height> height() const;

  /// Returns when the batch is durable, whole. One thread at a time. `usage`: leaves at a place
  /// that is not the end, or a height below the last one.
  Result<void> write(const ledger::WriteBatch& batch);
  /// Gives back the space of what was deleted. Blocks, for long when there is much: for tools;
  /// what the store does by itself comes after a while to the same.
  Result<void> compact();

 private:
  struct Inside;
  class View;
  ChainStore(std::string folder, ChainStoreConfig config);
  std::shared_ptr<Inside> now() const;
  std::shared_ptr<Inside> importing() const;
  Result<void> open_state();
  void open_import();
  Result<void> write_import(const ledger::WriteBatch& batch);
  Result<void> adopt();
  Result<void> drop_import();

  const std::string folder_;
  const ChainStoreConfig config_;
  mutable std::mutex mutex_;
  std::shared_ptr<Inside> inside_;  // under the mutex
  std::shared_ptr<Inside> import_;  // the same; null: there is none
  std::unique_ptr<SnapshotFiles> shelf_;
};

}  // namespace kith::rt
