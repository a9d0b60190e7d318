// Where finalized state lives beneath the ledger: reads by name, and one atomic batch a block for
// writing. rt/ implements it over RocksDB, the simulator over a faulty disk, tests in memory
// (memory_store.h); the bytes are the same everywhere (docs/protocol/ledger.md, "Stored state").
//
// A batch is a value: whoever holds the store writes it, whole or not at all, and only then tells
// the ledger that the block is final (state_tree.h). Every value begins with a format byte.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "codec/chain_utxo.h"

namespace kith::ledger {

using codec::Amount;
using codec::ChainKey;
using codec::Hash;
using codec::Height;
using codec::OutPoint;
using codec::Utxo;

/// Key spaces. In files: never renumber.
enum class Table : std::uint8_t {
  meta = 0,       // "tip"
  utxo = 1,       // outpoint -> Utxo
  spent = 2,      // outpoint -> Spend; an index, which may be pruned
  validator = 3,  // key -> ValidatorEntry
  txo_chunk = 4,  // u64 -> 64 bytes: leaf root and bitmap
  entry = 5,      // u8(kind) id -> entry
};

/// Who spent an output, in a final block, and what it was.
struct Spend {
  Hash txid{};
  Height height;
  codec::TxOutput output;
  friend bool operator==(const Spend&, const Spend&) = default;
};
Bytes encode(const Spend& spend);
Result<Spend> decode_spend(ByteView bytes);

/// What a batch changes. Beside the state a store may hold an import: another state of the same
/// chain that is being put together (node/snapshot_import.h), until it takes the state's place.
enum class BatchTarget : std::uint8_t {
  state,
  import_anew,  // an empty import, then this
  import,
  adopt,  // the import becomes the state, what that was goes; the batch itself is empty
  drop,   // the import goes; the batch is empty
};

class SnapshotShelf;

struct WriteBatch {
  struct Record {
    Table table = Table::meta;
    Bytes key;
    std::optional<Bytes> value;  // empty: the key goes
    friend bool operator==(const Record&, const Record&) = default;
  };

  BatchTarget target = BatchTarget::state;
  Height height;
  std::vector<Record> records;  // none of one key twice
  /// For the append-only file of leaf hashes, at this place.
  std::uint64_t first_leaf = 0;
  std::vector<Hash> leaves;
};

class Store {
 public:
  using Visit = std::function<void(ByteView key, ByteView value)>;

  virtual ~Store() = default;
  /// The value, or nothing. An error is the disk's: `io`, and nothing else that a block or a
  /// transaction may be refused for.
  virtual Result<std::optional<Bytes>> get(Table table, ByteView key) const = 0;
  /// All of a table in the order of keys: for start-up and tools.
  virtual Result<void> scan(Table table, const Visit& visit) const = 0;

  // What a store in memory, or of a test, may do without.

  /// Leaf hashes first … first + count − 1.
  virtual Result<std::vector<Hash>> leaves(std::uint64_t first, std::size_t count) const;
  /// At most `limit` records from `from` on; gives the key to go on from, nothing at the end.
  virtual Result<std::optional<Bytes>> scan_from(Table table, ByteView from, std::size_t limit,
                                                 const Visit& visit) const;
  /// The state as it is now, whatever is written later; for a job that reads all of it. Null: this
  /// store cannot.
  virtual std::shared_ptr<const Store> freeze() const { return nullptr; }
  /// The import, when there is one.
  virtual std::shared_ptr<const Store> import() const { return nullptr; }
  /// Where snapshots are kept; null: nowhere.
  virtual SnapshotShelf* shelf() const { return nullptr; }
  /// Gives back the space of records from `from` to before `to` that were deleted. Slow, any
  /// thread.
  virtual void reclaim(Table, ByteView, ByteView) const {}
  /// What it takes on disk, about; cheap.
  virtual std::uint64_t disk_bytes() const { return 0; }
};

/// Damaged records are `io` too.
Result<std::optional<Utxo>> find_utxo(const Store& store, const OutPoint& outpoint);
Result<std::optional<Spend>> find_spend(const Store& store, const OutPoint& outpoint);

}  // namespace kith::ledger
