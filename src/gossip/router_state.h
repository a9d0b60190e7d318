// What gossip/router.h keeps of each peer, topic and message under way. Private to the router.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "codec/topic_data.h"
#include "gossip/config.h"
#include "gossip/router_io.h"

namespace kith::gossip {

struct RouterPeer {
  RouterPeer(const Config& config, const PeerAdded& added, PeerSlot slot_)
      : id(added.peer),
        slot(slot_),
        version(added.version),
        is_outbound(added.direction == Direction::outbound),
        is_direct(added.is_direct),
        netgroup(added.netgroup),
        room(added.room),
        unwanted({config.idontwant_kept_max,
                  config.heartbeat_interval * config.idontwant_heartbeats, Duration::zero()}) {}

  const PeerId id;
  const PeerSlot slot;
  const Version version;
  const bool is_outbound;
  const bool is_direct;
  const std::uint64_t netgroup;

  bool is_banned = false;
  bool has_spoken = false;                    // its first RPC was read
  bool knows_choke = false;                   // and so do we
  std::size_t meshes = 0;                     // of topics that it is in the mesh of
  std::optional<std::uint64_t> left_mesh_at;  // the heartbeat at which it last left one
  bool is_held_back = false;                  // what it sent waits unread, and not by its fault…
  std::optional<Instant> held_back_until;     // …or did until then
  std::optional<Duration> rtt;
  Buffer record;                              // its signed record; empty for none
  std::set<std::string, std::less<>> topics;  // at most Config::topics_per_peer_max

  SendQueue queue;
  std::size_t room;
  bool is_ready = false;  // stands in the router's ready list
  bool is_stalled = false;
  Instant progress_at;
  SeenCache unwanted;  // IDONTWANTs

  // Since the last heartbeat.
  std::size_t ihave_rpcs = 0;
  std::size_t ihave_ids = 0;
  std::size_t idontwant_rpcs = 0;
  std::size_t own_announced = 0;  // to it: RPCs about messages of ours
  bool said_over_limit = false;
  bool said_broken_promise = false;

  bool was_over_limit = false;  // ever
  std::optional<Instant> useful_at;
};

/// TopicOptions::max_age within its bounds.
inline std::optional<Duration> age_of(const TopicOptions& options) {
  constexpr Duration age_max = std::chrono::years(1);
  if (!options.max_age) return std::nullopt;
  return std::clamp<Duration>(*options.max_age, 1ms, age_max);
}

struct RouterTopic {
  RouterTopic(const Config& config, std::string name_, TopicSlot slot_, TopicOptions options_)
      : name(std::move(name_)),
        slot(slot_),
        options(std::move(options_)),
        choke(config.choke),
        relay(config.relay) {}

  const std::string name;
  const TopicSlot slot;
  TopicOptions options;
  bool has_header = false;  // of topic_data.h, by these rules:
  codec::TopicDataRules rules;
  bool is_subscribed = false;
  std::vector<PeerSlot> peers;      // connected and subscribed; sorted, as all here
  std::vector<PeerSlot> mesh;       // at most d_hi
  std::vector<PeerSlot> choked_us;  // of the mesh: want announcements only
  std::vector<PeerSlot> fanout;     // while not subscribed
  Instant published_at;
  std::uint64_t published = 0, delivered = 0;  // since it is known; delivered: of others
  // What came first from somebody outside the mesh whom we had to ask, of about the last 33.
  double heard = 0;
  double rescued = 0;
  std::vector<PeerSlot> rescuers;  // since the last heartbeat; sorted
  Choke choke;
  Relay relay;
};

/// A message that is being checked.
struct InFlight {
  enum class State : std::uint8_t { free, signature, validation };
  struct Carrier {
    PeerSlot peer;
    bool sent_body;
    Instant at;  // its first word
  };
  State state = State::free;
  std::uint32_t generation = 0;
  MessageKey key;
  MessageKey body_key;  // of id and signature: until that is verified, others may claim the id too
  Buffer id;
  TopicSlot topic = no_slot;
  PeerSlot from = no_slot;  // no_slot once it has gone
  PeerId from_id;
  codec::GossipFrame frame;
  std::optional<PeerId> author;
  std::optional<std::uint64_t> seqno;
  std::optional<SignatureJob> job;
  WallTime expires = CachedMessage::never;
  Buffer payload;  // in a topic with headers, once it is known to be good; else it is the data
  std::vector<Carrier> carriers;  // other peers that have it; each once
  Instant began;

  const Carrier* carrier(PeerSlot peer) const {
    const auto found = std::ranges::find(carriers, peer, &Carrier::peer);
    return found == carriers.end() ? nullptr : &*found;
  }
  void carried_by(PeerSlot peer, bool sent_body, Instant at) {
    const auto found = std::ranges::find(carriers, peer, &Carrier::peer);
    if (found == carriers.end()) {
      carriers.push_back({peer, sent_body, at});
    } else {
      found->sent_body = found->sent_body || sent_body;
    }
  }
};

inline bool has(const std::vector<PeerSlot>& sorted, PeerSlot peer) {
  return std::binary_search(sorted.begin(), sorted.end(), peer);
}
inline bool add(std::vector<PeerSlot>& sorted, PeerSlot peer) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), peer);
  if (at != sorted.end() && *at == peer) return false;
  sorted.insert(at, peer);
  return true;
}
inline bool remove(std::vector<PeerSlot>& sorted, PeerSlot peer) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), peer);
  if (at == sorted.end() || *at != peer) return false;
  sorted.erase(at);
  return true;
}

}  // namespace kith::gossip
