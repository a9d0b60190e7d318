#include "host/connection_limits.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::host {
namespace {

codec::Multiaddr address(const std::string& ip) {
  const std::string kind = ip.find(':') == std::string::npos ? "/ip4/" : "/ip6/";
  return *codec::Multiaddr::parse(kind + ip + "/tcp/4770");
}

/// Admits as many as are let in of `count`, all at once.
std::size_t admitted(ConnectionLimits& limits, const std::vector<codec::Multiaddr>& remotes) {
  std::size_t count = 0;
  for (const auto& remote : remotes)
    count += limits.admit_inbound({}, remote).has_value() ? 1U : 0U;
  return count;
}

TEST(ConnectionLimits, A43HalfOpenLinksOfOneAddressAreBounded) {
  ConnectionLimits limits({});
  EXPECT_EQ(admitted(limits, std::vector(1000, address("203.0.113.5"))), 8U);
  EXPECT_TRUE(limits.admit_inbound({}, address("203.0.113.6")).has_value());
}

TEST(ConnectionLimits, HalfOpenLinksOfManyAddressesAreBounded) {
  ConnectionLimits limits({});
  std::vector<codec::Multiaddr> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(address("203.0." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250)));
  }
  EXPECT_EQ(admitted(limits, many), 64U);
  limits.on_authenticated(Direction::inbound);
  EXPECT_TRUE(limits.admit_inbound({}, many.back()).has_value());
}

TEST(ConnectionLimits, OneIpv6CustomerIsOneAddress) {
  ConnectionLimits limits({});
  std::vector<codec::Multiaddr> many;
  for (int i = 0; i < 100; ++i) many.push_back(address("2001:db8:1:200::" + std::to_string(i + 1)));
  for (int i = 0; i < 100; ++i)
    many.push_back(address("2001:db8:1:2" + std::to_string(10 + i % 90) + "::1"));
  EXPECT_EQ(admitted(limits, many), 8U);
  EXPECT_TRUE(limits.admit_inbound({}, address("2001:db8:1:300::1")).has_value());
}

TEST(ConnectionLimits, Ipv4BehindIpv6IsCountedAsIpv4) {
  ConnectionLimits limits({});
  EXPECT_EQ(admitted(limits, std::vector(20, address("::ffff:203.0.113.5"))), 8U);
  EXPECT_TRUE(limits.admit_inbound({}, address("::ffff:203.0.113.6")).has_value());
  EXPECT_FALSE(limits.admit_inbound({}, address("203.0.113.5")).has_value());
}

TEST(ConnectionLimits, LoopbackHasNoLimitByAddress) {
  ConnectionLimits limits({});
  EXPECT_EQ(admitted(limits, std::vector(60, address("127.0.0.1"))), 60U);
  ConnectionLimits six({});
  EXPECT_EQ(admitted(six, std::vector(60, address("::1"))), 60U);
}

TEST(ConnectionLimits, NewLinksOfOneAddressComeAtARate) {
  ConnectionLimits limits({});
  const auto remote = address("203.0.113.5");
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(limits.admit_inbound({}, remote).has_value()) << i;
    limits.on_closed({}, Direction::inbound, false, remote);
  }
  const auto refused = limits.admit_inbound({}, remote);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::limit);
  EXPECT_FALSE(limits.admit_inbound(Instant{5s} - 1ms, remote).has_value());
  EXPECT_TRUE(limits.admit_inbound(Instant{5s}, remote).has_value());
  EXPECT_FALSE(limits.admit_inbound(Instant{9s}, remote).has_value());
  EXPECT_TRUE(limits.admit_inbound(Instant{10s}, remote).has_value());
}

TEST(ConnectionLimits, InboundLinksCannotShutOutDialling) {
  ConnectionLimits limits({.connections_max = 100, .outbound_reserve = 10});
  std::size_t inbound = 0;
  for (; inbound < 200 && limits.admit_inbound({}, address("127.0.0.1")).has_value(); ++inbound) {
    limits.on_authenticated(Direction::inbound);
  }
  EXPECT_EQ(inbound, 90U);
  std::size_t outbound = 0;
  while (limits.admit_outbound().has_value()) ++outbound;
  EXPECT_EQ(outbound, 10U);
}

TEST(ConnectionLimits, TheAddressTableIsBounded) {
  ConnectionLimits limits({.addresses_max = 50});
  for (int i = 0; i < 5000; ++i) {
    const auto remote = address("203." + std::to_string(i / 62500) + "." +
                                std::to_string(i / 250 % 250) + "." + std::to_string(1 + i % 250));
    ASSERT_TRUE(limits.admit_inbound({}, remote).has_value());
    limits.on_closed({}, Direction::inbound, false, remote);
    ASSERT_LE(limits.addresses(), 50U);
  }
}

// Whatever comes and goes, the counts return to zero.
TEST(ConnectionLimits, CountsReturnToZeroAfterAnyHistory) {
  struct Link {
    Direction direction;
    bool is_authenticated;
    codec::Multiaddr remote;
  };
  const std::vector<codec::Multiaddr> remotes = {address("203.0.113.5"), address("127.0.0.1"),
                                                 address("2001:db8::1"),
                                                 *codec::Multiaddr::parse("/dns4/a.b/tcp/1")};
  const auto check = [&](const std::vector<std::uint16_t>& operations) {
    const LimitsConfig config{.connections_max = 20, .inbound_pending_max = 6};
    ConnectionLimits limits(config);
    std::vector<Link> links;
    Instant now{};
    for (const std::uint16_t operation : operations) {
      now += 300ms;
      const auto& remote = remotes[operation / 4 % remotes.size()];
      const bool any = !links.empty();
      Link* one = any ? &links[operation / 16 % links.size()] : nullptr;
      switch (operation % 4) {
        case 0:
          if (limits.admit_inbound(now, remote))
            links.push_back({Direction::inbound, false, remote});
          break;
        case 1:
          if (limits.admit_outbound()) links.push_back({Direction::outbound, false, remote});
          break;
        case 2:
          if (!any || one->is_authenticated) break;
          one->is_authenticated = true;
          limits.on_authenticated(one->direction);
          break;
        case 3:
          if (!any) break;
          limits.on_closed(now, one->direction, one->is_authenticated, one->remote);
          links.erase(links.begin() + (one - links.data()));
          break;
      }
      RC_ASSERT(limits.connections() == links.size());
      RC_ASSERT(links.size() <= config.connections_max);
      RC_ASSERT(limits.inbound_pending() <= config.inbound_pending_max);
    }
    for (const Link& link : links) {
      limits.on_closed(now, link.direction, link.is_authenticated, link.remote);
    }
    RC_ASSERT(limits.connections() == 0U);
    RC_ASSERT(limits.inbound_pending() == 0U);
    // Once the rates have recovered nothing is remembered.
    limits.forget_idle(now + 1h);
    RC_ASSERT(limits.addresses() == 0U);
  };
  ASSERT_TRUE(rc::check("counts return to zero", check));
}

}  // namespace
}  // namespace kith::host
