#include "codec/multiaddr.h"

#include <algorithm>

#include "base/format.h"
#include "codec/ip_text.h"
#include "codec/multiaddr_protocol.h"
#include "codec/peer_id.h"
#include "codec/printable.h"
#include "codec/reader.h"
#include "codec/writer.h"

namespace kith::codec {

namespace {

/// Longer than the text of any address of multiaddr_bytes_max: values at most double (base58 and
/// base64 less, IPv6 2.5 times its 16 bytes), and each component has a name of at most 13.
constexpr std::size_t text_bytes_max = 2048;

void append_component(Bytes& to, AddrProtocol protocol, AddrValueKind kind, ByteView value) {
  Writer writer(to);
  writer.varint(static_cast<std::uint64_t>(protocol));
  if (fixed_value_bytes(kind)) {
    writer.bytes(value);
  } else {
    writer.sized(value);
  }
}

struct ReadComponent {
  const AddrProtocolInfo* info;
  ByteView value;
};

Result<ReadComponent> read_component(Reader& reader) {
  const std::uint64_t code = TRY(reader.varint());
  const AddrProtocolInfo* info = TRY(protocol_of_code(code));
  const std::optional<std::size_t> size = fixed_value_bytes(info->kind);
  const ByteView value = size ? TRY(reader.bytes(*size)) : TRY(reader.sized(multiaddr_bytes_max));
  return ReadComponent{info, value};
}

/// Walks the components of bytes that were checked before, without allocating.
class Walk {
 public:
  explicit Walk(ByteView checked) : reader_(checked) {}

  std::optional<ReadComponent> next() {
    if (reader_.at_end()) return std::nullopt;
    const Result<ReadComponent> component = read_component(reader_);
    ASSERT(component.has_value());
    return *component;
  }

 private:
  Reader reader_;
};

/// The limits that both forms share, one component after the other.
class Limits {
 public:
  Result<void> add(AddrProtocol protocol) {
    if (++components_ > multiaddr_components_max) {
      return fail(Code::too_large,
                  base::format("multiaddr of more than {} components", multiaddr_components_max));
    }
    if (protocol == AddrProtocol::p2p_circuit && ++circuits_ > 1) {
      return fail(Code::malformed, "multiaddr with more than one p2p-circuit");
    }
    return {};
  }

 private:
  std::size_t components_ = 0;
  std::size_t circuits_ = 0;
};

Result<void> check_size(std::size_t size) {
  if (size <= multiaddr_bytes_max) return {};
  return fail(Code::too_large,
              base::format("multiaddr of {} bytes, limit {}", size, multiaddr_bytes_max));
}

/// Where a /p2p at the very end begins; the size of `bytes` when there is none.
std::size_t end_without_peer(ByteView bytes) {
  Reader reader(bytes);
  std::size_t start = 0;
  bool is_peer = false;
  while (!reader.at_end()) {
    start = reader.offset();
    const Result<ReadComponent> component = read_component(reader);
    ASSERT(component.has_value());
    is_peer = component->info->protocol == AddrProtocol::p2p;
  }
  return is_peer ? start : bytes.size();
}

std::uint16_t port_of(ByteView value) {
  return static_cast<std::uint16_t>(value[0] << 8 | value[1]);
}

}  // namespace

Result<Multiaddr> Multiaddr::parse(std::string_view text) {
  if (text.size() > text_bytes_max) {
    return fail(Code::too_large,
                base::format("multiaddr text of {} bytes, limit {}", text.size(), text_bytes_max));
  }
  if (text.size() < 2 || text[0] != '/') {
    return fail(Code::malformed,
                base::format("multiaddr {} does not begin with /protocol", printable(text)));
  }
  std::string_view rest = text;
  if (rest.ends_with('/')) rest.remove_suffix(1);  // others write it, and it means nothing
  const auto take_part = [&rest] {
    rest.remove_prefix(1);  // the slash
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    return part;
  };
  Multiaddr address;
  Limits limits;
  while (!rest.empty()) {
    const AddrProtocolInfo* info = TRY(protocol_of_name(take_part()));
    TRY_VOID(limits.add(info->protocol));
    Bytes value;
    if (info->kind != AddrValueKind::none) {
      if (rest.empty()) {
        return fail(Code::malformed, base::format("/{} without a value", info->name));
      }
      value = TRY(value_from_text(*info, take_part()));
    }
    append_component(address.bytes_, info->protocol, info->kind, value);
    TRY_VOID(check_size(address.bytes_.size()));
  }
  return address;
}

Result<Multiaddr> Multiaddr::decode(ByteView bytes) {
  if (bytes.empty()) return fail(Code::malformed, "multiaddr of no bytes");
  TRY_VOID(check_size(bytes.size()));
  Reader reader(bytes);
  Limits limits;
  while (!reader.at_end()) {
    const ReadComponent component = TRY(read_component(reader));
    TRY_VOID(limits.add(component.info->protocol));
    TRY_VOID(check_value(*component.info, component.value));
  }
  // Varints are minimal, so that these bytes are the only ones of this address.
  Multiaddr address;
  address.bytes_ = base::to_bytes(bytes);
  return address;
}

Multiaddr Multiaddr::tcp(ByteView ip, std::uint16_t port) {
  ASSERT(ip.size() == ip4_bytes || ip.size() == ip6_bytes);
  Multiaddr address;
  address.bytes_.reserve(ip6_bytes + 4);
  Writer writer(address.bytes_);
  writer.varint(
      static_cast<std::uint64_t>(ip.size() == ip4_bytes ? AddrProtocol::ip4 : AddrProtocol::ip6));
  writer.bytes(ip);
  writer.varint(static_cast<std::uint64_t>(AddrProtocol::tcp));
  writer.u16(port);
  return address;
}

std::string Multiaddr::to_string() const {
  std::string text;
  Walk walk(bytes_);
  while (const auto component = walk.next()) {
    text.append("/").append(component->info->name);
    if (component->info->kind == AddrValueKind::none) continue;
    text.append("/").append(value_to_text(*component->info, component->value));
  }
  return text;
}

std::vector<AddrComponent> Multiaddr::components() const {
  std::vector<AddrComponent> components;
  components.reserve(multiaddr_components_max);
  Walk walk(bytes_);
  while (const auto component = walk.next()) {
    components.push_back({component->info->protocol, component->value});
  }
  return components;
}

std::optional<ByteView> Multiaddr::find(AddrProtocol protocol) const {
  Walk walk(bytes_);
  while (const auto component = walk.next()) {
    if (component->info->protocol == protocol) return component->value;
  }
  return std::nullopt;
}

std::optional<PeerId> Multiaddr::peer() const {
  std::optional<PeerId> peer;
  Walk walk(bytes_);
  while (const auto component = walk.next()) {
    if (component->info->protocol == AddrProtocol::p2p_circuit) peer.reset();
    if (component->info->protocol != AddrProtocol::p2p) continue;
    peer = PeerId::from_multihash(component->value);
  }
  return peer;
}

Multiaddr Multiaddr::without_peer() const {
  Multiaddr address;
  address.bytes_ = base::to_bytes(bytes().first(end_without_peer(bytes_)));
  return address;
}

Multiaddr Multiaddr::with_peer(const PeerId& id) const {
  ASSERT(!id.empty());
  Multiaddr address = without_peer();
  append_component(address.bytes_, AddrProtocol::p2p, AddrValueKind::peer, id.bytes());
  return address;
}

std::optional<TcpAddress> as_tcp(const Multiaddr& address) {
  Walk walk(address.bytes());
  const auto ip = walk.next();
  const auto tcp = walk.next();
  const auto peer = walk.next();
  if (!ip || !tcp || walk.next()) return std::nullopt;
  if (ip->info->kind != AddrValueKind::ip4 && ip->info->kind != AddrValueKind::ip6) {
    return std::nullopt;
  }
  if (tcp->info->protocol != AddrProtocol::tcp) return std::nullopt;
  if (peer && peer->info->protocol != AddrProtocol::p2p) return std::nullopt;
  return TcpAddress{base::to_bytes(ip->value), port_of(tcp->value)};
}

std::optional<DnsTcpAddress> as_dns_tcp(const Multiaddr& address) {
  Walk walk(address.bytes());
  const auto name = walk.next();
  const auto tcp = walk.next();
  const auto peer = walk.next();
  if (!name || !tcp || walk.next()) return std::nullopt;
  const AddrProtocol family = name->info->protocol;
  if (family != AddrProtocol::dns && family != AddrProtocol::dns4 && family != AddrProtocol::dns6) {
    return std::nullopt;
  }
  if (tcp->info->protocol != AddrProtocol::tcp) return std::nullopt;
  if (peer && peer->info->protocol != AddrProtocol::p2p) return std::nullopt;
  return DnsTcpAddress{family, std::string(base::as_text(name->value)), port_of(tcp->value)};
}

namespace {

AddrScope scope_of_ip4(ByteView ip) {
  if (ip[0] == 0) return AddrScope::unspecified;  // RFC 1122: "this network"
  if (ip[0] == 127) return AddrScope::loopback;
  if (ip[0] == 169 && ip[1] == 254) return AddrScope::link_local;  // RFC 3927
  if (ip[0] == 10) return AddrScope::private_net;                  // RFC 1918, and so the next two
  if (ip[0] == 172 && (ip[1] & 0xf0) == 16) return AddrScope::private_net;
  if (ip[0] == 192 && ip[1] == 168) return AddrScope::private_net;
  if (ip[0] == 100 && (ip[1] & 0xc0) == 64)
    return AddrScope::private_net;  // RFC 6598: behind a CGN
  return AddrScope::global;
}

AddrScope scope_of_ip6(ByteView ip) {
  const auto zeros = std::find_if(ip.begin(), ip.end(), [](std::uint8_t b) { return b != 0; });
  const auto zero_bytes = static_cast<std::size_t>(zeros - ip.begin());
  if (zero_bytes == 16) return AddrScope::unspecified;
  if (zero_bytes == 15 && ip[15] == 1) return AddrScope::loopback;
  // The system dials ::ffff:a.b.c.d as a.b.c.d: a stranger must not hide 127.0.0.1 in it.
  if (zero_bytes == 10 && ip[10] == 0xff && ip[11] == 0xff) return scope_of_ip4(ip.subspan(12));
  if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) return AddrScope::link_local;  // RFC 4291
  if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0)
    return AddrScope::private_net;                            // RFC 3879, old sites
  if ((ip[0] & 0xfe) == 0xfc) return AddrScope::private_net;  // RFC 4193
  return AddrScope::global;
}

}  // namespace

AddrScope scope_of(const Multiaddr& address) {
  Walk walk(address.bytes());
  auto first = walk.next();
  if (first && first->info->protocol == AddrProtocol::ip6zone) first = walk.next();
  if (first && first->info->kind == AddrValueKind::ip4) return scope_of_ip4(first->value);
  if (first && first->info->kind == AddrValueKind::ip6) return scope_of_ip6(first->value);
  return AddrScope::global;
}

}  // namespace kith::codec
