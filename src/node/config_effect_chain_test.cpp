// What the keys of the mempool change in a node, in virtual time.
#include <gtest/gtest.h>

#include "codec/test_chain.h"
#include "node/test_config_effect.h"

namespace kith::node {
namespace {

class MempoolEffect : public ConfigEffect {
 protected:
  /// Of two validators of which there is one, so that nothing is ever final; or of that one.
  explicit MempoolEffect(std::uint32_t validators = 2) {
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.tx_bytes_max = 512;
    genesis_.params.block_bytes_max = 1024;
    genesis_.params.jail_threshold = 0;
    for (std::uint32_t i = 0; i < coins; ++i) {
      genesis_.outputs.push_back({0, 0, codec::units_per_coin, codec::test::identity(1).lock});
    }
    for (std::uint32_t i = 0; i < validators; ++i) {
      codec::GenesisValidator validator;
      validator.key = codec::test::identity(50 + i).key;
      validator.owner = codec::lock_of(validator.key);
      validator.stake = 1'000 * codec::units_per_coin;
      genesis_.validators.push_back(validator);
    }
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
  }
  void add_keeper(const Sets& sets) {
    const std::size_t index = members_.size();
    const NodeConfig with = config_with(sets);
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
    ChainConfig chain_config;
    chain_config.mempool = with.chain.mempool;
    const crypto::KeyPair* const key = &codec::test::identity(50).pair;
    auto chain = Chain::open(chain_config, {genesis_, &store, key}, member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), key);
    world_.input(index, host::WallClock{{1'700'000'000'000}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1s);
  }
  /// A payment of one of the coins.
  codec::TxPtr payment(std::uint32_t coin, codec::Amount fee) const {
    const Hash genesis = codec::genesis_hash(genesis_);
    return codec::seal(codec::test::payment({{{genesis, coin}, 1}},
                                            {{4, codec::units_per_coin - fee}}, fee, genesis));
  }
  /// How many of `count` equal payments the node takes.
  std::size_t taken(std::size_t i, std::uint32_t count) {
    const std::size_t before = waiting(i);
    for (std::uint32_t coin = 0; coin < count; ++coin) {
      command(i, SubmitTransaction{Token{coin + 1}, payment(coin, 1'000)});
    }
    world_.run_for(2s);
    return waiting(i) - before;
  }
  std::size_t waiting(std::size_t i) { return members_[i]->node.chain()->mempool().size(); }

  static constexpr std::uint32_t coins = 60;
  codec::Genesis genesis_;
};

class OneValidatorEffect : public MempoolEffect {
 protected:
  OneValidatorEffect() : MempoolEffect(1) {}
};

TEST_F(MempoolEffect, Transactions) {
  add_keeper({});
  EXPECT_EQ(taken(0, 10), 10U);
  add_keeper({{"mempool.transactions", "7"}});
  EXPECT_EQ(taken(1, 10), 7U);
}

TEST_F(MempoolEffect, Size) {
  add_keeper({{"mempool.size", "1KiB"}});
  const std::size_t fit = 1024 / payment(0, 1'000)->bytes;
  ASSERT_GT(fit, 2U);
  EXPECT_EQ(taken(0, 10), fit);
}

TEST_F(MempoolEffect, PeerSize) {
  add_keeper({{"mempool.peer_size", "1KiB"}});
  add_keeper({});
  connect(0, 1);
  world_.run_for(2s);
  EXPECT_EQ(taken(1, 10), 10U);
  EXPECT_EQ(waiting(0), 1024 / payment(0, 1'000)->bytes);
  // Its own are not a peer's.
  command(0, SubmitTransaction{Token{99}, payment(20, 1'000)});
  command(0, SubmitTransaction{Token{98}, payment(21, 1'000)});
  world_.run_for(1s);
  EXPECT_EQ(waiting(0), 1024 / payment(0, 1'000)->bytes + 2);
}

/// A block holds four of them, so that the one that pays the least waits for two seconds.
TEST_F(OneValidatorEffect, Expiry) {
  for (const bool is_short : {false, true}) {
    restart();
    add_keeper(is_short ? Sets{{"mempool.expiry", "500ms"}} : Sets{});
    for (std::uint32_t coin = 0; coin < coins; ++coin) {
      command(0, SubmitTransaction{Token{coin + 1}, payment(coin, coin == 0 ? 1'000 : 5'000)});
    }
    world_.run_for(10s);
    const ledger::MempoolCounters& counters = members_[0]->node.chain()->mempool().counters();
    EXPECT_EQ(waiting(0), 0U);
    EXPECT_EQ(counters.expired > 0, is_short);
    EXPECT_EQ(counters.included + counters.expired, coins);
  }
}

}  // namespace
}  // namespace kith::node
