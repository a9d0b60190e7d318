#include "gossip/fanout.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "gossip/test_router.h"

namespace kith::gossip::test {
namespace {

TEST(Fanout, GrowsWithTheNetwork) {
  const FanoutConfig config;
  EXPECT_EQ(fanout_for(config, 6, 0), 6u);
  EXPECT_EQ(fanout_for(config, 6, 1000), 6u);
  EXPECT_EQ(fanout_for(config, 6, 15'625), 6u);  // 5^6
  EXPECT_EQ(fanout_for(config, 6, 15'626), 7u);
  EXPECT_EQ(fanout_for(config, 6, 46'656), 7u);  // 6^6
  EXPECT_EQ(fanout_for(config, 6, 1'000'000), 11u);
  EXPECT_EQ(fanout_for(config, 6, SIZE_MAX), 12u);
  EXPECT_EQ(fanout_for(config, 20, SIZE_MAX), 20u);
  EXPECT_EQ(fanout_for({.hops_max = 0}, 6, SIZE_MAX), 6u);
}

TEST(Fanout, IsMonotoneBoundedAndJustEnough) {
  EXPECT_TRUE(rc::check([](std::uint32_t a, std::uint32_t b) {
    const FanoutConfig config{.hops_max = *rc::gen::inRange<std::size_t>(1, 10)};
    const auto d = *rc::gen::inRange<std::size_t>(1, 20);
    const std::size_t fewer = fanout_for(config, d, std::min(a, b));
    const std::size_t more = fanout_for(config, d, std::max(a, b));
    RC_ASSERT(fewer <= more);
    RC_ASSERT(fewer >= d && more <= std::max(d, config.d_max));
    const auto reached = [&](std::size_t degree) {
      return std::pow(static_cast<double>(degree) - 1, static_cast<double>(config.hops_max));
    };
    const double peers = std::max(a, b);
    if (more >= 3 && more < config.d_max) RC_ASSERT(reached(more) >= peers);
    if (more > d && more > 3) RC_ASSERT(reached(more - 1) < peers);
  }));
}

TEST(Fanout, TheOtherDegreesAreTheSpecifications) {
  const MeshConfig six = degrees_of(6), spec;
  EXPECT_EQ(six.d, spec.d);
  EXPECT_EQ(six.d_lo, spec.d_lo);
  EXPECT_EQ(six.d_hi, spec.d_hi);
  EXPECT_EQ(six.d_score, spec.d_score);
  EXPECT_EQ(six.d_out, spec.d_out);
  for (std::size_t d = 1; d <= 64; ++d) {
    const MeshConfig mesh = degrees_of(d);
    EXPECT_LE(mesh.d_lo, d);
    EXPECT_GE(mesh.d_hi, d);
    EXPECT_LE(mesh.d_out, d / 2);
  }
}

TEST(Fanout, ANetworkIsEstimatedFromASample) {
  NetworkEstimate estimate;
  EXPECT_EQ(estimate.peers(0), 0u);
  EXPECT_EQ(estimate.peers(100), 100u);  // nothing was told
  // 50,000 peers, of which we know 10,000: one in five that others tell of.
  base::SeededRng rng(1);
  for (int i = 0; i < 500; ++i) {
    std::uint64_t known = 0;
    for (int each = 0; each < 16; ++each) known += rng.below(5) == 0 ? 1 : 0;
    estimate.on_told(16, known);
  }
  EXPECT_NEAR(static_cast<double>(estimate.peers(10'000)), 50'000, 10'000);
  // And when it shrinks to what we know.
  for (int i = 0; i < 500; ++i) estimate.on_told(16, 16);
  EXPECT_LE(estimate.peers(10'000), 10'100u);
  estimate.on_told(UINT64_MAX, 0);  // a liar makes it large, not endless
  EXPECT_LE(estimate.peers(10'000), 10'000 * (NetworkEstimate::window + 1));
}

// The network's size changes out of all measure, and no heartbeat does more than it would anyway.
TEST(Fanout, MeshesFollowInSteps) {
  Config config;
  RouterBench bench(config);
  bench.subscribe("t");
  for (std::uint32_t n = 1; n <= 60; ++n) {
    bench.add_peer(n, Version::v1_2, n % 2 == 0 ? Direction::outbound : Direction::inbound);
    bench.peer_subscribes(n, "t");
  }
  bench.run_for(5s);
  const auto run = [&](Duration duration, std::uint64_t grafts_max, std::uint64_t prunes_max) {
    for (Duration at{}; at < duration; at += 1s) {
      const RouterStats before = bench.router.stats();
      const std::size_t fanout = bench.router.fanout();
      bench.run_for(1s);
      EXPECT_LE(bench.router.stats().grafts - before.grafts, grafts_max);
      EXPECT_LE(bench.router.stats().prunes - before.prunes, prunes_max);
      EXPECT_LE(std::max(fanout, bench.router.fanout()) - std::min(fanout, bench.router.fanout()),
                1u);
    }
  };
  bench.input(NetworkSize{10'000'000});
  run(5min, 2, 0);
  EXPECT_LT(bench.router.fanout(), 12u);
  run(3min, 2, 0);
  EXPECT_EQ(bench.router.fanout(), 12u);
  EXPECT_GE(bench.router.mesh_of("t").size(), degrees_of(12).d_lo);
  bench.input(NetworkSize{100});
  run(10min, 0, 6);  // from D_hi to D, as ever
  EXPECT_EQ(bench.router.fanout(), 6u);
  EXPECT_LE(bench.router.mesh_of("t").size(), config.mesh.d_hi);
  // Whoever grafts meanwhile is refused at D_hi as before.
  for (std::uint32_t n = 1; n <= 60; ++n) bench.graft(n, "t");
  EXPECT_LE(bench.router.mesh_of("t").size(), config.mesh.d_hi);
}

TEST(Fanout, ANumberOfOnesOwnStays) {
  Config config;
  config.fanout.hops_max = 0;
  RouterBench bench(config);
  bench.subscribe("t");
  bench.input(NetworkSize{10'000'000});
  bench.run_for(10min);
  EXPECT_EQ(bench.router.fanout(), 6u);
}

}  // namespace
}  // namespace kith::gossip::test
