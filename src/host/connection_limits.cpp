#include "host/connection_limits.h"

#include <algorithm>

#include "base/format.h"

namespace kith::host {

Result<void> ConnectionLimits::admit_inbound(Instant now, const codec::Multiaddr& remote) {
  // Whoever fills the inbound links must not cut us off from the peers we choose ourselves.
  if (connections_ >= inbound_max()) {
    return fail(Code::limit, base::format("{} connections, the most allowed", connections_));
  }
  if (inbound_pending_ >= config_.inbound_pending_max) {
    return fail(Code::limit,
                base::format("{} inbound connections wait for authentication", inbound_pending_));
  }
  Bytes key = source_of(remote);
  if (!key.empty()) {
    if (sources_.size() >= config_.addresses_max) make_room(now);
    const auto [at, is_new] = sources_.try_emplace(std::move(key));
    Source& source = at->second;
    if (is_new) {
      source.tokens = config_.rate_burst;
      source.refilled = now;
    }
    refill(now, source);
    if (source.links >= config_.per_address_max) {
      return fail(Code::limit, base::format("{} connections from the address of {}", source.links,
                                            remote.to_string()));
    }
    if (source.tokens == 0) {
      return fail(Code::limit,
                  base::format("connections come too fast from {}", remote.to_string()));
    }
    --source.tokens;
    ++source.links;
  }
  ++connections_;
  ++inbound_pending_;
  return {};
}

Result<void> ConnectionLimits::admit_outbound() {
  if (connections_ >= config_.connections_max) {
    return fail(Code::limit, base::format("{} connections, the most allowed", connections_));
  }
  ++connections_;
  return {};
}

void ConnectionLimits::on_authenticated(Direction direction) {
  if (direction != Direction::inbound) return;
  ASSERT(inbound_pending_ > 0);
  --inbound_pending_;
}

void ConnectionLimits::on_closed(Instant now, Direction direction, bool was_authenticated,
                                 const codec::Multiaddr& remote) {
  ASSERT(connections_ > 0);
  --connections_;
  if (direction != Direction::inbound) return;
  if (!was_authenticated) --inbound_pending_;
  const auto found = sources_.find(source_of(remote));
  if (found == sources_.end()) return;
  Source& source = found->second;
  --source.links;
  refill(now, source);
  if (source.links == 0 && source.tokens == config_.rate_burst) sources_.erase(found);
}

Bytes ConnectionLimits::source_of(const codec::Multiaddr& remote) {
  if (codec::scope_of(remote) == codec::AddrScope::loopback) return {};
  if (const auto ip4 = remote.find(codec::AddrProtocol::ip4)) return base::to_bytes(*ip4);
  if (const auto ip6 = remote.find(codec::AddrProtocol::ip6)) {
    // ::ffff:a.b.c.d: an IPv4 host at a socket that takes both.
    static constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (base::equal(ip6->first(12), mapped)) return base::to_bytes(ip6->subspan(12));
    // Providers hand a /56 or /64 to one customer; single IPv6 addresses cost nothing.
    return base::to_bytes(ip6->first(7));
  }
  return {};
}

void ConnectionLimits::refill(Instant now, Source& source) const {
  const auto gained = (now - source.refilled) / config_.rate_interval;
  if (gained <= 0) return;
  source.refilled += gained * config_.rate_interval;
  source.tokens = static_cast<std::uint32_t>(
      std::min<std::int64_t>(config_.rate_burst, source.tokens + gained));
}

void ConnectionLimits::forget_idle(Instant now) {
  for (auto& [key, source] : sources_) refill(now, source);
  std::erase_if(sources_, [&](const auto& entry) {
    return entry.second.links == 0 && entry.second.tokens == config_.rate_burst;
  });
}

void ConnectionLimits::make_room(Instant now) {
  forget_idle(now);
  // Still full: an attacker holds this many addresses at once. Forget rates, never links.
  if (sources_.size() >= config_.addresses_max) {
    std::erase_if(sources_, [](const auto& entry) { return entry.second.links == 0; });
  }
}

}  // namespace kith::host
