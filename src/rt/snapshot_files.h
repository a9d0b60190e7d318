// Snapshots as files (ledger/snapshot_shelf.h):
//
//   <folder>/<height>/manifest   as it is sent
//   <folder>/<height>/parts      one behind the other
//   <folder>/<height>/index      u64 where each part begins, and where the last one ends
//   <folder>/making/             what is unfinished, and its heaps; goes with the next begin()
//
// A folder of its height is there once all in it is durable. Reads are of any thread.
#pragma once

#include <atomic>
#include <string>

#include "ledger/snapshot_shelf.h"
#include "rt/os.h"

namespace kith::rt {

class SnapshotFiles final : public ledger::SnapshotShelf {
 public:
  /// Touches nothing yet.
  explicit SnapshotFiles(std::string folder) : folder_(std::move(folder)) {}

  Result<void> begin(ledger::Height height) override;
  Result<void> spill(std::uint32_t heap, ByteView bytes) override;
  Result<Bytes> take_spill(std::uint32_t heap) override;
  Result<void> put(ByteView part) override;
  Result<void> finish(ByteView manifest) override;

  std::vector<ledger::Height> list() const override;
  Result<Bytes> manifest(ledger::Height height) const override;
  Result<Bytes> part(ledger::Height height, std::uint64_t index) const override;
  void drop(ledger::Height height) override;

  /// Of all that are finished, as of the last begin(), finish() or drop().
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::string making() const { return folder_ + "/making"; }
  std::string of(ledger::Height height) const;
  void count();

  const std::string folder_;
  ledger::Height height_;
  Fd parts_;
  Bytes index_;
  std::uint64_t end_ = 0;  // of parts_
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace kith::rt
