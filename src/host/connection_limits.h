// Who may connect: limits on raw links, so that half-open floods, slow handshakes and one greedy
// host cannot use the node up (attack rows A43, A49, A62). Pure bookkeeping: the host asks before
// it keeps a link, and reports what became of it.
//
// Loopback is exempt from the per-address limits, since everything behind it is this machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "codec/multiaddr.h"

namespace kith::host {

struct LimitsConfig {
  std::size_t connections_max = 256;     // links in all, both directions
  std::size_t outbound_reserve = 32;     // of them, kept for links that we dial
  std::size_t inbound_pending_max = 64;  // inbound links not yet authenticated
  std::size_t per_address_max = 8;       // inbound links from one IPv4 or one IPv6 /56
  std::size_t per_peer_max = 8;          // authenticated links of one peer
  std::uint32_t rate_burst = 16;         // new inbound links of one address at once…
  Duration rate_interval = 5s;           // …and then one in so long
  std::size_t addresses_max = 65'536;    // addresses remembered
};

class ConnectionLimits {
 public:
  explicit ConnectionLimits(const LimitsConfig& config) : config_(config) {}

  /// A link that the peer opened. On success it counts as pending until on_authenticated or
  /// on_closed; `limit` says which limit is reached.
  Result<void> admit_inbound(Instant now, const codec::Multiaddr& remote);
  /// A link that we are about to dial.
  Result<void> admit_outbound();
  void on_authenticated(Direction direction);
  void on_closed(Instant now, Direction direction, bool was_authenticated,
                 const codec::Multiaddr& remote);

  /// Links that peers may have opened, whatever else there is.
  std::size_t inbound_max() const {
    return config_.connections_max -
           std::min(config_.outbound_reserve, config_.connections_max / 2);
  }
  /// Links that we may still dial.
  std::size_t outbound_room() const { return config_.connections_max - connections_; }
  std::size_t connections() const { return connections_; }
  std::size_t inbound_pending() const { return inbound_pending_; }
  std::size_t addresses() const { return sources_.size(); }
  /// Forgets addresses without links whose rate has recovered. Happens by itself when the table is
  /// full.
  void forget_idle(Instant now);

 private:
  struct Source {
    std::size_t links = 0;
    std::uint32_t tokens = 0;
    Instant refilled;
  };
  /// 4 bytes of IPv4 or the /56 of IPv6; empty when no limit by address applies.
  static Bytes source_of(const codec::Multiaddr& remote);
  void refill(Instant now, Source& source) const;
  void make_room(Instant now);

  const LimitsConfig config_;
  std::size_t connections_ = 0;
  std::size_t inbound_pending_ = 0;
  std::map<Bytes, Source> sources_;
};

}  // namespace kith::host
