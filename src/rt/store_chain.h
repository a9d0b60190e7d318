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
// Errors: `locked` (another process), `malformed` (damage; names the folder), `io`. After an error
// of write() every further one fails: opening anew finds out what is there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/leaf_store.h"
#include "ledger/store.h"

namespace kith::rt {

struct ChainStoreConfig {
  /// Blocks, indexes and filters read, and write buffers, all together.
  std::size_t memory_bytes = 64 * 1024 * 1024;
  /// Of `memory_bytes`, one write buffer; there are two. At most an eighth each is sensible.
  std::size_t write_buffer_bytes = 8 * 1024 * 1024;
};

class ChainStore final : public ledger::Store, public ledger::LeafStore {
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
  explicit ChainStore(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace kith::rt
