#include "gossip/wants.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::gossip {
namespace {

constexpr Instant start{1h};
const ByteView id = base::as_bytes("id");

MessageKey key(std::uint64_t n) { return {n, n}; }

// Each peer's timeout is 100 ms.
std::optional<Wants::Step> next(Wants& wants, Instant now) {
  return wants.pop_due(now, [](PeerSlot) { return Duration(100ms); });
}
using Kind = Wants::Step::Kind;

TEST(Wants, AsksAtOnceOrAfterADelay) {
  Wants wants({});
  wants.announced(start, key(1), id, 5, 0ms);
  wants.announced(start, key(2), id, 5, 10ms);
  const auto step = next(wants, start);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->kind, Kind::ask);
  EXPECT_EQ(step->peer, 5u);
  EXPECT_EQ(step->key, key(1));
  EXPECT_EQ(base::as_text(step->id.view()), "id");
  EXPECT_FALSE(next(wants, start).has_value());
  EXPECT_EQ(next(wants, start + 10ms)->key, key(2));
}

TEST(Wants, WhatArrivesIsNotAskedFor) {
  Wants wants({});
  wants.announced(start, key(1), id, 5, 10ms);
  ASSERT_EQ(wants.announcements(key(1)).size(), 1u);
  EXPECT_EQ(wants.announcements(key(1))[0].peer, 5u);
  EXPECT_EQ(wants.announcements(key(1))[0].at, start);
  EXPECT_TRUE(wants.arrived(key(1)).empty());
  EXPECT_FALSE(next(wants, start + 1s).has_value());
  EXPECT_FALSE(wants.next_deadline().has_value());
  EXPECT_TRUE(wants.arrived(key(1)).empty());
}

// Row A39: one IWANT at a time, a second beside it when it takes longer than the peer's round trip.
TEST(Wants, AsksTheNextWhenTheFirstIsSlow) {
  Wants wants({});
  for (const PeerSlot peer : {5u, 6u, 7u}) wants.announced(start, key(1), id, peer, 0ms);
  EXPECT_EQ(next(wants, start)->peer, 5u);
  EXPECT_FALSE(next(wants, start + 99ms).has_value());
  EXPECT_EQ(next(wants, start + 100ms)->peer, 6u);
  EXPECT_FALSE(next(wants, start + 199ms).has_value());
  EXPECT_EQ(next(wants, start + 200ms)->peer, 7u);
  EXPECT_TRUE(wants.asked_at(key(1), 6));
  EXPECT_EQ(wants.arrived(key(1)), (std::vector<PeerSlot>{5, 6, 7}));
}

TEST(Wants, AWatchedPromiseThatIsBrokenIsSaid) {
  Wants wants({});
  wants.announced(start, key(1), id, 5, 0ms);
  wants.announced(start, key(2), id, 5, 0ms);
  next(wants, start);
  next(wants, start);
  wants.watch(key(2), 5);
  EXPECT_FALSE(next(wants, start + 2999ms).has_value());
  const auto step = next(wants, start + 3s);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->kind, Kind::broken);
  EXPECT_EQ(step->key, key(2));
  EXPECT_FALSE(next(wants, start + 3s).has_value());
  EXPECT_EQ(wants.size(), 0u);  // both are given up…
  wants.announced(start + 4s, key(1), id, 6, 0ms);
  EXPECT_EQ(next(wants, start + 4s)->peer, 6u);  // …until somebody has them
}

TEST(Wants, WhoGoesIsNotWaitedFor) {
  Wants wants({});
  wants.announced(start, key(1), id, 5, 0ms);
  wants.announced(start, key(1), id, 6, 0ms);
  wants.announced(start, key(2), id, 5, 0ms);
  next(wants, start);
  next(wants, start);
  wants.watch(key(1), 5);
  wants.forget_peer(start + 10ms, 5);
  EXPECT_FALSE(wants.has(key(2)));
  EXPECT_EQ(next(wants, start + 10ms)->peer, 6u);
  EXPECT_FALSE(next(wants, start + 2s).has_value());
}

TEST(Wants, IsBounded) {
  WantsConfig config;
  config.wants_max = 3;
  config.holders_max = 2;
  Wants wants(config);
  for (std::uint64_t n = 0; n < 3; ++n) EXPECT_TRUE(wants.announced(start, key(n), id, 1, 0ms));
  EXPECT_FALSE(wants.announced(start, key(3), id, 1, 0ms));
  EXPECT_TRUE(wants.announced(start, key(0), id, 2, 0ms));
  wants.announced(start, key(0), id, 3, 0ms);  // one holder too many
  wants.arrived(key(1));
  wants.arrived(key(2));
  EXPECT_EQ(next(wants, start)->peer, 1u);
  EXPECT_EQ(next(wants, start + 100ms)->peer, 2u);
  EXPECT_FALSE(next(wants, start + 200ms).has_value());
}

TEST(Wants, TheTimeoutFollowsTheRoundTrip) {
  const Wants wants({});
  EXPECT_EQ(wants.timeout(100ms), 180ms);
  EXPECT_EQ(wants.timeout(0ms), 30ms);
  EXPECT_EQ(wants.timeout(std::nullopt), 480ms);
  EXPECT_EQ(wants.timeout(Duration::max()), 1s);
}

TEST(Wants, EverythingEnds) {
  ASSERT_TRUE(rc::check([] {
    WantsConfig config;
    config.wants_max = 8;
    Wants wants(config);
    Instant now = start;
    const auto steps =
        *rc::gen::container<std::vector<std::uint16_t>>(rc::gen::arbitrary<std::uint16_t>());
    for (const std::uint16_t step : steps) {
      const std::uint64_t n = step / 4 % 16;
      const PeerSlot peer = step / 64 % 8;
      if (step % 4 == 0) wants.announced(now, key(n), id, peer, (step % 50) * 1ms);
      if (step % 4 == 1) wants.arrived(key(n));
      if (step % 4 == 2) wants.forget_peer(now, peer);
      if (step % 4 == 3) now += (step % 700) * 1ms;
      while (const auto due = next(wants, now)) {
        if (due->kind == Kind::ask) wants.watch(due->key, due->peer);
      }
      RC_ASSERT(wants.size() <= 8u);
      if (wants.size() > 0) RC_ASSERT(wants.next_deadline().value() > now);
    }
    for (int i = 0; i < 100; ++i) {
      now += 100ms;
      while (next(wants, now)) {
      }
    }
    RC_ASSERT(wants.size() == 0u);
    RC_ASSERT(!wants.next_deadline().has_value());
  }));
}

}  // namespace
}  // namespace kith::gossip
