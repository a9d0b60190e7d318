// Faults of honest nodes: crashes, pauses, partitions, bad networks, sets that change.
#include "sim/engine_cluster.h"

#include <gtest/gtest.h>

#include "sim/test_cluster.h"

namespace kith::sim {
namespace {

constexpr Duration heal = 20s;  // ten times delta_max

TEST(EngineCluster, FourFinalizeTheSameBlocks) {
  ClusterConfig config = quick_cluster();
  config.is_really_signed = true;
  EngineCluster cluster(config);
  cluster.start();
  cluster.run_for(30s);
  EXPECT_EQ(violations_of(cluster), "");
  EXPECT_GT(cluster.height_min(), 250u);
  EXPECT_LE(cluster.height_max() - cluster.height_min(), 3u);
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(cluster.stats(i).nullify_votes, 0u);
}

TEST(EngineCluster, OneSeedIsOneRun) {
  const auto run = [](std::uint64_t seed) {
    ClusterConfig config = quick_cluster(seed);
    config.loss = 0.02;
    EngineCluster cluster(config);
    cluster.start();
    cluster.run_for(20s);
    return cluster.trace_hash();
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

// What they tolerate: one and two validators nobody's fall, three too; four one's.
TEST(EngineCluster, OneTwoAndThree) {
  for (std::size_t nodes = 1; nodes <= 3; ++nodes) {
    ClusterConfig config = quick_cluster(nodes);
    config.weights.assign(nodes, 1);
    EngineCluster cluster(config);
    cluster.start();
    ASSERT_TRUE(goes_on(cluster, 2s));
    cluster.crash(0);
    cluster.run_for(100ms);
    const std::uint64_t height = cluster.height_max();
    cluster.run_for(10s);
    EXPECT_EQ(cluster.height_max(), height) << nodes;
    cluster.restart(0);
    EXPECT_TRUE(goes_on(cluster, heal)) << nodes;
    EXPECT_EQ(violations_of(cluster), "");
  }
}

TEST(EngineCluster, OneOfFourMayFall) {
  EngineCluster cluster(quick_cluster());
  cluster.start();
  cluster.run_for(1s);
  cluster.crash(2);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(goes_on(cluster, 3s));
  cluster.crash(1);
  cluster.run_for(200ms);
  const std::uint64_t height = cluster.height_max();
  cluster.run_for(20s);
  EXPECT_EQ(cluster.height_max(), height);
  cluster.restart(2);
  EXPECT_TRUE(goes_on(cluster, heal));
  cluster.restart(1);
  EXPECT_TRUE(goes_on(cluster, heal));
  EXPECT_EQ(violations_of(cluster), "");
}

TEST(EngineCluster, AllFallAtAnyStep) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.epoch_length = seed % 2 == 0 ? 3 : 1000;
    config.disk_max = 30ms;
    config.sign_max = seed % 3 == 0 ? 20ms : 0ms;
    config.engine.log_bytes_max = seed % 4 == 0 ? 4'000 : 1 << 20;
    EngineCluster cluster(config);
    cluster.start();
    for (int fall = 0; fall < 8; ++fall) {
      cluster.run_for(1ms * static_cast<std::int64_t>(cluster.rng().below(400)));
      for (std::uint32_t i = 0; i < 4; ++i) cluster.crash(i);
      for (std::uint32_t i = 0; i < 4; ++i) cluster.restart(i);
    }
    EXPECT_TRUE(goes_on(cluster, heal)) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

TEST(EngineCluster, OneAfterTheOtherFallsForEver) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.epoch_length = seed % 2 == 0 ? 3 : 50;
    EngineCluster cluster(config);
    cluster.start();
    for (std::uint32_t fall = 0; fall < 40; ++fall) {
      cluster.run_for(300ms);
      cluster.crash(fall % 4);
      cluster.run_for(300ms);
      cluster.restart(fall % 4);
    }
    EXPECT_GT(cluster.height_max(), 30u) << seed;
    EXPECT_TRUE(goes_on(cluster, heal)) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

TEST(EngineCluster, PausesAreNoFaults) {
  EngineCluster cluster(quick_cluster());
  cluster.start();
  cluster.run_for(1s);
  cluster.pause(0);
  EXPECT_FALSE(goes_on(cluster, 10s));  // the one that sleeps does not
  EXPECT_GT(cluster.height_max(), cluster.height(0) + 20);
  cluster.resume(0);
  EXPECT_TRUE(goes_on(cluster, 2s));
  for (std::uint32_t i = 0; i < 4; ++i) cluster.pause(i);
  cluster.run_for(60s);
  for (std::uint32_t i = 0; i < 4; ++i) cluster.resume(i);
  EXPECT_TRUE(goes_on(cluster, heal));
  EXPECT_EQ(violations_of(cluster), "");
}

TEST(EngineCluster, TheMajorityGoesOnAndTheMinorityDoesNot) {
  EngineCluster cluster(quick_cluster());
  cluster.start();
  cluster.run_for(1s);
  cluster.set_links([](std::uint32_t from, std::uint32_t to) { return (from == 3) == (to == 3); });
  cluster.run_for(100ms);
  const std::uint64_t alone = cluster.height(3);
  cluster.run_for(10s);
  EXPECT_LE(cluster.height(3), alone + 1);
  EXPECT_GT(cluster.height(0), alone + 20);
  cluster.set_links({});
  EXPECT_TRUE(goes_on(cluster, heal));

  cluster.set_links([](std::uint32_t from, std::uint32_t to) { return from / 2 == to / 2; });
  cluster.run_for(100ms);
  const std::uint64_t halves = cluster.height_max();
  cluster.run_for(60s);
  EXPECT_LE(cluster.height_max(), halves + 1);
  cluster.set_links({});
  EXPECT_TRUE(goes_on(cluster, heal));
  EXPECT_EQ(violations_of(cluster), "");
}

// Ten blocks behind: few enough to be asked for one by one, and yet its peers have let them go. It
// must find out by itself, for without it there is no quorum.
TEST(EngineCluster, WhoIsALittleBehindIsNeeded) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    EngineCluster cluster(quick_cluster(seed));
    cluster.start();
    cluster.run_for(1s);
    cluster.set_links([](std::uint32_t a, std::uint32_t b) { return (a == 3) == (b == 3); });
    const std::uint64_t height = cluster.height(3);
    run_until(cluster, 5s, [&] { return cluster.height(0) >= height + 10; });
    cluster.crash(2);
    cluster.set_links({});
    EXPECT_TRUE(goes_on(cluster, heal)) << seed;
    EXPECT_EQ(violations_of(cluster), "");
  }
}

TEST(EngineCluster, LossRepetitionAndReordering) {
  for (const double loss : {0.1, 0.3, 0.5}) {
    ClusterConfig config = quick_cluster();
    config.loss = loss;
    config.repeat = 0.5;
    config.delay_min = 0ms;
    config.delay_max = 150ms;
    EngineCluster cluster(config);
    cluster.start();
    cluster.run_for(60s);
    EXPECT_GT(cluster.height_max(), loss < 0.4 ? 20u : 3u) << loss;
    cluster.set_loss(0);
    EXPECT_TRUE(goes_on(cluster, heal)) << loss;
    EXPECT_EQ(violations_of(cluster), "") << loss;
  }
}

// Just below a third may fall; just at a third may not.
TEST(EngineCluster, WeightsAtTheEdge) {
  const auto largest_falls = [](std::vector<codec::Weight> weights) {
    ClusterConfig config = quick_cluster();
    config.weights = std::move(weights);
    EngineCluster cluster(config);
    cluster.start();
    EXPECT_TRUE(goes_on(cluster, 2s));
    cluster.crash(0);
    cluster.run_for(200ms);
    const bool is_going = goes_on(cluster, 15s);
    cluster.restart(0);
    EXPECT_TRUE(goes_on(cluster, heal));
    EXPECT_EQ(violations_of(cluster), "");
    return is_going;
  };
  EXPECT_TRUE(largest_falls({333, 222, 222, 223}));
  EXPECT_FALSE(largest_falls({333, 222, 222, 222}));
  EXPECT_FALSE(largest_falls({2, 2, 2}));
  EXPECT_TRUE(largest_falls({2, 2, 2, 1}));
  const codec::Weight third = codec::weight_sum_max / 3;
  EXPECT_TRUE(largest_falls({third - 1, third, third}));
}

TEST(EngineCluster, SetsThatChangeAtTheEndOfEpochs) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.weights = {1, 1, 1, 1, 0, 0};  // two wait for their time
    config.epoch_length = 5;
    config.weights_of = [](codec::Epoch epoch) {
      std::vector<codec::Weight> weights(6, 1);
      weights[epoch.value % 6] = weights[(epoch.value + 1) % 6] = 0;
      weights[(epoch.value + 2) % 6] = 2;
      return weights;
    };
    EngineCluster cluster(config);
    cluster.start();
    for (std::uint32_t i = 0; i < 20; ++i) {
      cluster.run_for(500ms);
      cluster.crash(i % 6);
      cluster.run_for(200ms);
      cluster.restart(i % 6);
    }
    EXPECT_TRUE(goes_on(cluster, heal)) << seed;
    EXPECT_GT(cluster.height_min(), 30u) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

// It may have voted; what, nobody knows. So it follows, and votes again from the next epoch on.
TEST(EngineCluster, WhoLostItsLogFollowsUntilTheNextEpoch) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.epoch_length = 30;
    EngineCluster cluster(config);
    cluster.start();
    run_until(cluster, 10s, [&] { return cluster.height(1) >= 5; });
    cluster.crash(1);
    cluster.restart(1, EngineCluster::Disk::log_lost);
    EXPECT_FALSE(cluster.engine(1)->me());
    cluster.crash(1);  // and falls again
    cluster.restart(1);
    EXPECT_FALSE(cluster.engine(1)->me());
    run_until(cluster, 20s, [&] { return cluster.height(1) > 30; });
    cluster.run_for(1s);
    EXPECT_TRUE(cluster.engine(1)->me());
    EXPECT_GT(cluster.stats(1).notarize_votes, 0u);
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

// Answers that were asked for in one epoch arrive in the next: signatures, checks of signatures,
// blocks, writes. None may be taken for another's.
TEST(EngineCluster, AnswersOfTheEpochBefore) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.epoch_length = 3;
    config.sign_max = config.verify_max = config.check_max = config.disk_max = 60ms;
    config.loss = 0.1;
    EngineCluster cluster(config);
    cluster.start();
    cluster.run_for(20s);
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

// Blocks that are final and not stored yet live in the log alone: it may not begin anew without
// them, or all forget what they finalized.
TEST(EngineCluster, ASlowStoreAndAShortLog) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.store_max = 150ms;
    config.engine.log_bytes_max = 3'000;
    EngineCluster cluster(config);
    cluster.start();
    for (int fall = 0; fall < 5; ++fall) {
      cluster.run_for(500ms + 1ms * static_cast<std::int64_t>(cluster.rng().below(1000)));
      for (std::uint32_t i = 0; i < 4; ++i) cluster.crash(i);
      for (std::uint32_t i = 0; i < 4; ++i) cluster.restart(i);
    }
    EXPECT_TRUE(goes_on(cluster, heal)) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

TEST(EngineCluster, TheLogStaysShort) {
  ClusterConfig config = quick_cluster();
  config.engine.log_bytes_max = 50'000;
  EngineCluster cluster(config);
  cluster.start();
  std::size_t longest = 0;
  for (int i = 0; i < 100; ++i) {
    cluster.run_for(1s);
    for (std::uint32_t node = 0; node < 4; ++node) {
      longest = std::max(longest, cluster.log_bytes(node));
    }
  }
  EXPECT_GT(cluster.height_min(), 800u);
  EXPECT_LT(longest, 70'000u);
  EXPECT_GT(longest, 40'000u);
  EXPECT_EQ(violations_of(cluster), "");
}

}  // namespace
}  // namespace kith::sim
