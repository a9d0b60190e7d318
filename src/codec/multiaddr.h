// Multiaddr (multiformats/multiaddr): self-describing addresses such as
// /ip4/127.0.0.1/tcp/4770/p2p/12D3Koo… . Held as canonical bytes; parsing either form checks all
// of it once, so that a Multiaddr in hand is well-formed.
//
// Known: ip4 ip6 ip6zone dns dns4 dns6 dnsaddr tcp udp quic-v1 ws wss tls sni p2p p2p-circuit
// certhash; http-path is not; "kith" (private use 0x300001, no value) names Kith's packet
// transport. "ipfs" is read as p2p; "/wss" stays as written. Limits: 512 bytes, 8 components, one
// p2p-circuit.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace kith::codec {

inline constexpr std::size_t multiaddr_bytes_max = 512;
inline constexpr std::size_t multiaddr_components_max = 8;

/// Multicodec numbers: on the wire, never renumber.
enum class AddrProtocol : std::uint32_t {
  ip4 = 0x04,
  tcp = 0x06,
  ip6 = 0x29,
  ip6zone = 0x2a,
  dns = 0x35,
  dns4 = 0x36,
  dns6 = 0x37,
  dnsaddr = 0x38,
  udp = 0x0111,
  p2p_circuit = 0x0122,
  p2p = 0x01a5,
  tls = 0x01c0,
  sni = 0x01c1,
  quic_v1 = 0x01cd,
  certhash = 0x01d2,
  ws = 0x01dd,
  wss = 0x01de,
  kith = 0x300001,
};

/// One component: the protocol and its value's bytes as they stand in the multiaddr (4 for ip4,
/// big-endian 2 for tcp and udp, the name for dns…, the multihash for p2p, none for ws).
struct AddrComponent {
  AddrProtocol protocol;
  ByteView value;  // into the Multiaddr
};

class Multiaddr {
 public:
  Multiaddr() = default;
  static Result<Multiaddr> parse(std::string_view text);
  static Result<Multiaddr> decode(ByteView bytes);
  /// /ip4|ip6/…/tcp/port from a raw address of 4 or 16 bytes.
  static Multiaddr tcp(ByteView ip, std::uint16_t port);

  ByteView bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  std::string to_string() const;
  std::vector<AddrComponent> components() const;
  /// The value of the first component of that protocol.
  std::optional<ByteView> find(AddrProtocol protocol) const;
  bool has(AddrProtocol protocol) const { return find(protocol).has_value(); }

  /// The peer at the end of the address: the last /p2p after any p2p-circuit.
  std::optional<PeerId> peer() const;
  /// The same address without a trailing /p2p.
  Multiaddr without_peer() const;
  /// The same address with /p2p/`id` at its end, in place of another if there is one.
  Multiaddr with_peer(const PeerId& id) const;

  friend auto operator<=>(const Multiaddr&, const Multiaddr&) = default;

 private:
  Bytes bytes_;
};

/// /ip4|ip6/…/tcp/N with nothing behind it but perhaps /p2p: what a TCP transport dials and binds.
struct TcpAddress {
  Bytes ip;  // 4 or 16 bytes
  std::uint16_t port = 0;
  friend auto operator<=>(const TcpAddress&, const TcpAddress&) = default;
};
std::optional<TcpAddress> as_tcp(const Multiaddr& address);

/// /dns|dns4|dns6/name/tcp/N: what must be resolved before it can be dialled.
struct DnsTcpAddress {
  AddrProtocol family = AddrProtocol::dns;  // dns, dns4 or dns6
  std::string name;
  std::uint16_t port = 0;
};
std::optional<DnsTcpAddress> as_dns_tcp(const Multiaddr& address);

/// What reaches an address, by the components behind its IP or name. `wss` is "/wss" and
/// "/tls/ws", with "/sni/NAME" behind /tls or without; the kith ones carry sessions
/// (docs/design/packet.md).
enum class Transport : std::uint8_t {
  tcp,
  tcp_kith,
  ws,
  wss,
  ws_kith,
  wss_kith,
  udp_kith,
  other,
};
Transport transport_of(const Multiaddr& address);
/// Whether it is a WebSocket; whether that one is under TLS.
bool is_web(Transport transport);
bool is_tls(Transport transport);

/// An address of one of these transports, taken apart; a /p2p at its end is passed over.
struct TransportAddress {
  Transport transport = Transport::other;
  Bytes ip;          // 4 or 16 bytes; none when `name` has to be resolved first
  std::string name;  // of dns, dns4, dns6
  std::uint16_t port = 0;
  std::string sni;  // of /tls/sni/NAME; else empty
  friend bool operator==(const TransportAddress&, const TransportAddress&) = default;
};
/// Empty for what transport_of calls `other`.
std::optional<TransportAddress> as_transport(const Multiaddr& address);
/// The same address with `ip` in place of the name that it begins with. Under TLS the name stays
/// as /tls/sni/NAME, since the certificate is of it and not of the IP. Empty when the address does
/// not begin with dns, dns4 or dns6, or the result would be over a Multiaddr's limits.
std::optional<Multiaddr> resolved_to(const Multiaddr& address, ByteView ip);
/// "/ip4|ip6/…/tcp|udp/PORT" of another address, with all that stands behind those of this one:
/// what a socket is bound to, as `asked` was written. REQUIRES: as_transport(asked).
Multiaddr rebound(const Multiaddr& asked, ByteView ip, std::uint16_t port);

enum class AddrScope : std::uint8_t { unspecified, loopback, link_local, private_net, global };
/// Scope of the leading IP; `global` for names.
AddrScope scope_of(const Multiaddr& address);

}  // namespace kith::codec
