// Multiaddrs from bytes and from text: whatever is accepted has one form of each kind, and
// everything that may be asked of it answers.
#include "codec/multiaddr.h"

using namespace kith;

static void check(const codec::Multiaddr& address) {
  ASSERT(!address.empty() && address.bytes().size() <= codec::multiaddr_bytes_max);
  const auto decoded = codec::Multiaddr::decode(address.bytes());
  ASSERT(decoded.has_value() && *decoded == address);
  const std::string text = address.to_string();
  const auto parsed = codec::Multiaddr::parse(text);
  ASSERT(parsed.has_value() && *parsed == address);
  for (const char c : text) ASSERT(c > 0x20 && c < 0x7f);

  const auto components = address.components();
  ASSERT(!components.empty() && components.size() <= codec::multiaddr_components_max);
  for (const codec::AddrComponent& part : components) ASSERT(address.has(part.protocol));
  const auto tcp = codec::as_tcp(address);
  if (tcp) ASSERT(codec::Multiaddr::tcp(tcp->ip, tcp->port) == address.without_peer());
  ASSERT(!(tcp && codec::as_dns_tcp(address)));
  (void)codec::scope_of(address);

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
