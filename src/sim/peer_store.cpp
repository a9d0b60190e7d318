#include "sim/peer_store.h"

namespace kith::sim {

void PeerStore::store(Instant now, host::StoredPeer peer) {
  remember(now, peer.peer);
  const PeerId id = peer.peer;
  peers_[id] = std::move(peer);
}

void PeerStore::forget(Instant now, const PeerId& peer) {
  remember(now, peer);
  peers_.erase(peer);
}

void PeerStore::crash(Instant now, Rng& rng) {
  while (!unsynced_.empty() && unsynced_.front().at + sync_every <= now) unsynced_.pop_front();
  const std::uint64_t kept = rng.below(unsynced_.size() + 1);
  while (unsynced_.size() > kept) {
    Change& last = unsynced_.back();
    if (last.before) {
      peers_[last.peer] = std::move(*last.before);
    } else {
      peers_.erase(last.peer);
    }
    unsynced_.pop_back();
  }
  unsynced_.clear();
}

std::vector<host::StoredPeer> PeerStore::all() const {
  std::vector<host::StoredPeer> peers;
  peers.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) peers.push_back(peer);
  return peers;
}

void PeerStore::remember(Instant now, const PeerId& peer) {
  while (!unsynced_.empty() && unsynced_.front().at + sync_every <= now) unsynced_.pop_front();
  const auto found = peers_.find(peer);
  unsynced_.push_back(
      {now, peer, found == peers_.end() ? std::nullopt : std::optional(found->second)});
}

}  // namespace kith::sim
