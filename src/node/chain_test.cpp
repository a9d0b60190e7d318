#include "node/chain.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "codec/chain_fork.h"
#include "node/chain_net_test_util.h"
#include "node/inspect.h"

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
  EXPECT_EQ(node.chain->halt_reason(), node.halted[0]);
  const codec::ForkRecord proof = codec::decode_fork_record(bytes).value();
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
  EXPECT_FALSE(read_first_output(node.store, held)->has_value());
  EXPECT_FALSE(ledger::find_spend(node.store, {genesis, 1})->has_value());
  const std::uint64_t floor = node.chain->floor().value;
  const std::uint64_t height = node.chain->height().value;
  EXPECT_GE(height - floor + 1, 64u);
  EXPECT_LE(height - floor, 64u + 2 * prune_blocks_max);
  EXPECT_EQ(node.store.memory.size(block_table), height - floor + 1);
  EXPECT_EQ(node.store.memory.size(certificate_table), height - floor + 1);
  EXPECT_EQ(node.store.memory.size(first_output_table), height - floor + 1);
  EXPECT_EQ(node.store.memory.size(epoch_end_table), height / 8);
  // It begins anew from what is left, in the middle of an epoch whose first block may be gone.
  net.stop(node);
  net.start(node);
  EXPECT_EQ(node.chain->floor().value, floor);
  EXPECT_EQ(node.chain->height().value, height);
  net.run_for(2s);
  EXPECT_GT(node.chain->height().value, height);
}

TEST(Chain, ItGoesNoFurtherThanItsHaltHeightAndOnWithoutIt) {
  ChainNet net(4);
  net.halt_height = {20};  // in the middle of an epoch of 8
  for (std::size_t i = 0; i < 4; ++i) net.stop(net.node(i));
  for (std::size_t i = 0; i < 4; ++i) net.start(net.node(i));
  net.run_for(3s);
  for (std::size_t i = 0; i < 4; ++i) {
    ChainNode& node = net.node(i);
    EXPECT_EQ(node.chain->height().value, 20u) << i;
    EXPECT_TRUE(node.chain->is_halted());
    ASSERT_EQ(node.halted.size(), 1u);
    EXPECT_NE(node.halted[0].find("chain.halt_height is 20"), std::string::npos);
    EXPECT_EQ(node.chain->halt_reason(), node.halted[0]);
    node.halted.clear();
  }
  // Nobody signs anything while it stands, however long.
  const std::uint64_t nullified = net.node(0).chain->consensus().stats().nullify_votes;
  net.run_for(1min);
  EXPECT_EQ(net.node(0).chain->consensus().stats().nullify_votes, nullified);
  const auto refused = codec::seal(
      codec::test::payment({{{net.node(0).chain->genesis_hash(), 0}, 1}}, {{4, 900'000'000}},
                           99'100'000'000, net.node(0).chain->genesis_hash()));
  net.turn(net.node(0), SubmitTx{{1}, refused, {}});
  ASSERT_EQ(net.node(0).answered.size(), 1u);
  EXPECT_EQ(net.node(0).answered[0].answer.error.code, Code::closed);

  // A start at the halt height halts at once, and one below it too: nothing is undone.
  net.stop(net.node(0));
  net.halt_height = {10};
  net.start(net.node(0));
  EXPECT_TRUE(net.node(0).chain->is_halted());
  EXPECT_EQ(net.node(0).chain->height().value, 20u);
  net.node(0).halted.clear();
  net.halt_height = {};
  for (std::size_t i = 0; i < 4; ++i) net.stop(net.node(i));
  for (std::size_t i = 0; i < 4; ++i) net.start(net.node(i));
  net.run_for(2s);
  expect_one_chain(net);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_GT(net.node(i).chain->height().value, 30u) << i;
    EXPECT_FALSE(net.node(i).chain->is_halted());
  }
}

TEST(Chain, OneThatHaltsDoesNotHoldUpTheOthers) {
  ChainNet net(4);
  net.stop(net.node(3));
  net.halt_height = {5};
  net.start(net.node(3));
  net.run_for(5s);
  EXPECT_EQ(net.node(3).chain->height().value, 5u);
  EXPECT_GT(net.node(0).chain->height().value, 20u);
}

/// One entry of the registry is another on this node: it finds other roots than the rest.
void spoil(ChainNode& node) {
  std::optional<codec::ValidatorEntry> entry;
  (void)node.store.scan(ledger::Table::validator,
                        [&](ByteView, ByteView value) { entry = *codec::decode_validator(value); });
  ASSERT_TRUE(entry);
  entry->owner[0] ^= 1;
  ledger::WriteBatch batch;
  batch.records.push_back({ledger::Table::validator, Bytes(entry->key.begin(), entry->key.end()),
                           codec::encode_validator(*entry)});
  batch.first_leaf = node.store.memory.leaves().size();
  node.store.write(batch);
}

TEST(Chain, WhoFindsOtherRootsThanAQuorumHaltsAndWritesDownWhatItFound) {
  ChainNet net(4);
  ChainNode& other = net.node(3);
  net.stop(other);
  spoil(other);
  net.start(other);
  net.run_for(1s);
  EXPECT_EQ(other.chain->height().value, 0u);
  EXPECT_TRUE(other.chain->is_halted());
  ASSERT_EQ(other.halted.size(), 1u);
  EXPECT_NE(other.halted[0].find("a quorum certified block 1"), std::string::npos);
  ASSERT_EQ(other.dumps.size(), 1u);
  const std::string& text = other.dumps[0].text;
  EXPECT_EQ(other.dumps[0].height.value, 1u);
  // Only the registry differs, and the dump of a node that is right says how.
  std::size_t differing = 0;
  for (std::size_t at = text.find("DIFFERS"); at != std::string::npos;
       at = text.find("DIFFERS", at + 1)) {
    ++differing;
  }
  EXPECT_EQ(differing, 1u) << text;
  EXPECT_NE(text.find("verdict registry_root"), std::string::npos) << text;
  const auto right = replay(net.node(0).store, net.genesis(), {1});
  ASSERT_TRUE(right.has_value()) << right.error().message;
  EXPECT_NE(right->find("verdict good"), std::string::npos);
  std::istringstream ours(text), theirs(*right);
  std::set<std::string> kinds;
  std::string a, b;
  while (std::getline(ours, a) && std::getline(theirs, b)) {
    if (a != b) kinds.insert(a.substr(0, a.find(' ')));
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"root", "validator", "verdict"})) << text << *right;
}

}  // namespace
}  // namespace kith::node
