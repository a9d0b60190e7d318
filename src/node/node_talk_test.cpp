// Whole nodes that agree although no stream joins all of them: by gossip, through whoever keeps the
// chain. One piece: consensus_gossip_test.cpp.
#include <gtest/gtest.h>

#include "node/node_test_util.h"

namespace kith::node {
namespace {

class NodeTalkTest : public NodeTest {
 protected:
  NodeTalkTest() {
    SeededRng rng(77);
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 500;
    genesis_.params.epoch_blocks = 10;
    genesis_.params.jail_threshold = 0;
    for (int i = 0; i < 4; ++i) {
      keys_.push_back(crypto::KeyPair::generate(rng));
      codec::GenesisValidator validator;
      std::ranges::copy(keys_.back().public_key().data, validator.key.begin());
      validator.owner = codec::lock_of(validator.key);
      validator.stake = 1'000 * codec::units_per_coin;
      genesis_.validators.push_back(validator);
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
  }
  void add_keeper(const crypto::KeyPair* key) {
    const std::size_t index = members_.size();
    members_.push_back(std::make_unique<Member>(index + 1, config()));
    Member& member = *members_.back();
    world_.add(member.node);
    world_.after_turn = [this](std::size_t i) {
      while (auto report = members_[i]->node.poll_report()) {
        members_[i]->reports.push_back(std::move(*report));
      }
    };
    ledger::MemoryStore& store = world_.work[index].chain;
    store.write(make_genesis_batch(genesis_));
    auto chain = Chain::open({}, {genesis_, &store, key}, member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), key);
    const std::int64_t ms = base::to_ms(world_.now() - Instant{});
    world_.input(index, host::WallClock{{1'700'000'000'000 + ms}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
  }
  std::uint64_t height(std::size_t i) { return members_[i]->node.chain()->height().value; }
  std::uint64_t said(std::size_t i) { return members_[i]->node.consensus_gossip()->said(); }

  codec::Genesis genesis_;
  std::vector<crypto::KeyPair> keys_;
};

TEST_F(NodeTalkTest, ValidatorsThatOnlyFollowersJoinAgree) {
  for (const crypto::KeyPair& key : keys_) add_keeper(&key);
  add_keeper(nullptr);
  add_keeper(nullptr);
  for (std::size_t i = 0; i < 4; ++i) connect(i, 4 + i % 2, 10 + i);
  connect(4, 5, 20);
  world_.run_for(60s);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(height(i), 100U) << i;  // ten epochs, two blocks a second
    EXPECT_GT(said(i), 20U) << i;
    EXPECT_EQ(members_[i]->node.consensus_service()->validators_connected(), 0U);
    for (std::size_t j = 4; j < 6; ++j) {
      EXPECT_GE(members_[i]->node.quality().standing(world_.now(), members_[j]->id()).reputation,
                0);
    }
  }
  // Once streams join them, nothing is said by gossip any more.
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = a + 1; b < 4; ++b) connect(a, b, 100 + 10 * a + b);
  }
  world_.run_for(5s);
  const std::uint64_t before = said(0) + said(1) + said(2) + said(3);
  const std::uint64_t reached = height(0);
  world_.run_for(10s);
  EXPECT_EQ(said(0) + said(1) + said(2) + said(3), before);
  EXPECT_GT(height(0), reached + 10);
}

TEST_F(NodeTalkTest, OneThatNoStreamJoinsVotesAllTheSame) {
  for (const crypto::KeyPair& key : keys_) add_keeper(&key);
  add_keeper(nullptr);
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = a + 1; b < 3; ++b) connect(a, b, 10 * a + b);
  }
  connect(4, 0, 50);
  world_.run_for(5s);
  const std::uint64_t before = said(0) + said(1) + said(2);  // while no stream was up
  world_.run_for(10s);
  EXPECT_EQ(said(0) + said(1) + said(2), before);  // three of four have streams, nobody is heard
  connect(3, 4, 51);
  world_.run_for(40s);
  EXPECT_GT(said(3), 5U);
  EXPECT_GT(said(0), before + 5);
  const auto votes = members_[3]->node.chain()->consensus().stats().finalize_votes;
  world_.run_for(20s);
  EXPECT_GT(members_[3]->node.chain()->consensus().stats().finalize_votes, votes + 3);
}

}  // namespace
}  // namespace kith::node
