// Who may not connect, and until when: peers, and groups of addresses (an IPv4 /24, an IPv6 /56)
// out of which several peers were banned within an hour. Loopback belongs to no group.
//
// Limits: `bans_max` bans, of which the one that was neither made nor asked for the longest makes
// room (CVE-2020-14198: looking one up costs the same however many there are); `groups_max` groups.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "codec/multiaddr.h"

namespace kith::peer {

/// A network that addresses are drawn from at one price: an IPv4 /24 or an IPv6 /56.
using NetGroup = base::Id<struct NetGroupTag>;
/// Empty for loopback and for addresses that are no IP.
std::optional<NetGroup> net_group_of(const codec::Multiaddr& address);
/// "203.0.113.0/24"
std::string to_text(NetGroup group);

struct BansConfig {
  std::size_t bans_max = 10'000;
  std::size_t groups_max = 4096;
  std::size_t group_bans_min = 5;  // banned peers of one group within…
  Duration group_window = 1h;      // …so long
  Duration group_ban = 1h;
};

enum class BanCause : std::uint8_t { record, proof, person };
/// Stored by name: never rename.
std::string_view name_of(BanCause cause);
std::optional<BanCause> ban_cause_of(std::string_view name);

struct Ban {
  BanCause cause = BanCause::record;
  std::optional<Instant> until;  // empty: until somebody lifts it
  std::string reason;
};

class Bans {
 public:
  explicit Bans(const BansConfig& config) : config_(config) {}

  /// Makes or replaces one. The peer that had to make room, if any.
  std::optional<PeerId> add(const PeerId& peer, Ban ban);
  bool remove(const PeerId& peer) { return forget(peer); }
  /// Counts a banned peer of the group; true when that bans the group, from now on.
  bool count(Instant now, NetGroup group, const PeerId& peer);

  /// Also remembers that it was asked for.
  const Ban* look_up(Instant now, const PeerId& peer);
  const Ban* find(Instant now, const PeerId& peer) const;
  std::optional<Instant> group_banned_until(Instant now, NetGroup group) const;
  /// In the order of peers.
  std::vector<std::pair<PeerId, Ban>> list(Instant now) const;
  std::vector<std::pair<NetGroup, Instant>> groups(Instant now) const;
  std::size_t size() const { return bans_.size(); }
  std::size_t group_count() const { return groups_.size(); }

 private:
  struct Entry {
    Ban ban;
    std::uint64_t turn = 0;  // of the last use
  };
  struct Group {
    std::vector<std::pair<Instant, PeerId>> banned;  // within the window; below group_bans_min
    std::optional<Instant> until;
    std::uint64_t turn = 0;
  };

  bool forget(const PeerId& peer);

  const BansConfig config_;
  std::map<PeerId, Entry> bans_;
  std::map<std::uint64_t, PeerId> by_turn_;
  std::map<NetGroup, Group> groups_;
  std::map<std::uint64_t, NetGroup> groups_by_turn_;
  std::uint64_t turn_ = 0;
};

}  // namespace kith::peer
