#include "peer/bans.h"

#include "peer/test_quality.h"

namespace kith::peer {
namespace {

codec::Multiaddr address(const char* text) { return codec::Multiaddr::parse(text).value(); }
const Instant now{1h};

TEST(NetGroup, IsWhatOneCustomerHas) {
  const auto group = [](const char* text) { return net_group_of(address(text)); };
  EXPECT_EQ(group("/ip4/203.0.113.7/tcp/1"), group("/ip4/203.0.113.250/udp/2/quic-v1"));
  EXPECT_NE(group("/ip4/203.0.113.7/tcp/1"), group("/ip4/203.0.114.7/tcp/1"));
  EXPECT_EQ(group("/ip6/2001:db8:1:2200::1/tcp/1"), group("/ip6/2001:db8:1:22ff::2/tcp/1"));
  EXPECT_NE(group("/ip6/2001:db8:1:2200::1/tcp/1"), group("/ip6/2001:db8:1:2300::1/tcp/1"));
  EXPECT_EQ(group("/ip6/::ffff:203.0.113.9/tcp/1"), group("/ip4/203.0.113.7/tcp/1"));
  for (const char* none : {"/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/dns4/example.org/tcp/1"}) {
    EXPECT_FALSE(group(none)) << none;
  }
  // A peer behind a relay does not stand for the relay's network.
  const auto relayed = codec::Multiaddr::parse(
      "/ip4/203.0.113.7/tcp/1/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5/"
      "p2p-circuit");
  ASSERT_TRUE(relayed);
  EXPECT_FALSE(net_group_of(*relayed));
  EXPECT_EQ(to_text(*group("/ip4/203.0.113.7/tcp/1")), "203.0.113.0/24");
  EXPECT_EQ(to_text(*group("/ip6/2001:db8:1:22ff::2/tcp/1")), "2001:db8:1:2200::/56");
}

TEST(Bans, EndWhenTheyEnd) {
  Bans bans({});
  bans.add(test_peer(1), {BanCause::record, now + 10s, "why"});
  bans.add(test_peer(2), {BanCause::person, std::nullopt, "because"});
  EXPECT_NE(bans.find(now + 10s - 1ns, test_peer(1)), nullptr);
  EXPECT_EQ(bans.find(now + 10s, test_peer(1)), nullptr);
  EXPECT_EQ(bans.look_up(now + 10s, test_peer(1)), nullptr);
  EXPECT_NE(bans.find(Instant::max(), test_peer(2)), nullptr);
  EXPECT_EQ(bans.list(now).size(), 2u);
  EXPECT_EQ(bans.list(now + 10s).size(), 1u);
  EXPECT_TRUE(bans.remove(test_peer(2)));
  EXPECT_FALSE(bans.remove(test_peer(2)));
}

TEST(Bans, AreBoundedAndTheUnusedGoFirst) {
  Bans bans({.bans_max = 3});
  const Ban ban{BanCause::record, std::nullopt, ""};
  for (std::uint32_t i = 1; i <= 3; ++i) EXPECT_FALSE(bans.add(test_peer(i), ban));
  EXPECT_NE(bans.look_up(now, test_peer(1)), nullptr);  // it still tries
  EXPECT_FALSE(bans.add(test_peer(2), ban));            // again
  EXPECT_EQ(bans.add(test_peer(4), ban), test_peer(3));
  EXPECT_EQ(bans.size(), 3u);
  for (std::uint32_t i = 10; i < 10'000; ++i) bans.add(test_peer(i), ban);
  EXPECT_EQ(bans.size(), 3u);
}

TEST(Bans, FivePeersBanTheirGroup) {
  Bans bans({});
  const NetGroup group = *net_group_of(address("/ip4/203.0.113.7/tcp/1"));
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_FALSE(bans.count(now, group, test_peer(i)));
    EXPECT_FALSE(bans.count(now, group, test_peer(i)));  // the same one is one
  }
  EXPECT_FALSE(bans.group_banned_until(now, group));
  EXPECT_TRUE(bans.count(now + 59min, group, test_peer(4)));
  EXPECT_EQ(bans.group_banned_until(now + 59min, group), now + 59min + 1h);
  EXPECT_EQ(bans.groups(now + 1h).size(), 1u);
  EXPECT_FALSE(bans.group_banned_until(now + 59min + 1h, group));
}

TEST(Bans, FivePeersInMoreThanAnHourDoNot) {
  Bans bans({});
  const NetGroup group{1};
  for (std::uint32_t i = 0; i < 50; ++i) {
    EXPECT_FALSE(bans.count(now + i * 16min, group, test_peer(i))) << i;
  }
}

TEST(Bans, GroupsAreBounded) {
  Bans bans({.groups_max = 10});
  for (std::uint32_t i = 0; i < 1000; ++i) bans.count(now, NetGroup{i}, test_peer(i));
  EXPECT_EQ(bans.group_count(), 10u);
}

TEST(Bans, CausesHaveNames) {
  for (const BanCause cause : {BanCause::record, BanCause::proof, BanCause::person}) {
    EXPECT_EQ(ban_cause_of(name_of(cause)), cause);
  }
  EXPECT_FALSE(ban_cause_of("whim"));
}

}  // namespace
}  // namespace kith::peer
