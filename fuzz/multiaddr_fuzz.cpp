// Multiaddrs from bytes and from text: whatever is accepted has one form of each kind, and
// everything that may be asked of it answers.
#include "codec/multiaddr.h"

using namespace kith;

static void check_forms(const codec::Multiaddr& address) {
  ASSERT(!address.empty() && address.bytes().size() <= codec::multiaddr_bytes_max);
  const auto decoded = codec::Multiaddr::decode(address.bytes());
  ASSERT(decoded.has_value() && *decoded == address);
  const std::string text = address.to_string();
  const auto parsed = codec::Multiaddr::parse(text);
  ASSERT(parsed.has_value() && *parsed == address);
  for (const char c : text) ASSERT(c > 0x20 && c < 0x7f);
}

/// The same way to another IP: `asked` is what it was before.
static void check_moved(const codec::Multiaddr& moved, const codec::TransportAddress& asked,
                        ByteView ip) {
  const auto at = codec::as_transport(moved);
  ASSERT(at && at->transport == asked.transport);
  ASSERT(base::equal(at->ip, ip) && at->name.empty());
}

static void check_transport(const codec::Multiaddr& address) {
  const Bytes ips[] = {{192, 0, 2, 1}, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
  const auto at = codec::as_transport(address);
  const codec::AddrProtocol first = address.components().front().protocol;
  const bool is_named = first == codec::AddrProtocol::dns || first == codec::AddrProtocol::dns4 ||
                        first == codec::AddrProtocol::dns6;
  ASSERT(at.has_value() == (codec::transport_of(address) != codec::Transport::other));
  if (at) {
    ASSERT(at->transport == codec::transport_of(address));
    ASSERT(at == codec::as_transport(address.without_peer()));
    ASSERT(at->name.empty() ? at->ip.size() == 4 || at->ip.size() == 16 : at->ip.empty());
    ASSERT(at->name.empty() != is_named);
    ASSERT(at->sni.empty() || codec::is_tls(at->transport));
  }
  const auto tcp = codec::as_tcp(address);
  if (tcp) {
    ASSERT(at && at->transport == codec::Transport::tcp);
    ASSERT(at->ip == tcp->ip && at->port == tcp->port);
  }
  for (const ByteView ip : ips) {
    const auto resolved = codec::resolved_to(address, ip);
    ASSERT(!resolved || is_named);
    if (resolved) check_forms(*resolved);
    if (resolved && at) {
      check_moved(*resolved, *at, ip);
      const auto moved = codec::as_transport(*resolved);
      ASSERT(moved->port == at->port);
      // A certificate is of the name, whatever it leads to.
      if (codec::is_tls(at->transport)) {
        ASSERT(moved->sni == (at->sni.empty() ? at->name : at->sni));
      }
    }
    if (!at) continue;
    const codec::Multiaddr bound = codec::rebound(address, ip, 4772);
    check_forms(bound);
    check_moved(bound, *at, ip);
    ASSERT(codec::as_transport(bound)->port == 4772 && codec::as_transport(bound)->sni == at->sni);
    ASSERT(!bound.peer());
  }
}

static void check(const codec::Multiaddr& address) {
  check_forms(address);
  const auto components = address.components();
  ASSERT(!components.empty() && components.size() <= codec::multiaddr_components_max);
  for (const codec::AddrComponent& part : components) ASSERT(address.has(part.protocol));
  const auto tcp = codec::as_tcp(address);
  if (tcp) ASSERT(codec::Multiaddr::tcp(tcp->ip, tcp->port) == address.without_peer());
  ASSERT(!(tcp && codec::as_dns_tcp(address)));
  (void)codec::scope_of(address);
  check_transport(address);

  const auto peer = address.peer();
  if (!peer) return;
  const codec::Multiaddr with = address.with_peer(*peer);
  ASSERT(with.peer() == peer);
  if (components.back().protocol == codec::AddrProtocol::p2p) ASSERT(with == address);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto decoded = codec::Multiaddr::decode(bytes);
  if (decoded) {
    ASSERT(base::equal(decoded->bytes(), bytes));
    check(*decoded);
  }
  const auto parsed = codec::Multiaddr::parse(base::as_text(bytes));
  if (parsed) check(*parsed);
  return 0;
}
