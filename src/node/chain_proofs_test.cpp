#include "node/chain_proofs.h"

#include <gtest/gtest.h>

#include "light/client.h"
#include "node/chain_net_test_util.h"

namespace kith::node {
namespace {

/// Four chains, and proofs of the first one's.
class ChainProofsTest : public ::testing::Test {
 protected:
  static codec::ChainParams params() {
    codec::ChainParams params = ChainNet::quick_params();
    params.epoch_blocks = 4;
    return params;
  }

  Chain& chain() { return *net_.node(0).chain; }

  /// Runs the net until the last block has a finalization of its own, then all of the work.
  Result<ProofMade> ask(const ProofWanted& wanted) {
    ChainProofs proofs(chain());
    proofs.ask({1}, wanted);
    for (int turns = 0; turns < 1000; ++turns) {
      while (auto work = proofs.poll_job()) {
        work->job->run();
        EXPECT_TRUE(proofs.on_job(*work->job));
      }
      if (auto answer = proofs.poll_answer()) return std::move(answer->proof);
      net_.run_for(1ms);
      proofs.pump();
    }
    return fail(Code::timeout, "no answer");
  }

  Result<light::Verdict> judge(const ProofMade& made) {
    auto proof = TRY(codec::decode_chain_proof(made.bytes));
    light::LightConfig config;
    config.trusting_period = 24h;
    auto start = proof.start;
    if (std::holds_alternative<std::monostate>(start)) start = net_.genesis();
    auto client = TRY(light::LightClient::begin({chain().genesis_hash(), {}}, start, config));
    auto verdict = TRY(client.verify(proof, net_.wall()));
    EXPECT_EQ(verdict.block.header.height, made.height);
    EXPECT_EQ(client.epoch(), made.epoch);
    return verdict;
  }

  template <class T>
  T fact(const ProofWanted& wanted) {
    const auto made = ask(wanted);
    EXPECT_TRUE(made) << made.error().message;
    if (!made) return {};
    const auto verdict = judge(*made);
    EXPECT_TRUE(verdict) << verdict.error().message;
    if (!verdict) return {};
    return std::get<T>(verdict->facts.at(0));
  }

  /// Key 1 spends an output of so much; returns the transaction.
  codec::Transaction pay(const codec::OutPoint& from, codec::Amount value) {
    codec::Transaction tx;
    tx.fee = 1'000'000;
    tx.inputs.push_back({from, 0});
    tx.outputs.push_back({0, 0, value - tx.fee - 5'000, codec::test::identity(1).lock});
    tx.outputs.push_back({0, 0, 5'000, codec::test::identity(9).lock});
    codec::TxWitness witness;
    witness.key = codec::test::identity(1).key;
    tx.witnesses.push_back(witness);
    codec::sign(tx, codec::test::identity(1).pair, chain().genesis_hash());
    for (std::size_t i = 0; i < net_.size(); ++i) {
      net_.turn(net_.node(i), SubmitTx{{1}, codec::seal(tx), {}});
    }
    return tx;
  }

  ChainNet net_{4, params()};
};

TEST_F(ChainProofsTest, FinalityFromTheGenesisAndFromWhatIsKnown) {
  net_.run_for(3s);
  ASSERT_GT(chain().height().value, 20u);
  const auto whole = ask({});
  ASSERT_TRUE(whole) << whole.error().message;
  const auto verdict = judge(*whole);
  ASSERT_TRUE(verdict) << verdict.error().message;
  EXPECT_GT(verdict->skips, 0u);
  EXPECT_LT(verdict->steps, 4u);  // 14 epochs at once

  ProofWanted known;
  known.from_epoch = codec::Epoch{0};
  const auto shorter = ask(known);
  ASSERT_TRUE(shorter);
  EXPECT_LT(shorter->bytes.size(), whole->bytes.size());
  EXPECT_TRUE(judge(*shorter));
  known.from_epoch = codec::Epoch{1'000'000};
  EXPECT_EQ(ask(known).error().code, Code::not_found);
}

TEST_F(ChainProofsTest, BlocksAndValidators) {
  net_.run_for(2s);
  ProofWanted wanted;
  wanted.kind = ProofKind::block;
  wanted.height = {3};
  EXPECT_EQ(fact<light::BlockFact>(wanted).digest, net_.node(0).finalized[2].block->digest());
  wanted.height = {1'000'000};
  EXPECT_EQ(ask(wanted).error().code, Code::not_found);
  wanted = {};
  wanted.kind = ProofKind::validator;
  wanted.key = net_.genesis().validators[1].key;
  const auto entry = fact<light::ValidatorFact>(wanted).entry;
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->weight, 1'000u);
  wanted.key[0] ^= 1;
  EXPECT_FALSE(fact<light::ValidatorFact>(wanted).entry);
}

TEST_F(ChainProofsTest, TransactionsAndOutputsUnspentAndSpent) {
  net_.run_for(500ms);
  ProofWanted output;
  output.kind = ProofKind::output;
  output.outpoint = {chain().genesis_hash(), 0};
  EXPECT_TRUE(fact<light::OutputFact>(output).is_unspent);

  const codec::Transaction tx = pay({chain().genesis_hash(), 0}, net_.genesis().outputs[0].value);
  const Hash txid = codec::txid_of(tx);
  net_.run_for(3s);
  ProofWanted paid;
  paid.kind = ProofKind::tx;
  paid.txid = txid;
  EXPECT_EQ(fact<light::TxFact>(paid).tx, tx);

  EXPECT_FALSE(fact<light::OutputFact>(output).is_unspent);  // genesis' own, found by its place
  output.outpoint = {txid, 1};
  const auto received = fact<light::OutputFact>(output);
  EXPECT_TRUE(received.is_unspent);
  EXPECT_EQ(received.utxo.output.value, 5'000u);
  const codec::Transaction next = pay({txid, 0}, tx.outputs[0].value);
  net_.run_for(3s);
  output.outpoint = {txid, 0};  // spent: found by its block
  const auto gone = fact<light::OutputFact>(output);
  EXPECT_FALSE(gone.is_unspent);
  EXPECT_EQ(gone.utxo.output, tx.outputs[0]);
  EXPECT_EQ(gone.utxo.height, fact<light::TxFact>(paid).in.height);
  output.outpoint = {codec::txid_of(next), 1};
  EXPECT_TRUE(fact<light::OutputFact>(output).is_unspent);
  output.outpoint = {txid, 2};
  EXPECT_EQ(ask(output).error().code, Code::not_found);
  paid.txid[0] ^= 1;
  EXPECT_EQ(ask(paid).error().code, Code::not_found);
}

TEST_F(ChainProofsTest, ACheckpointIsABeginning) {
  net_.run_for(2s);
  ProofWanted wanted;
  wanted.checkpoint = Height{6};
  const auto made = ask(wanted);
  ASSERT_TRUE(made) << made.error().message;
  const auto proof = codec::decode_chain_proof(made->bytes).value();
  const Hash digest = net_.node(0).finalized[5].block->digest();
  light::LightConfig config;
  config.trusting_period = 24h;
  auto client = light::LightClient::begin(
      {chain().genesis_hash(), light::Trust::Block{{6}, digest}}, proof.start, config);
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_TRUE(client->verify(proof, net_.wall()));
}

TEST_F(ChainProofsTest, ALongWayComesInParts) {
  net_.run_for(4s);
  ProofGround ground;
  ground.height = {chain().height().value / 4 * 4};
  const Store& store = chain().states().store();
  ground.finalization =
      std::make_shared<const codec::Certificate>(*read_certificate(store, ground.height).value());
  codec::Epoch from{0};
  std::size_t parts = 0;
  codec::ChainParams near = net_.genesis().params;
  near.unbonding_epochs = 1;  // as if no more were bonded
  for (bool is_part = true; is_part; ++parts) {
    const auto way = way_to(store, near, from, ground, 600);
    ASSERT_TRUE(way) << way.error().message;
    EXPECT_LE(way->steps.size(), 2u);
    EXPECT_TRUE(way->epoch > from || !way->is_part);
    from = way->epoch;
    is_part = way->is_part;
  }
  EXPECT_GT(parts, 2u);
}

TEST_F(ChainProofsTest, QuestionsHaveALimit) {
  ChainProofs proofs(chain());
  proofs.ask({1}, {});  // nothing is final yet
  EXPECT_EQ(proofs.poll_answer()->proof.error().code, Code::not_found);
  net_.run_for(500ms);
  for (std::uint64_t i = 0; i < ChainProofs::asked_max; ++i) proofs.ask({i}, {});
  EXPECT_FALSE(proofs.poll_answer());
  proofs.ask({99}, {});
  const auto refused = proofs.poll_answer();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->token, Token{99});
  EXPECT_EQ(refused->proof.error().code, Code::limit);
}

TEST_F(ChainProofsTest, ADiskThatFailsIsSaid) {
  net_.run_for(500ms);
  ProofWanted output;
  output.kind = ProofKind::output;
  output.outpoint = {chain().genesis_hash(), 0};
  net_.node(0).store.is_broken = true;
  EXPECT_EQ(ask(output).error().code, Code::io);
}

}  // namespace
}  // namespace kith::node
