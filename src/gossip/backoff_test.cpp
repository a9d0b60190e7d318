#include "gossip/backoff.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::gossip {
namespace {

constexpr Instant start{1h};

PeerId peer(std::uint8_t n) {
  Bytes bytes(34, n);
  bytes[0] = 0x12;
  bytes[1] = 0x20;
  return PeerId::from_multihash(bytes).value();
}

TEST(Backoff, ClampsWhateverIsAsked) {
  const Backoff backoff({});
  EXPECT_EQ(backoff.clamp(std::nullopt), 60s);
  EXPECT_EQ(backoff.clamp(0), 60s);
  EXPECT_EQ(backoff.clamp(10), 10s);
  for (const std::uint64_t hostile :
       {~std::uint64_t{0}, std::uint64_t{9223372036854674580u}, std::uint64_t{9223372037u},
        std::uint64_t{3601}, std::uint64_t{1} << 63}) {
    EXPECT_EQ(backoff.clamp(hostile), 3600s) << hostile;
  }
  ASSERT_TRUE(rc::check([&](std::uint64_t seconds) {
    RC_ASSERT(backoff.clamp(seconds) > Duration::zero());
    RC_ASSERT(backoff.clamp(seconds) <= 3600s);
  }));
}

TEST(Backoff, EndsOnTime) {
  Backoff backoff({});
  EXPECT_TRUE(backoff.may_graft(start, 1, peer(1)));
  backoff.add(start, 1, peer(1), 60s);
  EXPECT_EQ(backoff.ends_at(start, 1, peer(1)), start + 60s);
  EXPECT_FALSE(backoff.may_graft(start + 60s, 1, peer(1)));  // the slack
  EXPECT_TRUE(backoff.may_graft(start + 61s, 1, peer(1)));
  EXPECT_FALSE(backoff.ends_at(start + 60s, 1, peer(1)).has_value());
  EXPECT_TRUE(backoff.may_graft(start, 2, peer(1)));
  EXPECT_TRUE(backoff.may_graft(start, 1, peer(2)));
}

TEST(Backoff, IsNeverShortened) {
  Backoff backoff({});
  backoff.add(start, 1, peer(1), 60s);
  backoff.add(start, 1, peer(1), 10s);
  EXPECT_EQ(backoff.ends_at(start, 1, peer(1)), start + 60s);
  backoff.add(start, 1, peer(1), 70s);
  EXPECT_EQ(backoff.ends_at(start, 1, peer(1)), start + 70s);
  EXPECT_EQ(backoff.size(), 1u);
}

TEST(Backoff, MemoryEndsWithTime) {
  BackoffConfig config;
  config.entries_max = 5;
  Backoff backoff(config);
  for (std::uint8_t n = 0; n < 10; ++n) backoff.add(start, 1, peer(n), (60 + n) * 1s);
  EXPECT_EQ(backoff.size(), 5u);
  EXPECT_FALSE(backoff.ends_at(start, 1, peer(4)).has_value());  // the soonest went
  EXPECT_TRUE(backoff.ends_at(start, 1, peer(9)).has_value());
  backoff.expire(start + 71s);
  EXPECT_EQ(backoff.size(), 0u);
  backoff.add(start, 1, peer(1), 60s);
  backoff.add(start, 2, peer(1), 60s);
  backoff.forget_topic(1);
  EXPECT_EQ(backoff.size(), 1u);
  EXPECT_TRUE(backoff.ends_at(start, 2, peer(1)).has_value());
}

}  // namespace
}  // namespace kith::gossip
