#include "codec/multiaddr_protocol.h"

#include "base/format.h"
#include "codec/ip_text.h"
#include "codec/multibase.h"
#include "codec/multihash.h"
#include "codec/peer_id.h"
#include "codec/printable.h"

namespace kith::codec {

namespace {

using enum AddrValueKind;

constexpr AddrProtocolInfo protocols[] = {
    {AddrProtocol::ip4, "ip4", ip4},
    {AddrProtocol::tcp, "tcp", port},
    {AddrProtocol::p2p, "p2p", peer},
    {AddrProtocol::ip6, "ip6", ip6},
    {AddrProtocol::udp, "udp", port},
    {AddrProtocol::quic_v1, "quic-v1", none},
    {AddrProtocol::p2p_circuit, "p2p-circuit", none},
    {AddrProtocol::dns, "dns", name},
    {AddrProtocol::dns4, "dns4", name},
    {AddrProtocol::dns6, "dns6", name},
    {AddrProtocol::dnsaddr, "dnsaddr", name},
    {AddrProtocol::ws, "ws", none},
    {AddrProtocol::wss, "wss", none},
    {AddrProtocol::tls, "tls", none},
    {AddrProtocol::sni, "sni", name},
    {AddrProtocol::certhash, "certhash", certhash},
    {AddrProtocol::ip6zone, "ip6zone", zone},
    {AddrProtocol::kith, "kith", none},
};

/// Registered elsewhere and not spoken here: so that an error can name what it met.
struct ForeignProtocol {
  std::uint64_t code;
  std::string_view name;
};
constexpr ForeignProtocol foreign_protocols[] = {
    {0x21, "dccp"},       {0x2b, "ipcidr"},      {0x84, "sctp"},     {0x0118, "webrtc-direct"},
    {0x0119, "webrtc"},   {0x012d, "udt"},       {0x012e, "utp"},    {0x0190, "unix"},
    {0x01bb, "https"},    {0x01bc, "onion"},     {0x01bd, "onion3"}, {0x01be, "garlic64"},
    {0x01bf, "garlic32"}, {0x01c6, "noise"},     {0x01cc, "quic"},   {0x01d1, "webtransport"},
    {0x01e0, "http"},     {0x01e1, "http-path"}, {0x0309, "memory"},
};

constexpr std::size_t name_bytes_max = 253;  // RFC 1035 2.3.4, as text
constexpr std::size_t label_bytes_max = 63;  // the same
constexpr std::size_t zone_bytes_max = 64;   // Linux names interfaces with 15 bytes, others longer
constexpr std::size_t port_characters_max = 5;

Error bad_value(const AddrProtocolInfo& info, std::string_view text, std::string_view why) {
  return {Code::malformed, base::format("/{}/ with {}: {}", info.name, printable(text), why)};
}

/// Visible ASCII without the slash, which would end the component in text.
bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '/') return false;
  }
  return true;
}

/// Empty when `name` may be a domain name; else why not. International names come in Punycode; "*"
/// stands in the listen addresses of peers with wildcard certificates.
std::string_view fault_of_name(std::string_view text) {
  if (text.empty()) return "an empty name";
  if (text.size() > name_bytes_max) return "a name over 253 bytes";
  if (!is_plain(text)) return "a character that no domain name has";
  if (text.ends_with('.')) text.remove_suffix(1);  // the root, spelled out
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('.', start), text.size());
    if (end == start) return "an empty label";
    if (end - start > label_bytes_max) return "a label over 63 bytes";
    start = end + 1;
  }
  return {};
}

std::string_view fault_of_zone(std::string_view text) {
  if (text.empty()) return "an empty zone";
  if (text.size() > zone_bytes_max) return "a zone over 64 bytes";
  if (!is_plain(text)) return "a character that no zone has";
  return {};
}

Result<Bytes> port_from_text(const AddrProtocolInfo& info, std::string_view text) {
  unsigned value = 0;
  bool valid = !text.empty() && text.size() <= port_characters_max;
  for (const char c : text.substr(0, port_characters_max)) {
    valid = valid && c >= '0' && c <= '9';
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  valid = valid && value <= 0xffff && (text.size() == 1 || text[0] != '0');
  if (!valid) return fail(bad_value(info, text, "not a port from 0 to 65535"));
  return Bytes{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

Result<Bytes> checked_text(const AddrProtocolInfo& info, std::string_view text) {
  TRY_VOID(check_value(info, base::as_bytes(text)));
  return base::to_bytes(base::as_bytes(text));
}

}  // namespace

Result<const AddrProtocolInfo*> protocol_of_code(std::uint64_t code) {
  for (const AddrProtocolInfo& info : protocols) {
    if (code == static_cast<std::uint64_t>(info.protocol)) return &info;
  }
  for (const ForeignProtocol& foreign : foreign_protocols) {
    if (code != foreign.code) continue;
    return fail(Code::unsupported, base::format("multiaddr protocol \"{}\"", foreign.name));
  }
  return fail(Code::unsupported, base::format("multiaddr protocol {:#x}", code));
}

Result<const AddrProtocolInfo*> protocol_of_name(std::string_view name) {
  if (name == "ipfs") name = "p2p";  // the name before 2019; the same number
  for (const AddrProtocolInfo& info : protocols) {
    if (name == info.name) return &info;
  }
  for (const ForeignProtocol& foreign : foreign_protocols) {
    if (name == foreign.name) return protocol_of_code(foreign.code);
  }
  return fail(Code::malformed, base::format("no multiaddr protocol is named {}", printable(name)));
}

std::optional<std::size_t> fixed_value_bytes(AddrValueKind kind) {
  switch (kind) {
    case none: return 0;
    case ip4: return ip4_bytes;
    case ip6: return ip6_bytes;
    case port: return 2;
    case zone:
    case name:
    case peer:
    case certhash: return std::nullopt;
  }
  UNREACHABLE();
}

Result<void> check_value(const AddrProtocolInfo& info, ByteView value) {
  const std::string_view text = base::as_text(value);
  std::string_view fault;
  switch (info.kind) {
    case none:
    case ip4:
    case ip6:
    case port: return {};  // any bytes of the right number, which the reader took
    case zone: fault = fault_of_zone(text); break;
    case name: fault = fault_of_name(text); break;
    case peer: (void)TRY(peer_id_from_bytes(value)); return {};
    case certhash: (void)TRY(decode_multihash(value)); return {};
  }
  if (!fault.empty()) return fail(bad_value(info, text, fault));
  return {};
}

Result<Bytes> value_from_text(const AddrProtocolInfo& info, std::string_view text) {
  switch (info.kind) {
    case none: break;
    case ip4: return base::to_bytes(ByteView(TRY(ip4_from_text(text))));
    case ip6: return base::to_bytes(ByteView(TRY(ip6_from_text(text))));
    case port: return port_from_text(info, text);
    case zone:
    case name: return checked_text(info, text);
    case peer: {
      const PeerId id = TRY(peer_id_from_text(text));
      return base::to_bytes(id.bytes());
    }
    case certhash: {
      Bytes hash = TRY(decode_multibase(text, multihash_bytes_max));
      TRY_VOID(check_value(info, hash));
      return hash;
    }
  }
  UNREACHABLE();
}

std::string value_to_text(const AddrProtocolInfo& info, ByteView value) {
  switch (info.kind) {
    case none: break;
    case ip4:
    case ip6: return ip_to_text(value);
    case port: return std::to_string(value[0] << 8 | value[1]);
    case zone:
    case name: return std::string(base::as_text(value));
    case peer: return encode_base(Multibase::base58btc, value);
    case certhash: return encode_multibase(Multibase::base64url, value);
  }
  UNREACHABLE();
}

}  // namespace kith::codec
