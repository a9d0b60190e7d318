// Cookies: what a stranger must bring back before anything is kept for its address. A cookie is its
// time and a MAC over it and the asker, so that none is stored (docs/protocol/packet.md, "Cookie").
#pragma once

#include <array>
#include <cstdint>

#include "base/ip_port.h"
#include "base/rng.h"
#include "base/time.h"
#include "crypto/hash.h"
#include "packet/header.h"

namespace kith::packet {

inline constexpr std::size_t cookie_bytes = 20;
using Cookie = std::array<std::uint8_t, cookie_bytes>;

class CookieMaker {
 public:
  static constexpr Duration secret_lifetime = 60s;
  static constexpr Duration cookie_lifetime = 30s;

  CookieMaker(Rng& rng, Instant now);
  ~CookieMaker();

  /// `id` is the one that the asker chose for itself.
  Cookie make(Instant now, const base::IpPort& from, ConnectionId id);
  /// Whether it was made here for this asker, and not longer than cookie_lifetime ago.
  bool is_ours(Instant now, ByteView cookie, const base::IpPort& from, ConnectionId id);

 private:
  void refresh(Instant now);
  std::uint32_t seconds(Instant now) const;
  Cookie made(const crypto::Hash256& secret, std::uint32_t at, const base::IpPort& from,
              ConnectionId id) const;

  Rng& rng_;
  Instant start_;
  Instant secret_at_;
  crypto::Hash256 secret_{};  // wiped when it goes
  crypto::Hash256 last_secret_{};
};

}  // namespace kith::packet
