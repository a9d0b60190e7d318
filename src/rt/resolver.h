// Names to addresses, by c-ares on the reactor's own loop: no thread, and a pending query ends
// when the resolver does. /dns, /dns4 and /dns6 are A and AAAA (with /etc/hosts); /dnsaddr/NAME is
// the TXT of _dnsaddr.NAME, "dnsaddr=MULTIADDR" each (multiformats/multiaddr, DNSADDR.md); what
// follows the name in the question must end each answer. Internal to rt.
//
// Limits: 16 addresses an answer, dnsaddr within dnsaddr twice, 32 look-ups a question, 64
// questions at once, `resolve_max` in all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "codec/multiaddr.h"
#include "rt/asio.h"

namespace kith::rt {

inline constexpr std::size_t resolved_addresses_max = 16;
inline constexpr int dnsaddr_depth_max = 2;
inline constexpr std::size_t resolve_lookups_max = 32;
inline constexpr std::size_t resolves_at_once_max = 64;

class Resolver {
 public:
  using Done = std::function<void(Result<std::vector<codec::Multiaddr>>)>;

  Resolver(asio::io_context& io, std::vector<std::string> servers, Duration time_max, Log& log);
  /// Pending questions are dropped without an answer.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `done` is called once, perhaps before this returns.
  void resolve(const codec::Multiaddr& address, Done done);

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace kith::rt
