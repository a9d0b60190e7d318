// Byzantine nodes: less than a third of the weight hinders nobody, and more is found out.
#include "sim/cluster_liars.h"

#include <gtest/gtest.h>

#include <numeric>

#include "sim/test_cluster.h"

namespace kith::sim {
namespace {

class Lies : public testing::TestWithParam<std::uint8_t> {};

TEST_P(Lies, OneOfFourHindersNobody) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.epoch_length = seed % 2 == 0 ? 10 : 1000;
    EngineCluster cluster(config);
    make_liar(cluster, static_cast<std::uint32_t>(seed % 4), static_cast<ClusterLie>(GetParam()),
              config.engine.delta);
    cluster.start();
    cluster.run_for(30s);
    const std::string lie(name_of(static_cast<ClusterLie>(GetParam())));
    EXPECT_GT(cluster.height_min(), 25u) << lie;
    EXPECT_TRUE(goes_on(cluster, 5s)) << lie;
    EXPECT_EQ(violations_of(cluster), "") << lie;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Lies, testing::Range(std::uint8_t{0}, cluster_lies_count),
                         [](const auto& each) {
                           return std::string(name_of(static_cast<ClusterLie>(each.param)));
                         });

TEST(ClusterLiars, WhoContradictsItselfIsFound) {
  for (const ClusterLie lie : {ClusterLie::two_faced, ClusterLie::yes_to_all}) {
    EngineCluster cluster(quick_cluster());
    make_liar(cluster, 2, lie, 200ms);
    cluster.start();
    const Duration took = run_until(
        cluster, 20s, [&] { return cluster.witness().accused().contains(cluster.key_of(2)); });
    EXPECT_LT(took, 20s) << name_of(lie);
    EXPECT_EQ(cluster.witness().accused().size(), 1u);
  }
}

// Who notarized the one face's block, fell, and wakes up to the other's must know.
TEST(ClusterLiars, FallsBetweenTwoFaces) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    if (seed % 2 == 0) config.engine.log_bytes_max = 1;  // the log begins anew at each block
    EngineCluster cluster(config);
    cluster.add_twin(static_cast<std::uint32_t>(seed % 4));
    cluster.start();
    for (int fall = 0; fall < 60; ++fall) {
      cluster.run_for(1ms * static_cast<std::int64_t>(20 + cluster.rng().below(60)));
      const auto node = static_cast<std::uint32_t>(cluster.rng().below(4));
      cluster.crash(node);
      cluster.run_for(2ms);
      cluster.restart(node);
    }
    EXPECT_TRUE(goes_on(cluster, 20s)) << seed;
    EXPECT_EQ(violations_of(cluster), "") << seed;
  }
}

// Too far ahead is waited for: nobody nullifies a view because of it, unless its time is over.
TEST(ClusterLiars, BlocksDatedAhead) {
  ClusterConfig config = quick_cluster();
  config.engine.block_interval = 1s;
  config.engine.delta = 20s;
  config.engine.drift_max = 30s;
  config.clock_offsets = {45s, 0s, 0s, 0s};
  EngineCluster cluster(config);
  cluster.start();
  cluster.run_for(100s);
  EXPECT_GT(cluster.height_min(), 3u);
  for (std::uint32_t i = 1; i < 4; ++i) EXPECT_EQ(cluster.stats(i).nullify_votes, 0u) << i;
  // Nothing is accepted before it is within the drift.
  for (const auto& [height, at] : cluster.final_at()) {
    const std::int64_t now = 1'700'000'000'000 + base::to_ms(at - Instant{});
    EXPECT_LE(cluster.block_times().at(height), now + 30'000) << height;
  }
  EXPECT_EQ(violations_of(cluster), "");
}

// Half of the weight lies: forks may be, and each is blamed on at least 2Q - W, and on no honest.
TEST(ClusterLiars, TwoOfFourAreBlamedForTheirForks) {
  std::uint64_t forks = 0;
  std::uint64_t halted = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    ClusterConfig config = quick_cluster(seed);
    config.may_fork = true;
    EngineCluster cluster(config);
    cluster.add_twin(0);
    cluster.add_twin(1);
    std::vector<bool> side;  // the honest apart, the others anywhere
    for (std::uint32_t i = 0; i < 6; ++i) side.push_back(cluster.rng().below(2) == 0);
    side[2] = true;
    side[3] = false;
    cluster.set_links(
        [side](std::uint32_t from, std::uint32_t to) { return side[from] == side[to]; });
    cluster.start();
    cluster.run_for(1ms * static_cast<std::int64_t>(cluster.rng().below(3000)));
    cluster.set_links({});
    cluster.run_for(10s);
    cluster.witness().check_blame();
    EXPECT_EQ(violations_of(cluster), "") << seed;
    for (const codec::ValidatorKey& key : cluster.witness().accused()) {
      EXPECT_TRUE(key == cluster.key_of(0) || key == cluster.key_of(1));
    }
    if (cluster.witness().forks() == 0) continue;
    ++forks;
    // Whoever sees both chains says no more.
    halted += cluster.engine(2)->is_halted() || cluster.engine(3)->is_halted() ? 1 : 0;
  }
  EXPECT_GT(forks, 2u);
  EXPECT_EQ(halted, forks);
}

TEST(ClusterLiars, FloodsStayOutside) {
  ClusterConfig config = quick_cluster();
  config.verify_max = 50ms;
  EngineCluster cluster(config);
  make_liar(cluster, 0, ClusterLie::flooder, 10ms);  // 3,000 messages a second to each
  cluster.start();
  cluster.run_for(20s);
  EXPECT_GT(cluster.height_min(), 30u);
  for (std::uint32_t i = 1; i < 4; ++i) {
    const consensus::EngineSizes sizes = cluster.engine(i)->sizes();
    EXPECT_LT(sizes.views, 60u);
    EXPECT_LT(sizes.votes, 60u * 4 * 5);
    EXPECT_LE(sizes.pending, consensus::Engine::pending_per_peer_max * 3);
    EXPECT_LT(sizes.blocks, 30u);
    EXPECT_LT(sizes.fetches, 65u);
  }
  EXPECT_EQ(violations_of(cluster), "");
}

}  // namespace
}  // namespace kith::sim
