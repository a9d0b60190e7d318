#include "gossip/score.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::gossip {
namespace {

constexpr Instant start{1h};

PeerId id(std::uint8_t n) {
  Bytes bytes(34, n);
  bytes[0] = 0x12;
  bytes[1] = 0x20;
  return PeerId::from_multihash(bytes).value();
}

// One topic (0), n peers in its mesh.
Score mesh_of(PeerSlot n, const ScoreConfig& config = {}) {
  Score score(config);
  score.add_topic(0, std::nullopt);
  score.add_topic(1, std::nullopt);
  for (PeerSlot slot = 0; slot < n; ++slot) {
    score.add_peer(start, slot, id(static_cast<std::uint8_t>(slot + 1)), 0);
    score.graft(start, slot, 0);
  }
  return score;
}

TEST(Score, TimeAndFirstDeliveriesAreGoodUpToACap) {
  Score score = mesh_of(1);
  EXPECT_EQ(score.score(start, 0), 0);
  EXPECT_NEAR(score.score(start + 50s, 0), 0.5, 1e-9);
  EXPECT_NEAR(score.score(start + 1000s, 0), 1.0, 1e-9);
  for (int i = 0; i < 100; ++i) score.first_delivery(0, 0);
  EXPECT_NEAR(score.score(start + 1000s, 0), 11.0, 1e-9);
  score.decay(start + 1000s);
  EXPECT_NEAR(score.score(start + 1000s, 0), 1 + 20 * 0.97 * 0.5, 1e-9);
}

TEST(Score, InvalidMessagesCountSquared) {
  Score score = mesh_of(1);
  score.invalid_message(0, 0);
  EXPECT_NEAR(score.score(start, 0), -10, 1e-9);
  score.invalid_message(0, 0);
  EXPECT_NEAR(score.score(start, 0), -40, 1e-9);
  for (int i = 0; i < 1000; ++i) score.decay(start + i * 1s);
  EXPECT_LT(score.score(start, 0), 0);
  for (int i = 0; i < 9000; ++i) score.decay(start + i * 1s);
  EXPECT_EQ(score.topic_score(start, 0, 0), 0);  // and to zero in the end
}

TEST(Score, TheTopicCapHolds) {
  ScoreConfig config;
  config.topic_cap = 5;
  Score score = mesh_of(1, config);
  for (int i = 0; i < 100; ++i) score.first_delivery(0, 0);
  EXPECT_NEAR(score.score(start, 0), 5, 1e-9);
  score.set_standing(0, 3, 1e9);
  EXPECT_NEAR(score.score(start, 0), 8, 1e-9);  // P5 is not under it
}

TEST(Score, NetgroupsOverTheThresholdCost) {
  Score score({});
  for (PeerSlot slot = 0; slot < 10; ++slot) {
    score.add_peer(start, slot, id(static_cast<std::uint8_t>(slot + 1)), 77);
  }
  score.add_peer(start, 10, id(11), 78);
  EXPECT_NEAR(score.score(start, 0), -5 * 4, 1e-9);  // two over eight, squared
  EXPECT_EQ(score.score(start, 10), 0);
  score.remove_peer(start, 9);
  score.remove_peer(start, 8);
  EXPECT_EQ(score.score(start, 0), 0);
  for (PeerSlot slot = 20; slot < 40; ++slot) {  // 0: no netgroup
    score.add_peer(start, slot, id(static_cast<std::uint8_t>(slot + 1)), 0);
  }
  EXPECT_EQ(score.score(start, 20), 0);
}

TEST(Score, MisbehaviourIsForgivenUpToAThreshold) {
  Score score = mesh_of(1);
  score.misbehaved(0, 6);
  EXPECT_EQ(score.score(start, 0), 0);
  score.misbehaved(0, 2);
  EXPECT_NEAR(score.score(start, 0), -40, 1e-9);
}

// P3, with a fixed threshold and with the mesh's own measure.
TEST(Score, WhoDeliversNothingFallsBehindTheMedian) {
  Score score = mesh_of(6);
  for (int second = 0; second < 60; ++second) {
    for (PeerSlot slot = 0; slot < 5; ++slot) score.mesh_delivery(slot, 0);
    score.decay(start + second * 1s);
  }
  const Instant later = start + 60s;
  for (PeerSlot slot = 0; slot < 5; ++slot) EXPECT_GE(score.topic_score(later, slot, 0), 0);
  EXPECT_LT(score.topic_score(later, 5, 0), 0);
  EXPECT_GE(score.topic_score(later, 5, 1), 0);  // in another topic it is nobody's enemy
  score.prune(later, 5, 0);
  EXPECT_LT(score.topic_score(later, 5, 0), 0);  // P3b: it sticks
}

TEST(Score, ASilentTopicBlamesNobody) {
  Score score = mesh_of(6);
  for (int second = 0; second < 60; ++second) {
    if (second % 30 == 0) score.mesh_delivery(0, 0);
    score.decay(start + second * 1s);
  }
  for (PeerSlot slot = 0; slot < 6; ++slot) EXPECT_GE(score.topic_score(start + 60s, slot, 0), 0);
}

TEST(Score, AFixedThresholdCountsFromActivation) {
  ScoreConfig config;
  config.topic.mesh_threshold = 4;
  Score score = mesh_of(1, config);
  score.decay(start);
  EXPECT_EQ(score.score(start + 29s, 0), 0.29);
  EXPECT_LT(score.score(start + 30s, 0), 0);
}

// CVE-2022-47547: however good a peer is elsewhere, it is bad where it is bad.
TEST(Score, NoGoodDeedPaysForABadOne) {
  ASSERT_TRUE(rc::check([] {
    Score score = mesh_of(1);
    const double gate = *rc::gen::inRange(-100, 0);
    const int good = *rc::gen::inRange(0, 10000);
    score.set_standing(0, *rc::gen::inRange(0, 1000), gate);
    for (int i = 0; i < good % 500; ++i) score.first_delivery(0, 1);
    RC_ASSERT(score.score(start + good * 1s, 0) <= gate);
    score.set_standing(0, *rc::gen::inRange(0, 1000), 1e9);
    const int bad = *rc::gen::inRange(2, 10);
    for (int i = 0; i < bad; ++i) score.invalid_message(0, 0);
    RC_ASSERT(score.topic_score(start, 0, 0) < 0);
  }));
}

TEST(Score, MoreBadIsNeverBetter) {
  ASSERT_TRUE(rc::check([] {
    Score score = mesh_of(2);
    const auto deeds =
        *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
    for (const std::uint8_t deed : deeds) {
      if (deed % 4 == 0) score.first_delivery(0, deed / 4 % 2);
      const double before = score.score(start, 0);
      const double other = score.score(start, 1);
      if (deed % 4 == 1) score.invalid_message(0, deed / 4 % 2);
      if (deed % 4 == 2) score.misbehaved(0, deed / 4);
      if (deed % 4 != 0) RC_ASSERT(score.score(start, 0) <= before);
      RC_ASSERT(score.score(start, 1) == other);  // nobody pays for somebody else
    }
  }));
}

TEST(Score, ABadScoreOutlivesTheConnection) {
  Score score = mesh_of(1);
  for (int i = 0; i < 3; ++i) score.invalid_message(0, 0);
  const double before = score.score(start, 0);
  score.remove_peer(start, 0);
  EXPECT_EQ(score.retained(), 1u);
  score.add_peer(start + 10s, 7, id(1), 0);
  EXPECT_NEAR(score.score(start + 10s, 7), before, 1e-9);
  EXPECT_EQ(score.retained(), 0u);
  score.remove_peer(start + 10s, 7);
  score.decay(start + 10s + 3600s);
  EXPECT_EQ(score.retained(), 0u);
}

TEST(Score, AGoodScoreDoesNot) {
  Score score = mesh_of(1);
  for (int i = 0; i < 30; ++i) score.first_delivery(0, 0);
  score.remove_peer(start, 0);
  EXPECT_EQ(score.retained(), 0u);
  score.add_peer(start, 0, id(1), 0);
  EXPECT_EQ(score.score(start, 0), 0);
}

TEST(Score, WhatIsRetainedIsBounded) {
  ScoreConfig config;
  config.retained_max = 3;
  Score score = mesh_of(5, config);
  for (PeerSlot slot = 0; slot < 5; ++slot) {
    score.invalid_message(slot, 0);
    score.remove_peer(start + slot * 1s, slot);
  }
  EXPECT_EQ(score.retained(), 3u);
}

TEST(Score, ATopicThatEndsTakesItsCountersAlong) {
  Score score = mesh_of(1);
  for (int i = 0; i < 5; ++i) score.invalid_message(0, 0);
  score.remove_topic(0);
  EXPECT_EQ(score.score(start, 0), 0);
  score.add_topic(0, std::nullopt);  // the slot's next owner
  EXPECT_EQ(score.topic_score(start, 0, 0), 0);
}

}  // namespace
}  // namespace kith::gossip
