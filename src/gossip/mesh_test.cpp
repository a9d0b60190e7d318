#include "gossip/mesh.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace kith::gossip {
namespace {

std::vector<MeshCandidate> mesh_of(std::size_t count, std::size_t outbound) {
  std::vector<MeshCandidate> mesh;
  for (std::size_t i = 0; i < count; ++i) {
    mesh.push_back({static_cast<PeerSlot>(i), static_cast<double>(i), i < outbound});
  }
  return mesh;
}

TEST(Mesh, PrunesToDAndKeepsTheBest) {
  const MeshConfig config;
  base::SeededRng rng(1);
  for (int run = 0; run < 50; ++run) {
    const auto pruned = choose_pruned(config, mesh_of(12, 12), rng);
    EXPECT_EQ(pruned.size(), 6u);
    for (const PeerSlot slot : pruned) EXPECT_LT(slot, 8u);  // 8 to 11 are the four best
  }
}

TEST(Mesh, KeepsOutboundPeersHoweverBad) {
  const MeshConfig config;
  base::SeededRng rng(1);
  for (int run = 0; run < 50; ++run) {
    // The two outbound ones have the worst scores.
    for (const PeerSlot slot : choose_pruned(config, mesh_of(12, 2), rng)) EXPECT_GE(slot, 2u);
  }
}

TEST(Mesh, PruningHoldsForAnyMesh) {
  ASSERT_TRUE(rc::check([] {
    MeshConfig config;
    config.d = *rc::gen::inRange<std::size_t>(1, 12);
    config.d_score = *rc::gen::inRange<std::size_t>(0, 14);
    config.d_out = *rc::gen::inRange<std::size_t>(0, 8);
    const auto scores = *rc::gen::container<std::vector<std::pair<int, bool>>>(
        rc::gen::pair(rc::gen::inRange(-3, 3), rc::gen::arbitrary<bool>()));
    std::vector<MeshCandidate> mesh;
    std::size_t outbound = 0;
    for (const auto& [score, is_outbound] : scores) {
      mesh.push_back({static_cast<PeerSlot>(mesh.size()), static_cast<double>(score), is_outbound});
      outbound += is_outbound ? 1 : 0;
    }
    base::SeededRng rng(*rc::gen::arbitrary<std::uint64_t>());
    const auto pruned = choose_pruned(config, mesh, rng);
    const std::set<PeerSlot> gone(pruned.begin(), pruned.end());
    RC_ASSERT(gone.size() == pruned.size());
    RC_ASSERT(mesh.size() - gone.size() == std::min(mesh.size(), config.d));
    std::size_t outbound_kept = 0;
    for (const auto& each : mesh) {
      outbound_kept += each.is_outbound && !gone.contains(each.peer) ? 1 : 0;
    }
    const std::size_t places = config.d - std::min(config.d, config.d_score);
    RC_ASSERT(outbound_kept >= std::min({outbound, config.d_out, places}));
  }));
}

TEST(Mesh, AnOutboundPeerReplacesTheWorstInbound) {
  const MeshConfig config;
  EXPECT_EQ(choose_replaced(config, mesh_of(12, 0)), std::optional<PeerSlot>(0));
  EXPECT_EQ(choose_replaced(config, mesh_of(12, 1)), std::optional<PeerSlot>(1));
  EXPECT_EQ(choose_replaced(config, mesh_of(12, 2)), std::nullopt);  // D_out is there
  EXPECT_EQ(choose_replaced(config, {}), std::nullopt);
}

TEST(Mesh, MedianAndSample) {
  EXPECT_EQ(median_score({}), 0);
  EXPECT_EQ(median_score(mesh_of(5, 0)), 2);
  base::SeededRng rng(1);
  std::map<int, int> drawn;
  for (int i = 0; i < 3000; ++i) {
    const auto two = sample(std::vector<int>{1, 2, 3}, 2, rng);
    ASSERT_EQ(two.size(), 2u);
    ASSERT_NE(two[0], two[1]);
    for (const int each : two) ++drawn[each];
  }
  for (const auto& [each, count] : drawn) EXPECT_NEAR(count, 2000, 150) << each;
  EXPECT_EQ(sample(std::vector<int>{1}, 5, rng).size(), 1u);
}

}  // namespace
}  // namespace kith::gossip
