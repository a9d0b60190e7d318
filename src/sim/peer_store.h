// A node's virtual peer store: what StorePeer and ForgetPeer said, kept across restarts. Like the
// real one it writes behind: a crash may take the last second with it.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "base/rng.h"
#include "host/world.h"

namespace kith::sim {

class PeerStore {
 public:
  /// What is older is on the disk.
  static constexpr Duration sync_every = 1s;

  void store(Instant now, host::StoredPeer peer);
  void forget(Instant now, const PeerId& peer);
  /// Undoes a random number of the changes that may not have reached the disk, the last first.
  void crash(Instant now, Rng& rng);

  /// By peer id.
  std::vector<host::StoredPeer> all() const;
  std::size_t size() const { return peers_.size(); }

 private:
  struct Change {
    Instant at;
    PeerId peer;
    std::optional<host::StoredPeer> before;
  };
  void remember(Instant now, const PeerId& peer);

  std::map<PeerId, host::StoredPeer> peers_;
  std::deque<Change> unsynced_;
};

}  // namespace kith::sim
