// A Store that keeps everything in memory: for tests, benchmarks and the simulator's nodes without
// a disk. The same records as RocksDB holds, so that what works here is what is written there.
#pragma once

#include <map>

#include "ledger/store.h"

namespace kith::ledger {

class MemoryStore final : public Store {
 public:
  MemoryStore();

  Result<std::optional<Bytes>> get(Table table, ByteView key) const override;
  Result<void> scan(Table table, const Visit& visit) const override;
  Result<std::optional<Bytes>> scan_from(Table table, ByteView from, std::size_t limit,
                                         const Visit& visit) const override;
  Result<std::vector<Hash>> leaves(std::uint64_t first, std::size_t count) const override;

  void write(const WriteBatch& batch);

  std::shared_ptr<const Store> freeze() const override;
  std::shared_ptr<const Store> import() const override { return import_; }
  SnapshotShelf* shelf() const override;

  std::size_t size(Table table) const;
  const std::vector<Hash>& leaves() const { return leaves_; }
  friend bool operator==(const MemoryStore& a, const MemoryStore& b) {
    return a.records_ == b.records_ && a.leaves_ == b.leaves_;
  }

 private:
  std::map<Table, std::map<Bytes, Bytes>> records_;
  std::vector<Hash> leaves_;
  std::shared_ptr<MemoryStore> import_;
  std::shared_ptr<SnapshotShelf> shelf_;
};

}  // namespace kith::ledger
