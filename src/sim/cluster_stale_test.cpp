// Validators that come back with an older copy of their disk, and what the silence after a start
// costs those who come back with the whole one.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/engine_cluster.h"
#include "sim/test_cluster.h"

namespace kith::sim {
namespace {

constexpr Duration heal = 20s;  // ten times delta_max

/// Two of four are down, so that nothing ends a view; one is copied, goes on speaking in it, falls
/// and comes back as the copy. What it said only one other has heard; the two come back as well.
bool restore_in_a_view_that_lasts(std::uint64_t seed, std::string& violations) {
  ClusterConfig config = quick_cluster(seed);
  config.epoch_length = 40;
  EngineCluster cluster(config);
  const auto node = static_cast<std::uint32_t>(seed % 4);
  cluster.start();
  cluster.run_for(500ms + 10ms * static_cast<std::int64_t>(cluster.rng().below(100)));
  cluster.crash((node + 1) % 4);
  cluster.crash((node + 2) % 4);
  cluster.run_for(1ms * static_cast<std::int64_t>(cluster.rng().below(300)));
  cluster.back_up(node);
  cluster.run_for(200ms + 1ms * static_cast<std::int64_t>(cluster.rng().below(3'000)));
  cluster.crash(node);
  cluster.run_for(200ms);
  cluster.restart(node, EngineCluster::Disk::stale);
  cluster.restart((node + 1) % 4);
  cluster.restart((node + 2) % 4);
  EXPECT_TRUE(goes_on(cluster, heal)) << seed;
  const bool was_stale = cluster.stats(node).stale > 0;
  // From the next epoch on it speaks again.
  run_until(cluster, 60s, [&] { return cluster.height_min() > 90; });
  EXPECT_GT(cluster.height_min(), 90u) << seed;
  EXPECT_TRUE(cluster.engine(node)->me()) << seed;
  EXPECT_FALSE(cluster.engine(node)->is_silent()) << seed;
  violations += violations_of(cluster);
  return was_stale;
}

TEST(ClusterStale, AnOldDiskDoesNotMakeItContradictItself) {
  std::uint64_t stale = 0;
  std::string violations;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    stale += restore_in_a_view_that_lasts(seed, violations) ? 1 : 0;
  }
  EXPECT_EQ(violations, "");
  EXPECT_GT(stale, 20u);
}

// The network goes on meanwhile: what it said is below what is final, or somebody has heard it.
TEST(ClusterStale, AnOldDiskInANetworkThatGoesOn) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.epoch_length = seed % 2 == 0 ? 5 : 60;
    EngineCluster cluster(config);
    cluster.start();
    cluster.run_for(300ms);
    for (int fall = 0; fall < 6; ++fall) {
      cluster.back_up(1);
      cluster.run_for(1ms * static_cast<std::int64_t>(cluster.rng().below(2'000)));
      cluster.crash(1);
      cluster.run_for(100ms + 1ms * static_cast<std::int64_t>(cluster.rng().below(300)));
      cluster.restart(1, EngineCluster::Disk::stale);
      cluster.run_for(1ms * static_cast<std::int64_t>(cluster.rng().below(1'000)));
    }
    EXPECT_TRUE(goes_on(cluster, heal)) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

// A copy of the epoch before, in which nobody remembers anything of it: the silence lasts into the
// epoch in which it has spoken.
TEST(ClusterStale, AnOldDiskOfTheEpochBefore) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.epoch_length = 6;
    EngineCluster cluster(config);
    cluster.start();
    run_until(cluster, 10s, [&] { return cluster.height(1) >= 5; });
    cluster.back_up(1);
    run_until(cluster, 10s, [&] { return cluster.height(1) >= 7; });
    // Two are down: the epoch lasts, and so do the views in which it speaks.
    cluster.crash(2);
    cluster.crash(3);
    cluster.run_for(200ms + 1ms * static_cast<std::int64_t>(cluster.rng().below(3'000)));
    cluster.crash(1);
    cluster.run_for(200ms);
    cluster.restart(1, EngineCluster::Disk::stale);
    cluster.restart(2);
    cluster.restart(3);
    EXPECT_TRUE(goes_on(cluster, heal)) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

// All are silent, all answer, all go on.
TEST(ClusterStale, AllStartAtOnceAndNobodyWaitsForEver) {
  for (std::size_t nodes = 1; nodes <= 7; ++nodes) {
    ClusterConfig config = quick_cluster(nodes);
    config.weights.assign(nodes, 1);
    EngineCluster cluster(config);
    cluster.start();
    cluster.run_for(1s);
    for (int fall = 0; fall < 3; ++fall) {
      for (std::uint32_t i = 0; i < nodes; ++i) cluster.crash(i);
      for (std::uint32_t i = 0; i < nodes; ++i) cluster.restart(i);
      EXPECT_TRUE(goes_on(cluster, heal)) << nodes;
    }
    EXPECT_EQ(violations_of(cluster), "") << nodes;
    cluster.run_for(1s);
    for (std::uint32_t i = 0; i < nodes; ++i) EXPECT_FALSE(cluster.engine(i)->is_silent());
  }
}

// Half of all words are lost, and in the end it has asked often enough.
TEST(ClusterStale, QuestionsAndAnswersThatAreLost) {
  ClusterConfig config = quick_cluster();
  config.loss = 0.5;
  EngineCluster cluster(config);
  cluster.start();
  cluster.run_for(60s);
  EXPECT_EQ(cluster.silences_ms().size(), 4u);
  EXPECT_EQ(violations_of(cluster), "");
}

// Answers take a round trip; who is down is waited for a delta, and no longer.
TEST(ClusterStale, TheSilenceIsShort) {
  const auto median_of = [](bool one_is_down) {
    std::vector<double> silences;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      EngineCluster cluster(quick_cluster(seed));
      cluster.start();
      cluster.run_for(1s);
      if (one_is_down) cluster.crash(3);
      cluster.crash(1);
      cluster.run_for(100ms);
      const std::size_t before = cluster.silences_ms().size();
      cluster.restart(1);
      cluster.run_for(2s);
      EXPECT_EQ(cluster.silences_ms().size(), before + 1) << seed;
      silences.push_back(cluster.silences_ms().back());
    }
    std::ranges::sort(silences);
    return silences[silences.size() / 2];
  };
  const double all_up = median_of(false);
  const double one_down = median_of(true);
  RecordProperty("all_up_ms", std::to_string(all_up));
  RecordProperty("one_down_ms", std::to_string(one_down));
  EXPECT_LT(all_up, 100) << "one way takes 5 to 50 ms";
  EXPECT_LT(one_down, 200 + 100) << "delta is 200 ms";
}

}  // namespace
}  // namespace kith::sim
