// How long things take: block intervals, a leader that falls, clocks that are wrong.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/test_cluster.h"

namespace kith::sim {
namespace {

ClusterConfig paced(Duration interval) {
  ClusterConfig config;
  config.is_really_signed = false;
  config.engine.block_interval = interval;
  return config;
}

/// Between final blocks, by the world's clock and by the blocks' dates.
void expect_pace(const EngineCluster& cluster, Duration interval, std::uint64_t blocks) {
  const auto& at = cluster.final_at();
  const auto& dates = cluster.block_times();
  for (std::uint64_t height = 2; height <= blocks; ++height) {
    const Duration passed = at.at(height) - at.at(height - 1);
    EXPECT_NEAR(static_cast<double>(base::to_ms(passed)),
                static_cast<double>(base::to_ms(interval)), 500)
        << height;
    EXPECT_NEAR(static_cast<double>(dates.at(height) - dates.at(height - 1)),
                static_cast<double>(base::to_ms(interval)), 500)
        << height;
  }
  // Delays do not add up.
  EXPECT_NEAR(static_cast<double>(dates.at(blocks) - dates.at(1)),
              static_cast<double>(base::to_ms(interval)) * static_cast<double>(blocks - 1), 500);
}

TEST(EngineClusterTime, AHundredMinutes) {
  EngineCluster cluster(paced(60s));
  cluster.start();
  cluster.run_for(102min);
  ASSERT_GE(cluster.height_min(), 101u);
  expect_pace(cluster, 60s, 101);
  EXPECT_EQ(violations_of(cluster), "");
}

TEST(EngineClusterTime, AHundredSeconds) {
  EngineCluster cluster(paced(1s));
  cluster.start();
  cluster.run_for(103s);
  ASSERT_GE(cluster.height_min(), 101u);
  expect_pace(cluster, 1s, 101);
  EXPECT_EQ(violations_of(cluster), "");
}

// 2 delta for the leader to be missed, then nullification, proposal and two rounds of votes.
TEST(EngineClusterTime, ALeaderFalls) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.engine.delta = 500ms;
    config.delay_min = 40ms;
    config.delay_max = 50ms;
    config.disk_max = config.check_max = 1ms;
    EngineCluster cluster(config);
    cluster.start();
    cluster.run_for(2s);
    // Just before its turn, so that it has not proposed yet.
    const std::uint64_t height = cluster.height_max();
    run_until(cluster, 2s, [&] { return cluster.height_max() > height; });
    consensus::Engine& engine = *cluster.engine(0);
    const codec::ValidatorIndex next = engine.leader();
    const codec::View view = engine.view();
    const auto watcher = static_cast<std::uint32_t>((next + 1) % 4);
    cluster.crash(next);
    const std::uint64_t before = cluster.height_max();
    const Duration took =
        run_until(cluster, 20s, [&] { return cluster.height(watcher) > before + 1; });
    ASSERT_GE(cluster.engine(watcher)->last_final().view.value, view.value);
    // One more delay each for: the vote to nullify, and the finality of the block before.
    EXPECT_LE(base::to_ms(took), 2 * 500 + 5 * 50 + 30) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

TEST(EngineClusterTime, WhoStaysAwayIsNotWaitedFor) {
  EngineCluster cluster(quick_cluster());
  cluster.start();
  cluster.run_for(1s);
  cluster.crash(0);
  cluster.run_for(20s);
  const std::uint64_t height = cluster.height_max();
  cluster.run_for(10s);
  // Each fourth view would take 2 delta; without them a block takes some 80 ms.
  EXPECT_GT(cluster.height_max(), height + 60);
  cluster.restart(0);
  cluster.run_for(5s);
  EXPECT_GT(cluster.stats(0).proposals, 5u);
  EXPECT_EQ(violations_of(cluster), "");
}

TEST(EngineClusterTime, ClocksThatAreTenSecondsOffAndJump) {
  for (const Duration interval : {Duration(0s), Duration(1s), Duration(60s)}) {
    ClusterConfig config = paced(interval);
    config.clock_offsets = {-10s, 10s, -5s, 3s};
    EngineCluster cluster(config);
    cluster.start();
    const Duration span = std::max<Duration>(30 * interval, 30s);
    cluster.run_for(span);
    const std::uint64_t height = cluster.height_min();
    EXPECT_GT(height, 25u);
    for (int i = 0; i < 10; ++i) {
      const auto node = static_cast<std::uint32_t>(cluster.rng().below(4));
      cluster.set_clock_offset(
          node, std::chrono::seconds(static_cast<int>(cluster.rng().below(20)) - 10));
      cluster.run_for(span / 10);
    }
    EXPECT_GT(cluster.height_min(), height + 20);
    EXPECT_EQ(violations_of(cluster), "");
    // When the first block is due, nothing but the clocks can say.
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_LE(cluster.stats(i).nullify_votes, 1u) << i;
  }
}

// R10: timeouts grow with each view that ends without a final block, up to delta_max and no
// further.
TEST(EngineClusterTime, TimeoutsGrowAndShrinkAgain) {
  ClusterConfig config = quick_cluster();
  config.delay_min = config.delay_max = 450ms;  // above 2 delta of 200 ms
  EngineCluster cluster(config);
  cluster.start();
  EXPECT_TRUE(goes_on(cluster, 30s));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(goes_on(cluster, 20s));
  EXPECT_EQ(violations_of(cluster), "");
}

}  // namespace
}  // namespace kith::sim
