#include "peer/bans.h"

#include <array>

#include "base/format.h"
#include "codec/ip_text.h"

namespace kith::peer {
namespace {

constexpr std::uint64_t ip4_kind = 4;
constexpr std::uint64_t ip6_kind = 6;
constexpr std::array<std::string_view, 3> cause_names = {"record", "proof", "person"};

/// The kind in the first byte, the network in the seven behind it.
NetGroup group_of(std::uint64_t kind, ByteView network) {
  std::uint64_t value = kind;
  for (std::size_t i = 0; i < 7; ++i) value = value << 8 | (i < network.size() ? network[i] : 0u);
  return {value};
}

bool is_over(const Ban& ban, Instant now) { return ban.until && *ban.until <= now; }

}  // namespace

std::optional<NetGroup> net_group_of(const codec::Multiaddr& address) {
  // Behind a relay stands the relay's address, and it is not to blame.
  if (address.has(codec::AddrProtocol::p2p_circuit)) return std::nullopt;
  if (codec::scope_of(address) == codec::AddrScope::loopback) return std::nullopt;
  if (const auto ip4 = address.find(codec::AddrProtocol::ip4)) {
    return group_of(ip4_kind, ip4->first(3));
  }
  if (const auto ip6 = address.find(codec::AddrProtocol::ip6)) {
    // ::ffff:a.b.c.d: an IPv4 host at a socket that takes both.
    static constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (base::equal(ip6->first(12), mapped)) return group_of(ip4_kind, ip6->subspan(12, 3));
    return group_of(ip6_kind, ip6->first(7));
  }
  return std::nullopt;
}

std::string to_text(NetGroup group) {
  const bool is_ip4 = group.value >> 56 == ip4_kind;
  Bytes ip(is_ip4 ? codec::ip4_bytes : codec::ip6_bytes, 0);
  const std::size_t size = is_ip4 ? 3 : 7;
  for (std::size_t i = 0; i < size; ++i) {
    ip[i] = static_cast<std::uint8_t>(group.value >> (8 * (6 - i)));
  }
  return base::format("{}/{}", codec::ip_to_text(ip), size * 8);
}

std::string_view name_of(BanCause cause) { return cause_names[static_cast<std::size_t>(cause)]; }

std::optional<BanCause> ban_cause_of(std::string_view name) {
  for (std::size_t i = 0; i < cause_names.size(); ++i) {
    if (cause_names[i] == name) return static_cast<BanCause>(i);
  }
  return std::nullopt;
}

bool Bans::forget(const PeerId& peer) {
  const auto found = bans_.find(peer);
  if (found == bans_.end()) return false;
  by_turn_.erase(found->second.turn);
  bans_.erase(found);
  return true;
}

std::optional<PeerId> Bans::add(const PeerId& peer, Ban ban) {
  forget(peer);
  std::optional<PeerId> displaced;
  if (bans_.size() >= config_.bans_max) {
    displaced = by_turn_.begin()->second;
    forget(*displaced);
  }
  bans_.emplace(peer, Entry{std::move(ban), ++turn_});
  by_turn_.emplace(turn_, peer);
  return displaced;
}

const Ban* Bans::find(Instant now, const PeerId& peer) const {
  const auto found = bans_.find(peer);
  return found == bans_.end() || is_over(found->second.ban, now) ? nullptr : &found->second.ban;
}

const Ban* Bans::look_up(Instant now, const PeerId& peer) {
  const auto found = bans_.find(peer);
  if (found == bans_.end() || is_over(found->second.ban, now)) return nullptr;
  by_turn_.erase(found->second.turn);
  found->second.turn = ++turn_;
  by_turn_.emplace(turn_, peer);
  return &found->second.ban;
}

bool Bans::count(Instant now, NetGroup id, const PeerId& peer) {
  if (!groups_.contains(id) && groups_.size() >= config_.groups_max) {
    groups_.erase(groups_by_turn_.begin()->second);
    groups_by_turn_.erase(groups_by_turn_.begin());
  }
  Group& group = groups_[id];
  groups_by_turn_.erase(group.turn);
  group.turn = ++turn_;
  groups_by_turn_.emplace(turn_, id);
  std::erase_if(group.banned, [&](const auto& entry) {
    return entry.first + config_.group_window <= now || entry.second == peer;
  });
  group.banned.emplace_back(now, peer);
  if (group.banned.size() < config_.group_bans_min) return false;
  group.banned.clear();
  group.until = now + config_.group_ban;
  return true;
}

std::optional<Instant> Bans::group_banned_until(Instant now, NetGroup id) const {
  const auto found = groups_.find(id);
  if (found == groups_.end() || !found->second.until || *found->second.until <= now) {
    return std::nullopt;
  }
  return found->second.until;
}

std::vector<std::pair<PeerId, Ban>> Bans::list(Instant now) const {
  std::vector<std::pair<PeerId, Ban>> bans;
  for (const auto& [peer, entry] : bans_) {
    if (!is_over(entry.ban, now)) bans.emplace_back(peer, entry.ban);
  }
  return bans;
}

std::vector<std::pair<NetGroup, Instant>> Bans::groups(Instant now) const {
  std::vector<std::pair<NetGroup, Instant>> banned;
  for (const auto& [id, group] : groups_) {
    if (group.until && *group.until > now) banned.emplace_back(id, *group.until);
  }
  return banned;
}

}  // namespace kith::peer
