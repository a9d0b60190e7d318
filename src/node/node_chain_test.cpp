// Whole nodes that keep a chain: consensus, sync and transactions over real connections.
#include <gtest/gtest.h>

#include <set>

#include "codec/prometheus.h"
#include "codec/test_chain.h"
#include "node/chain_index.h"
#include "node/node_metrics.h"
#include "node/node_test_util.h"

namespace kith::node {
namespace {

class NodeChainTest : public NodeTest {
 protected:
  NodeChainTest() {
    SeededRng rng(99);
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.epoch_blocks = 20;
    genesis_.params.jail_threshold = 0;
    for (std::uint32_t key = 1; key <= 3; ++key) {
      genesis_.outputs.push_back(
          {0, 0, 1'000 * codec::units_per_coin, codec::test::identity(key).lock});
    }
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

  /// With the key of validator `key`; null: it follows.
  void add_keeper(const crypto::KeyPair* key) { add_keeper(key, genesis_); }
  void add_keeper(const crypto::KeyPair* key, const codec::Genesis& genesis) {
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
    store.write(make_genesis_batch(genesis));
    auto chain =
        Chain::open({}, {genesis, &store, key, {}, {}, false}, member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), key);
    world_.input(index, host::WallClock{wall()});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
  }
  WallTime wall() const { return {1'700'000'000'000 + base::to_ms(world_.now() - Instant{})}; }
  void add_four() {
    for (const crypto::KeyPair& key : keys_) add_keeper(&key);
    for (std::size_t a = 0; a < 4; ++a) {
      for (std::size_t b = a + 1; b < 4; ++b) connect(a, b, a * 10 + b);
    }
  }
  std::uint64_t height(std::size_t i) { return members_[i]->node.chain()->height().value; }
  Hash digest(std::size_t i, std::uint64_t height) {
    const auto stored = read_block(world_.work[i].chain, {height});
    EXPECT_TRUE(stored.has_value() && stored->has_value()) << "node " << i << ", " << height;
    return (*stored)->block->digest();
  }

  /// The index of addresses has what the outputs say, those that blocks pay themselves included.
  void expect_index_is_right(std::size_t i) {
    const ledger::MemoryStore& store = world_.work[i].chain;
    std::set<std::pair<Hash, Bytes>> outputs;
    ASSERT_TRUE(store.scan(Table::utxo, [&](ByteView key, ByteView value) {
      outputs.emplace(codec::decode_utxo(value)->output.lock, base::to_bytes(key));
    }));
    std::set<std::pair<Hash, Bytes>> owned;
    ASSERT_TRUE(store.scan(owned_table, [&](ByteView key, ByteView) {
      Hash lock;
      std::ranges::copy(key.first(lock.size()), lock.begin());
      owned.emplace(lock, base::to_bytes(key.subspan(lock.size())));
    }));
    EXPECT_EQ(owned, outputs);
    // What a lock received and did not spend is what it has.
    for (const auto& [lock, outpoint] : outputs) {
      const auto history = read_owner_history(store, lock, {}, 1000);
      ASSERT_TRUE(history.has_value());
      codec::Amount left = 0;
      for (const OwnerEntry& entry : *history) left += entry.received - entry.spent;
      codec::Amount has = 0;
      for (const auto& outpoint_of : read_owned(store, lock, {}, 1000).value()) {
        has += ledger::find_utxo(store, outpoint_of).value()->output.value;
      }
      EXPECT_EQ(left, has);
    }
  }

  codec::Genesis genesis_;
  std::vector<crypto::KeyPair> keys_;
};

TEST_F(NodeChainTest, FourValidatorsFinalizeOneChain) {
  add_four();
  world_.run_for(6s);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(height(i), 30u) << i;
    EXPECT_EQ(digest(i, 30), digest(0, 30));
    EXPECT_EQ(members_[i]->node.consensus_service()->validators_connected(), 3u);
    EXPECT_GT(members_[i]->count<BlockFinalized>(), 30u);
    EXPECT_EQ(members_[i]->count<ChainHalted>(), 0u);
  }
  codec::PrometheusText sink;
  const ShellFigures shell;
  write_metrics(sink, {world_.now(), Instant{}, members_[0]->node, shell});
  const std::string text = sink.text();
  EXPECT_NE(text.find("\nkith_chain_height " + std::to_string(height(0)) + "\n"),
            std::string::npos);
  EXPECT_NE(text.find("\nkith_chain_validators_connected 3\n"), std::string::npos);
}

TEST_F(NodeChainTest, WhoComesLateCatchesUpAndThenFollows) {
  add_four();
  world_.run_for(7s);
  add_keeper(nullptr);
  ASSERT_EQ(height(4), 0u);
  connect(4, 0, 77);
  connect(4, 1, 78);
  ASSERT_TRUE(world_.run_until([&] { return height(4) + 2 >= height(0); }, 30s)) << height(4);
  EXPECT_GT(members_[4]->node.sync_service()->blocks_received(), 20u);
  EXPECT_EQ(digest(4, 45), digest(0, 45));
  const std::uint64_t caught_up = height(4);
  // It hears of two leaders' blocks at once, and asks for those of the other two.
  world_.run_for(6s);
  EXPECT_GT(height(4), caught_up + 15);
  EXPECT_LT(height(0), height(4) + 30);
  EXPECT_FALSE(members_[4]->node.chain()->is_validator());
}

TEST_F(NodeChainTest, ATransactionTravelsAndIsFinalEverywhere) {
  add_four();
  world_.run_for(3s);
  const Hash genesis = codec::genesis_hash(genesis_);
  const auto tx = codec::seal(
      codec::test::payment({{{genesis, 0}, 1}}, {{4, 900'000'000}}, 99'100'000'000, genesis));
  command(2, SubmitTransaction{Token{5}, tx});
  world_.run_for(3s);
  const auto* answered = members_[2]->last<TransactionAnswered>();
  ASSERT_NE(answered, nullptr);
  EXPECT_TRUE(answered->accepted.has_value());
  EXPECT_EQ(answered->txid, tx->txid);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(members_[i]->node.chain()->txs_final(), 1u) << i;
    // All had it before a block did: by gossip.
    EXPECT_EQ(members_[i]->node.chain()->mempool().counters().accepted, 1u) << i;
    EXPECT_EQ(members_[i]->node.chain()->mempool().size(), 0u) << i;
  }
  // So that nobody verified its signature twice: the proposer had it, the others knew it.
  std::uint64_t known = 0;
  for (std::size_t i = 0; i < 4; ++i) known += members_[i]->node.chain()->txs_known();
  EXPECT_EQ(known, 3u);
  for (std::size_t i = 0; i < 4; ++i) expect_index_is_right(i);
  command(1, SubmitTransaction{Token{6}, tx});
  world_.run_for(1s);
  const auto* again = members_[1]->last<TransactionAnswered>();
  ASSERT_NE(again, nullptr);
  EXPECT_FALSE(again->accepted.has_value());
}

/// Followers alone make no blocks, so that what waits goes on waiting. The last member keeps no
/// chain: it says what it likes on the topic of transactions.
class BundleTest : public NodeChainTest {
 protected:
  BundleTest() {
    for (int i = 0; i < 3; ++i) add_keeper(nullptr);
    add();
    connect(0, 1, 10);
    connect(1, 2, 11);
    connect(outsider, 1, 12);
    gossip::TopicOptions options;
    options.policy = codec::SignaturePolicy::strict_no_sign;
    command(outsider, gossip::Subscribe{topic(), options});
    world_.run_for(3s);
  }
  std::string topic() const {
    return "/kith/tx/2/" + base::to_hex(ByteView(codec::genesis_hash(genesis_)).first(8));
  }
  codec::TxPtr payment(std::uint32_t output) const {
    const Hash genesis = codec::genesis_hash(genesis_);
    return codec::seal(codec::test::payment({{{genesis, output}, output + 1}}, {{4, 900'000'000}},
                                            99'100'000'000, genesis));
  }
  void publish(const std::vector<codec::TxPtr>& txs) {
    command(outsider, gossip::Publish{Token{7}, topic(), Buffer(codec::encode_tx_bundle(txs)), {}});
    world_.run_for(2s);
  }
  bool has(std::size_t i, const codec::TxPtr& tx) {
    return members_[i]->node.chain()->mempool().find(tx->txid) != nullptr;
  }
  static constexpr std::size_t outsider = 3;
};

TEST_F(BundleTest, ThatIsNewAsAWholeTravelsAsItIs) {
  const std::vector<codec::TxPtr> txs{payment(0), payment(1)};
  publish(txs);
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_TRUE(has(i, txs[0]) && has(i, txs[1])) << i;
  EXPECT_EQ(members_[outsider]->count<gossip::Deliver>(), 1u);  // its own
}

TEST_F(BundleTest, ThatIsOldInPartGoesOnWithoutThat) {
  const auto old = payment(0), fresh = payment(1);
  command(1, SubmitTransaction{Token{5}, old});
  world_.run_for(1s);
  EXPECT_TRUE(has(0, old) && has(2, old));
  publish({old, fresh});
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_TRUE(has(i, fresh)) << i;
  const auto* heard = members_[outsider]->last<gossip::Deliver>();
  ASSERT_NE(heard, nullptr);
  const auto bundle = codec::decode_tx_bundle(heard->message.data.view());
  ASSERT_TRUE(bundle.has_value()) << bundle.error().message;
  ASSERT_EQ(bundle->size(), 1u);
  EXPECT_EQ(bundle->front()->txid, fresh->txid);
}

TEST_F(BundleTest, OfWhatIsHandedInSeveralTimesHoldsItOnce) {
  const auto tx = payment(0);
  for (std::uint64_t i = 1; i <= 9; ++i) {
    members_[1]->node.on_command(world_.now(), SubmitTransaction{Token{i}, tx});
  }
  world_.turn(1);
  world_.run_for(1s);
  EXPECT_TRUE(has(0, tx) && has(2, tx));
  const auto* heard = members_[outsider]->last<gossip::Deliver>();
  ASSERT_NE(heard, nullptr);
  EXPECT_TRUE(codec::decode_tx_bundle(heard->message.data.view()).has_value());
  EXPECT_EQ(members_[outsider]->count<gossip::Deliver>(), 1U);
}

/// As the state is here it can be in no block; where it comes from the state may be another.
TEST_F(BundleTest, WithAnOrderThatDoesNotApplyBlamesNobody) {
  const Hash genesis = codec::genesis_hash(genesis_);
  codec::ValidatorOrder order = codec::Unjail{codec::test::identity(9).key};
  codec::Transaction draft =
      codec::test::draft({{{genesis, 0}, 1}}, {{4, 900'000'000}}, 99'100'000'000, {{order, 1}});
  codec::sign(draft, codec::test::identity(1).pair, genesis);
  const auto before = members_[1]->node.quality().standing(world_.now(), members_[3]->id());
  publish({codec::seal(draft)});
  EXPECT_EQ(members_[1]->node.chain()->mempool().size(), 0U);
  const auto after = members_[1]->node.quality().standing(world_.now(), members_[3]->id());
  EXPECT_GE(after.reputation, before.reputation);
}

TEST_F(BundleTest, WithAWrongSignatureInItGoesNoFurther) {
  const auto good = payment(0);
  codec::Transaction forged = payment(1)->tx;
  forged.witnesses[0].signature[0] ^= 1;
  const auto wrong = codec::seal(forged);
  const auto before = members_[1]->node.quality().standing(world_.now(), members_[3]->id());
  publish({good, wrong});
  for (const std::size_t i : {0U, 1U, 2U}) {
    EXPECT_TRUE(has(i, good)) << i;
    EXPECT_FALSE(has(i, wrong)) << i;
  }
  const auto after = members_[1]->node.quality().standing(world_.now(), members_[3]->id());
  EXPECT_LT(after.reputation, before.reputation);
}

TEST_F(NodeChainTest, AnotherChainIsLeftAloneAndNobodyIsBlamed) {
  add_four();
  codec::Genesis other = genesis_;
  other.network = "other";
  add_keeper(&keys_[0], other);
  connect(4, 1, 77);
  world_.run_for(5s);
  EXPECT_EQ(height(4), 0u);
  EXPECT_GT(height(1), 20u);
  EXPECT_TRUE(are_connected(4, 1));
  EXPECT_EQ(members_[1]->node.consensus_service()->validators_connected(), 3u);
  EXPECT_GE(members_[1]->node.quality().standing(world_.now(), members_[4]->id()).reputation, 0);
}

TEST_F(NodeChainTest, WithoutAChainATransactionIsRefused) {
  add();
  command(0, SubmitTransaction{Token{1}, codec::seal(codec::Transaction())});
  const auto* answered = members_[0]->last<TransactionAnswered>();
  ASSERT_NE(answered, nullptr);
  ASSERT_FALSE(answered->accepted.has_value());
  EXPECT_EQ(answered->accepted.error().code, Code::unsupported);
}

}  // namespace
}  // namespace kith::node
