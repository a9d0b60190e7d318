#include "peer/limits.h"

namespace kith::peer {

using base::TokenBucket;
using base::TokenRate;

namespace {

/// Between looks at a debt: much at once rather than a message each nanosecond; and a look at a
/// peer that can pay nothing for now.
constexpr Duration settle_delay_min = 1ms;
constexpr Duration settle_delay_max = 1s;

}  // namespace

TokenRate scaled(const TokenRate& rate, std::uint32_t milli) {
  const auto scale = [milli](std::uint64_t tokens) -> std::uint64_t {
    if (tokens == 0 || milli == 0) return 0;
    return std::clamp<std::uint64_t>(tokens * milli / 1000, 1, TokenBucket::tokens_max);
  };
  return {scale(rate.per_second), scale(rate.burst)};
}

Limits::Limits(const LimitsConfig& config, Instant now)
    : config_(config), all_(config.overall, now) {
  for (const auto& kind : config_.kinds) {
    overall_.push_back(kind.overall ? std::optional(TokenBucket(*kind.overall, now))
                                    : std::nullopt);
  }
  counts_.fill(Counts(config_.kinds.size()));
}

LimitVerdict Limits::take(Instant now, const PeerId& id, LimitKind kind, std::uint64_t count) {
  ASSERT(kind.value < config_.kinds.size());
  const LimitVerdict verdict = try_take(now, touch(now, id), kind.value, count);
  counts_[static_cast<std::size_t>(verdict)][kind.value] += count;
  return verdict;
}

// From the narrowest to the widest: a peer that is over its own limits takes nothing from others.
LimitVerdict Limits::try_take(Instant now, Peer& peer, std::size_t kind, std::uint64_t count) {
  const auto& rates = config_.kinds[kind];
  const TokenRate own = scaled(config_.per_peer, peer.quota_milli);
  if (!peer.all.take(own, now, count)) return LimitVerdict::over_peer;
  TokenRate own_kind;
  auto& own_bucket = peer.kinds[kind].bucket;
  if (own_bucket) {
    own_kind = scaled(*rates.per_peer, peer.quota_milli);
    if (!own_bucket->take(own_kind, now, count)) {
      peer.all.give_back(own, now, count);
      return LimitVerdict::over_kind;
    }
  }
  const auto give_back_own = [&] {
    peer.all.give_back(own, now, count);
    if (own_bucket) own_bucket->give_back(own_kind, now, count);
  };
  auto& overall = overall_[kind];
  if (overall && !overall->take(*rates.overall, now, count)) {
    give_back_own();
    return LimitVerdict::over_kind_overall;
  }
  if (!all_.take(config_.overall, now, count)) {
    give_back_own();
    if (overall) overall->give_back(*rates.overall, now, count);
    return LimitVerdict::over_all;
  }
  return LimitVerdict::allowed;
}

std::optional<Instant> Limits::ready_at(Instant now, const PeerId& id, LimitKind kind,
                                        std::uint64_t count) {
  ASSERT(kind.value < config_.kinds.size());
  return ready_at(now, touch(now, id), kind.value, count);
}

std::optional<Instant> Limits::ready_at(Instant now, Peer& peer, std::size_t kind,
                                        std::uint64_t count) {
  const auto& rates = config_.kinds[kind];
  std::optional<Instant> ready = now;
  const auto also = [&](TokenBucket& bucket, const TokenRate& rate) {
    const auto at = bucket.ready_at(rate, now, count);
    ready = ready && at ? std::optional(std::max(*ready, *at)) : std::nullopt;
  };
  also(peer.all, scaled(config_.per_peer, peer.quota_milli));
  auto& own = peer.kinds[kind].bucket;
  if (own) also(*own, scaled(*rates.per_peer, peer.quota_milli));
  auto& overall = overall_[kind];
  if (overall) also(*overall, *rates.overall);
  also(all_, config_.overall);
  return ready;
}

// The most that can be taken at once.
std::uint64_t Limits::burst_of(const Peer& peer, std::size_t kind) const {
  const auto& rates = config_.kinds[kind];
  std::uint64_t burst =
      std::min(scaled(config_.per_peer, peer.quota_milli).burst, config_.overall.burst);
  if (rates.per_peer) burst = std::min(burst, scaled(*rates.per_peer, peer.quota_milli).burst);
  if (rates.overall) burst = std::min(burst, rates.overall->burst);
  return burst;
}

void Limits::owe(Instant now, const PeerId& id, LimitKind kind, std::uint64_t count) {
  ASSERT(kind.value < config_.kinds.size());
  auto& debt = touch(now, id).kinds[kind.value];
  debt.owed += std::min(count, TokenBucket::tokens_max);
  debt.is_late = false;
}

std::optional<Instant> Limits::settle(Instant now, const PeerId& id, LimitKind kind) {
  ASSERT(kind.value < config_.kinds.size());
  Peer& peer = touch(now, id);
  auto& debt = peer.kinds[kind.value];
  while (debt.owed > 0) {
    const auto part = std::min(debt.owed, std::max<std::uint64_t>(1, burst_of(peer, kind.value)));
    const LimitVerdict verdict = try_take(now, peer, kind.value, part);
    if (verdict != LimitVerdict::allowed) {
      if (!std::exchange(debt.is_late, true)) {
        counts_[static_cast<std::size_t>(verdict)][kind.value] += debt.owed;
      }
      const Instant at = ready_at(now, peer, kind.value, part).value_or(now + settle_delay_max);
      return std::max(at, now + settle_delay_min);
    }
    counts_[static_cast<std::size_t>(verdict)][kind.value] += part;
    debt.owed -= part;
  }
  return std::nullopt;
}

Limits::Peer& Limits::touch(Instant now, const PeerId& id) {
  auto found = peers_.find(id);
  if (found == peers_.end()) {
    // Connected peers are bounded by the host, and may exceed the table.
    if (peers_.size() >= config_.peers_max && !idle_.empty()) {
      peers_.erase(idle_.begin()->second);
      idle_.erase(idle_.begin());
    }
    Peer peer{.all = TokenBucket(config_.per_peer, now), .kinds = {}};
    for (const auto& kind : config_.kinds) {
      auto& own = peer.kinds.emplace_back();
      if (kind.per_peer) own.bucket.emplace(*kind.per_peer, now);
    }
    found = peers_.emplace(id, std::move(peer)).first;
  }
  Peer& peer = found->second;
  if (!peer.is_connected) {
    idle_.erase({peer.turn, id});
    peer.turn = ++turn_;
    idle_.emplace(peer.turn, id);
  }
  return peer;
}

void Limits::on_standing(Instant now, const PeerStanding& standing) {
  Peer& peer = touch(now, standing.peer);
  peer.quota_milli = standing.quota_milli;
  if (peer.is_connected == standing.is_connected) return;
  peer.is_connected = standing.is_connected;
  if (peer.is_connected) {
    idle_.erase({peer.turn, standing.peer});
  } else {
    idle_.emplace(peer.turn, standing.peer);
  }
}

}  // namespace kith::peer
