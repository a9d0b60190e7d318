// What the reactor asks of a peer store; store_peers.h is the one that ships.
#pragma once

#include <functional>
#include <vector>

#include "host/world.h"

namespace kith::rt {

class PeerStore {
 public:
  using Loaded = std::function<void(std::vector<host::StoredPeer>)>;

  virtual ~PeerStore() = default;

  /// Calls `loaded` once, from any thread, perhaps before it returns; what was stored or forgotten
  /// before this call is seen. Not called when the store ends first.
  virtual void load(Loaded loaded) = 0;
  /// Upsert. Never blocks; the disk follows within a second.
  virtual void store(host::StoredPeer peer) = 0;
  virtual void forget(const PeerId& peer) = 0;
};

}  // namespace kith::rt
