#include "node/chain.h"

#include <gtest/gtest.h>

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

TEST(Chain, WhatWaitedWhenTheProgramEndedWaitsAgain) {
  ChainNet net(1);
  net.run_for(10ms);
  ChainNode& node = net.node(0);
  net.stop(node);
  const Hash genesis = codec::genesis_hash(net.genesis());
  const WallTime since{1'699'999'999'000};
  const auto tx = codec::seal(codec::test::payment({{{genesis, 0}, 1}}, {{4, 900}},
                                                   1'000 * codec::units_per_coin - 900, genesis));
  auto forged = tx->tx;
  forged.witnesses[0].signature[0] ^= 1;
  SeededRng rng(3);
  auto chain = Chain::open({},
                           {net.genesis(),
                            &node.store,
                            &node.key,
                            node.log,
                            {{tx, since}, {codec::seal(forged), since}}},
                           rng, base::null_log());
  ASSERT_TRUE(chain.has_value());
  (*chain)->on_input(net.now(), consensus::WallClockRead{{1'700'000'000'000}});
  (*chain)->start(net.now());
  std::vector<std::shared_ptr<host::Job>> jobs;
  while (auto output = (*chain)->poll_output(net.now())) {
    if (auto* work = std::get_if<host::RunJob>(&*output)) jobs.push_back(work->job);
  }
  for (const auto& job : jobs) {
    job->run();
    (*chain)->on_input(net.now(), host::JobDone{{}, job});
  }
  EXPECT_EQ((*chain)->mempool().size(), 1u);
  const auto waiting = (*chain)->mempool().list({}, 10);
  ASSERT_EQ(waiting.size(), 1u);
  EXPECT_EQ(waiting[0].tx->txid, tx->txid);
  EXPECT_EQ(waiting[0].since, since);
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

}  // namespace
}  // namespace kith::node
