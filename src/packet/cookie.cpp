#include "packet/cookie.h"

#include <cstring>

#include "base/endian.h"
#include "crypto/secret.h"

namespace kith::packet {

CookieMaker::CookieMaker(Rng& rng, Instant now) : rng_(rng), start_(now), secret_at_(now) {
  rng_.fill(secret_);
  rng_.fill(last_secret_);
}

CookieMaker::~CookieMaker() {
  crypto::wipe(secret_);
  crypto::wipe(last_secret_);
}

Cookie CookieMaker::make(Instant now, const base::IpPort& from, ConnectionId id) {
  refresh(now);
  return made(secret_, seconds(now), from, id);
}

bool CookieMaker::is_ours(Instant now, ByteView cookie, const base::IpPort& from, ConnectionId id) {
  if (cookie.size() != cookie_bytes) return false;
  refresh(now);
  const auto at = base::load_big_endian<std::uint32_t>(cookie, 0);
  const std::uint32_t today = seconds(now);
  if (at > today || today - at > cookie_lifetime / 1s) return false;
  const Cookie ours = made(secret_, at, from, id);
  const Cookie older = made(last_secret_, at, from, id);
  // Both are compared, whatever the first says.
  const bool is_new = crypto::equal_in_constant_time(cookie, ours);
  const bool is_older = crypto::equal_in_constant_time(cookie, older);
  return is_new || is_older;
}

void CookieMaker::refresh(Instant now) {
  if (now - secret_at_ < secret_lifetime) return;
  last_secret_ = secret_;
  // One that is two lifetimes old made nothing that still holds.
  if (now - secret_at_ >= 2 * secret_lifetime) rng_.fill(last_secret_);
  rng_.fill(secret_);
  secret_at_ = now;
}

std::uint32_t CookieMaker::seconds(Instant now) const {
  return static_cast<std::uint32_t>((now - start_) / 1s);
}

Cookie CookieMaker::made(const crypto::Hash256& secret, std::uint32_t at, const base::IpPort& from,
                         ConnectionId id) const {
  std::array<std::uint8_t, 10> numbers;
  base::store_big_endian(ByteSpan(numbers), 0, at);
  base::store_big_endian(ByteSpan(numbers), 4, id.value);
  base::store_big_endian(ByteSpan(numbers), 8, from.port);
  const crypto::Hash256 mac = crypto::hmac_sha256(
      secret, {base::as_bytes("kith/packet/cookie/1"), numbers, from.ip_bytes()});
  Cookie cookie;
  std::memcpy(cookie.data(), numbers.data(), 4);
  std::memcpy(cookie.data() + 4, mac.data(), cookie_bytes - 4);
  return cookie;
}

}  // namespace kith::packet
