#include "peer/breaker.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::peer {

Duration Breaker::span(const BreakerConfig& config) const {
  Duration span = config.open_for;
  for (std::uint32_t i = 1; i < openings_ && span < config.open_for_max; ++i) span *= 2;
  return std::min(span, config.open_for_max);
}

BreakerState Breaker::state(Instant now) const {
  if (!open_until_) return BreakerState::closed;
  return now < *open_until_ ? BreakerState::open : BreakerState::half_open;
}

std::optional<Instant> Breaker::closed_until(Instant now) const {
  if (!open_until_) return std::nullopt;
  return trial_until_ && now >= *open_until_ ? trial_until_ : open_until_;
}

bool Breaker::allow(const BreakerConfig& config, Instant now) {
  switch (state(now)) {
    case BreakerState::closed: return true;
    case BreakerState::open: return false;
    case BreakerState::half_open:
      if (trial_until_ && now < *trial_until_) return false;
      trial_until_ = now + span(config);
      return true;
  }
  return false;
}

void Breaker::on_failure(const BreakerConfig& config, Instant now) {
  // What was asked before it opened says nothing new.
  if (state(now) == BreakerState::open) return;
  failures_ = std::min(failures_ + 1, config.failures_max);
  if (failures_ < config.failures_max) return;
  openings_ = std::min(openings_ + 1, 64u);
  open_until_ = now + span(config);
  trial_until_.reset();
}

bool Breakers::allow(Instant now, const PeerId& peer, std::string_view service) {
  const auto own = peers_.find(Key{peer, std::string(service)});
  const auto common = services_.find(service);
  // The service first, unless the peer's says no already: a trial is not to be used up for nothing.
  const bool is_peer_open =
      own != peers_.end() && own->second.breaker.state(now) == BreakerState::open;
  const bool is_allowed =
      !is_peer_open && (common == services_.end() || common->second.allow(config_.service, now)) &&
      (own == peers_.end() || own->second.breaker.allow(config_.peer, now));
  if (!is_allowed) ++stats_.refused;
  return is_allowed;
}

Result<void> Breakers::ask(Instant now, const PeerId& peer, std::string_view service) {
  if (allow(now, peer, service)) return {};
  const auto common = services_.find(service);
  const auto own = peers_.find(Key{peer, std::string(service)});
  const bool is_own_open =
      own != peers_.end() && own->second.breaker.state(now) == BreakerState::open;
  const bool is_common = !is_own_open && common != services_.end() &&
                         common->second.state(now) != BreakerState::closed;
  const Breaker& breaker = is_common ? common->second : own->second.breaker;
  const Duration left = breaker.closed_until(now).value_or(now) - now;
  return fail(Code::refused,
              base::format("{}{}: {} failures in a row, asked again in {} s", service,
                           is_common ? std::string() : " of " + codec::to_text(peer),
                           breaker.failures(), (base::to_ms(left) + 999) / 1000));
}

void Breakers::count(const BreakerConfig& config, Instant now, Breaker& breaker) {
  const bool was_open = breaker.state(now) == BreakerState::open;
  breaker.on_failure(config, now);
  if (!was_open && breaker.state(now) == BreakerState::open) ++stats_.openings;
}

void Breakers::on_success(const PeerId& peer, std::string_view service) {
  if (const auto own = peers_.find(Key{peer, std::string(service)}); own != peers_.end()) {
    by_turn_.erase(own->second.turn);
    peers_.erase(own);
  }
  if (const auto common = services_.find(service); common != services_.end()) {
    services_.erase(common);
  }
}

void Breakers::on_failure(Instant now, const PeerId& peer, std::string_view service) {
  ++stats_.failures;
  Key key{peer, std::string(service)};
  if (!peers_.contains(key) && peers_.size() >= config_.peers_max) {
    peers_.erase(by_turn_.begin()->second);
    by_turn_.erase(by_turn_.begin());
  }
  Entry& entry = peers_[key];
  by_turn_.erase(entry.turn);
  entry.turn = ++turn_;
  by_turn_.emplace(turn_, std::move(key));
  count(config_.peer, now, entry.breaker);
  const auto common = services_.find(service);
  if (common == services_.end() && services_.size() >= config_.services_max) return;
  count(config_.service, now, services_[std::string(service)]);
}

BreakerState Breakers::state(Instant now, const PeerId& peer, std::string_view service) const {
  const auto own = peers_.find(Key{peer, std::string(service)});
  return own == peers_.end() ? BreakerState::closed : own->second.breaker.state(now);
}

BreakerState Breakers::state(Instant now, std::string_view service) const {
  const auto common = services_.find(service);
  return common == services_.end() ? BreakerState::closed : common->second.state(now);
}

std::size_t Breakers::open_peers(Instant now) const {
  return static_cast<std::size_t>(std::ranges::count_if(peers_, [&](const auto& entry) {
    return entry.second.breaker.state(now) != BreakerState::closed;
  }));
}

std::size_t Breakers::open_services(Instant now) const {
  return static_cast<std::size_t>(std::ranges::count_if(services_, [&](const auto& entry) {
    return entry.second.state(now) != BreakerState::closed;
  }));
}

std::vector<Breakers::Open> Breakers::open_of(Instant now, const PeerId& peer) const {
  std::vector<Open> open;
  for (auto at = peers_.lower_bound(Key{peer, ""}); at != peers_.end() && at->first.peer == peer;
       ++at) {
    const Breaker& breaker = at->second.breaker;
    if (breaker.state(now) == BreakerState::closed) continue;
    const Duration left = breaker.closed_until(now).value_or(now) - now;
    open.push_back({at->first.service, breaker.state(now), breaker.failures(),
                    std::max(left, Duration::zero())});
  }
  return open;
}

}  // namespace kith::peer
