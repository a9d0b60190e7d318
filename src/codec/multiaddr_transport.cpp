// Which transport an address is of: a small grammar over its components.
#include <algorithm>
#include <span>

#include "codec/ip_text.h"
#include "codec/multiaddr.h"
#include "codec/writer.h"

namespace kith::codec {

namespace {

using AddrParts = std::span<const AddrComponent>;

bool is_dns(AddrProtocol protocol) {
  return protocol == AddrProtocol::dns || protocol == AddrProtocol::dns4 ||
         protocol == AddrProtocol::dns6;
}

/// Takes the first of `parts` when it is of that protocol.
bool take(AddrParts& parts, AddrProtocol protocol) {
  if (parts.empty() || parts.front().protocol != protocol) return false;
  parts = parts.subspan(1);
  return true;
}

std::string as_string(ByteView value) { return std::string(base::as_text(value)); }

/// What stands behind /tcp/N.
Transport transport_behind_tcp(AddrParts& parts, std::string& sni) {
  bool is_secure = take(parts, AddrProtocol::wss);
  bool is_web = is_secure;
  if (!is_web && take(parts, AddrProtocol::tls)) {
    is_secure = true;
    if (!parts.empty() && parts.front().protocol == AddrProtocol::sni) {
      sni = as_string(parts.front().value);
      parts = parts.subspan(1);
    }
    if (!take(parts, AddrProtocol::ws)) return Transport::other;
    is_web = true;
  }
  is_web = is_web || take(parts, AddrProtocol::ws);
  const bool is_kith = take(parts, AddrProtocol::kith);
  if (is_secure) return is_kith ? Transport::wss_kith : Transport::wss;
  if (is_web) return is_kith ? Transport::ws_kith : Transport::ws;
  return is_kith ? Transport::tcp_kith : Transport::tcp;
}

}  // namespace

bool is_web(Transport transport) {
  switch (transport) {
    case Transport::ws:
    case Transport::wss:
    case Transport::ws_kith:
    case Transport::wss_kith: return true;
    case Transport::tcp:
    case Transport::tcp_kith:
    case Transport::udp_kith:
    case Transport::other: return false;
  }
  UNREACHABLE();
}

bool is_tls(Transport transport) {
  return transport == Transport::wss || transport == Transport::wss_kith;
}

std::optional<TransportAddress> as_transport(const Multiaddr& address) {
  const std::vector<AddrComponent> components = address.components();
  AddrParts parts(components);
  if (parts.size() < 2) return std::nullopt;
  TransportAddress result;
  const AddrComponent& host = parts[0];
  const AddrComponent& port = parts[1];
  parts = parts.subspan(2);
  if (host.protocol == AddrProtocol::ip4 || host.protocol == AddrProtocol::ip6) {
    result.ip = base::to_bytes(host.value);
  } else if (is_dns(host.protocol)) {
    result.name = as_string(host.value);
  } else {
    return std::nullopt;
  }
  if (port.protocol == AddrProtocol::tcp) {
    result.transport = transport_behind_tcp(parts, result.sni);
  } else if (port.protocol == AddrProtocol::udp && take(parts, AddrProtocol::kith)) {
    result.transport = Transport::udp_kith;
  }
  take(parts, AddrProtocol::p2p);
  if (result.transport == Transport::other || !parts.empty()) return std::nullopt;
  result.port = static_cast<std::uint16_t>(port.value[0] << 8 | port.value[1]);
  return result;
}

Transport transport_of(const Multiaddr& address) {
  const auto parts = as_transport(address);
  return parts ? parts->transport : Transport::other;
}

namespace {

/// The bytes of an address from its component `index` on.
ByteView bytes_from(const Multiaddr& address, std::size_t index) {
  const auto components = address.components();
  if (index == components.size()) return {};
  // A component begins where the one before it ends.
  const ByteView last = components[index - 1].value;
  const ByteView all = address.bytes();
  return all.subspan(static_cast<std::size_t>(last.data() - all.data()) + last.size());
}

void append_ip(Writer& writer, ByteView ip) {
  ASSERT(ip.size() == ip4_bytes || ip.size() == ip6_bytes);
  writer.varint(
      static_cast<std::uint64_t>(ip.size() == ip4_bytes ? AddrProtocol::ip4 : AddrProtocol::ip6));
  writer.bytes(ip);
}

void append_code(Writer& writer, AddrProtocol protocol) {
  writer.varint(static_cast<std::uint64_t>(protocol));
}

}  // namespace

std::optional<Multiaddr> resolved_to(const Multiaddr& address, ByteView ip) {
  const auto components = address.components();
  if (components.empty() || !is_dns(components[0].protocol)) return std::nullopt;
  Bytes bytes;
  Writer writer(bytes);
  append_ip(writer, ip);
  const auto parts = as_transport(address);
  if (!parts || !is_tls(parts->transport) || !parts->sni.empty()) {
    writer.bytes(bytes_from(address, 1));
  } else {
    append_code(writer, AddrProtocol::tcp);
    writer.u16(parts->port);
    append_code(writer, AddrProtocol::tls);
    append_code(writer, AddrProtocol::sni);
    writer.sized(components[0].value);
    append_code(writer, AddrProtocol::ws);
    // Behind /tcp stands /wss, or /tls and /ws.
    const bool is_one = components[2].protocol == AddrProtocol::wss;
    writer.bytes(bytes_from(address, is_one ? 3 : 4));
  }
  auto resolved = Multiaddr::decode(bytes);
  if (!resolved) return std::nullopt;
  return *std::move(resolved);
}

Multiaddr rebound(const Multiaddr& asked, ByteView ip, std::uint16_t port) {
  const Multiaddr bare = asked.without_peer();
  const auto components = bare.components();
  ASSERT(as_transport(asked) && components.size() >= 2);
  Bytes bytes;
  Writer writer(bytes);
  append_ip(writer, ip);
  append_code(writer, components[1].protocol);
  writer.u16(port);
  writer.bytes(bytes_from(bare, 2));
  auto address = Multiaddr::decode(bytes);
  ASSERT(address.has_value());
  return *std::move(address);
}

}  // namespace kith::codec
