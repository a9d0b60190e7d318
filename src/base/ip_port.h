// An IP address and a port as a value of 20 bytes: what datagrams come from and go to. Without
// allocation, unlike codec::Multiaddr, into which it is made where people look.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"

namespace kith::base {

struct IpPort {
  std::array<std::uint8_t, 16> ip{};  // IPv4 in the first four, the rest 0
  std::uint16_t port = 0;
  bool is_v6 = false;
  ByteView ip_bytes() const { return ByteView(ip).first(is_v6 ? 16 : 4); }
  friend auto operator<=>(const IpPort&, const IpPort&) = default;
};

/// Which of this machine's addresses a datagram came to, or leaves from, where the socket is bound
/// to all of them; as IpPort::ip. All 0: not known, the system chooses.
using LocalIp = std::array<std::uint8_t, 16>;

/// One bound datagram socket of this process; named by the shell.
using SocketId = Id<struct SocketTag, std::uint32_t>;

/// The mark of congestion in the IP header (RFC 3168), as it stands there.
enum class Ecn : std::uint8_t { none = 0, ect1 = 1, ect0 = 2, congested = 3 };

/// What one receive gave: packets of one sender, `segment_bytes` each but the last (GRO).
struct DatagramsIn {
  SocketId socket;
  IpPort from;
  ByteSpan bytes;  // opened in place
  std::size_t segment_bytes = 0;
  Ecn ecn = Ecn::none;
  LocalIp to_ip{};
};
/// What one send takes (GSO): the same, to one receiver.
struct DatagramsOut {
  SocketId socket;
  IpPort to;
  std::size_t bytes = 0;
  std::size_t segment_bytes = 0;
  Ecn ecn = Ecn::none;
  LocalIp from_ip{};
};

}  // namespace kith::base
