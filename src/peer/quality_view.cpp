// The other half of quality.h: what is shown, told and stored of a peer.
#include <algorithm>
#include <cmath>

#include "base/metrics.h"
#include "peer/quality.h"

namespace kith::peer {
namespace {

// The scale of the gossip score (docs/peer-quality.md): its thresholds are 0 for the mesh, −10 for
// gossip, −25 for publishing and −50 for being read at all. A gate lies just below one of them.
constexpr double gate_open = 1e9;
constexpr double gate_mesh = -1;
constexpr double gate_gossip = -11;
constexpr double gate_graylist = -51;
constexpr double degraded_score = -2;
constexpr double unhealthy_score = -12;
constexpr double introduction_score_max = 10;
constexpr Points credit_that_scores = 200 * point;

constexpr Points quota_new_milli = 1000;

/// A span that no stored date can exceed: ten years, far from the end of any clock.
constexpr Duration span_max = 24h * 3653;

/// From one date to a later one; zero when the clock has gone back (A103: any numbers may come).
Duration between(WallTime from, WallTime to) {
  if (to <= from) return Duration::zero();
  // Unsigned: from may be as far below zero as to is above.
  const auto ms = static_cast<std::uint64_t>(to.unix_ms) - static_cast<std::uint64_t>(from.unix_ms);
  const auto ms_max = static_cast<std::uint64_t>(base::to_ms(span_max));
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(ms, ms_max)));
}

double whole_points(Points points) { return static_cast<double>(points) / point; }

std::uint64_t count_of(const EventCounts& counts, std::initializer_list<PeerEventKind> kinds) {
  std::uint64_t sum = 0;
  for (const PeerEventKind kind : kinds) sum += counts[static_cast<std::size_t>(kind)];
  return sum;
}

double health_score(PeerHealth health) {
  switch (health) {
    case PeerHealth::unknown:
    case PeerHealth::healthy: return 0;
    case PeerHealth::degraded: return degraded_score;
    case PeerHealth::unhealthy:
    case PeerHealth::stale: return unhealthy_score;
  }
  UNREACHABLE();
}

double gate_of(const LedgerConfig& config, Points demerit, const PeerStanding& standing) {
  if (standing.is_banned || demerit >= config.ban_at) return gate_graylist;
  if (demerit >= config.ban_at / 2) return gate_gossip;
  const bool is_silent =
      standing.health == PeerHealth::unhealthy || standing.health == PeerHealth::stale;
  if (standing.is_warned || is_silent || demerit >= config.warn_at) return gate_mesh;
  return gate_open;
}

}  // namespace

std::string history_text(std::string_view text) {
  if (text.size() <= history_text_bytes_max) return std::string(text);
  std::size_t size = history_text_bytes_max;
  while (size > 0 && (static_cast<std::uint8_t>(text[size]) & 0xc0) == 0x80) --size;
  return std::string(text.substr(0, size));
}

PeerStanding Quality::standing_of(Instant now, const PeerId& id, const Peer& peer) const {
  const LedgerConfig& ledger = config_.ledger;
  const Points credit = peer.ledger.credit(ledger, now);
  const Points demerit = peer.ledger.demerit(ledger, now);
  const Points introduction =
      trust_.introduction(id, [&](const PeerId& endorser) { return reputation_of(now, endorser); });
  PeerStanding standing;
  standing.peer = id;
  standing.reputation = static_cast<std::int32_t>((credit - demerit) / point);
  standing.trust = 0.5 + static_cast<double>(credit - demerit) / (2 * points_max);
  standing.introduction = static_cast<double>(introduction) / points_max;
  standing.health = health_.of(id);
  standing.is_connected = peer.connected_at.has_value();
  standing.is_direct = peer.is_direct;
  standing.is_warned = peer.is_warned;
  const Ban* ban = bans_.find(now, id);
  standing.is_banned = ban != nullptr;
  if (ban != nullptr) standing.banned_until = ban->until;
  standing.is_on_probation = peer.is_on_probation;
  standing.is_proven = credit >= config_.proven_at;

  standing.gossip_score =
      -whole_points(demerit) / 10 + whole_points(std::min(credit, credit_that_scores)) / 20 +
      health_score(standing.health) + introduction_score_max * standing.introduction;
  standing.gossip_gate = gate_of(ledger, demerit, standing);

  // A new peer has what a peer on probation has, so that a new name gains nothing; work raises it
  // to quota_max_milli, and a word from peers we know at most doubles it.
  const Points most = config_.quota_max_milli;
  const Points by_work =
      credit >= config_.probation_until ? credit * (most - quota_new_milli) / points_max : 0;
  const Points by_word = quota_new_milli * introduction / points_max;
  const Points quota = std::min(most, quota_new_milli + std::max(by_work, by_word));
  standing.quota_milli =
      standing.is_banned ? 0 : static_cast<std::uint32_t>(peer.is_warned ? quota / 2 : quota);
  standing.connections_max = standing.is_banned     ? 0
                             : peer.is_on_probation ? config_.probation_connections_max
                                                    : config_.connections_max;
  return standing;
}

PeerStanding Quality::standing(Instant now, const PeerId& id) const {
  static const Peer stranger;
  const auto found = peers_.find(id);
  return standing_of(now, id, found == peers_.end() ? stranger : found->second);
}

Points Quality::reputation_of(Instant now, const PeerId& id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? 0 : found->second.ledger.reputation(config_.ledger, now);
}

void Quality::tell(Instant now, const PeerId& id, Peer& peer) {
  const PeerStanding next = standing_of(now, id, peer);
  PeerStanding alike = next;  // but for what changes all the time, in small steps
  const std::int32_t step = static_cast<std::int32_t>(config_.tell_step / point);
  const bool is_step = std::abs(next.reputation - peer.told.reputation) >= step ||
                       std::abs(next.introduction - peer.told.introduction) >= 0.01;
  alike.reputation = peer.told.reputation;
  alike.trust = peer.told.trust;
  alike.introduction = peer.told.introduction;
  alike.gossip_score = peer.told.gossip_score;
  alike.quota_milli = peer.told.quota_milli;
  if (!is_step && alike == peer.told) return;
  peer.told = next;
  outputs_.push_back(StandingChanged{next});
}

PeerReport Quality::report_of(Instant now, const PeerId& id, const Peer& peer) const {
  using enum PeerEventKind;
  PeerReport report;
  report.standing = standing_of(now, id, peer);
  report.counts = peer.counts;
  report.success_rate = base::success_rate(
      count_of(peer.counts, {useful, request_succeeded, probe_succeeded}),
      count_of(peer.counts, {ambiguous, rejected, fatal, request_failed, probe_failed}));
  report.first_seen = peer.first_seen;
  report.last_seen = peer.connected_at ? wall_at(now) : peer.last_seen;
  report.connected =
      peer.connected + (peer.connected_at ? now - *peer.connected_at : Duration::zero());
  report.rtt = peer.rtt.rtt();
  if (const Ban* ban = bans_.find(now, id)) report.ban = *ban;
  report.history = peer.history;
  return report;
}

std::optional<PeerReport> Quality::report(Instant now, const PeerId& id) const {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return std::nullopt;
  return report_of(now, id, found->second);
}

std::vector<PeerReport> Quality::reports(Instant now) const {
  std::vector<PeerReport> all;
  all.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) all.push_back(report_of(now, id, peer));
  return all;
}

std::optional<Duration> Quality::rtt(const PeerId& id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? std::nullopt : found->second.rtt.rtt();
}

Duration Quality::request_timeout(const PeerId& id) const {
  const auto found = peers_.find(id);
  return (found == peers_.end() ? RttEstimator() : found->second.rtt).timeout(config_.rtt);
}

std::vector<codec::Endorsement> Quality::endorsements(Instant now, std::size_t count_max) const {
  std::vector<codec::Endorsement> best;
  for (const auto& [id, peer] : peers_) {
    const Points reputation = peer.ledger.reputation(config_.ledger, now);
    if (peer.is_warned || peer.is_banned || peer.is_on_probation) continue;
    if (reputation < config_.probation_until) continue;
    best.push_back({id, static_cast<std::uint16_t>(reputation / point)});
  }
  std::ranges::sort(best, [](const codec::Endorsement& a, const codec::Endorsement& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.peer < b.peer;
  });
  best.resize(std::min({best.size(), count_max, codec::endorsements_max}));
  codec::sort_endorsements(best);
  return best;
}

// --- between runs --------------------------------------------------------------------------------

std::optional<WallTime> Quality::wall_at(Instant now) const {
  if (!anchor_) return std::nullopt;
  return WallTime{anchor_->wall.unix_ms + base::to_ms(now - anchor_->at)};
}

void Quality::on_wall_clock(Instant now, WallTime wall) {
  // Dates outside of this are no dates; arithmetic on them must not overflow.
  wall.unix_ms = std::clamp<std::int64_t>(wall.unix_ms, 0, std::int64_t{1} << 53);
  const auto expected = wall_at(now);
  anchor_ = Anchor{now, wall};
  if (!expected) return;
  const Duration jump = std::max(between(*expected, wall), between(wall, *expected));
  if (jump < config_.wall_jump_min) return;
  // What is on the disk bears dates of the old clock: read with the new one, bans would end by the
  // jump too soon.
  for (const auto& [id, peer] : peers_) dirty_.insert(id);
  persist_dirty(now);
}

std::optional<Ban> Quality::restored_ban(Instant now, const StoredQuality& stored,
                                         const Ledger& ledger) const {
  if (!stored.ban) return std::nullopt;
  Ban ban{stored.ban->cause, std::nullopt, stored.ban->reason};
  if (ban.cause != BanCause::person) {
    ban.until = ledger.fault_below(config_.ledger, now, config_.ledger.ban_until);
  } else if (stored.ban->until) {
    // Never longer than it had to go when it was stored, whatever the clock says now.
    const WallTime wall = wall_at(now).value_or(stored.as_of);
    ban.until = now + std::min(between(wall, *stored.ban->until),
                               between(stored.as_of, *stored.ban->until));
  }
  if (ban.until && *ban.until <= now) return std::nullopt;
  return ban;
}

void Quality::restore(Instant now, const StoredQuality& stored) {
  if (find(stored.peer) != nullptr) return;
  Peer* peer = touch(now, stored.peer);
  if (peer == nullptr) return;
  const WallTime wall = wall_at(now).value_or(stored.as_of);
  const Points decayed = decayed_in(config_.ledger, between(stored.as_of, wall));
  const auto left = [&](Points points) {
    return std::max<Points>(0, std::clamp<Points>(points, 0, points_max) - decayed);
  };
  peer->ledger =
      Ledger(config_.ledger, now, left(stored.credit), left(stored.fault), left(stored.liveness));
  peer->counts = stored.counts;
  peer->first_seen = stored.first_seen;
  peer->last_seen = stored.last_seen;
  peer->connected = std::clamp(stored.connected, Duration::zero(), 10 * span_max);
  peer->is_on_probation = stored.is_on_probation;
  const Points demerit = peer->ledger.demerit(config_.ledger, now);
  peer->is_warned = demerit >= config_.ledger.warn_at ||
                    (stored.is_warned && demerit >= config_.ledger.warn_until);
  for (const HistoryEntry& entry : stored.history) {
    if (peer->history.size() >= config_.history_max) break;
    peer->history.push_back({entry.at, history_text(entry.what), history_text(entry.subsystem),
                             history_text(entry.reason), entry.count});
  }
  const bool has_room = bans_.size() < config_.bans.bans_max;
  if (auto ban = restored_ban(now, stored, peer->ledger); ban && has_room) {
    bans_.add(stored.peer, *std::move(ban));
    peer->is_banned = true;
  }
  peer->told = standing_of(now, stored.peer, *peer);
  rank(now, stored.peer, *peer);
  arm(now, stored.peer, *peer);
}

StoredQuality Quality::to_store(Instant now, const PeerId& id, const Peer& peer) const {
  const LedgerConfig& ledger = config_.ledger;
  StoredQuality stored;
  stored.peer = id;
  stored.as_of = wall_at(now).value_or(WallTime{});
  stored.credit = peer.ledger.credit(ledger, now);
  stored.fault = peer.ledger.fault(ledger, now);
  stored.liveness = peer.ledger.liveness(ledger, now);
  stored.is_warned = peer.is_warned;
  stored.is_on_probation = peer.is_on_probation;
  if (const Ban* ban = bans_.find(now, id)) {
    stored.ban = StoredBan{ban->cause, std::nullopt, ban->reason};
    if (ban->until) {
      stored.ban->until = WallTime{stored.as_of.unix_ms + base::to_ms(*ban->until - now)};
    }
  }
  stored.counts = peer.counts;
  stored.first_seen = peer.first_seen;
  stored.last_seen = peer.connected_at ? wall_at(now) : peer.last_seen;
  stored.connected =
      peer.connected + (peer.connected_at ? now - *peer.connected_at : Duration::zero());
  stored.history = peer.history;
  return stored;
}

void Quality::persist_soon(Instant now, const PeerId& id) {
  if (dirty_.empty()) persist_at_ = now + config_.persist_interval;
  dirty_.insert(id);
}

void Quality::persist(Instant now, const PeerId& id, const Peer& peer) {
  outputs_.push_back(Persist{to_store(now, id, peer)});
}

void Quality::persist_dirty(Instant now) {
  for (const PeerId& id : dirty_) persist(now, id, peers_.at(id));
  dirty_.clear();
  persist_at_.reset();
}

void Quality::persist_all(Instant now) {
  for (const auto& [id, peer] : peers_) {
    if (peer.connected_at) dirty_.insert(id);
  }
  persist_dirty(now);
}

}  // namespace kith::peer
