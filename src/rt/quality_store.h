// Where the records of peer/quality.h and the seqnos of gossip's authors live between runs;
// store_quality.h is the one that ships.
#pragma once

#include <functional>
#include <vector>

#include "host/world.h"

namespace kith::rt {

class QualityStore {
 public:
  using Loaded = std::function<void(host::QualityLoaded)>;

  virtual ~QualityStore() = default;

  /// Calls `loaded` once, from any thread, perhaps before it returns; what was stored or forgotten
  /// before this call is seen. Not called when the store ends first.
  virtual void load(Loaded loaded) = 0;
  /// Upsert. Never blocks; the disk follows within a second.
  virtual void store(peer::StoredQuality quality) = 0;
  virtual void forget(const PeerId& peer) = 0;
  /// Upsert of the higher number; the same promises.
  virtual void store_seqnos(std::vector<host::StoredSeqno> seqnos) = 0;
};

}  // namespace kith::rt
