// What every peer is worth to this node: the one model of reputation, trust, health and bans
// (docs/peer-quality.md). Services say PeerEvent and go on; this machine alone warns, bans, probes
// and gives up, and says what follows as outputs. A pure function of events and virtual time.
//
//   PeerEvent ──▶ Ledger   credit and demerit, exact decay        peer/ledger.h
//   Probe     ◀─▶ Health   answers, own-fault guard               peer/health.h
//   signed  ───▶  Trust    introductions within budgets           peer/trust.h
//                 Bans     peers and groups, bounded              peer/bans.h
//                    └──▶  StandingChanged, Disconnect, Persist   peer/quality_io.h
//
// Order is by sum, admission by minimum: credit never pays for demerit. Nothing that A sends
// changes the ledger of B, but for the credit that B staked on A in its own signed recommendation.
//
// How to own one (in node/):
//   1. WallClock, then Restore for each record of the store, then the peers. WallClock again each
//      minute or so, and after a jump.
//   2. Before a connection is kept: admit(). At a peer's first connection PeerConnected, at the end
//      of its last PeerDisconnected; on_traffic() for whatever it sends.
//   3. Every PeerEvent of every service goes in, as it is. Probe: ping the peer and say the answer
//   as
//      PeerEvent{probe_succeeded or probe_failed}.
//   4. Disconnect: close all its connections. StandingChanged: tell whoever treats peers
//   differently
//      (gossip: gossip_score as its P5, gossip_gate, is_banned; limits: quota_milli; host:
//      connections_max). Persist, Forget: to rt/store_quality.h.
// Limits: `peers_max` peers; room is made by one that is not connected, banned or direct, first of
// those that have done neither good nor bad. Histories of `history_max` lines.
#pragma once

#include <map>
#include <set>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "base/rng.h"
#include "peer/bans.h"
#include "peer/health.h"
#include "peer/ledger.h"
#include "peer/quality_io.h"
#include "peer/rtt.h"
#include "peer/trust.h"

namespace kith::peer {

struct QualityConfig {
  LedgerConfig ledger;
  HealthConfig health;
  TrustConfig trust;
  BansConfig bans;
  RttConfig rtt;
  Points probation_until = 60 * point;   // credit: a minute of useful work
  Points proven_at = 10 * point;         // credit
  std::uint32_t quota_max_milli = 4000;  // of full standing; new peers and probation have a quarter
  std::uint32_t connections_max = 8;
  std::uint32_t probation_connections_max = 1;
  std::size_t peers_max = 20'000;  // above bans_max, for banned peers make no room
  std::size_t history_max = 16;
  Points tell_step = 5 * point;     // smaller changes of reputation are not worth an output
  Duration persist_interval = 30s;  // bans and warnings go at once
  Duration wall_jump_min = 10s;     // a larger one has everything stored again, with new dates
};

/// Counted since the start.
struct QualityStats {
  EventCounts events{};
  std::uint64_t warnings = 0;
  std::uint64_t bans = 0;
  std::uint64_t group_bans = 0;
  std::uint64_t probes = 0;
  std::uint64_t stale = 0;
  std::uint64_t refused = 0;    // by admit()
  std::uint64_t forgotten = 0;  // to make room
};

/// A peer as `kith peers info` shows it.
struct PeerReport {
  PeerStanding standing;
  EventCounts counts{};
  std::optional<double> success_rate;  // of all events that were good or bad
  std::optional<WallTime> first_seen;
  std::optional<WallTime> last_seen;
  Duration connected{};  // in all
  std::optional<Duration> rtt;
  std::optional<Ban> ban;
  std::vector<HistoryEntry> history;
};

class Quality {
 public:
  using Input = QualityInput;
  using Output = QualityOutput;

  /// Says nothing about `self`, whatever is said of it.
  Quality(const QualityConfig& config, const PeerId& self, Rng& rng);

  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  /// The peer sent something, no matter what: cheap, for every message.
  void on_traffic(Instant now, const PeerId& peer) { health_.traffic(now, peer); }
  /// Whether it may connect; `refused` with the reason. Before the handshake: admit_group().
  Result<void> admit(Instant now, const PeerId& peer, std::optional<NetGroup> group = {});
  Result<void> admit_group(Instant now, NetGroup group);

  /// To the point, also of peers never heard of: then that of a newcomer.
  PeerStanding standing(Instant now, const PeerId& peer) const;
  std::optional<PeerReport> report(Instant now, const PeerId& peer) const;
  /// All known peers, in the order of their ids.
  std::vector<PeerReport> reports(Instant now) const;
  std::vector<std::pair<PeerId, Ban>> bans(Instant now) const { return bans_.list(now); }
  std::vector<std::pair<NetGroup, Instant>> group_bans(Instant now) const {
    return bans_.groups(now);
  }
  /// Smoothed; empty before the first answer.
  std::optional<Duration> rtt(const PeerId& peer) const;
  /// How long to wait for the peer's answer to a request.
  Duration request_timeout(const PeerId& peer) const;
  /// What this node may recommend: its best peers, for codec::seal_recommendation().
  std::vector<codec::Endorsement> endorsements(Instant now, std::size_t count_max) const;
  /// Nothing waits to be stored after this: for a shutdown.
  void persist_all(Instant now);

  std::size_t size() const { return peers_.size(); }
  const QualityStats& stats() const { return stats_; }

 private:
  /// The order of making room.
  struct Rank {
    int worth = 0;  // 0: nothing to remember, 1: demerit or a ban gone by, 2: proven
    std::uint64_t turn = 0;
    PeerId peer;
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  struct Peer {
    Ledger ledger;
    EventCounts counts{};
    std::optional<WallTime> first_seen;
    std::optional<WallTime> last_seen;
    Duration connected{};  // up to connected_at
    std::optional<Instant> connected_at;
    std::optional<Instant> recommended_at;
    std::optional<NetGroup> group;
    RttEstimator rtt;
    bool is_direct = false;
    bool is_warned = false;
    bool is_banned = false;
    bool is_on_probation = false;
    std::vector<HistoryEntry> history;
    PeerStanding told;
    std::optional<Rank> rank;  // while it may be forgotten
  };

  // quality.cpp
  void on_event(Instant now, const PeerEvent& event);
  void on_fault(Instant now, const PeerEvent& event, Peer& peer, Points cost);
  void on_connected(Instant now, const PeerConnected& up);
  void on_disconnected(Instant now, const PeerId& id);
  void on_recommendation(Instant now, const RecommendationReceived& received);
  void on_ban_peer(Instant now, const BanPeer& order);
  void on_unban_peer(Instant now, const PeerId& id);
  void route_health(Instant now);
  void charge_endorsers(Instant now, const PeerId& id, Points cost);
  void review(Instant now, const PeerId& id, Peer& peer, BanCause cause, std::string_view reason);
  void begin_ban(Instant now, const PeerId& id, Peer& peer, Ban ban);
  void end_ban(Instant now, const PeerId& id, Peer& peer);
  void disconnect(Peer& peer, const PeerId& id, DisconnectCause cause, std::string_view reason);
  Peer* find(const PeerId& id);
  Peer* touch(Instant now, const PeerId& id);
  bool make_room();
  void rank(Instant now, const PeerId& id, Peer& peer);
  void arm(Instant now, const PeerId& id, const Peer& peer);
  void note(Instant now, Peer& peer, std::string_view what, std::string_view subsystem,
            std::string_view reason);

  // quality_view.cpp
  PeerStanding standing_of(Instant now, const PeerId& id, const Peer& peer) const;
  PeerReport report_of(Instant now, const PeerId& id, const Peer& peer) const;
  Points reputation_of(Instant now, const PeerId& id) const;
  void tell(Instant now, const PeerId& id, Peer& peer);
  void on_wall_clock(Instant now, WallTime wall);
  void restore(Instant now, const StoredQuality& stored);
  std::optional<Ban> restored_ban(Instant now, const StoredQuality& stored,
                                  const Ledger& ledger) const;
  StoredQuality to_store(Instant now, const PeerId& id, const Peer& peer) const;
  void persist_soon(Instant now, const PeerId& id);
  void persist(Instant now, const PeerId& id, const Peer& peer);
  void persist_dirty(Instant now);
  std::optional<WallTime> wall_at(Instant now) const;

  const QualityConfig config_;
  const PeerId self_;
  Health health_;
  Trust trust_;
  Bans bans_;
  std::map<PeerId, Peer> peers_;
  std::set<Rank> forgettable_;
  std::uint64_t turn_ = 0;
  mutable base::DeadlineHeap<PeerId> deadlines_;  // of bans and warnings
  std::set<PeerId> dirty_;
  std::optional<Instant> persist_at_;
  struct Anchor {
    Instant at;
    WallTime wall;
  };
  std::optional<Anchor> anchor_;  // what WallClock said last
  QualityStats stats_;
  base::Queue<Output> outputs_;
};

}  // namespace kith::peer
