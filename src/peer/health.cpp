#include "peer/health.h"

#include <algorithm>

namespace kith::peer {

void Health::connected(Instant now, const PeerId& id) {
  const auto [found, is_new] = peers_.try_emplace(id);
  if (!is_new) return traffic(now, id);
  Peer& peer = found->second;
  peer.heard_at = now;
  // Spread the crowd: the first probe comes within an interval.
  const auto spread = static_cast<std::uint64_t>(config_.probe_interval.count());
  peer.next_probe_at =
      now + Duration(static_cast<std::int64_t>(spread == 0 ? 0 : rng_.below(spread)));
  arm(id, peer);
}

void Health::disconnected(const PeerId& id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  if (found->second.is_counted) {
    --counted_;
    failing_ -= found->second.is_failing ? 1 : 0;
  }
  deadlines_.set(id, std::nullopt);
  peers_.erase(found);
}

void Health::traffic(Instant now, const PeerId& id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  found->second.heard_at = now;  // the deadline is looked at again when it comes
  if (found->second.state != PeerHealth::stale) return;
  change(id, found->second, PeerHealth::healthy);
  arm(id, found->second);
}

void Health::probe_succeeded(Instant now, const PeerId& id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  traffic(now, id);
  Peer& peer = found->second;
  if (!peer.timeout_at) return;
  peer.timeout_at.reset();
  open_window(now);
  count(peer, false);
  peer.probes_failed = 0;
  peer.failures = 0;
  peer.successes = std::min(peer.successes + 1, config_.successes_to_recover);
  if (peer.successes == config_.successes_to_recover) change(id, peer, PeerHealth::healthy);
  arm(id, peer);
}

void Health::probe_failed(Instant now, const PeerId& id) {
  const auto found = peers_.find(id);
  if (found == peers_.end() || !found->second.timeout_at) return;
  found->second.timeout_at.reset();
  fail(now, id, found->second, true);
  arm(id, found->second);
}

void Health::request_failed(Instant now, const PeerId& id) {
  const auto found = peers_.find(id);
  if (found != peers_.end()) fail(now, id, found->second, false);
}

// Judged when the window ends: only then is it known how many others failed as well.
void Health::fail(Instant now, const PeerId&, Peer& peer, bool is_probe) {
  open_window(now);
  count(peer, true);
  peer.silences = std::min(peer.silences + 1, 1000u);
  if (!is_probe) return;
  peer.probes_failed = std::min(peer.probes_failed + 1, config_.failures_max);
  peer.successes = 0;
}

void Health::open_window(Instant now) {
  if (!window_ends_) window_ends_ = now + config_.window;
}

void Health::count(Peer& peer, bool has_failed) {
  if (!peer.is_counted) ++counted_;
  peer.is_counted = true;
  if (peer.is_failing != has_failed) failing_ += has_failed ? 1 : std::size_t{0} - 1;
  peer.is_failing = has_failed;
}

void Health::close_window() {
  const bool is_our_fault = counted_ >= config_.window_peers_min && failing_ * 2 > counted_;
  timeout_factor_ = is_our_fault ? std::min(timeout_factor_ * 2, config_.timeout_factor_max)
                                 : std::max(timeout_factor_ / 2, 1);
  for (auto& [id, peer] : peers_) {
    if (!peer.is_counted) continue;
    if (!is_our_fault) {
      peer.failures = std::min(peer.failures + peer.probes_failed, config_.failures_max);
      if (peer.silences > 0) outputs_.push_back(Silence{id, peer.silences});
      judge(id, peer);
    }
    peer.is_counted = peer.is_failing = false;
    peer.probes_failed = peer.silences = 0;
  }
  counted_ = failing_ = 0;
  window_ends_.reset();
}

void Health::judge(const PeerId& id, Peer& peer) {
  if (peer.state == PeerHealth::stale || peer.failures == 0) return;
  if (peer.failures >= config_.failures_max) {
    change(id, peer, PeerHealth::unhealthy);
  } else if (peer.failures * 2 >= config_.failures_max && peer.state == PeerHealth::healthy) {
    change(id, peer, PeerHealth::degraded);
  }
}

void Health::change(const PeerId& id, Peer& peer, PeerHealth state) {
  if (std::exchange(peer.state, state) != state) outputs_.push_back(HealthChanged{id, state});
}

void Health::serve(Instant now, const PeerId& id, Peer& peer) {
  if (peer.timeout_at && now >= *peer.timeout_at) probe_failed(now, id);
  if (now >= peer.heard_at + config_.stale_after) change(id, peer, PeerHealth::stale);
  const bool is_due = config_.probe_interval > Duration::zero() && !peer.timeout_at &&
                      now >= peer.next_probe_at && peer.state != PeerHealth::stale;
  if (is_due) {
    peer.timeout_at = now + timeout();
    peer.next_probe_at = now + jittered(config_.probe_interval);
    outputs_.push_back(AskPeer{id});
  }
  arm(id, peer);
}

void Health::arm(const PeerId& id, const Peer& peer) {
  if (peer.state == PeerHealth::stale) return deadlines_.set(id, std::nullopt);
  std::optional<Instant> next = peer.heard_at + config_.stale_after;
  if (peer.timeout_at) {
    next = base::soonest(next, *peer.timeout_at);
  } else if (config_.probe_interval > Duration::zero()) {
    next = base::soonest(next, peer.next_probe_at);
  }
  deadlines_.set(id, next);
}

Duration Health::jittered(Duration interval) {
  const std::int64_t spread = interval.count() / 100 * config_.probe_jitter_percent;
  if (spread == 0) return interval;
  const auto drawn =
      static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(2 * spread + 1)));
  return interval + Duration(drawn - spread);
}

void Health::on_deadline(Instant now) {
  if (window_ends_ && now >= *window_ends_) close_window();
  while (const auto id = deadlines_.pop_due(now)) serve(now, *id, peers_.at(*id));
}

std::optional<Instant> Health::next_deadline() const {
  return base::soonest(deadlines_.soonest(), window_ends_);
}

std::optional<HealthOutput> Health::poll() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

PeerHealth Health::of(const PeerId& id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? PeerHealth::unknown : found->second.state;
}

}  // namespace kith::peer
