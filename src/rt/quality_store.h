// Where the records of peer/quality.h live between runs; store_quality.h is the one that ships.
#pragma once

#include <functional>
#include <vector>

#include "peer/quality_io.h"

namespace kith::rt {

class QualityStore {
 public:
  using Loaded = std::function<void(std::vector<peer::StoredQuality>)>;

  virtual ~QualityStore() = default;

  /// Calls `loaded` once, from any thread, perhaps before it returns; what was stored or forgotten
  /// before this call is seen. Not called when the store ends first.
  virtual void load(Loaded loaded) = 0;
  /// Upsert. Never blocks; the disk follows within a second.
  virtual void store(peer::StoredQuality quality) = 0;
  virtual void forget(const PeerId& peer) = 0;
};

}  // namespace kith::rt
