#include "ledger/memory_shelf.h"

#include "base/format.h"

namespace kith::ledger {

Result<void> MemoryShelf::begin(Height height) {
  making_ = height;
  unfinished_ = {};
  heaps_.clear();
  return {};
}

Result<void> MemoryShelf::spill(std::uint32_t heap, ByteView bytes) {
  base::append(heaps_[heap], bytes);
  return {};
}

Result<Bytes> MemoryShelf::take_spill(std::uint32_t heap) {
  auto found = heaps_.extract(heap);
  return found.empty() ? Bytes() : std::move(found.mapped());
}

Result<void> MemoryShelf::put(ByteView part) {
  unfinished_.parts.push_back(base::to_bytes(part));
  return {};
}

Result<void> MemoryShelf::finish(ByteView manifest) {
  unfinished_.manifest = base::to_bytes(manifest);
  kept_[making_] = std::move(unfinished_);
  unfinished_ = {};
  return {};
}

std::vector<Height> MemoryShelf::list() const {
  std::vector<Height> heights;
  for (const auto& [height, kept] : kept_) heights.push_back(height);
  return heights;
}

Result<Bytes> MemoryShelf::manifest(Height height) const {
  const auto found = kept_.find(height);
  if (found == kept_.end()) {
    return fail(Code::not_found, base::format("no snapshot of height {}", height.value));
  }
  return found->second.manifest;
}

Result<Bytes> MemoryShelf::part(Height height, std::uint64_t index) const {
  const auto found = kept_.find(height);
  if (found == kept_.end() || index >= found->second.parts.size()) {
    return fail(Code::not_found,
                base::format("no part {} of a snapshot of height {}", index, height.value));
  }
  return found->second.parts[static_cast<std::size_t>(index)];
}

}  // namespace kith::ledger
