#include "codec/multiaddr.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/peer_id.h"

namespace kith::codec {
namespace {

const std::string id_text = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
const std::string other_id_text = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";

Multiaddr addr(const std::string& text) {
  const auto address = Multiaddr::parse(text);
  EXPECT_TRUE(address) << text << ": " << (address ? "" : address.error().message);
  return address.value_or(Multiaddr());
}

std::string_view name_of(Transport transport) {
  switch (transport) {
    case Transport::tcp: return "tcp";
    case Transport::tcp_kith: return "tcp_kith";
    case Transport::ws: return "ws";
    case Transport::wss: return "wss";
    case Transport::ws_kith: return "ws_kith";
    case Transport::wss_kith: return "wss_kith";
    case Transport::udp_kith: return "udp_kith";
    case Transport::other: return "other";
  }
  UNREACHABLE();
}

PeerId peer_id(const std::string& text) { return peer_id_from_text(text).value(); }

TEST(Multiaddr, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("multiaddr.txt")) {
    SCOPED_TRACE(line[1]);
    if (line[0] == "bad-text") {
      const auto address = Multiaddr::parse(line[1]);
      ASSERT_FALSE(address);
      EXPECT_FALSE(address.error().message.empty());
    } else if (line[0] == "bad-bytes") {
      EXPECT_FALSE(Multiaddr::decode(unhex(line[1])));
    } else if (line[0] == "transport") {
      EXPECT_EQ(name_of(transport_of(addr(line[2]))), line[1]);
    } else {
      const auto parsed = Multiaddr::parse(line[2]);
      ASSERT_TRUE(parsed) << parsed.error().message;
      EXPECT_EQ(base::to_hex(parsed->bytes()), line[1]);
      EXPECT_EQ(parsed->to_string(), line[3]);
      const auto decoded = Multiaddr::decode(unhex(line[1]));
      ASSERT_TRUE(decoded) << decoded.error().message;
      EXPECT_EQ(*decoded, *parsed);
    }
  }
}

TEST(Multiaddr, ErrorsNameWhatIsWrong) {
  const auto message = [](const std::string& text, Code code) {
    const auto address = Multiaddr::parse(text);
    EXPECT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, code) << text;
    return address.error().message;
  };
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(message("/ip4/1.2.3.4/tcp/80/http-path/x", Code::unsupported), "\"http-path\""));
  EXPECT_TRUE(has(message("/ip4/1.2.3.4/udp/80/quic", Code::unsupported), "\"quic\""));
  EXPECT_TRUE(has(message("/nosuch/1", Code::malformed), "\"nosuch\""));
  EXPECT_TRUE(has(message("/tcp/70000", Code::malformed), "\"70000\""));
  EXPECT_TRUE(has(message("/ip4/1.2.3.400", Code::malformed), "1.2.3.400"));
  EXPECT_TRUE(has(message("/ip4/1.2.3.4/tcp", Code::malformed), "/tcp"));
  EXPECT_TRUE(has(message("/p2p-circuit/p2p-circuit", Code::malformed), "p2p-circuit"));
  EXPECT_TRUE(has(message("/ws/ws/ws/ws/ws/ws/ws/ws/ws", Code::too_large), "8"));
  EXPECT_TRUE(has(message("example.com:80", Code::malformed), "example.com:80"));
  EXPECT_EQ(Multiaddr::decode(unhex("cc03")).error().code, Code::unsupported);  // quic
  EXPECT_EQ(Multiaddr::decode(unhex("ffffff7f")).error().code, Code::unsupported);
}

TEST(Multiaddr, A60HostileText) {
  EXPECT_FALSE(Multiaddr::parse(""));
  EXPECT_FALSE(Multiaddr::parse(std::string_view("\0", 1)));
  EXPECT_FALSE(Multiaddr::parse(std::string_view("/dns/a\0b", 8)));
  EXPECT_FALSE(Multiaddr::parse("/dns/a b"));
  EXPECT_FALSE(Multiaddr::parse("/dns/a\x01"));
  EXPECT_FALSE(Multiaddr::parse("/dns/gr\xc3\xbc\xc3\x9f"));
  std::string circuits;
  for (int i = 0; i < 100'000; ++i) circuits += "/p2p-circuit";
  EXPECT_EQ(Multiaddr::parse(circuits).error().code, Code::too_large);
  EXPECT_EQ(Multiaddr::parse(std::string(10'000'000, '/')).error().code, Code::too_large);
  const std::string name = std::string(62, 'a') + '.' + std::string(62, 'b') + '.' +
                           std::string(62, 'c') + '.' + std::string(62, 'd') + ".e";
  ASSERT_EQ(name.size(), 253u);
  EXPECT_TRUE(Multiaddr::parse("/dns/" + name));
  EXPECT_FALSE(Multiaddr::parse("/dns/" + name + "f"));
  // Each name fits, all of them together do not.
  EXPECT_EQ(Multiaddr::parse("/dns/" + name + "/sni/" + name + "/dns/" + name).error().code,
            Code::too_large);
}

TEST(Multiaddr, A60HostileBytes) {
  const auto code_of = [](const Bytes& bytes) {
    const auto address = Multiaddr::decode(bytes);
    EXPECT_FALSE(address) << base::to_hex(bytes);
    return address ? Code::internal : address.error().code;
  };
  Bytes circuits;  // a thousand relays one behind the other
  for (int i = 0; i < 1000; ++i) base::append(circuits, unhex("a202"));
  EXPECT_EQ(code_of(circuits), Code::too_large);
  EXPECT_EQ(code_of(unhex("a202a202")), Code::malformed) << "two already are one too many";
  EXPECT_EQ(code_of(Bytes(100'000'000, 0x04)), Code::too_large);
  // Lengths that lead beyond the end: of a name, of a peer id, and of the digest within.
  EXPECT_EQ(code_of(unhex("3505616263")), Code::truncated);
  EXPECT_EQ(code_of(unhex("35ffffffff07616263")), Code::too_large);
  EXPECT_EQ(code_of(unhex("a50322122001")), Code::truncated);
  EXPECT_EQ(code_of(unhex("a5030412200102")), Code::truncated);
  EXPECT_EQ(code_of(unhex("a50300")), Code::truncated);
  EXPECT_EQ(code_of(unhex("3500")), Code::malformed);
  EXPECT_EQ(code_of(unhex("ffffffffffffffffff01")), Code::malformed) << "a protocol of 64 bits";
}

TEST(Multiaddr, Components) {
  const Multiaddr address = addr("/ip4/1.2.3.4/tcp/443/tls/sni/example.com/ws/p2p/" + id_text);
  const std::vector<AddrComponent> parts = address.components();
  ASSERT_EQ(parts.size(), 6u);
  EXPECT_EQ(parts[0].protocol, AddrProtocol::ip4);
  EXPECT_EQ(base::to_hex(parts[0].value), "01020304");
  EXPECT_EQ(parts[1].protocol, AddrProtocol::tcp);
  EXPECT_EQ(base::to_hex(parts[1].value), "01bb");
  EXPECT_TRUE(parts[2].value.empty());
  EXPECT_EQ(base::as_text(parts[3].value), "example.com");
  EXPECT_TRUE(base::equal(parts[5].value, peer_id(id_text).bytes()));
  EXPECT_EQ(base::as_text(*address.find(AddrProtocol::sni)), "example.com");
  EXPECT_TRUE(address.has(AddrProtocol::ws));
  EXPECT_FALSE(address.has(AddrProtocol::wss));
  EXPECT_TRUE(Multiaddr().components().empty());
  EXPECT_EQ(Multiaddr().to_string(), "");
}

TEST(Multiaddr, Peer) {
  const PeerId id = peer_id(id_text);
  const PeerId other = peer_id(other_id_text);
  const Multiaddr bare = addr("/ip4/1.2.3.4/tcp/1");
  const Multiaddr full = addr("/ip4/1.2.3.4/tcp/1/p2p/" + id_text);
  const Multiaddr relay = addr("/ip4/1.2.3.4/tcp/1/p2p/" + id_text + "/p2p-circuit");
  const Multiaddr relayed = addr(relay.to_string() + "/p2p/" + other_id_text);
  EXPECT_EQ(bare.peer(), std::nullopt);
  EXPECT_EQ(full.peer(), id);
  EXPECT_EQ(relay.peer(), std::nullopt);  // the relay is not who is at the end
  EXPECT_EQ(relayed.peer(), other);
  EXPECT_EQ(full.without_peer(), bare);
  EXPECT_EQ(bare.without_peer(), bare);
  EXPECT_EQ(relay.without_peer(), relay);
  EXPECT_EQ(relayed.without_peer(), relay);
  EXPECT_EQ(bare.with_peer(id), full);
  EXPECT_EQ(full.with_peer(id), full);
  EXPECT_EQ(relay.with_peer(other), relayed);
  EXPECT_EQ(full.with_peer(other).peer(), other);
  EXPECT_EQ(Multiaddr().with_peer(id).to_string(), "/p2p/" + id_text);
  EXPECT_EQ(Multiaddr().without_peer(), Multiaddr());
}

TEST(Multiaddr, Tcp) {
  const std::uint8_t ip4[] = {127, 0, 0, 1};
  const std::uint8_t ip6[16] = {0xfe, 0x80};
  EXPECT_EQ(Multiaddr::tcp(ip4, 4770).to_string(), "/ip4/127.0.0.1/tcp/4770");
  EXPECT_EQ(Multiaddr::tcp(ip6, 65535).to_string(), "/ip6/fe80::/tcp/65535");
  const auto back = as_tcp(Multiaddr::tcp(ip6, 1));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ip, base::to_bytes(ByteView(ip6)));
  EXPECT_EQ(back->port, 1);
}

TEST(Multiaddr, AsTcpTakesNothingElse) {
  EXPECT_EQ(as_tcp(addr("/ip4/1.2.3.4/tcp/258")), (TcpAddress{{1, 2, 3, 4}, 258}));
  EXPECT_EQ(as_tcp(addr("/ip4/1.2.3.4/tcp/258/p2p/" + id_text)), (TcpAddress{{1, 2, 3, 4}, 258}));
  for (const std::string& text :
       {std::string("/ip4/1.2.3.4"), std::string("/ip4/1.2.3.4/udp/1"), std::string("/tcp/1"),
        std::string("/ip4/1.2.3.4/tcp/1/ws"), std::string("/ip4/1.2.3.4/tcp/1/tls/ws"),
        std::string("/ip6zone/x/ip6/fe80::1/tcp/1"), std::string("/dns4/a/tcp/1"),
        "/ip4/1.2.3.4/tcp/1/p2p/" + id_text + "/p2p-circuit",
        "/ip4/1.2.3.4/tcp/1/p2p/" + id_text + "/p2p/" + id_text,
        std::string("/ip4/1.2.3.4/tcp/1/p2p-circuit"), "/p2p/" + id_text,
        std::string("/ip4/1.2.3.4/ip4/1.2.3.4/tcp/1")}) {
    EXPECT_FALSE(as_tcp(addr(text))) << text;
    EXPECT_FALSE(as_dns_tcp(addr(text)) && text[1] != 'd') << text;
  }
  EXPECT_FALSE(as_tcp(Multiaddr()));
}

TEST(Multiaddr, AsDnsTcpTakesNothingElse) {
  const auto dns = as_dns_tcp(addr("/dns6/example.com/tcp/4001/p2p/" + id_text));
  ASSERT_TRUE(dns);
  EXPECT_EQ(dns->family, AddrProtocol::dns6);
  EXPECT_EQ(dns->name, "example.com");
  EXPECT_EQ(dns->port, 4001);
  EXPECT_EQ(as_dns_tcp(addr("/dns/a/tcp/0"))->family, AddrProtocol::dns);
  EXPECT_EQ(as_dns_tcp(addr("/dns4/a/tcp/0"))->family, AddrProtocol::dns4);
  for (const char* text : {"/dns/a", "/dns/a/udp/1", "/dns/a/tcp/1/ws", "/dnsaddr/a/tcp/1",
                           "/ip4/1.2.3.4/tcp/1", "/dns/a/tcp/1/p2p-circuit", "/sni/a/tcp/1"}) {
    EXPECT_FALSE(as_dns_tcp(addr(text))) << text;
  }
  EXPECT_FALSE(as_dns_tcp(Multiaddr()));
}

TEST(Multiaddr, TransportAddressIsTakenApart) {
  const auto secure =
      as_transport(addr("/ip4/1.2.3.4/tcp/443/tls/sni/a.example/ws/kith/p2p/" + id_text));
  ASSERT_TRUE(secure);
  EXPECT_EQ(*secure, (TransportAddress{.transport = Transport::wss_kith,
                                       .ip = {1, 2, 3, 4},
                                       .name = "",
                                       .port = 443,
                                       .sni = "a.example"}));
  const auto named = as_transport(addr("/dns6/b.example/tcp/80/ws"));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->transport, Transport::ws);
  EXPECT_TRUE(named->ip.empty() && named->sni.empty());
  EXPECT_EQ(named->name, "b.example");
  EXPECT_EQ(named->port, 80);
  EXPECT_EQ(as_transport(addr("/ip6/::1/udp/4771/kith"))->ip.size(), 16u);
  EXPECT_FALSE(as_transport(Multiaddr()));
  EXPECT_TRUE(is_web(Transport::ws) && is_web(Transport::wss_kith) && !is_web(Transport::tcp_kith));
  EXPECT_TRUE(is_tls(Transport::wss) && !is_tls(Transport::ws_kith));
}

TEST(Multiaddr, AResolvedNameStaysUnderTls) {
  const Bytes ip4 = unhex("c0000207");
  const Bytes ip6 = unhex("20010db8000000000000000000000001");
  const auto resolved = [](const std::string& text, ByteView ip) {
    const auto address = resolved_to(addr(text), ip);
    return address ? address->to_string() : std::string("none");
  };
  const std::string peer = "/p2p/" + id_text;
  const std::string sni = "/ip4/192.0.2.7/tcp/443/tls/sni/a.example/ws";
  EXPECT_EQ(resolved("/dns4/a.example/tcp/443/wss", ip4), sni);
  EXPECT_EQ(resolved("/dns/a.example/tcp/443/tls/ws" + peer, ip4), sni + peer);
  EXPECT_EQ(resolved("/dns/a.example/tcp/443/tls/ws/kith" + peer, ip4), sni + "/kith" + peer);
  EXPECT_EQ(resolved("/dns/a.example/tcp/443/wss/kith", ip4), sni + "/kith");
  EXPECT_EQ(resolved("/dns6/a.example/tcp/443/tls/sni/b.example/ws", ip6),
            "/ip6/2001:db8::1/tcp/443/tls/sni/b.example/ws");
  // Others lose the name, whatever stands behind it.
  EXPECT_EQ(resolved("/dns/a.example/tcp/80/ws" + peer, ip4), "/ip4/192.0.2.7/tcp/80/ws" + peer);
  EXPECT_EQ(resolved("/dns/a.example/tcp/80", ip4), "/ip4/192.0.2.7/tcp/80");
  EXPECT_EQ(resolved("/dns/a.example/udp/80/quic-v1", ip4), "/ip4/192.0.2.7/udp/80/quic-v1");
  EXPECT_EQ(resolved("/dns/a.example", ip4), "/ip4/192.0.2.7");
  EXPECT_EQ(resolved("/ip4/1.2.3.4/tcp/443/wss", ip4), "none");
  EXPECT_EQ(resolved("/dnsaddr/a.example/tcp/443/wss", ip4), "none");
  EXPECT_FALSE(resolved_to(Multiaddr(), ip4));
}

TEST(Multiaddr, AReboundAddressKeepsItsTransport) {
  const Bytes ip4 = unhex("7f000001");
  const auto bound = [&](const std::string& text) {
    return rebound(addr(text), ip4, 4772).to_string();
  };
  EXPECT_EQ(bound("/ip4/0.0.0.0/tcp/0/tls/ws"), "/ip4/127.0.0.1/tcp/4772/tls/ws");
  EXPECT_EQ(bound("/ip6/::/tcp/0/ws/kith/p2p/" + id_text), "/ip4/127.0.0.1/tcp/4772/ws/kith");
  EXPECT_EQ(bound("/ip4/0.0.0.0/udp/0/kith"), "/ip4/127.0.0.1/udp/4772/kith");
  EXPECT_EQ(bound("/ip4/0.0.0.0/tcp/0"), "/ip4/127.0.0.1/tcp/4772");
}

TEST(Multiaddr, Scope) {
  const std::pair<const char*, AddrScope> vectors[] = {
      {"/ip4/0.0.0.0/tcp/1", AddrScope::unspecified},
      {"/ip4/127.0.0.1/tcp/1", AddrScope::loopback},
      {"/ip4/127.255.255.255", AddrScope::loopback},
      {"/ip4/128.0.0.1", AddrScope::global},
      {"/ip4/169.254.0.1", AddrScope::link_local},
      {"/ip4/169.253.0.1", AddrScope::global},
      {"/ip4/10.0.0.0", AddrScope::private_net},
      {"/ip4/11.0.0.0", AddrScope::global},
      {"/ip4/172.15.255.255", AddrScope::global},
      {"/ip4/172.16.0.0", AddrScope::private_net},
      {"/ip4/172.31.255.255", AddrScope::private_net},
      {"/ip4/172.32.0.0", AddrScope::global},
      {"/ip4/192.168.255.255", AddrScope::private_net},
      {"/ip4/192.169.0.0", AddrScope::global},
      {"/ip4/100.64.0.1", AddrScope::private_net},
      {"/ip4/100.128.0.1", AddrScope::global},
      {"/ip4/8.8.8.8", AddrScope::global},
      {"/ip6/::", AddrScope::unspecified},
      {"/ip6/::1/tcp/1", AddrScope::loopback},
      {"/ip6/::2", AddrScope::global},
      {"/ip6/fe80::1", AddrScope::link_local},
      {"/ip6/febf::1", AddrScope::link_local},
      {"/ip6zone/eth0/ip6/fe80::1", AddrScope::link_local},
      {"/ip6/fec0::1", AddrScope::private_net},
      {"/ip6/fc00::1", AddrScope::private_net},
      {"/ip6/fdff::1", AddrScope::private_net},
      {"/ip6/fb00::1", AddrScope::global},
      {"/ip6/2001:db8::1", AddrScope::global},
      {"/ip6/::ffff:127.0.0.1", AddrScope::loopback},
      {"/ip6/::ffff:10.0.0.1", AddrScope::private_net},
      {"/ip6/::ffff:0.0.0.0", AddrScope::unspecified},
      {"/ip6/::ffff:8.8.8.8", AddrScope::global},
      {"/dns4/localhost", AddrScope::global},
  };
  for (const auto& [text, scope] : vectors) EXPECT_EQ(scope_of(addr(text)), scope) << text;
  EXPECT_EQ(scope_of(Multiaddr()), AddrScope::global);
}

/// A text of known protocols with good values, in any order.
rc::Gen<std::string> any_text() {
  return rc::gen::exec([] {
    static const std::vector<std::string> parts = {
        "/ip4/1.2.3.4",
        "/ip6/::1",
        "/ip6zone/eth0",
        "/dns/a.example",
        "/dns4/b",
        "/dns6/c",
        "/dnsaddr/d",
        "/tcp/80",
        "/udp/4770",
        "/quic-v1",
        "/ws",
        "/wss",
        "/tls",
        "/sni/e.example",
        "/p2p/" + id_text,
        "/p2p/" + other_id_text,
        "/p2p-circuit",
        "/kith",
        "/certhash/uEiAD1m3QiDXByj8SjM6s0fMayUFjCWsg9EWuhChbwIMtcg"};
    std::string text;
    const int count = *rc::gen::inRange(1, 9);
    for (int i = 0; i < count; ++i) text += *rc::gen::elementOf(parts);
    return text;
  });
}

TEST(Multiaddr, TextAndBytesAgree) {
  ASSERT_TRUE(rc::check([] {
    const std::string text = *any_text();
    const auto address = Multiaddr::parse(text);
    const std::size_t first = text.find("p2p-circuit");
    const bool circuits =
        first != std::string::npos && text.find("p2p-circuit", first + 1) != std::string::npos;
    RC_ASSERT(address.has_value() != circuits);
    if (!address) return;
    RC_ASSERT(address->to_string() == text);
    RC_ASSERT(Multiaddr::decode(address->bytes()).value() == *address);
  }));
}

TEST(Multiaddr, DamagedBytesAreRefusedOrCanonical) {
  ASSERT_TRUE(rc::check([] {
    const auto address = Multiaddr::parse(*any_text());
    RC_PRE(address.has_value());
    Bytes bytes = base::to_bytes(address->bytes());
    const int changes = *rc::gen::inRange(1, 4);
    for (int i = 0; i < changes; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    }
    bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 2));
    const auto decoded = Multiaddr::decode(bytes);
    if (!decoded) return;
    RC_ASSERT(base::equal(decoded->bytes(), bytes));
    RC_ASSERT(Multiaddr::parse(decoded->to_string()).value() == *decoded);
  }));
}

}  // namespace
}  // namespace kith::codec
