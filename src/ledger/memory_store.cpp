#include "ledger/memory_store.h"

#include "base/assert.h"
#include "ledger/memory_shelf.h"

namespace kith::ledger {

MemoryStore::MemoryStore() : shelf_(std::make_shared<MemoryShelf>()) {}

SnapshotShelf* MemoryStore::shelf() const { return shelf_.get(); }

std::shared_ptr<const Store> MemoryStore::freeze() const {
  return std::make_shared<const MemoryStore>(*this);
}

Result<std::optional<Bytes>> MemoryStore::get(Table table, ByteView key) const {
  const auto records = records_.find(table);
  if (records == records_.end()) return std::nullopt;
  const auto found = records->second.find(base::to_bytes(key));
  if (found == records->second.end()) return std::nullopt;
  return found->second;
}

Result<void> MemoryStore::scan(Table table, const Visit& visit) const {
  const auto records = records_.find(table);
  if (records == records_.end()) return {};
  for (const auto& [key, value] : records->second) visit(key, value);
  return {};
}

Result<std::optional<Bytes>> MemoryStore::scan_from(Table table, ByteView from, std::size_t limit,
                                                    const Visit& visit) const {
  const auto records = records_.find(table);
  if (records == records_.end()) return std::nullopt;
  for (auto at = records->second.lower_bound(base::to_bytes(from)); at != records->second.end();
       ++at) {
    if (limit-- == 0) return at->first;
    visit(at->first, at->second);
  }
  return std::nullopt;
}

Result<std::vector<Hash>> MemoryStore::leaves(std::uint64_t first, std::size_t count) const {
  if (first > leaves_.size() || count > leaves_.size() - first) {
    return fail(Code::usage, "leaves beyond the last one");
  }
  const auto from = leaves_.begin() + static_cast<std::ptrdiff_t>(first);
  return std::vector<Hash>(from, from + static_cast<std::ptrdiff_t>(count));
}

void MemoryStore::write(const WriteBatch& batch) {
  switch (batch.target) {
    case BatchTarget::state: break;
    case BatchTarget::import_anew:
    case BatchTarget::import: {
      const bool is_anew = batch.target == BatchTarget::import_anew || import_ == nullptr;
      if (is_anew) import_ = std::make_shared<MemoryStore>();
      WriteBatch inner = batch;
      inner.target = BatchTarget::state;
      return import_->write(inner);
    }
    case BatchTarget::adopt:
      ASSERT(import_ != nullptr);
      records_ = std::move(import_->records_);
      leaves_ = std::move(import_->leaves_);
      [[fallthrough]];
    case BatchTarget::drop: import_.reset(); return;
  }
  for (const WriteBatch::Record& record : batch.records) {
    if (record.value) {
      records_[record.table][record.key] = *record.value;
    } else {
      records_[record.table].erase(record.key);
    }
  }
  ASSERT(batch.first_leaf == leaves_.size());
  leaves_.insert(leaves_.end(), batch.leaves.begin(), batch.leaves.end());
}

std::size_t MemoryStore::size(Table table) const {
  const auto records = records_.find(table);
  return records == records_.end() ? 0 : records->second.size();
}

}  // namespace kith::ledger
