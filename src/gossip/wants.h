// What we were told of and want: from the IHAVE of a message to its arrival. One IWANT is out for
// an id at a time; when it takes longer than the peer's 1.5 round trips another peer is asked
// beside it, so that one who announces and never delivers costs a round trip and not seconds (A09,
// A39). An IWANT unanswered for `promise` is a broken promise; of the ids that went to a peer
// together one, chosen at random, is watched for that, as gossipsub v1.1 says.
//
// Limits: `wants_max` ids, `holders_max` peers each.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/deadline_heap.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

struct WantsConfig {
  std::size_t wants_max = 10'000;
  std::size_t holders_max = 8;
  double rtt_factor = 1.5;
  Duration rtt_slack = 30ms;     // the peer's own work
  Duration rtt_unknown = 300ms;  // until it is measured
  Duration timeout_max = 1s;
  Duration promise = 3s;  // go's and rust's
};

class Wants {
 public:
  explicit Wants(const WantsConfig& config) : config_(config) {}

  /// `peer` has the message. It is asked after `delay` if nobody else has been by then. False when
  /// there is no room for another id. Without `is_promise` nobody is blamed when it does not come.
  bool announced(Instant now, const MessageKey& key, ByteView id, PeerSlot peer, Duration delay,
                 bool is_promise = true);
  bool has(const MessageKey& key) const { return index_.find(key).has_value(); }
  /// It came (or needs no asking any more). Gives the peers that were asked for it.
  std::vector<PeerSlot> arrived(const MessageKey& key);
  struct Announcement {
    PeerSlot peer;
    Instant at;
  };
  /// Who announced it and when, in that order; of at most `holders_max` peers.
  std::vector<Announcement> announcements(const MessageKey& key) const;
  /// When the peer was asked for it.
  std::optional<Instant> asked_at(const MessageKey& key, PeerSlot peer) const;
  void forget_peer(Instant now, PeerSlot peer);

  struct Step {
    enum class Kind : std::uint8_t { ask, broken } kind;
    PeerSlot peer;
    MessageKey key;
    Buffer id;  // of `ask`
  };
  /// The next thing to do that is due. `timeout_of` says how long a peer is given.
  template <class TimeoutOf>
  std::optional<Step> pop_due(Instant now, TimeoutOf&& timeout_of) {
    while (const auto slot = deadlines_.pop_due(now)) {
      if (auto step = advance(now, *slot)) {
        Want& want = wants_[*slot];
        if (step->kind == Step::Kind::ask) want.ask_again_at = now + timeout_of(step->peer);
        arm(*slot);
        return step;
      }
    }
    return std::nullopt;
  }
  /// Of the ids that went to one peer in one IWANT: this one is watched.
  void watch(const MessageKey& key, PeerSlot peer);
  bool is_promise(const MessageKey& key) const;
  Duration timeout(std::optional<Duration> rtt) const;

  std::optional<Instant> next_deadline() { return deadlines_.soonest(); }
  std::size_t size() const { return index_.size(); }

 private:
  struct Ask {
    PeerSlot peer;
    Instant at;
    bool is_watched = false;
    bool is_over = false;  // its promise's time
  };
  struct Want {
    bool is_live = false;
    MessageKey key;
    Buffer id;
    std::vector<Announcement> announcements;
    std::vector<PeerSlot> holders;  // not asked yet, in the order of their announcements
    std::vector<Ask> asks;
    Instant ask_again_at;
    bool is_promise = true;
  };
  std::optional<Step> advance(Instant now, std::uint32_t slot);
  void arm(std::uint32_t slot);
  void erase(std::uint32_t slot);

  const WantsConfig config_;
  std::vector<Want> wants_;
  std::vector<std::uint32_t> free_;
  KeyIndex index_;  // to wants_
  base::DeadlineHeap<std::uint32_t> deadlines_;
};

}  // namespace kith::gossip
