// A validator whose store and log were put back from an older copy, as a whole chain sees it.
#include <gtest/gtest.h>

#include "node/chain_net_test_util.h"

namespace kith::node {
namespace {

struct Copy {
  ledger::MemoryStore store;
  std::map<std::uint64_t, std::vector<Bytes>> log;
};

codec::ChainParams long_epochs() {
  codec::ChainParams params = ChainNet::quick_params();
  params.epoch_blocks = 60;
  return params;
}

TEST(ChainStale, AfterAStartItAsksAndThenVotes) {
  ChainNet net(4);
  EXPECT_FALSE(net.node(0).chain->why_no_vote() == std::nullopt);
  EXPECT_TRUE(net.node(0).chain->is_validator());
  net.run_for(1s);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(net.node(i).chain->why_no_vote(), std::nullopt);
    EXPECT_GT(net.node(i).chain->height().value, 10u);
  }
}

// Two of four are down: the view lasts, and in it the third says what its copy does not know.
TEST(ChainStale, AnOldCopyFollowsUntilTheNextEpochAndContradictsNothing) {
  ChainNet net(4, long_epochs());
  net.run_for(300ms);
  ChainNode& restored = net.node(2);
  net.stop(net.node(0));
  net.stop(net.node(1));
  net.run_for(50ms);
  const Copy copy{restored.store.memory, restored.log};
  net.run_for(3s);
  ASSERT_GT(restored.chain->consensus().stats().nullify_votes, 0u);
  net.stop(restored);
  restored.store.memory = copy.store;
  restored.log = copy.log;
  net.run_for(100ms);
  net.start(restored);
  net.start(net.node(0));
  net.start(net.node(1));
  const std::uint64_t before = net.node(3).chain->height().value;
  net.run_for(3s);
  EXPECT_GT(net.node(3).chain->height().value, before) << "the other three go on";
  const auto why = restored.chain->why_no_vote();
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("older than what it said"), std::string_view::npos) << *why;
  EXPECT_FALSE(restored.chain->is_validator());
  EXPECT_EQ(restored.chain->consensus().stats().stale, 1u);
  net.run_for(20s);
  ASSERT_GT(restored.chain->height().value, 60u);
  EXPECT_EQ(restored.chain->why_no_vote(), std::nullopt);
  EXPECT_TRUE(restored.chain->is_validator());
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(net.node(i).chain->consensus().stats().evidence, 0u) << i;
    EXPECT_TRUE(net.node(i).halted.empty());
  }
}

}  // namespace
}  // namespace kith::node
