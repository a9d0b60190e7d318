// A SnapshotShelf in memory: for tests and the simulator, one thread at a time.
#pragma once

#include <map>

#include "ledger/snapshot_shelf.h"

namespace kith::ledger {

class MemoryShelf final : public SnapshotShelf {
 public:
  Result<void> begin(Height height) override;
  Result<void> spill(std::uint32_t heap, ByteView bytes) override;
  Result<Bytes> take_spill(std::uint32_t heap) override;
  Result<void> put(ByteView part) override;
  Result<void> finish(ByteView manifest) override;
  std::vector<Height> list() const override;
  Result<Bytes> manifest(Height height) const override;
  Result<Bytes> part(Height height, std::uint64_t index) const override;
  void drop(Height height) override { kept_.erase(height); }

 private:
  struct Kept {
    Bytes manifest;
    std::vector<Bytes> parts;
  };
  Height making_;
  Kept unfinished_;
  std::map<std::uint32_t, Bytes> heaps_;
  std::map<Height, Kept> kept_;
};

}  // namespace kith::ledger
