// Reaching peers, and keeping their number between peers_min and peers_high, by what they are
// worth.
#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "host/host.h"
#include "host/host_link.h"
#include "host/host_packets.h"
#include "peer/choice.h"
#include "peer/limits.h"

namespace kith::host {
namespace {

/// Candidates among which a dial is drawn.
constexpr std::size_t dial_pool_min = 32;

}  // namespace

void Host::dial(Instant now, Dial request) {
  if (!request.peer) {
    for (const auto& address : request.addresses) {
      if (const auto named = address.peer()) request.peer = named;
    }
  }
  if (is_stopping_) {
    outputs_.push_back(DialDone{request.token, fail(Code::closed, "the node is stopping")});
    return;
  }
  if (!request.peer) {
    start_dial(now, std::nullopt, std::move(request.addresses), request.token);
    return;
  }
  if (*request.peer == self_) {
    outputs_.push_back(DialDone{request.token, fail(Code::usage, "that is this node itself")});
    return;
  }
  if (barred_.contains(*request.peer)) {
    outputs_.push_back(DialDone{request.token, fail(Code::refused, "the peer is banned")});
    return;
  }
  if (link_to(*request.peer)) {
    outputs_.push_back(DialDone{request.token, *request.peer});
    return;
  }
  const auto running = dialing_.find(*request.peer);
  if (running != dialing_.end()) {
    dials_.at(running->second).waiters.push_back(request.token);
    dialer_.on_input(now, ExtendDial{running->second, std::move(request.addresses)});
    return;
  }
  start_dial(now, request.peer, std::move(request.addresses), request.token,
             std::move(request.hearsay));
}

Token Host::start_dial(Instant now, std::optional<PeerId> peer,
                       std::vector<codec::Multiaddr> addresses, std::optional<Token> waiter,
                       std::vector<codec::Multiaddr> hearsay) {
  if (const PeerBook::Entry* entry = peer ? book_.find(*peer) : nullptr) {
    for (const auto& known : entry->addresses) {
      const bool is_given = std::ranges::any_of(
          addresses, [&](const auto& given) { return given.without_peer() == known; });
      if (!is_given) hearsay.push_back(known);
    }
  }
  const Token job{next_job_++};
  PendingDial& pending = dials_[job];
  pending.peer = peer;
  pending.is_ours = !waiter;
  pending.started = now;
  if (waiter) pending.waiters.push_back(*waiter);
  if (peer) dialing_[*peer] = job;
  dialer_.on_input(now, StartDial{job, peer, std::move(addresses), std::move(hearsay)});
  return job;
}

void Host::drain_dialer(Instant now) {
  while (auto output = dialer_.poll_output(now)) {
    std::visit(Overload{[&](DialLink& dial) { on_dial_link(now, dial); },
                        [&](CloseLink& close) {
                          if (links_.contains(close.link)) close_link(close.link, close.flush);
                        },
                        [&](Resolve& resolve) { outputs_.push_back(WorldOutput(resolve)); },
                        [&](DialSucceeded& done) { on_dial_end(now, done.token, done.peer); },
                        [&](DialFailed& failed) {
                          on_dial_end(now, failed.token, fail(std::move(failed.error)));
                        }},
               *output);
  }
}

void Host::on_dial_link(Instant now, const DialLink& dial) {
  const auto admitted = is_stopping_ ? Result<void>(fail(Code::closed, "the node is stopping"))
                                     : limits_.admit_outbound();
  if (!admitted) {
    return dialer_.on_input(now, AttemptFailed{dial.link, admitted.error()});
  }
  ++stats_.links_dialed;
  auto link = std::make_unique<Link>();
  link->direction = Direction::outbound;
  link->remote = dial.address;
  link->is_datagrams = codec::transport_of(dial.address) == codec::Transport::udp_kith;
  const bool is_datagrams = link->is_datagrams;
  links_.emplace(dial.link, std::move(link));
  if (is_datagrams) return dial_datagrams(now, dial);
  outputs_.push_back(WorldOutput(dial));
}

void Host::on_dial_end(Instant now, Token job, Result<PeerId> result) {
  const auto found = dials_.find(job);
  const PendingDial pending = std::move(found->second);
  dials_.erase(found);
  if (pending.peer) dialing_.erase(*pending.peer);
  if (pending.is_bootstrap) --bootstrap_dials_;
  if (result) timings_.dials.record(now - pending.started);
  // The peer may have come to us meanwhile.
  if (!result && pending.peer && link_to(*pending.peer)) result = *pending.peer;
  if (!result && pending.peer) {
    // Without any peer it may be our own network that is down: nobody is forgotten for that.
    if (book_.on_dial_failed(now, *pending.peer, !peers_.empty())) {
      outputs_.push_back(WorldOutput(ForgetPeer{*pending.peer}));
    }
    log_.debug("dial", "{} not reached: {}", codec::to_text(*pending.peer), result.error().message);
    outputs_.push_back(PeerUnreachable{*pending.peer, result.error()});
  }
  if (result && pending.is_feeler &&
      peers_.size() > std::min(2 * config_.peers_min, config_.peers_high)) {
    drop_least_valuable(now, 1);
  }
  for (const Token waiter : pending.waiters) outputs_.push_back(DialDone{waiter, result});
  // One that failed makes room for the next candidate at once.
  if (pending.is_ours && !is_stopping_) keep_at_ = keep_at_ ? std::min(*keep_at_, now) : now;
}

// Dials known peers while some are missing, and the bootstrap peers when there is none.
void Host::keep_peers(Instant now) {
  const auto jitter = static_cast<std::int64_t>(
      rng_.below(static_cast<std::uint64_t>(config_.keep_interval.count()) / 2 + 1));
  keep_at_ = now + config_.keep_interval + Duration(jitter);
  trim(now);  // some have grown old enough
  drop_duplicates(now);
  // Not only when the book has nobody: a book full of the dead would keep us alone for hours.
  if (peers_.empty() && bootstrap_dials_ == 0) dial_bootstrap(now);
  const std::size_t missing = missing_peers();
  if (missing == 0) return feel(now);
  // A dial that finds no room would count as the peer's failure.
  for (const PeerId& peer : choose_to_dial(now, std::min(missing, limits_.outbound_room()))) {
    start_dial(now, peer, {}, std::nullopt);
  }
}

// Peers are few below peers_min, and while fewer than `outbound_min` are our own choice: whoever
// comes in numbers must not be all we have. No more are sought than drop_least_valuable keeps, so
// that our own trimming never undoes a dial; and at most half as many, since every link is outbound
// for one end alone: full nodes that all wanted half of theirs outbound would push each other's out
// for ever.
std::size_t Host::missing_peers() const {
  if (config_.peers_min == 0) return 0;
  const auto lacking = [&](std::size_t wanted, std::size_t have) {
    return wanted - std::min(wanted, have + dials_.size());
  };
  const std::size_t sought = std::min(config_.outbound_min, config_.peers_low / 4);
  return std::max(lacking(config_.peers_min, peers_.size()), lacking(sought, outbound_peers()));
}

std::size_t Host::outbound_peers() const {
  return static_cast<std::size_t>(std::ranges::count_if(peers_, [&](const auto& entry) {
    const auto used = link_to(entry.first);
    return used && links_.at(*used)->direction == Direction::outbound;
  }));
}

// Drawn by worth from a handful that the book draws evenly.
std::vector<PeerId> Host::choose_to_dial(Instant now, std::size_t count) {
  std::vector<PeerId> pool =
      book_.pick_to_dial(now, std::max(dial_pool_min, 4 * count) + dialing_.size());
  std::erase_if(pool, [&](const PeerId& peer) {
    return dialing_.contains(peer) || peers_.contains(peer) || barred_.contains(peer);
  });
  std::vector<std::uint64_t> weights;
  weights.reserve(pool.size());
  for (const PeerId& peer : pool) weights.push_back(worth_of(peer).weight);
  std::vector<PeerId> chosen;
  for (const std::size_t index : peer::choose_several(rng_, weights, count)) {
    chosen.push_back(pool[index]);
  }
  return chosen;
}

// Now and then reaches for a peer beyond those at hand. Two halves of a network that was cut in two
// have peers enough on each side, so nothing else would join them again; and whoever has surrounded
// us loses a link with each success. Above twice peers_min a new peer takes the place of another,
// also in a full node: of two halves that are full neither would reach for the other otherwise.
void Host::feel(Instant now) {
  if (config_.feeler_interval == Duration::zero() || config_.peers_min == 0) return;
  if (feeler_at_ && now < *feeler_at_) return;
  const bool is_first = !feeler_at_;
  const auto jitter = static_cast<std::int64_t>(
      rng_.below(static_cast<std::uint64_t>(config_.feeler_interval.count()) / 2 + 1));
  feeler_at_ = now + config_.feeler_interval + Duration(jitter);
  if (is_first) return;
  for (const PeerId& peer : choose_to_dial(now, 1)) {
    dials_.at(start_dial(now, peer, {}, std::nullopt)).is_feeler = true;
  }
}

void Host::dial_bootstrap(Instant now) {
  if (bootstrap_at_ && now < *bootstrap_at_) return;
  bootstrap_backoff_ = std::clamp(2 * bootstrap_backoff_, config_.bootstrap_backoff_min,
                                  config_.bootstrap_backoff_max);
  bootstrap_at_ = now + bootstrap_backoff_;
  // A peer with several addresses is one dial, which tries them all.
  std::map<std::optional<PeerId>, std::vector<codec::Multiaddr>> by_peer;
  for (const auto& address : config_.bootstrap) by_peer[address.peer()].push_back(address);
  for (auto& [peer, addresses] : by_peer) {
    if (peer == self_ || (peer && (dialing_.contains(*peer) || barred_.contains(*peer)))) continue;
    if (peer) book_.learn_addresses(now, *peer, addresses, codec::AddrScope::unspecified);
    const auto start = [&](std::vector<codec::Multiaddr> some) {
      dials_.at(start_dial(now, peer, std::move(some), std::nullopt)).is_bootstrap = true;
      ++bootstrap_dials_;
    };
    if (peer) {
      start(std::move(addresses));
    } else {
      for (auto& address : addresses) start({std::move(address)});  // nobody knows whose they are
    }
  }
}

// Two that dialled each other at once have two connections. Both prefer the same for new streams
// (link_to); once the other is empty, the peer with the smaller id closes it, and only that one, so
// that they cannot close one each.
void Host::drop_duplicates(Instant now) {
  if (peers_linked_twice_ == 0) return;
  for (const auto& [id, peer] : peers_) {
    if (peer.links.size() < 2 || !(self_ < id)) continue;
    const auto kept = link_to(id);
    for (const LinkId link_id : peer.links) {
      const Link& link = *links_.at(link_id);
      const bool is_idle = link.channel.stream_count() == 0;
      if (kept && link_id != *kept && is_idle && now - link.opened_at >= config_.trim_grace) {
        close_link(link_id, true);
      }
    }
  }
}

// When there are too many peers.
void Host::trim(Instant now) {
  if (peers_.size() <= config_.peers_high) return;
  std::size_t staying = 0;  // those already being closed count no more
  for (const auto& [id, peer] : peers_) staying += link_to(id) ? 1 : 0;
  if (staying <= config_.peers_high) return;
  drop_least_valuable(now, staying - std::min(staying, config_.peers_low));
}

// Closes the connections of `count` peers, the least worthy first: those that are warned or do not
// answer, then those that came to us and have proven nothing, then by weight; of equals those
// without streams, those that came to us, the youngest. Protected and very young ones stay, and so
// do `outbound_min` that we chose ourselves: whoever comes to us in numbers must not be all we
// have.
void Host::drop_least_valuable(Instant now, std::size_t count) {
  struct Candidate {
    int rank;
    std::uint64_t weight;
    bool has_streams;
    bool is_outbound;
    Duration age;
    PeerId peer;
    auto operator<=>(const Candidate&) const = default;
  };
  std::vector<Candidate> candidates;
  for (const auto& [id, peer] : peers_) {
    const auto used = link_to(id);
    if (!used) continue;
    const Link& link = *links_.at(*used);
    const bool is_outbound = link.direction == Direction::outbound;
    if (protected_.contains(id)) continue;
    if (now - links_.at(peer.links.front())->opened_at < config_.trim_grace) continue;
    const Worth worth = worth_of(id);
    const int rank = worth.is_suffering ? 0 : !worth.is_proven && !is_outbound ? 1 : 2;
    candidates.push_back({rank, worth.weight, link.channel.stream_count() > 0, is_outbound,
                          now - link.opened_at, id});
  }
  std::ranges::sort(candidates);
  const std::size_t outbound_min = std::min(config_.outbound_min, config_.peers_low / 2);
  std::size_t outbound = outbound_peers();
  for (const Candidate& candidate : candidates) {
    if (count == 0) return;
    if (candidate.is_outbound && outbound <= outbound_min) continue;
    if (candidate.is_outbound) --outbound;
    --count;
    ++stats_.trimmed;
    disconnect(candidate.peer);
  }
}

// --- what peers are worth ------------------------------------------------------------------------

void Host::on_standing(const PeerStanding& standing) {
  const bool is_silent =
      standing.health == PeerHealth::unhealthy || standing.health == PeerHealth::stale;
  const Worth worth{peer::weight_of(standing), standing.is_proven || standing.is_direct,
                    standing.is_warned || is_silent};
  if (worth == newcomer()) {
    worths_.erase(standing.peer);
  } else {
    worths_[standing.peer] = worth;
  }
}

Host::Worth Host::newcomer() { return {peer::weight_of({})}; }

Host::Worth Host::worth_of(const PeerId& peer) const {
  const auto found = worths_.find(peer);
  return found == worths_.end() ? newcomer() : found->second;
}

// New names cost nothing: however many come, half of what peers may open stays for those that have
// done some work here.
bool Host::has_inbound_slot(const PeerId& id) const {
  const std::size_t slots = limits_.inbound_max();
  if (protected_.contains(id) || limits_.connections() <= slots / 2) return true;
  std::size_t used = 0;
  std::size_t unproven = 0;
  for (const auto& [link_id, link] : links_) {
    if (!link->peer || link->is_closing || link->direction != Direction::inbound) continue;
    ++used;
    if (!worth_of(*link->peer).is_proven) ++unproven;
  }
  return peer::has_inbound_slot(slots, used, unproven, worth_of(id).is_proven);
}

/// Of a session, with the transport's name by its address.
std::optional<SessionStats> Host::session_stats_of(const Link& link) {
  const SessionConnection* session = link.channel.session();
  if (session == nullptr) return std::nullopt;
  SessionStats stats = session->stats();
  const codec::Transport transport = codec::transport_of(link.remote);
  if (codec::is_web(transport)) stats.transport = codec::is_tls(transport) ? "wss" : "ws";
  return stats;
}

PeerInfo Host::info_of(const PeerId& id, const Peer& peer) const {
  PeerInfo info{id, {}, peer.rtt, peer.identity, protected_.contains(id)};
  for (const LinkId link_id : peer.links) {
    const Link& link = *links_.at(link_id);
    info.connections.push_back({link_id, link.direction, link.remote, link.opened_at,
                                link.channel.stream_count(), session_stats_of(link)});
  }
  return info;
}

std::vector<PeerId> Host::peer_ids() const {
  std::vector<PeerId> ids;
  ids.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) ids.push_back(id);
  return ids;
}

std::vector<PeerInfo> Host::peers() const {
  std::vector<PeerInfo> infos;
  infos.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) infos.push_back(info_of(id, peer));
  return infos;
}

std::optional<PeerInfo> Host::peer(const PeerId& id) const {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return std::nullopt;
  return info_of(id, found->second);
}

void Host::set_rtt(const PeerId& id, Duration rtt) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  std::optional<Duration>& known = found->second.rtt;
  // A quarter of the new value, as TCP smooths its own (RFC 6298 uses an eighth, more often).
  known = known ? (*known * 3 + rtt) / 4 : rtt;
}

}  // namespace kith::host
