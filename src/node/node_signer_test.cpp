// Whole nodes whose validator key is with a remote signer: one votes, the other stands by.
#include <gtest/gtest.h>

#include "codec/prometheus.h"
#include "consensus/signer_test_util.h"
#include "node/chain_store.h"
#include "node/node_metrics.h"
#include "node/node_test_util.h"

namespace kith::node {
namespace {

using consensus::test::SignerRig;

/// Takes out what a node says to its signer.
class Tap final : public host::WorldMachine {
 public:
  explicit Tap(Node& node) : node_(node) {}
  void on_input(Instant now, host::WorldInput input) override {
    node_.on_input(now, std::move(input));
  }
  void on_deadline(Instant now) override { node_.on_deadline(now); }
  std::optional<host::WorldOutput> poll_output(Instant now) override {
    while (auto output = node_.poll_output(now)) {
      if (auto* tell = std::get_if<host::TellSigner>(&*output)) {
        frames.push_back(std::move(tell->frame));
      } else if (std::holds_alternative<host::LeaveSigner>(*output)) {
        has_left = true;
      } else {
        return output;
      }
    }
    return std::nullopt;
  }
  std::optional<Instant> next_deadline() override { return node_.next_deadline(); }
  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) override {
    return node_.on_bytes(now, link, bytes);
  }
  std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room) override {
    return node_.poll_transmit(now, link, room);
  }
  bool wants_bytes(LinkId link) const override { return node_.wants_bytes(link); }

  std::vector<Bytes> frames;
  bool has_left = false;

 private:
  Node& node_;
};

/// Members 0 and 1 have the first validator's key with a signer; 2 to 4 are the other three.
class NodeSignerTest : public NodeTest {
 protected:
  NodeSignerTest() {
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.epoch_blocks = 40;
    genesis_.params.jail_threshold = 0;
    SeededRng rng(99);
    for (int i = 0; i < 3; ++i) keys_.push_back(crypto::KeyPair::generate(rng));
    add_validator(rig_.key);
    for (const crypto::KeyPair& key : keys_) add_validator(key);
    std::ranges::sort(genesis_.validators, {}, &codec::GenesisValidator::key);
    world_.after_turn = [this](std::size_t i) {
      while (auto report = members_[i]->node.poll_report()) {
        members_[i]->reports.push_back(std::move(*report));
      }
      for (const Bytes& frame : std::exchange(taps_[i]->frames, {})) to_signer(i, frame);
    };
  }
  void add_validator(const crypto::KeyPair& key) {
    codec::GenesisValidator validator;
    validator.key = codec::validator_key(key);
    validator.owner = codec::lock_of(validator.key);
    validator.stake = 1'000 * codec::units_per_coin;
    genesis_.validators.push_back(validator);
  }
  void add_keeper(const crypto::KeyPair* key, std::optional<codec::ValidatorKey> remote = {}) {
    const std::size_t index = members_.size();
    members_.push_back(std::make_unique<Member>(index + 1, config()));
    Member& member = *members_.back();
    taps_.push_back(std::make_unique<Tap>(member.node));
    world_.add(*taps_.back());
    ledger::MemoryStore& store = world_.work[index].chain;
    store.write(make_genesis_batch(genesis_));
    ChainParts parts{genesis_, &store, key};
    parts.remote_key = remote;
    auto chain = Chain::open({}, std::move(parts), member.rng, base::null_log());
    ASSERT_TRUE(chain.has_value()) << chain.error().message;
    member.node.keep_chain(*std::move(chain), key);
    world_.input(index,
                 host::WallClock{{1'700'000'000'000 + base::to_ms(world_.now() - Instant{})}});
    member.node.start(world_.now());
    world_.turn(index);
    world_.run_for(1ms);
  }
  void add_all() {
    add_keeper(nullptr, codec::validator_key(rig_.key));
    add_keeper(nullptr, codec::validator_key(rig_.key));
    for (const crypto::KeyPair& key : keys_) add_keeper(&key);
    for (std::size_t a = 0; a < members_.size(); ++a) {
      for (std::size_t b = a + 1; b < members_.size(); ++b) connect(a, b, a * 10 + b);
    }
  }
  // --- the signer's socket -----------------------------------------------------------------------
  void connect_signer(std::size_t node) {
    client_of_[node] = ++last_client_;
    world_.input(node, host::SignerUp{});
  }
  void cut_signer(std::size_t node) {
    rig_.now = world_.now();
    rig_.leave(std::exchange(client_of_[node], 0));
    world_.input(node, host::SignerDown{{Code::closed, "the other end has closed"}});
  }
  void to_signer(std::size_t node, const Bytes& frame) {
    const std::uint64_t client = client_of_[node];
    if (client == 0) return;
    rig_.now = world_.now();
    rig_.signer->on_input(rig_.now, consensus::ClientSaid{{client}, frame});
    rig_.drain();
    for (const auto& answer : std::exchange(rig_.heard[{client}], {})) {
      world_.input(node, host::SignerSaid{codec::encode(answer)});
    }
  }

  Node& node(std::size_t i) { return members_[i]->node; }
  std::uint64_t height(std::size_t i) { return node(i).chain()->height().value; }
  std::uint64_t votes(std::size_t i) { return node(i).signing()->stats().signed_votes; }
  bool leads(std::size_t i) { return node(i).signing()->leads(); }
  std::string why(std::size_t i) {
    return std::string(node(i).chain()->why_no_vote().value_or("it may"));
  }
  void expect_no_contradiction() {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      EXPECT_EQ(node(i).chain()->consensus().stats().evidence, 0u) << i;
      EXPECT_EQ(members_[i]->count<ChainHalted>(), 0u) << i;
      EXPECT_FALSE(node(i).chain()->consensus().engine()->is_stale()) << i;
    }
  }

  codec::Genesis genesis_;
  std::vector<crypto::KeyPair> keys_;
  SignerRig rig_;
  std::map<std::size_t, std::uint64_t> client_of_;  // 0: not connected
  std::uint64_t last_client_ = 0;
  std::vector<std::unique_ptr<Tap>> taps_;
};

TEST_F(NodeSignerTest, OneVotesAndTheOtherStandsBy) {
  add_all();
  connect_signer(0);
  connect_signer(1);
  world_.run_for(5s);
  EXPECT_GT(height(0), 30u);
  EXPECT_GT(height(1), 30u);
  EXPECT_TRUE(leads(0));
  EXPECT_FALSE(leads(1));
  EXPECT_GT(votes(0), 40u);
  EXPECT_EQ(votes(1), 0u);
  EXPECT_EQ(why(0), "it may");
  EXPECT_NE(why(1).find("serves another node"), std::string::npos) << why(1);
  EXPECT_NE(why(1).find(codec::to_text(members_[0]->id())), std::string::npos) << why(1);
  // Both have proven the key to the other three, which speak to both.
  EXPECT_GE(node(2).consensus_service()->validators_connected(), 4u);
  expect_no_contradiction();
  // Its views count as everybody's: it leads some and loses none.
  EXPECT_GT(node(0).chain()->consensus().stats().proposals, 3u);
  EXPECT_LT(node(2).chain()->consensus().stats().views_nullified, 3u);
  codec::PrometheusText sink;
  const ShellFigures shell;
  write_metrics(sink, {world_.now(), Instant{}, node(0), shell});
  EXPECT_NE(sink.text().find("\nkith_signer_lease 1\n"), std::string::npos);
  EXPECT_NE(sink.text().find("\nkith_signer_connected 1\n"), std::string::npos);
}

TEST_F(NodeSignerTest, OnAChainThatComputesItProvesWhatItsNodeProposes) {
  genesis_.params.compute.emplace();
  add_all();
  connect_signer(0);
  connect_signer(1);
  world_.run_for(3s);
  EXPECT_GT(height(0), 20u);
  EXPECT_GT(node(0).chain()->consensus().stats().proposals, 2u);
  EXPECT_LE(node(0).chain()->builds_unproven(), 1u);
  EXPECT_LT(node(2).chain()->consensus().stats().views_nullified, 3u);
  // Whoever has the lease gets the proofs.
  const auto before = node(1).chain()->consensus().stats().proposals;
  EXPECT_EQ(before, 0u);
  cut_signer(0);
  ASSERT_TRUE(world_.run_until([&] { return votes(1) > 0; }, 4s));
  world_.run_for(3s);
  EXPECT_GT(node(1).chain()->consensus().stats().proposals, 2u);
  expect_no_contradiction();
  codec::PrometheusText sink;
  const ShellFigures shell;
  write_metrics(sink, {world_.now(), Instant{}, node(1), shell});
  EXPECT_NE(sink.text().find("\nkith_chain_blocks_unproven_total "), std::string::npos);
}

TEST_F(NodeSignerTest, TheOtherTakesOverWithinFourSeconds) {
  add_all();
  connect_signer(0);
  connect_signer(1);
  world_.run_for(3s);
  ASSERT_TRUE(leads(0));
  cut_signer(0);
  EXPECT_FALSE(leads(0));
  EXPECT_NE(why(0).find("cannot be reached"), std::string::npos) << why(0);
  ASSERT_TRUE(world_.run_until([&] { return votes(1) > 0; }, 4s));
  const std::uint64_t before = height(2);
  world_.run_for(5s);
  EXPECT_GT(height(2), before + 30) << "it takes its part in views and leads its own";
  EXPECT_GT(height(0), before + 30) << "and the first follows";
  EXPECT_GT(votes(1), 40u);
  // It comes back, and waits for its turn.
  connect_signer(0);
  world_.run_for(2s);
  EXPECT_FALSE(leads(0));
  cut_signer(1);
  world_.run_for(2s);
  EXPECT_TRUE(leads(0));
  EXPECT_EQ(why(0), "it may");
  expect_no_contradiction();
}

// Its machine hangs: no connection ends, and nobody says anything.
TEST_F(NodeSignerTest, AFrozenNodeLosesTheLeaseByTime) {
  add_all();
  connect_signer(0);
  connect_signer(1);
  world_.run_for(2s);
  ASSERT_TRUE(leads(0));
  client_of_[0] = 0;  // what it says goes nowhere
  const Instant frozen = world_.now();
  ASSERT_TRUE(world_.run_until([&] { return votes(1) > 0; }, 5s));
  EXPECT_LE(world_.now() - frozen, 4s + 100ms);
  world_.run_for(3s);
  EXPECT_FALSE(leads(0));
  EXPECT_NE(why(0).find("does not answer"), std::string::npos) << why(0);
  EXPECT_TRUE(taps_[0]->has_left);
  expect_no_contradiction();
}

TEST_F(NodeSignerTest, ASignerThatWasStartedAnewKeepsItsPromises) {
  add_all();
  connect_signer(0);
  world_.run_for(2s);
  const std::uint64_t before = votes(0);
  EXPECT_GT(before, 10u);
  cut_signer(0);
  rig_.restart();
  const std::uint64_t height_before = height(2);
  world_.run_for(1s);
  EXPECT_GT(height(2), height_before) << "three of four go on";
  connect_signer(0);
  world_.run_for(3s);
  EXPECT_TRUE(leads(0));
  EXPECT_EQ(why(0), "it may") << "the others have told what they hold";
  EXPECT_GT(votes(0), before + 20);
  expect_no_contradiction();
}

// A log of the signer that was put back from a backup: the node knows more, or the others do.
TEST_F(NodeSignerTest, AnOldLogOfTheSignerIsFoundOut) {
  add_all();
  connect_signer(0);
  world_.run_for(1s);
  const std::vector<Bytes> old = rig_.log;
  // Nothing becomes final, so that what was said stays open: two more are gone.
  for (const std::size_t gone : {2u, 3u}) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (i != gone) command(gone, Disconnect{members_[i]->id()});
    }
  }
  world_.run_for(10s);
  cut_signer(0);
  rig_.log = old;
  rig_.restart();
  connect_signer(0);
  world_.run_for(1s);
  EXPECT_TRUE(node(0).chain()->consensus().engine()->is_stale());
  EXPECT_TRUE(rig_.signer->is_silent()) << "and the signer knows it";
  EXPECT_NE(why(0), "it may");
}

TEST_F(NodeSignerTest, WithoutItsSignerANodeSaysSoAndFollows) {
  add_all();
  world_.run_for(10s);  // the views that it should lead take their time
  EXPECT_GT(height(0), 3u) << "the other three are enough";
  EXPECT_EQ(votes(0), 0u);
  EXPECT_EQ(why(0), "its signer has not been reached yet");
  world_.input(0, host::SignerDown{{Code::unreachable, "signer.sock: Connection refused"}});
  EXPECT_EQ(why(0), "its signer cannot be reached: signer.sock: Connection refused");
  // It could prove nothing on its streams; it does as soon as it can.
  EXPECT_EQ(node(2).consensus_service()->validators_connected(), 2u);
  connect_signer(0);
  world_.run_for(3s);
  EXPECT_EQ(node(2).consensus_service()->validators_connected(), 3u);
  EXPECT_GT(votes(0), 10u);
  expect_no_contradiction();
}

TEST_F(NodeSignerTest, TheSignerOfAnotherKeyIsNotUsed) {
  add_keeper(nullptr, codec::validator_key(keys_[0]));
  connect_signer(0);
  world_.run_for(100ms);
  EXPECT_TRUE(taps_[0]->has_left);
  EXPECT_NE(why(0).find("chain.signer_key is"), std::string::npos) << why(0);
}

TEST_F(NodeSignerTest, ALostLogIsSilentUntilTheNextEpoch) {
  rig_.log.clear();
  rig_.restart();
  add_all();
  connect_signer(0);
  ASSERT_TRUE(world_.run_until([&] { return height(0) > 20; }, 20s));
  EXPECT_EQ(votes(0), 0u);
  EXPECT_NE(why(0).find("until the next epoch"), std::string::npos) << why(0);
  ASSERT_TRUE(world_.run_until([&] { return height(0) > 45; }, 20s));
  EXPECT_TRUE(world_.run_until([&] { return votes(0) > 10; }, 5s)) << why(0);
  expect_no_contradiction();
}

}  // namespace
}  // namespace kith::node
