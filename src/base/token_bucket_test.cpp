#include "base/token_bucket.h"

#include <rapidcheck.h>

namespace kith::base {
namespace {

constexpr TokenRate hundred = {100, 100};

TEST(TokenBucket, GivesTheBurstAndThenTheRate) {
  Instant now{1h};
  TokenBucket bucket(hundred, now);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(bucket.take(hundred, now));
  EXPECT_FALSE(bucket.take(hundred, now));
  EXPECT_EQ(bucket.ready_at(hundred, now), now + 10ms);
  EXPECT_FALSE(bucket.take(hundred, now + 10ms - 1ns));
  EXPECT_TRUE(bucket.take(hundred, now + 10ms));
  EXPECT_FALSE(bucket.take(hundred, now + 10ms));
}

TEST(TokenBucket, SavesUpNoMoreThanTheBurst) {
  TokenBucket bucket(hundred, Instant{});
  EXPECT_TRUE(bucket.take(hundred, Instant{}, 100));
  const Instant later{24h * 365 * 200};
  EXPECT_EQ(bucket.available(hundred, later), 100u);
  EXPECT_TRUE(bucket.is_full(hundred, later));
  EXPECT_FALSE(bucket.take(hundred, later, 101));
  EXPECT_FALSE(bucket.ready_at(hundred, later, 101));
}

TEST(TokenBucket, ALowerRateCutsWhatWasSavedUp) {
  TokenBucket bucket(hundred, Instant{});
  const TokenRate half = {50, 50};
  EXPECT_EQ(bucket.available(half, Instant{}), 50u);
  EXPECT_EQ(bucket.available(hundred, Instant{}), 50u);
}

TEST(TokenBucket, WithoutARateOnlyTheBurstIsThere) {
  const TokenRate once = {0, 2};
  TokenBucket bucket(once, Instant{});
  EXPECT_TRUE(bucket.take(once, Instant{}, 2));
  EXPECT_FALSE(bucket.take(once, Instant{24h}));
  EXPECT_FALSE(bucket.ready_at(once, Instant{24h}));
}

TEST(TokenBucket, HugeNumbersDoNotWrap) {
  const TokenRate huge = {TokenBucket::tokens_max, TokenBucket::tokens_max};
  TokenBucket bucket(huge, Instant{});
  EXPECT_FALSE(bucket.take(huge, Instant{}, UINT64_MAX));
  EXPECT_TRUE(bucket.take(huge, Instant{}, TokenBucket::tokens_max));
  EXPECT_FALSE(bucket.take(huge, Instant{}));
  EXPECT_EQ(bucket.available(huge, Instant::max()), TokenBucket::tokens_max);
  bucket.give_back(huge, Instant::max(), UINT64_MAX);
  EXPECT_EQ(bucket.available(huge, Instant::max()), TokenBucket::tokens_max);
}

TEST(TokenBucket, GivingBackUndoesTaking) {
  TokenBucket bucket(hundred, Instant{});
  EXPECT_TRUE(bucket.take(hundred, Instant{}, 60));
  bucket.give_back(hundred, Instant{}, 10);
  EXPECT_EQ(bucket.available(hundred, Instant{}), 50u);
}

// Over any stretch of time no more is given than the burst and the rate allow, and asking in
// between changes nothing.
TEST(TokenBucket, IsExactHoweverOftenItIsAsked) {
  EXPECT_TRUE(rc::check(
      [](std::uint16_t per_second, std::uint16_t burst, const std::vector<std::uint16_t>& waits) {
        const TokenRate rate = {per_second, burst};
        Instant now{1h};
        const Instant start = now;
        TokenBucket asked(rate, now), left_alone(rate, now);
        std::uint64_t given = 0;
        for (const auto wait : waits) {
          now += Duration(std::int64_t{wait} * 100'000);
          (void)asked.available(rate, now);
          (void)asked.ready_at(rate, now);
          if (wait % 3 != 0) continue;
          const bool got = asked.take(rate, now, wait % 7);
          RC_ASSERT(got == left_alone.take(rate, now, wait % 7));
          if (got) given += wait % 7;
        }
        const auto passed = static_cast<std::uint64_t>((now - start).count());
        RC_ASSERT(given <= burst + passed * per_second / 1'000'000'000);
      }));
}

TEST(TokenBucket, ReadyAtIsTheFirstMoment) {
  EXPECT_TRUE(
      rc::check([](std::uint16_t rate_raw, std::uint16_t burst_raw, std::uint16_t count_raw) {
        const TokenRate rate = {std::uint64_t{rate_raw} + 1, std::uint64_t{burst_raw} + 1};
        const std::uint64_t count = 1 + count_raw % rate.burst;
        const Instant now{1h};
        TokenBucket bucket(rate, now);
        RC_ASSERT(bucket.take(rate, now, rate.burst));
        const auto ready = bucket.ready_at(rate, now, count);
        RC_ASSERT(ready.has_value());
        TokenBucket early = bucket;
        RC_ASSERT(!early.take(rate, *ready - 1ns, count));
        RC_ASSERT(bucket.take(rate, *ready, count));
      }));
}

}  // namespace
}  // namespace kith::base
