// How much peers may send: a token bucket for each peer, for each kind of message of each peer, for
// each kind over all peers and for everything. A peer's buckets follow its standing (quota_milli):
// good work raises them, a warning halves them, a ban empties them. Bandwidth is shaped by the same
// buckets, counted in bytes.
//
// Two ways to ask. take() refuses what is too much: nothing is taken out of any bucket, and what it
// means is the caller's business (drop, and PeerEvent{ambiguous, "over limit"} at most once a
// second and kind). owe() lets in what is there already, which settle() pays for in parts; whoever
// owes is not to be listened to. A debt is the peer's, not its connection's: it comes back with it.
// Limits: `peers_max` peers remembered. One that has left is remembered too, or it would come back
// with full buckets; the one that was not heard of the longest makes room.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/peer_event.h"
#include "base/token_bucket.h"

namespace kith::peer {

/// A kind of message, by its place in LimitsConfig::kinds.
using LimitKind = base::Id<struct LimitKindTag, std::size_t>;

struct LimitsConfig {
  struct Kind {
    std::string name;
    std::optional<base::TokenRate> per_peer;  // beside the peer's own; empty: no limit of its own
    std::optional<base::TokenRate> overall;
  };
  std::vector<Kind> kinds;
  base::TokenRate per_peer = {100, 200};       // messages of one peer; times its quota
  base::TokenRate overall = {20'000, 40'000};  // of all peers together
  std::size_t peers_max = 20'000;
};

enum class LimitVerdict : std::uint8_t {
  allowed,
  over_peer,
  over_kind,
  over_kind_overall,
  over_all
};
inline constexpr std::size_t limit_verdicts = 5;

class Limits {
 public:
  using Counts = std::vector<std::uint64_t>;  // by kind

  Limits(const LimitsConfig& config, Instant now);

  LimitVerdict take(Instant now, const PeerId& peer, LimitKind kind, std::uint64_t count = 1);
  /// When so many will be allowed, if nothing is taken meanwhile; empty: not with this standing, or
  /// more than a burst.
  std::optional<Instant> ready_at(Instant now, const PeerId& peer, LimitKind kind,
                                  std::uint64_t count = 1);
  /// The most that take() can ever allow this peer at once.
  std::uint64_t burst_of(Instant now, const PeerId& peer, LimitKind kind) {
    return burst_of(touch(now, peer), kind.value);
  }
  void owe(Instant now, const PeerId& peer, LimitKind kind, std::uint64_t count);
  /// Pays what can be paid. Empty: nothing is owed; otherwise when to ask again.
  std::optional<Instant> settle(Instant now, const PeerId& peer, LimitKind kind);
  /// The standing that the peer's buckets go by from now on.
  void on_standing(Instant now, const PeerStanding& standing);

  const Counts& counted(LimitVerdict verdict) const {
    return counts_[static_cast<std::size_t>(verdict)];
  }
  const LimitsConfig& config() const { return config_; }
  std::size_t size() const { return peers_.size(); }

 private:
  struct Peer {
    std::uint32_t quota_milli = 1000;
    bool is_connected = false;
    std::uint64_t turn = 0;
    base::TokenBucket all;
    struct Kind {
      std::optional<base::TokenBucket> bucket;
      std::uint64_t owed = 0;
      bool is_late = false;  // and it was counted that the debt could not be paid at once
    };
    std::vector<Kind> kinds;
  };

  Peer& touch(Instant now, const PeerId& id);
  std::uint64_t burst_of(const Peer& peer, std::size_t kind) const;
  std::optional<Instant> ready_at(Instant now, Peer& peer, std::size_t kind, std::uint64_t count);
  LimitVerdict try_take(Instant now, Peer& peer, std::size_t kind, std::uint64_t count);

  const LimitsConfig config_;
  std::map<PeerId, Peer> peers_;
  std::set<std::pair<std::uint64_t, PeerId>> idle_;  // those that are not connected, by turn
  std::uint64_t turn_ = 0;
  std::vector<std::optional<base::TokenBucket>> overall_;  // by kind
  base::TokenBucket all_;
  std::array<Counts, limit_verdicts> counts_;
};

/// A rate times thousandths; not below one token while it is above zero.
base::TokenRate scaled(const base::TokenRate& rate, std::uint32_t milli);

/// Whether one more inbound connection may be kept: peers that have not proven themselves share
/// half of the slots, so that new names, however many, cannot fill them all.
constexpr bool has_inbound_slot(std::size_t slots_max, std::size_t used, std::size_t used_unproven,
                                bool is_proven) {
  return used < slots_max && (is_proven || used_unproven < slots_max / 2);
}

/// Bytes a second in one direction. What was moved may be more than there was room for, since a
/// read or a write is not cut short; it is owed, and paid before there is room again.
class Shaper {
 public:
  /// Neither rate nor burst is 0.
  Shaper(const base::TokenRate& rate, Instant now) : rate_(rate), bucket_(rate, now) {}
  /// Bytes that may be moved now.
  std::uint64_t room(Instant now) {
    pay(now);
    return owed_ > 0 ? 0 : bucket_.available(rate_, now);
  }
  void moved(Instant now, std::uint64_t bytes) {
    owed_ += bytes;
    pay(now);
  }
  /// When there will be room for `bytes`, or for the most that there ever is; exact while less than
  /// a burst is owed, otherwise when the next part of the debt can be paid.
  Instant ready_at(Instant now, std::uint64_t bytes) {
    pay(now);
    const std::uint64_t wanted = std::min(owed_ + bytes, rate_.burst);
    return *bucket_.ready_at(rate_, now, wanted);  // never above the burst
  }

 private:
  void pay(Instant now) {
    const std::uint64_t paid = std::min(owed_, bucket_.available(rate_, now));
    ASSERT(bucket_.take(rate_, now, paid));
    owed_ -= paid;
  }

  base::TokenRate rate_;
  base::TokenBucket bucket_;
  std::uint64_t owed_ = 0;
};

}  // namespace kith::peer
