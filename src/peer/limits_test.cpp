#include "peer/limits.h"

#include <rapidcheck.h>

#include "peer/breaker.h"
#include "peer/choice.h"
#include "peer/rtt.h"
#include "peer/test_quality.h"

namespace kith::peer {
namespace {

const PeerId a = test_peer(1);
const PeerId b = test_peer(2);
constexpr LimitKind gossip{0};
constexpr LimitKind requests{1};

LimitsConfig limits_config() {
  LimitsConfig config;
  config.kinds = {{"gossip", std::nullopt, std::nullopt},
                  {"requests", base::TokenRate{1, 5}, base::TokenRate{2, 8}}};
  config.per_peer = {100, 100};
  config.overall = {1000, 1000};
  return config;
}
std::uint64_t burst(Limits& limits, Instant now, const PeerId& peer, LimitKind kind) {
  std::uint64_t passed = 0;
  while (limits.take(now, peer, kind) == LimitVerdict::allowed) ++passed;
  return passed;
}
PeerStanding standing(const PeerId& peer, std::uint32_t quota, bool is_connected = true) {
  PeerStanding standing;
  standing.peer = peer;
  standing.quota_milli = quota;
  standing.is_connected = is_connected;
  return standing;
}

TEST(Limits, SaysWhenItWillAllow) {
  const Instant now{1h};
  Limits limits(limits_config(), now);
  EXPECT_EQ(limits.burst_of(now, a, gossip), 100u);
  EXPECT_EQ(limits.burst_of(now, a, requests), 5u);
  EXPECT_EQ(limits.ready_at(now, a, gossip, 100), now);
  EXPECT_EQ(limits.take(now, a, gossip, 100), LimitVerdict::allowed);
  EXPECT_EQ(limits.ready_at(now, a, gossip, 50), now + 500ms);
  EXPECT_EQ(limits.ready_at(now, a, requests, 4), now + 40ms);  // its own bucket has them, a's not
  EXPECT_EQ(limits.take(now + 499ms, a, gossip, 50), LimitVerdict::over_peer);
  EXPECT_EQ(limits.take(now + 500ms, a, gossip, 50), LimitVerdict::allowed);
  EXPECT_FALSE(limits.ready_at(now, a, gossip, 101).has_value());
  limits.on_standing(now, standing(a, 0));
  EXPECT_FALSE(limits.ready_at(now, a, gossip, 1).has_value());
  EXPECT_EQ(limits.burst_of(now, a, gossip), 0u);
}

TEST(Limits, ByPeerByKindAndOverall) {
  const Instant now{1h};
  Limits limits(limits_config(), now);
  EXPECT_EQ(burst(limits, now, a, requests), 5u);
  EXPECT_EQ(limits.take(now, a, requests), LimitVerdict::over_kind);
  EXPECT_EQ(burst(limits, now, a, gossip), 95u);  // what was refused took nothing
  EXPECT_EQ(limits.take(now, a, gossip), LimitVerdict::over_peer);
  EXPECT_EQ(burst(limits, now, b, requests), 3u);  // of the eight for all
  EXPECT_EQ(limits.take(now, b, requests), LimitVerdict::over_kind_overall);
  EXPECT_EQ(burst(limits, now, b, gossip), 97u);
  for (std::uint32_t i = 10; i < 18; ++i) EXPECT_EQ(burst(limits, now, test_peer(i), gossip), 100u);
  EXPECT_EQ(limits.take(now, test_peer(30), gossip), LimitVerdict::over_all);
  EXPECT_EQ(burst(limits, now + 100ms, a, gossip), 10u);
  EXPECT_EQ(limits.counted(LimitVerdict::allowed)[gossip.value], 95u + 97u + 800u + 10u);
  EXPECT_EQ(limits.counted(LimitVerdict::over_kind)[requests.value], 2u);
}

TEST(Limits, FollowStanding) {
  const Instant now{1h};
  Limits limits(limits_config(), now);
  limits.on_standing(now, standing(a, 4000));
  EXPECT_EQ(burst(limits, now, a, gossip), 100u);  // saved up when it was new
  EXPECT_EQ(burst(limits, now + 1s, a, gossip), 400u);
  limits.on_standing(now + 1s, standing(a, 500));
  EXPECT_EQ(burst(limits, now + 10s, a, gossip), 50u);
  limits.on_standing(now + 10s, standing(a, 0));
  EXPECT_EQ(burst(limits, now + 60s, a, gossip), 0u);
  EXPECT_EQ(scaled({1, 1}, 1).per_second, 1u);
  EXPECT_EQ(scaled({base::TokenBucket::tokens_max, 1}, UINT32_MAX).per_second,
            base::TokenBucket::tokens_max);
}

TEST(Limits, LeavingAndComingBackDoesNotFillTheBuckets) {
  const Instant now{1h};
  Limits limits(limits_config(), now);
  limits.on_standing(now, standing(a, 1000));
  EXPECT_EQ(burst(limits, now, a, gossip), 100u);
  limits.on_standing(now, standing(a, 1000, false));
  limits.on_standing(now, standing(a, 1000, true));
  EXPECT_EQ(burst(limits, now, a, gossip), 0u);
}

TEST(Limits, TheTableIsBoundedAndKeepsTheConnected) {
  const Instant now{1h};
  LimitsConfig config = limits_config();
  config.peers_max = 10;
  config.overall = {1'000'000, 1'000'000};
  Limits limits(config, now);
  limits.on_standing(now, standing(a, 1000));
  EXPECT_EQ(burst(limits, now, a, gossip), 100u);
  for (std::uint32_t i = 10; i < 1000; ++i) limits.take(now, test_peer(i), gossip);
  EXPECT_EQ(limits.size(), 10u);
  EXPECT_EQ(burst(limits, now, a, gossip), 0u);
}

TEST(Shaper, MovesNoMoreThanTheRate) {
  Instant now{1h};
  Shaper shaper({1000, 100}, now);
  std::uint64_t moved = 0;
  for (int i = 0; i < 1000; ++i, now += 10ms) {
    const std::uint64_t bytes = std::min<std::uint64_t>(shaper.room(now), 37);
    shaper.moved(now, bytes);
    moved += bytes;
  }
  EXPECT_LE(moved, 10'100u);
  EXPECT_GE(moved, 9'990u);
  EXPECT_FALSE(shaper.ready_at(now, 101));
}

TEST(Breaker, OpensTriesAndCloses) {
  const BreakerConfig config;
  Breaker breaker;
  Instant now{1h};
  for (int i = 0; i < 4; ++i) breaker.on_failure(config, now);
  EXPECT_TRUE(breaker.allow(config, now));
  breaker.on_success();
  for (int i = 0; i < 5; ++i) breaker.on_failure(config, now);
  EXPECT_EQ(breaker.state(now), BreakerState::open);
  EXPECT_FALSE(breaker.allow(config, now + 5s - 1ns));
  now += 5s;
  EXPECT_EQ(breaker.state(now), BreakerState::half_open);
  EXPECT_TRUE(breaker.allow(config, now));
  EXPECT_FALSE(breaker.allow(config, now));  // one trial at a time
  breaker.on_failure(config, now);
  EXPECT_FALSE(breaker.allow(config, now + 10s - 1ns));  // twice as long
  now += 10s;
  EXPECT_TRUE(breaker.allow(config, now));
  EXPECT_TRUE(breaker.allow(config, now + 10s));  // of the trial nothing was heard
  breaker.on_success();
  EXPECT_EQ(breaker.state(now), BreakerState::closed);
  EXPECT_TRUE(breaker.is_new());
  for (int i = 0; i < 200; ++i) {
    for (int k = 0; k < 5; ++k) breaker.on_failure(config, now);
    EXPECT_EQ(breaker.state(now + 10min), BreakerState::half_open);
    now += 10min;
  }
}

TEST(Breakers, ByPeerAndByService) {
  Breakers breakers({.peer = {}, .service = {.failures_max = 8}, .peers_max = 4});
  const Instant now{1h};
  for (int i = 0; i < 5; ++i) breakers.on_failure(now, a, "dht");
  EXPECT_FALSE(breakers.allow(now, a, "dht"));
  EXPECT_TRUE(breakers.allow(now, a, "sync"));
  EXPECT_TRUE(breakers.allow(now, b, "dht"));
  for (int i = 0; i < 3; ++i) breakers.on_failure(now, b, "dht");
  EXPECT_EQ(breakers.state(now, "dht"), BreakerState::open);
  EXPECT_FALSE(breakers.allow(now, b, "dht"));
  EXPECT_EQ(breakers.refused(), 2u);
  breakers.on_success(b, "dht");
  EXPECT_EQ(breakers.state(now, "dht"), BreakerState::closed);
  EXPECT_EQ(breakers.state(now, a, "dht"), BreakerState::open);
  for (std::uint32_t i = 10; i < 100; ++i) breakers.on_failure(now, test_peer(i), "dht");
  EXPECT_EQ(breakers.size(), 4u);
}

TEST(Breakers, ARefusalNamesTheBreakerAndWhenItIsAskedAgain) {
  Breakers breakers({.peer = {}, .service = {.failures_max = 8}});
  Instant now{1h};
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(breakers.ask(now, a, "/x/1"));
    breakers.on_failure(now, a, "/x/1");
  }
  now += 2500ms;
  const auto refused = breakers.ask(now, a, "/x/1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(),
            (base::Error{base::Code::refused, "/x/1 of " + codec::to_text(a) +
                                                  ": 5 failures in a row, asked again in 3 s"}));
  ASSERT_EQ(breakers.open_of(now, a).size(), 1U);
  EXPECT_EQ(breakers.open_of(now, a)[0].service, "/x/1");
  EXPECT_EQ(breakers.open_of(now, a)[0].asked_again_in, 2500ms);
  EXPECT_TRUE(breakers.open_of(now, b).empty());
  EXPECT_EQ(breakers.open_peers(now), 1U);
  EXPECT_EQ(breakers.open_services(now), 0U);
  for (int i = 0; i < 3; ++i) breakers.on_failure(now, b, "/x/1");
  EXPECT_EQ(breakers.ask(now, b, "/x/1").error().message,
            "/x/1: 8 failures in a row, asked again in 5 s");
  EXPECT_EQ(breakers.open_services(now), 1U);
  EXPECT_EQ(breakers.stats().failures, 8U);
  EXPECT_EQ(breakers.stats().openings, 2U);
  EXPECT_EQ(breakers.stats().refused, 2U);
  now += 10s;
  EXPECT_TRUE(breakers.ask(now, a, "/x/1"));  // the trial
  EXPECT_FALSE(breakers.ask(now, a, "/x/1"));
  breakers.on_success(a, "/x/1");
  EXPECT_TRUE(breakers.open_of(now, a).empty());
  EXPECT_EQ(breakers.open_peers(now) + breakers.open_services(now), 0U);
}

TEST(Rtt, FollowsJacobsonAndKarels) {
  const RttConfig config = {.first = 1s, .timeout_min = 50ms};
  RttEstimator rtt;
  EXPECT_EQ(rtt.timeout(config), 1s);
  EXPECT_FALSE(rtt.rtt());
  rtt.sample(config, 100ms);
  EXPECT_EQ(rtt.rtt(), 100ms);
  EXPECT_EQ(rtt.timeout(config), 300ms);  // 100 + 4 · 50
  rtt.sample(config, 180ms);
  EXPECT_EQ(rtt.rtt(), 110ms);
  EXPECT_EQ(rtt.timeout(config), 110ms + 4 * 57500us);
  for (int i = 0; i < 200; ++i) rtt.sample(config, 20ms);
  EXPECT_EQ(rtt.timeout(config), 50ms);  // the least
  rtt.on_timeout();
  EXPECT_EQ(rtt.timeout(config), 100ms);
  for (int i = 0; i < 100; ++i) rtt.on_timeout();
  EXPECT_EQ(rtt.timeout(config), 10s);  // the most
  rtt.sample(config, 20ms);
  EXPECT_EQ(rtt.timeout(config), 50ms);
  rtt.sample(config, Duration::max());
  rtt.sample(config, Duration::min());
  EXPECT_LE(rtt.timeout(config), 10s);
}

TEST(Choice, WeighsByStandingAndRoundTrip) {
  PeerStanding good = standing(a, 1000);
  good.reputation = 800;
  PeerStanding plain = standing(a, 1000);
  PeerStanding warned = plain;
  warned.is_warned = true;
  PeerStanding dead = good;
  dead.health = PeerHealth::unhealthy;
  PeerStanding banned = good;
  banned.is_banned = true;
  EXPECT_GT(weight_of(good), weight_of(plain));
  EXPECT_GT(weight_of(plain), weight_of(warned));
  EXPECT_GT(weight_of(warned), weight_of(dead));
  EXPECT_EQ(weight_of(dead), 1u);
  EXPECT_EQ(weight_of(banned), 0u);
  EXPECT_EQ(weight_of(plain, 100ms) * 2, weight_of(plain, 0ms));
  EXPECT_GE(weight_of(plain, Duration::max()), 1u);
  EXPECT_GE(weight_of(plain, Duration::min()), 1u);
}

TEST(Choice, DrawsByWeight) {
  SeededRng rng(3);
  const std::uint64_t weights[] = {0, 1, 3, 0, 6};
  std::array<int, 5> drawn{};
  for (int i = 0; i < 10'000; ++i) ++drawn[choose(rng, weights).value()];
  EXPECT_EQ(drawn[0] + drawn[3], 0);
  EXPECT_NEAR(drawn[1], 1000, 150);
  EXPECT_NEAR(drawn[2], 3000, 200);
  EXPECT_NEAR(drawn[4], 6000, 200);
  EXPECT_FALSE(choose(rng, std::span<const std::uint64_t>()));
  const std::uint64_t none[] = {0, 0};
  EXPECT_FALSE(choose(rng, none));
  auto several = choose_several(rng, weights, 10);
  std::ranges::sort(several);
  EXPECT_EQ(several, (std::vector<std::size_t>{1, 2, 4}));
  EXPECT_EQ(choose_several(rng, weights, 2).size(), 2u);
}

}  // namespace
}  // namespace kith::peer
