// Where a node keeps its snapshots (node/snapshot_make.h): a few of them by height, each a manifest
// and numbered parts, and room for the sorting that makes one. rt/ keeps them in files; here is one
// in memory, for tests and the simulator.
//
// Jobs call it: one makes, many read. What is read is as it was finished; a snapshot that is
// dropped while it is read gives `not_found`.
#pragma once

#include <map>

#include "ledger/store.h"

namespace kith::ledger {

class SnapshotShelf {
 public:
  virtual ~SnapshotShelf() = default;

  // One maker at a time, in this order: begin, spill*, (take_spill, put*)*, finish.
  /// Forgets what was left unfinished.
  virtual Result<void> begin(Height height) = 0;
  /// Appends to a heap.
  virtual Result<void> spill(std::uint32_t heap, ByteView bytes) = 0;
  /// All of a heap, which is gone then.
  virtual Result<Bytes> take_spill(std::uint32_t heap) = 0;
  /// The next part.
  virtual Result<void> put(ByteView part) = 0;
  /// From now on it is listed, and durable.
  virtual Result<void> finish(ByteView manifest) = 0;

  /// Ascending.
  virtual std::vector<Height> list() const = 0;
  virtual Result<Bytes> manifest(Height height) const = 0;
  virtual Result<Bytes> part(Height height, std::uint64_t index) const = 0;
  virtual void drop(Height height) = 0;
};

}  // namespace kith::ledger
