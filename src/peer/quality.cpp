#include "peer/quality.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "codec/peer_id.h"

namespace kith::peer {
namespace {

constexpr std::string_view own_subsystem = "peer";

}  // namespace

static_assert(base::Machine<Quality>);

Quality::Quality(const QualityConfig& config, const PeerId& self, Rng& rng)
    : config_(config),
      self_(self),
      health_(config.health, rng),
      trust_(config.trust),
      bans_(config.bans) {
  ASSERT(config.peers_max > 0 && config.history_max > 0);
}

void Quality::on_input(Instant now, Input input) {
  std::visit(Overload{[&](PeerEvent& event) { on_event(now, event); },
                      [&](WallClock& clock) { on_wall_clock(now, clock.wall); },
                      [&](Restore& order) { restore(now, order.stored); },
                      [&](PeerConnected& up) { on_connected(now, up); },
                      [&](PeerDisconnected& down) { on_disconnected(now, down.peer); },
                      [&](SetDirect& order) {
                        Peer* peer = touch(now, order.peer);
                        if (peer == nullptr) return;
                        peer->is_direct = order.is_direct;
                        const Ban* ban = bans_.find(now, order.peer);
                        if (order.is_direct && ban && ban->cause != BanCause::person) {
                          bans_.remove(order.peer);  // review() says that it ended
                        }
                        review(now, order.peer, *peer, BanCause::record, "its record");
                      },
                      [&](RecommendationReceived& received) { on_recommendation(now, received); },
                      [&](BanPeer& order) { on_ban_peer(now, order); },
                      [&](UnbanPeer& order) { on_unban_peer(now, order.peer); }},
             input);
  route_health(now);
}

void Quality::on_deadline(Instant now) {
  while (const auto id = deadlines_.pop_due(now)) {
    review(now, *id, peers_.at(*id), BanCause::record, "its record");
  }
  health_.on_deadline(now);
  route_health(now);
  if (persist_at_ && now >= *persist_at_) persist_dirty(now);
}

std::optional<QualityOutput> Quality::poll_output(Instant now) {
  route_health(now);  // on_traffic() may have changed something
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

std::optional<Instant> Quality::next_deadline() const {
  return base::soonest(base::soonest(deadlines_.soonest(), health_.next_deadline()), persist_at_);
}

// --- what peers do -------------------------------------------------------------------------------

void Quality::on_event(Instant now, const PeerEvent& event) {
  ++stats_.events[static_cast<std::size_t>(event.kind)];
  const bool is_fault = event.kind == PeerEventKind::ambiguous ||
                        event.kind == PeerEventKind::rejected || event.kind == PeerEventKind::fatal;
  // Faults are remembered of strangers as well: a handshake that proves bad faith, for one.
  Peer* peer = is_fault ? touch(now, event.peer) : find(event.peer);
  if (peer == nullptr) return;
  ++peer->counts[static_cast<std::size_t>(event.kind)];
  if (event.rtt) peer->rtt.sample(config_.rtt, *event.rtt);
  switch (event.kind) {
    case PeerEventKind::ignored: return;
    case PeerEventKind::useful:
    case PeerEventKind::request_succeeded:
      health_.traffic(now, event.peer);
      // Whoever is banned earns nothing, so that it does not matter which of two events is first.
      if (peer->is_banned || !peer->ledger.earn(config_.ledger, now)) return;
      return review(now, event.peer, *peer, BanCause::record, "its record");
    case PeerEventKind::ambiguous:
      return on_fault(now, event, *peer, config_.ledger.ambiguous_cost);
    case PeerEventKind::rejected: return on_fault(now, event, *peer, config_.ledger.rejected_cost);
    case PeerEventKind::fatal: return on_fault(now, event, *peer, points_max);
    case PeerEventKind::request_failed:
      peer->rtt.on_timeout();
      return health_.request_failed(now, event.peer);
    case PeerEventKind::probe_succeeded: return health_.probe_succeeded(now, event.peer);
    case PeerEventKind::probe_failed: return health_.probe_failed(now, event.peer);
  }
}

void Quality::on_fault(Instant now, const PeerEvent& event, Peer& peer, Points cost) {
  const bool is_proof = event.kind == PeerEventKind::fatal;
  if (is_proof) {
    peer.ledger.convict(config_.ledger, now);
  } else {
    peer.ledger.add_fault(config_.ledger, now, cost);
  }
  note(now, peer, base::name_of(event.kind), event.subsystem, event.reason);
  charge_endorsers(now, event.peer, cost);
  if (is_proof && peer.is_direct) {
    disconnect(peer, event.peer, DisconnectCause::proof, event.reason);
  }
  review(now, event.peer, peer, is_proof ? BanCause::proof : BanCause::record, event.reason);
}

void Quality::charge_endorsers(Instant now, const PeerId& id, Points cost) {
  const auto losses =
      trust_.charge(id, cost, [&](const PeerId& endorser) { return reputation_of(now, endorser); });
  for (const auto& [endorser, credit] : losses) {
    Peer* peer = find(endorser);
    if (peer == nullptr) continue;
    peer->ledger.lose_credit(config_.ledger, now, credit);
    note(now, *peer, "endorsed", own_subsystem, "a peer that it vouched for misbehaved");
    persist_soon(now, endorser);
    tell(now, endorser, *peer);
  }
}

// What follows from the record as it stands: the one place where warnings and bans begin and end.
void Quality::review(Instant now, const PeerId& id, Peer& peer, BanCause cause,
                     std::string_view reason) {
  const LedgerConfig& ledger = config_.ledger;
  const Ban* ban = bans_.find(now, id);
  if (peer.is_banned && ban == nullptr) end_ban(now, id, peer);
  const bool deserves_ban = !peer.is_direct && peer.ledger.deserves_ban(ledger, now);
  if (deserves_ban && !peer.is_banned) {
    begin_ban(now, id, peer, {cause, std::nullopt, std::string(reason)});
  } else if (peer.is_banned && ban->cause != BanCause::person) {
    // Faults that come in late, of what was on its way, make the ban longer.
    Ban longer = *ban;
    longer.until = peer.ledger.fault_below(ledger, now, ledger.ban_until);
    if (longer.until != ban->until) bans_.add(id, std::move(longer));
  }
  if (!peer.is_warned && peer.ledger.deserves_warning(ledger, now)) {
    peer.is_warned = true;
    ++stats_.warnings;
    note(now, peer, "warned", own_subsystem, reason);
    persist(now, id, peer);
  } else if (peer.is_warned && peer.ledger.demerit(ledger, now) < ledger.warn_until) {
    peer.is_warned = false;
  }
  if (peer.is_on_probation && !peer.is_banned &&
      peer.ledger.credit(ledger, now) >= config_.probation_until) {
    peer.is_on_probation = false;
  }
  persist_soon(now, id);
  rank(now, id, peer);
  arm(now, id, peer);
  tell(now, id, peer);
}

// --- bans ----------------------------------------------------------------------------------------

void Quality::begin_ban(Instant now, const PeerId& id, Peer& peer, Ban ban) {
  ++stats_.bans;
  peer.is_banned = true;
  if (ban.cause != BanCause::person) {
    peer.is_on_probation = true;
    peer.ledger.begin_ban(config_.ledger, now);
    ban.until = peer.ledger.fault_below(config_.ledger, now, config_.ledger.ban_until);
    if (peer.group && bans_.count(now, *peer.group, id)) {
      ++stats_.group_bans;
      outputs_.push_back(GroupBanned{*peer.group, *bans_.group_banned_until(now, *peer.group)});
    }
  }
  note(now, peer, "banned", own_subsystem, ban.reason);
  outputs_.push_back(PeerBanned{id, ban});
  disconnect(peer, id, DisconnectCause::banned, ban.reason);
  const auto displaced = bans_.add(id, std::move(ban));
  persist(now, id, peer);
  if (displaced && *displaced != id) {
    Peer& other = peers_.at(*displaced);
    end_ban(now, *displaced, other);
    persist_soon(now, *displaced);
    rank(now, *displaced, other);
    arm(now, *displaced, other);
    tell(now, *displaced, other);
  }
}

void Quality::end_ban(Instant now, const PeerId& id, Peer& peer) {
  bans_.remove(id);
  peer.is_banned = false;
  outputs_.push_back(BanEnded{id});
  persist(now, id, peer);
}

void Quality::on_ban_peer(Instant now, const BanPeer& order) {
  Peer* peer = touch(now, order.peer);
  if (peer == nullptr) return;
  Ban ban{BanCause::person, std::nullopt, order.reason};
  // A span beyond the clock's end is for ever.
  if (order.span && *order.span < Instant::max() - now) ban.until = now + *order.span;
  begin_ban(now, order.peer, *peer, std::move(ban));
  review(now, order.peer, *peer, BanCause::record, "its record");
}

void Quality::on_unban_peer(Instant now, const PeerId& id) {
  Peer* peer = find(id);
  if (peer == nullptr || !peer->is_banned) return;
  peer->ledger.pardon(config_.ledger, now);
  peer->is_on_probation = true;
  note(now, *peer, "unbanned", own_subsystem, "the operator lifted the ban");
  end_ban(now, id, *peer);
  review(now, id, *peer, BanCause::record, "its record");
}

void Quality::disconnect(Peer& peer, const PeerId& id, DisconnectCause cause,
                         std::string_view reason) {
  if (peer.connected_at) outputs_.push_back(Disconnect{id, cause, std::string(reason)});
}

Result<void> Quality::admit_group(Instant now, NetGroup group) {
  if (!bans_.group_banned_until(now, group)) return {};
  ++stats_.refused;
  return fail(Code::refused, base::format("too many peers of {} were banned", to_text(group)));
}

Result<void> Quality::admit(Instant now, const PeerId& id, std::optional<NetGroup> group) {
  const Peer* peer = find(id);
  if (const Ban* ban = bans_.look_up(now, id)) {
    ++stats_.refused;
    return fail(Code::refused, base::format("{} is banned: {}", codec::to_text(id), ban->reason));
  }
  const bool is_direct = peer != nullptr && peer->is_direct;
  if (group && !is_direct) return admit_group(now, *group);
  return {};
}

// --- connections, health, recommendations --------------------------------------------------------

void Quality::on_connected(Instant now, const PeerConnected& up) {
  Peer* peer = touch(now, up.peer);
  if (peer == nullptr) return;
  peer->group = up.group;
  if (!peer->connected_at) peer->connected_at = now;
  const auto wall = wall_at(now);
  if (!peer->first_seen) peer->first_seen = wall;
  if (wall) peer->last_seen = wall;
  if (bans_.find(now, up.peer) != nullptr) {
    disconnect(*peer, up.peer, DisconnectCause::banned, "it is banned");
  } else {
    health_.connected(now, up.peer);
  }
  review(now, up.peer, *peer, BanCause::record, "its record");
}

void Quality::on_disconnected(Instant now, const PeerId& id) {
  Peer* peer = find(id);
  if (peer == nullptr || !peer->connected_at) return;
  peer->connected += now - *peer->connected_at;
  peer->connected_at.reset();
  if (const auto wall = wall_at(now)) peer->last_seen = wall;
  health_.disconnected(id);
  review(now, id, *peer, BanCause::record, "its record");
}

void Quality::route_health(Instant now) {
  while (auto output = health_.poll()) {
    std::visit(Overload{[&](AskPeer& ask) {
                          ++stats_.probes;
                          outputs_.push_back(Probe{ask.peer, health_.timeout()});
                          // As good a moment as any to say what decay has changed.
                          if (Peer* peer = find(ask.peer)) tell(now, ask.peer, *peer);
                        },
                        [&](HealthChanged& changed) {
                          Peer* peer = find(changed.peer);
                          if (peer == nullptr) return;
                          if (changed.health == PeerHealth::stale) {
                            ++stats_.stale;
                            disconnect(*peer, changed.peer, DisconnectCause::stale, "no traffic");
                          }
                          tell(now, changed.peer, *peer);
                        },
                        [&](Silence& silence) {
                          Peer* peer = find(silence.peer);
                          if (peer == nullptr) return;
                          const Points cost = config_.ledger.liveness_cost * silence.failures;
                          peer->ledger.add_liveness(config_.ledger, now,
                                                    std::min(cost, points_max));
                          note(now, *peer, "silent", own_subsystem, "no answer in time");
                          review(now, silence.peer, *peer, BanCause::record, "no answer in time");
                        }},
               *output);
  }
}

void Quality::on_recommendation(Instant now, const RecommendationReceived& received) {
  Peer* from = find(received.from);
  if (from == nullptr || from->is_banned) return;
  if (reputation_of(now, received.from) < config_.trust.reputation_min) return;
  const auto blame = [&](PeerEventKind kind, std::string_view reason) {
    on_event(now, {received.from, kind, std::string(own_subsystem), std::string(reason)});
  };
  if (from->recommended_at && now - *from->recommended_at < config_.trust.interval_min) {
    return blame(PeerEventKind::ambiguous, "recommendations too often");
  }
  from->recommended_at = now;
  // What it says and who says so comes before the signature, which costs a hundred times as much.
  const auto claimed = codec::peek_recommendation(received.envelope);
  if (!claimed) return blame(PeerEventKind::rejected, "malformed recommendation");
  if (claimed->recommender != received.from) {
    return blame(PeerEventKind::rejected, "a recommendation of another peer");
  }
  if (!trust_.wants(received.from, claimed->sequence)) return;
  const auto opened = codec::open_recommendation(received.envelope);
  if (!opened) return blame(PeerEventKind::rejected, "recommendation with a bad signature");
  for (const PeerId& id : trust_.accept(*opened)) {
    if (Peer* peer = find(id)) tell(now, id, *peer);
  }
}

// --- the table -----------------------------------------------------------------------------------

Quality::Peer* Quality::find(const PeerId& id) {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second;
}

/// The peer's entry, new if there was none; null when there is no room, or for no peer of ours.
Quality::Peer* Quality::touch(Instant now, const PeerId& id) {
  if (id.empty() || id == self_) return nullptr;
  Peer* peer = find(id);
  if (peer == nullptr) {
    if (peers_.size() >= config_.peers_max && !make_room()) return nullptr;
    peer = &peers_[id];
    peer->told = standing_of(now, id, *peer);
    peer->first_seen = wall_at(now);
  }
  rank(now, id, *peer);
  return peer;
}

bool Quality::make_room() {
  if (forgettable_.empty()) return false;
  const PeerId id = forgettable_.begin()->peer;
  forgettable_.erase(forgettable_.begin());
  peers_.erase(id);
  trust_.forget(id);
  deadlines_.set(id, std::nullopt);
  dirty_.erase(id);
  ++stats_.forgotten;
  outputs_.push_back(Forget{id});
  return true;
}

void Quality::rank(Instant now, const PeerId& id, Peer& peer) {
  if (peer.rank) forgettable_.erase(*peer.rank);
  peer.rank.reset();
  if (peer.connected_at || peer.is_banned || peer.is_direct) return;
  const bool is_proven = peer.ledger.credit(config_.ledger, now) >= config_.proven_at;
  const bool has_record = peer.is_on_probation || peer.ledger.demerit(config_.ledger, now) > 0;
  peer.rank = Rank{is_proven ? 2 : has_record ? 1 : 0, ++turn_, id};
  forgettable_.insert(*peer.rank);
}

void Quality::arm(Instant now, const PeerId& id, const Peer& peer) {
  std::optional<Instant> next;
  if (const Ban* ban = bans_.find(now, id)) next = ban->until;
  if (peer.is_warned) {
    next = base::soonest(next,
                         peer.ledger.demerit_below(config_.ledger, now, config_.ledger.warn_until));
  }
  deadlines_.set(id, next);
}

void Quality::note(Instant now, Peer& peer, std::string_view what, std::string_view subsystem,
                   std::string_view reason) {
  HistoryEntry entry{wall_at(now).value_or(WallTime{}), history_text(what), history_text(subsystem),
                     history_text(reason), 1};
  // The same thing again is not a new line: a flood of one kind must not push out the others.
  const auto same = std::ranges::find_if(peer.history, [&](const HistoryEntry& before) {
    return before.what == entry.what && before.subsystem == entry.subsystem &&
           before.reason == entry.reason;
  });
  if (same != peer.history.end()) {
    entry.count += same->count;
    peer.history.erase(same);
  } else if (peer.history.size() >= config_.history_max) {
    peer.history.erase(peer.history.begin());
  }
  peer.history.push_back(std::move(entry));
}

}  // namespace kith::peer
