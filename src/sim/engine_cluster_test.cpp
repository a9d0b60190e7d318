#include "sim/engine_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace kith::sim {
namespace {

ClusterConfig fast() {
  ClusterConfig config;
  config.engine.block_interval = 0ms;
  return config;
}

std::string all(const EngineCluster& cluster) {
  std::string text;
  for (const std::string& violation : cluster.violations()) text += violation + "\n";
  return text;
}

TEST(EngineCluster, FourFinalizeTheSameBlocks) {
  EngineCluster cluster(fast());
  cluster.start();
  cluster.run_for(60s);
  EXPECT_EQ(all(cluster), "");
  EXPECT_GT(cluster.height_min(), 500u);
  EXPECT_LE(cluster.height_max() - cluster.height_min(), 3u);
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(cluster.engine(i)->stats().nullify_votes, 0u);
}

TEST(EngineCluster, OneSeedIsOneRun) {
  const auto run = [](std::uint64_t seed) {
    ClusterConfig config = fast();
    config.seed = seed;
    config.loss = 0.02;
    EngineCluster cluster(config);
    cluster.start();
    cluster.run_for(20s);
    return cluster.trace_hash();
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace kith::sim
