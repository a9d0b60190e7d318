#include "peer/breaker.h"

#include <algorithm>

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
  if (!is_allowed) ++refused_;
  return is_allowed;
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
  Key key{peer, std::string(service)};
  if (!peers_.contains(key) && peers_.size() >= config_.peers_max) {
    peers_.erase(by_turn_.begin()->second);
    by_turn_.erase(by_turn_.begin());
  }
  Entry& entry = peers_[key];
  by_turn_.erase(entry.turn);
  entry.turn = ++turn_;
  by_turn_.emplace(turn_, std::move(key));
  entry.breaker.on_failure(config_.peer, now);
  const auto common = services_.find(service);
  if (common != services_.end()) return common->second.on_failure(config_.service, now);
  if (services_.size() >= config_.services_max) return;
  services_[std::string(service)].on_failure(config_.service, now);
}

BreakerState Breakers::state(Instant now, const PeerId& peer, std::string_view service) const {
  const auto own = peers_.find(Key{peer, std::string(service)});
  return own == peers_.end() ? BreakerState::closed : own->second.breaker.state(now);
}

BreakerState Breakers::state(Instant now, std::string_view service) const {
  const auto common = services_.find(service);
  return common == services_.end() ? BreakerState::closed : common->second.state(now);
}

}  // namespace kith::peer
