#include "gossip/choke.h"

#include <gtest/gtest.h>

namespace kith::gossip {
namespace {

constexpr Instant start{1h};

// Peers 0 to n - 1, inbound, of netgroup 1, all knowing the extension.
std::vector<ChokeCandidate> mesh_of(PeerSlot n) {
  std::vector<ChokeCandidate> mesh;
  for (PeerSlot slot = 0; slot < n; ++slot) mesh.push_back({slot, true, false, 1});
  return mesh;
}

// Each round peer 0 is first five times, peer 1 four times, and so on.
void train(Choke& choke, PeerSlot n, int rounds = 10) {
  for (int round = 0; round < rounds; ++round) {
    for (PeerSlot slot = 0; slot < n; ++slot) {
      for (PeerSlot i = slot; i < n; ++i) choke.delivered(slot, false);
    }
  }
}

using Slots = std::vector<PeerSlot>;

TEST(Choke, LeavesTheFastestThree) {
  Choke choke({});
  EXPECT_FALSE(choke.choose(start, mesh_of(6)).has_value());  // has seen nothing
  train(choke, 6);
  EXPECT_EQ(choke.choose(start, mesh_of(6)), (Slots{3, 4, 5}));
  EXPECT_FALSE(choke.choose(start + 100s, mesh_of(6)).has_value());  // nothing new since
}

TEST(Choke, KeepsASmallMesh) {
  Choke choke({});
  train(choke, 3);
  EXPECT_EQ(choke.choose(start, mesh_of(3)), Slots());
}

TEST(Choke, OneOfThemIsOutboundAndOfAnotherNetgroup) {
  Choke choke({});
  train(choke, 6);
  auto mesh = mesh_of(6);
  mesh[4].is_outbound = true;  // of the same netgroup: no help
  mesh[5].is_outbound = true;
  mesh[5].netgroup = 2;
  EXPECT_EQ(choke.choose(start, mesh), (Slots{2, 3, 4}));
}

TEST(Choke, DoesNotChokeWhoDoesNotKnowIt) {
  Choke choke({});
  train(choke, 6);
  auto mesh = mesh_of(6);
  mesh[5].knows_choke = mesh[0].knows_choke = false;
  EXPECT_EQ(choke.choose(start, mesh), (Slots{3, 4}));
}

TEST(Choke, AChokedPeerMustBeClearlyBetter) {
  ChokeConfig config;
  config.credit_decay = 0;  // each choice by its own training
  Choke choke(config);
  train(choke, 4);
  choke.set_choked(*choke.choose(start, mesh_of(4)));
  ASSERT_EQ(choke.choked(), Slots{3});
  const auto again = [&](int choked, int unchoked, Instant now) {
    for (int i = 0; i < unchoked; ++i) {
      for (const PeerSlot slot : {0u, 1u, 2u}) choke.delivered(slot, false);
    }
    for (int i = 0; i < choked; ++i) choke.delivered(3, false);
    return choke.choose(now, mesh_of(4));
  };
  EXPECT_EQ(again(24, 20, start + 10s), Slots{3});
  EXPECT_EQ(again(26, 20, start + 20s), Slots{2});
}

TEST(Choke, AnAnnouncementIsHalfADelivery) {
  ChokeConfig config;
  config.fastest = 1;
  Choke choke(config);
  for (int i = 0; i < 60; ++i) {
    choke.delivered(0, false);
    choke.announced_first(1);
  }
  EXPECT_EQ(choke.choose(start, mesh_of(2)), Slots{1});
  for (int i = 0; i < 60; ++i) {
    choke.delivered(i % 3 == 0 ? 0 : 2, false);
    choke.announced_first(1);
  }
  choke.set_choked({1, 2});
  EXPECT_FALSE(choke.choose(start + 1s, mesh_of(3)).has_value());  // too soon
  EXPECT_TRUE(choke.choose(start + 5s, mesh_of(3)).has_value());
}

TEST(Choke, LateMessagesEndIt) {
  Choke choke({});
  train(choke, 6);
  choke.set_choked(*choke.choose(start, mesh_of(6)));
  EXPECT_FALSE(choke.begins_fallback(start));
  for (int i = 0; i < 20; ++i) choke.delivered(0, i % 2 == 0);  // half were asked for
  EXPECT_TRUE(choke.begins_fallback(start));
  choke.set_choked({});
  EXPECT_FALSE(choke.begins_fallback(start));
  train(choke, 6);
  EXPECT_FALSE(choke.choose(start + 59s, mesh_of(6)).has_value());  // plain push for a minute
  EXPECT_TRUE(choke.choose(start + 60s, mesh_of(6)).has_value());
}

TEST(Choke, MayBeOff) {
  ChokeConfig config;
  config.is_on = false;
  Choke choke(config);
  train(choke, 6);
  EXPECT_FALSE(choke.choose(start, mesh_of(6)).has_value());
}

TEST(Choke, ForgetsWhoLeaves) {
  Choke choke({});
  train(choke, 6);
  choke.set_choked({3, 4, 5});
  choke.forget(4);
  EXPECT_EQ(choke.choked(), (Slots{3, 5}));
  EXPECT_TRUE(choke.is_choked(3));
  EXPECT_FALSE(choke.is_choked(4));
}

}  // namespace
}  // namespace kith::gossip
