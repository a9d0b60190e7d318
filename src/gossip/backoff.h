// Whom not to graft in which topic before when (gossipsub v1.1, "Prune Backoff"). What a peer asks
// for is 64 hostile bits of seconds (A01 to A03): it is clamped to an hour before any arithmetic.
// A back-off is never shortened. Bounded: entries end by time, and each is of a peer that was in
// the mesh or asked to be; beyond `entries_max` the soonest to end goes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/ids.h"
#include "base/time.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

struct BackoffConfig {
  Duration prune = 60s;        // the spec's
  Duration unsubscribe = 10s;  // the spec's
  Duration backoff_max = 3600s;
  Duration slack = 1s;  // before we graft: the other side's clock started when our PRUNE arrived
  std::size_t entries_max = 50'000;
};

class Backoff {
 public:
  explicit Backoff(const BackoffConfig& config) : config_(config) {}

  /// The duration that a PRUNE with this field stands for; empty and 0 mean the default.
  Duration clamp(std::optional<std::uint64_t> seconds) const;
  void add(Instant now, TopicSlot topic, const PeerId& peer, Duration duration);
  /// When it ends; empty when there is none.
  std::optional<Instant> ends_at(Instant now, TopicSlot topic, const PeerId& peer) const;
  /// May we graft the peer: no back-off, and the slack is over too.
  bool may_graft(Instant now, TopicSlot topic, const PeerId& peer) const;
  void expire(Instant now);
  /// The topic's slot is free for another.
  void forget_topic(TopicSlot topic);

  std::size_t size() const { return ends_.size(); }

 private:
  using Key = std::pair<TopicSlot, PeerId>;
  void erase(std::map<Key, Instant>::iterator entry);

  const BackoffConfig config_;
  std::map<Key, Instant> ends_;
  std::set<std::pair<Instant, Key>> by_end_;
};

}  // namespace kith::gossip
