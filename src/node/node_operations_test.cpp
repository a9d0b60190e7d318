// Whole nodes as whoever runs them sets them up: private meshes, halt heights, and heartbeats of a
// validator that has no place in the set.
#include <gtest/gtest.h>

#include "codec/test_chain.h"
#include "node/node_test_util.h"

namespace kith::node {
namespace {

constexpr codec::Amount coin = codec::units_per_coin;
/// The number of a key of codec/test_chain.h that bonds and finds no place.
constexpr std::uint32_t late = 50;

class OperatedNodes : public NodeTest {
 protected:
  OperatedNodes() {
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.epoch_blocks = 20;
    genesis_.params.jail_threshold = 0;
    genesis_.params.heartbeat_ms = 1'000;
    genesis_.params.validators_max = 4;
    genesis_.outputs.push_back({0, 0, 10'000 * coin, codec::test::identity(1).lock});
    for (std::uint32_t key = 10; key < 14; ++key) {
      genesis_.validators.push_back(
          {codec::test::identity(key).key, codec::test::identity(key).lock, 2'000 * coin});
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
  }

  /// With the validator key of that number; 0: it follows.
  void add_keeper(std::uint32_t number, const ChainOptions& options = {}) {
    const std::size_t index = members_.size();
    NodeConfig with = config();
    with.chain = options;
    members_.push_back(std::make_unique<Member>(index + 1, with));
    Member& member = *members_.back();
    world_.add(member.node);
    world_.after_turn = [this](std::size_t i) {
      while (auto report = members_[i]->node.poll_report()) {
        members_[i]->reports.push_back(std::move(*report));
      }
    };
    ledger::MemoryStore& store = world_.work[index].chain;
    store.write(make_genesis_batch(genesis_));
    const crypto::KeyPair* const key = number == 0 ? nullptr : &codec::test::identity(number).pair;
    ChainConfig config;
    config.halt_height = options.halt_height;
    auto chain = Chain::open(config, {genesis_, &store, key}, member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), key);
    world_.input(index,
                 host::WallClock{{1'700'000'000'000 + base::to_ms(world_.now() - Instant{})}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
    for (std::size_t other = 0; other < index; ++other) connect(other, index, other * 10 + index);
  }
  const Node& node(std::size_t i) { return members_[i]->node; }
  std::uint64_t height(std::size_t i) { return node(i).chain()->height().value; }
  HeartbeatRow row(std::size_t i) {
    const auto rows = node(i).heartbeats()->rows(world_.now());
    EXPECT_EQ(rows.size(), 1u) << i;
    return rows.empty() ? HeartbeatRow() : rows.front();
  }

  codec::Genesis genesis_;
};

TEST_F(OperatedNodes, AMeshListensToItsMembersOnly) {
  const ChainOptions member{{}, codec::tagged_hash("one", {})};
  const ChainOptions stranger{{}, codec::tagged_hash("another", {})};
  for (std::uint32_t key = 10; key < 13; ++key) add_keeper(key, member);
  add_keeper(13, stranger);
  add_keeper(0);  // a follower without the token
  world_.run_for(10s);
  // Three of four go on.
  EXPECT_GT(height(0), 4u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(node(i).consensus_service()->validators_connected(), 2u) << i;
    EXPECT_GE(node(i).consensus_service()->refused(), 2u) << i;
    // It is no fault not to be a member.
    EXPECT_GE(node(i).quality().standing(world_.now(), members_[3]->id()).reputation, 0) << i;
  }
  // Nor does it listen to them, but who has no token listens to everybody.
  EXPECT_EQ(node(3).consensus_service()->validators_connected(), 0u);
  EXPECT_EQ(node(4).consensus_service()->validators_connected(), 4u);
  EXPECT_EQ(node(4).consensus_service()->refused(), 0u);
}

TEST_F(OperatedNodes, HaltedOnesLetWhoIsBehindComeToTheSameHeight) {
  ChainOptions halting;
  halting.halt_height = {10};
  for (std::uint32_t key = 10; key < 14; ++key) add_keeper(key, halting);
  world_.run_for(10s);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(height(i), 10u) << i;
    EXPECT_EQ(members_[i]->count<ChainHalted>(), 1u) << i;
    EXPECT_TRUE(node(i).sync_service()->is_paused()) << i;
  }
  add_keeper(0);
  ASSERT_TRUE(world_.run_until([&] { return height(4) == 10; }, 60s)) << height(4);
  world_.run_for(10s);
  EXPECT_EQ(height(4), 10u);
}

TEST_F(OperatedNodes, AValidatorWithoutAPlaceIsSeenByItsHeartbeats) {
  for (std::uint32_t key = 10; key < 14; ++key) add_keeper(key);
  add_keeper(late);
  add_keeper(0);
  world_.run_for(1s);
  EXPECT_TRUE(node(0).heartbeats()->rows(world_.now()).empty());
  const Hash genesis = codec::genesis_hash(genesis_);
  const codec::OutPoint coins{genesis, 0};
  const auto bond = codec::test::bond_of(late, late, 1'000 * coin, coins, genesis);
  const codec::Amount fee = coin;
  const auto tx = codec::seal(
      codec::test::payment({{coins, 1}}, {{1, 9'000 * coin - fee}}, fee, genesis, {{bond, 0}}));
  command(0, SubmitTransaction{Token{5}, tx});
  world_.run_for(10s);
  // It is registered, and beyond the end of the epoch still has no place.
  ASSERT_GT(height(0), 25u);
  ASSERT_EQ(node(4).chain()->validators()->size(), 4u);
  ASSERT_FALSE(node(4).chain()->is_validator());
  for (std::size_t i = 0; i < 6; ++i) {
    const HeartbeatRow seen = row(i);
    EXPECT_EQ(seen.key, codec::test::identity(late).key) << i;
    EXPECT_TRUE(seen.is_online) << i << ": " << seen.witnesses << " witnesses";
    EXPECT_LE(seen.missed, 1u) << i;
    EXPECT_GE(seen.witnesses, 3u) << i;
    ASSERT_TRUE(seen.last.has_value());
    EXPECT_GT(seen.last->height.value, 10u);
  }
  // When it goes, everybody sees that.
  for (std::size_t other = 0; other < 6; ++other) {
    if (other != 4) command(other, Disconnect{members_[4]->id()});
  }
  world_.run_for(6s);
  for (std::size_t i = 0; i < 6; ++i) {
    if (i == 4) continue;
    EXPECT_FALSE(row(i).is_online) << i;
    EXPECT_GE(row(i).missed, 3u) << i;
  }
}

}  // namespace
}  // namespace kith::node
