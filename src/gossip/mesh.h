// Who is in a mesh and who leaves it: pure choices over candidates, without the router's state. The
// rules are gossipsub v1.1's "heartbeat": D peers, between D_lo and D_hi; when there are too many
// the D_score best stay and of the rest some at random, with at least D_out that we dialled,
// because those are the ones an attacker cannot choose for us.
#pragma once

#include <span>
#include <vector>

#include "base/rng.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

struct MeshConfig {
  std::size_t d = 6;     // the spec's degrees
  std::size_t d_lo = 5;  // go's and rust's
  std::size_t d_hi = 12;
  std::size_t d_score = 4;
  std::size_t d_out = 2;  // below d_lo and at most d / 2
};

/// The largest d_hi: what is kept of a message for each peer of a mesh has a fixed size.
inline constexpr std::size_t mesh_peers_max = 32;

struct MeshCandidate {
  PeerSlot peer = 0;
  double score = 0;
  bool is_outbound = false;
};

/// Of an overfull mesh, who leaves so that `d` stay.
std::vector<PeerSlot> choose_pruned(const MeshConfig& config, std::span<const MeshCandidate> mesh,
                                    Rng& rng);

/// Who makes room for an outbound peer in a full mesh: the worst inbound one; empty if there is
/// none, or if the mesh has its D_out already.
std::optional<PeerSlot> choose_replaced(const MeshConfig& config,
                                        std::span<const MeshCandidate> mesh);

/// The score in the middle, for opportunistic grafting; 0 for nobody.
double median_score(std::span<const MeshCandidate> mesh);

/// At most `count` of `items`, each subset equally likely, in a random order.
template <class T>
std::vector<T> sample(std::vector<T> items, std::size_t count, Rng& rng) {
  if (count > items.size()) count = items.size();
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(items[i], items[i + rng.below(items.size() - i)]);
  }
  items.resize(count);
  return items;
}

}  // namespace kith::gossip
