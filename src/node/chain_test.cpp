#include "node/chain.h"

#include <gtest/gtest.h>

#include "codec/chain_fork.h"
#include "node/chain_net_test_util.h"

namespace kith::node {
namespace {

void expect_one_chain(ChainNet& net) {
  std::map<std::uint64_t, Hash> digests;
  for (std::size_t i = 0; i < net.size(); ++i) {
    EXPECT_TRUE(net.node(i).halted.empty()) << net.node(i).halted.front();
    for (const BlockFinalized& done : net.node(i).finalized) {
      const auto [at, is_new] =
          digests.try_emplace(done.block->header().height.value, done.block->digest());
      EXPECT_EQ(at->second, done.block->digest());
    }
  }
}

TEST(Chain, FourValidatorsFinalizeOverEpochs) {
  ChainNet net(4);
  net.run_for(4s);
  expect_one_chain(net);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(net.node(i).chain->height().value, 40u);
    EXPECT_TRUE(net.node(i).chain->is_validator());
  }
}

TEST(Chain, OneValidatorGoesOnAlone) {
  ChainNet net(1);
  net.run_for(1s);
  expect_one_chain(net);
  EXPECT_GT(net.node(0).chain->height().value, 20u);
}

TEST(Chain, ItGoesOnWithoutOneOfFourAndTakesItBack) {
  ChainNet net(4);
  net.run_for(100ms);
  net.stop(net.node(3));
  net.run_for(5s);
  expect_one_chain(net);
  const std::uint64_t before = net.node(0).chain->height().value;
  EXPECT_GT(before, 5u);
  net.stop(net.node(2));  // two of four: it waits
  net.run_for(2s);
  const std::uint64_t stopped = net.node(0).chain->height().value;
  net.run_for(10s);
  EXPECT_EQ(net.node(0).chain->height().value, stopped);
  net.start(net.node(2));
  net.run_for(20s);
  expect_one_chain(net);
  EXPECT_GT(net.node(0).chain->height().value, stopped + 5);
  EXPECT_GT(net.node(2).chain->height().value, stopped + 5);
}

TEST(Chain, ARestartGoesOnWhereItStood) {
  ChainNet net(4);
  net.run_for(1s);
  const std::uint64_t before = net.node(0).chain->height().value;
  for (std::size_t i = 0; i < 4; ++i) net.stop(net.node(i));
  for (std::size_t i = 0; i < 4; ++i) net.start(net.node(i));
  EXPECT_GE(net.node(0).chain->height().value + 1, before);
  net.run_for(5s);
  expect_one_chain(net);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_GT(net.node(i).chain->height().value, before + 20);
}

TEST(Chain, APaymentIsFinalEverywhere) {
  ChainNet net(4);
  net.run_for(200ms);
  const Hash genesis = net.node(0).chain->genesis_hash();
  const auto tx = codec::seal(
      codec::test::payment({{{genesis, 0}, 1}}, {{4, 900'000'000}}, 99'100'000'000, genesis));
  for (std::size_t i = 0; i < 4; ++i) net.turn(net.node(i), SubmitTx{{i}, tx, {}});
  net.run_for(500ms);
  expect_one_chain(net);
  for (std::size_t i = 0; i < 4; ++i) {
    ChainNode& node = net.node(i);
    ASSERT_EQ(node.answered.size(), 1u);
    EXPECT_EQ(node.answered[0].answer.kind, ledger::MempoolAnswer::Kind::accepted)
        << node.answered[0].answer.error.message;
    EXPECT_EQ(node.chain->txs_final(), 1u);
    EXPECT_EQ(node.chain->mempool().size(), 0u);
    const auto output = ledger::find_utxo(node.store, {tx->txid, 0});
    ASSERT_TRUE(output.has_value() && output->has_value());
    EXPECT_EQ((*output)->output.value, 900'000'000u);
    const auto place = read_tx_place(node.store, tx->txid);
    ASSERT_TRUE(place.has_value() && place->has_value());
  }
  // The same again spends what is spent.
  net.turn(net.node(0), SubmitTx{{9}, tx, {}});
  net.run_for(100ms);
  ASSERT_EQ(net.node(0).answered.size(), 2u);
  EXPECT_EQ(net.node(0).answered[1].answer.refusal, ledger::Refusal::spent);
}

TEST(Chain, WhoCannotReadItsStoreJudgesNothing) {
  ChainNet net(4);
  net.run_for(200ms);
  ChainNode& broken = net.node(3);
  broken.store.is_broken = true;
  const Hash genesis = net.node(0).chain->genesis_hash();
  const auto tx = codec::seal(
      codec::test::payment({{{genesis, 1}, 2}}, {{5, 900'000'000}}, 99'100'000'000, genesis));
  for (std::size_t i = 0; i < 3; ++i) net.turn(net.node(i), SubmitTx{{i}, tx, {}});
  net.run_for(2s);
  EXPECT_TRUE(broken.chain->is_halted());
  ASSERT_EQ(broken.halted.size(), 1u);
  EXPECT_NE(broken.halted[0].find("the disk is gone"), std::string::npos);
  const std::uint64_t nullified = net.node(0).chain->consensus().stats().nullify_votes;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(net.node(i).chain->txs_final(), 1u);
  // The block that it could not judge was nobody's fault: views end only where it should have led.
  EXPECT_LT(nullified, net.node(0).chain->height().value);
}

/// Three of four validators lie to one node; the proof is durable before it says that it halted.
TEST(Chain, AForkHaltsItAndBothCertificatesAreKept) {
  codec::ChainParams params = ChainNet::quick_params();
  params.epoch_blocks = 1024;
  ChainNet net(4, params);
  net.run_for(300ms);
  ChainNode& node = net.node(0);
  const codec::ValidatorSet& set = *node.chain->validators();
  const codec::View view = node.chain->consensus().engine()->view();
  const codec::Statement lie{node.chain->epoch(),
                             codec::VoteKind::finalize,
                             {view, {view.value - 1}, codec::tagged_hash("kith/test/lie", {})}};
  codec::Certificate forged{lie, std::vector<bool>(set.size()), {}};
  for (codec::ValidatorIndex i = 0; i < 3; ++i) {
    for (std::size_t n = 0; n < net.size(); ++n) {
      if (!base::equal(net.node(n).key.public_key().data, set.at(i).key)) continue;
      forged.signers[i] = true;
      forged.signatures.push_back(
          net.node(n).key.sign(codec::signed_bytes(node.chain->genesis_hash(), lie)));
    }
  }
  net.turn(node, consensus::Heard{net.node(1).peer, forged});
  net.run_for(2s);
  ASSERT_TRUE(node.chain->is_halted());
  ASSERT_EQ(node.halted.size(), 1u);
  ASSERT_EQ(node.proofs.size(), 1u);
  const auto& [name, bytes] = *node.proofs.begin();
  EXPECT_NE(node.halted[0].find(name), std::string::npos);
  EXPECT_EQ(node.chain->halt_reason()->message, node.halted[0]);
  const codec::ForkProof proof = codec::decode_fork_proof(bytes).value();
  EXPECT_EQ(codec::fork_file_name(proof.height), name);
  EXPECT_TRUE(codec::verify(proof));
  const std::uint64_t height = node.chain->height().value;
  net.run_for(1s);
  EXPECT_EQ(node.chain->height().value, height);
  EXPECT_GT(net.node(2).chain->height().value, height);
}

TEST(Chain, WhatIsPrunedIsGoneFromEveryIndexAndTheRestStays) {
  ChainNet net(4, ChainNet::quick_params(), [] {
    ChainConfig config;
    config.keeping.retain_blocks = 64;
    return config;
  }());
  const Hash genesis = net.node(0).chain->genesis_hash();
  const auto tx = codec::seal(
      codec::test::payment({{{genesis, 1}, 2}}, {{5, 900'000'000}}, 99'100'000'000, genesis));
  net.turn(net.node(0), SubmitTx{{1}, tx, {}});
  net.run_for(300ms);
  ChainNode& node = net.node(0);
  const auto place = read_tx_place(node.store, tx->txid);
  ASSERT_TRUE(place.has_value() && place->has_value());
  const Height held = (*place)->height;
  const Hash digest = (*read_block(node.store, held))->block->digest();
  ASSERT_TRUE(ledger::find_spend(node.store, {genesis, 1})->has_value());
  for (int i = 0; i < 100 && node.chain->floor() <= held; ++i) net.run_for(500ms);
  ASSERT_GT(node.chain->floor(), held);
  net.run_for(1s);
  EXPECT_FALSE(read_block(node.store, held)->has_value());
  EXPECT_FALSE(read_height(node.store, digest)->has_value());
  EXPECT_FALSE(read_tx_place(node.store, tx->txid)->has_value());
  EXPECT_FALSE(ledger::find_spend(node.store, {genesis, 1})->has_value());
  const std::uint64_t floor = node.chain->floor().value;
  const std::uint64_t height = node.chain->height().value;
  EXPECT_GE(height - floor + 1, 64u);
  EXPECT_LE(height - floor, 64u + 2 * prune_blocks_max);
  EXPECT_EQ(node.store.memory.size(block_table), height - floor + 1);
  EXPECT_EQ(node.store.memory.size(certificate_table), height - floor + 1);
  EXPECT_EQ(node.store.memory.size(epoch_end_table), height / 8);
  // It begins anew from what is left, in the middle of an epoch whose first block may be gone.
  net.stop(node);
  net.start(node);
  EXPECT_EQ(node.chain->floor().value, floor);
  EXPECT_EQ(node.chain->height().value, height);
  net.run_for(2s);
  EXPECT_GT(node.chain->height().value, height);
}

}  // namespace
}  // namespace kith::node
