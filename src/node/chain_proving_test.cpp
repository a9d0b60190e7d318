// Chains that compute: each block has its proposer's proof, and the order of leaders follows from
// all of them.
#include <set>

#include "codec/test_votes.h"
#include "crypto/vrf.h"
#include "ledger/beacon.h"
#include "node/chain_net_test_util.h"
#include "node/inspect.h"

namespace kith::node {
namespace {

codec::ChainParams computing() {
  codec::ChainParams params = ChainNet::quick_params();
  params.compute.emplace();
  return params;
}

const ledger::Entries& entries_of(const ChainNode& node) {
  return node.chain->states().tip()->registry().by_kind();
}

std::optional<crypto::VrfProof> proof_in(const codec::Block& block) {
  return codec::decode_body(block.body().view(), block.body().size()).value().proof;
}

std::size_t proposals(const ChainNode& node) { return node.chain->consensus().stats().proposals; }

/// Blocks that are final and have a proof by this node's key: it built them.
std::size_t built_by(ChainNet& net, const ChainNode& node) {
  std::size_t built = 0;
  for (const BlockFinalized& done : net.node(0).finalized) {
    const Hash input = codec::beacon_input(node.chain->genesis_hash(), done.block->header().height);
    const auto proof = proof_in(*done.block);
    if (proof && crypto::vrf_verify(codec::validator_key(node.key), input, *proof)) ++built;
  }
  return built;
}

/// Of all blocks of a node that began at genesis, as this page's readers would reckon it: the
/// validators stay the same here.
void expect_beacon_follows(ChainNet& net, const ChainNode& node) {
  const Hash genesis = node.chain->genesis_hash();
  const std::uint64_t length = net.genesis().params.epoch_blocks;
  ledger::Entries expected;
  std::set<Hash> seen{genesis};
  Hash seed = genesis;
  for (std::uint64_t h = 1; h <= node.chain->height().value; ++h) {
    const auto stored = read_block(node.store, {h}).value();
    ASSERT_TRUE(stored);
    const codec::BlockHeader& header = stored->block->header();
    consensus::LeaderSchedule leaders(*node.chain->validators(), seed, header.epoch);
    const auto& proposer = node.chain->validators()->at(leaders.leader(header.view)).key;
    const auto proof = proof_in(*stored->block);
    ASSERT_TRUE(proof) << h;
    const auto taken = ledger::advance_beacon(expected, genesis, {h}, proposer, *proof);
    ASSERT_TRUE(taken) << h << ": " << taken.error().message;
    EXPECT_TRUE(seen.insert(ledger::beacon_of(expected, genesis)).second);
    if (h % length != 0) continue;
    ledger::seed_leaders(expected, genesis);
    seed = ledger::leaders_seed_of(expected, genesis);
  }
  EXPECT_EQ(*entries_of(node).find(ledger::EntryKind::beacon, {}),
            *expected.find(ledger::EntryKind::beacon, {}));
  EXPECT_EQ(node.chain->leaders_seed(), seed);
}

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

TEST(ChainProving, TheBeaconFollowsFromTheBodiesAndOrdersLeaders) {
  ChainNet net(4, computing());
  net.run_for(2s);
  expect_one_chain(net);
  for (std::size_t i = 0; i < net.size(); ++i) {
    const ChainNode& node = net.node(i);
    EXPECT_GT(node.chain->height().value, 40u);
    EXPECT_GT(proposals(node), 5u);
    EXPECT_LT(node.chain->consensus().stats().views_nullified, 3u);
  }
  expect_beacon_follows(net, net.node(0));
  const auto replayed = replay(net.node(0).store, net.genesis(), {});
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_NE(replayed->find("verdict good"), std::string::npos);
}

TEST(ChainProving, OneValidatorGoesOnAlone) {
  ChainNet net(1, computing());
  net.run_for(500ms);
  EXPECT_GT(net.node(0).chain->height().value, 20u);
  expect_beacon_follows(net, net.node(0));
}

TEST(ChainProving, OtherChainsHaveNoneAndAreAsTheyWere) {
  ChainNet net(4);
  net.run_for(1s);
  const ChainNode& node = net.node(0);
  ASSERT_GT(node.chain->height().value, 8u);
  EXPECT_EQ(read_block(node.store, {8}).value()->block->body().view()[0], 1);
  EXPECT_TRUE(node.proven.empty());
  EXPECT_EQ(entries_of(node).size(), 0u);
  const std::uint64_t floor = node.chain->epoch().value * net.genesis().params.epoch_blocks;
  EXPECT_EQ(node.chain->leaders_seed(), read_block(node.store, {floor}).value()->block->digest());
}

TEST(ChainProving, InTheMiddleOfAnEpochARestartKnowsItsLeaders) {
  ChainNet net(4, computing());
  ASSERT_TRUE([&] {
    for (int i = 0; i < 2'000; ++i) {
      net.run_for(5ms);
      const std::uint64_t height = net.node(0).chain->height().value;
      if (height > 20 && height % 8 == 4) return true;
    }
    return false;
  }());
  std::vector<Hash> before;
  for (std::size_t i = 0; i < 4; ++i) {
    before.push_back(net.node(i).chain->leaders_seed());
    net.stop(net.node(i));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    net.start(net.node(i));
    EXPECT_EQ(net.node(i).chain->leaders_seed(), before[i]);
  }
  const std::uint64_t height = net.node(0).chain->height().value;
  net.run_for(2s);
  expect_one_chain(net);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_GT(net.node(i).chain->height().value, height + 20);
  expect_beacon_follows(net, net.node(2));
}

// The way to the signer and back takes as long as a view: blocks do not wait for it.
TEST(ChainProving, AProofIsAskedForOnceAndEarly) {
  ChainNet net(4, computing());
  net.proof_delay = 15ms;
  net.run_for(2s);
  expect_one_chain(net);
  for (std::size_t i = 0; i < 4; ++i) {
    const ChainNode& node = net.node(i);
    EXPECT_GT(node.chain->height().value, 50u);
    EXPECT_GT(proposals(node), 10u);
    // The very first blocks, and where a view was lost or the next one came too soon.
    EXPECT_LT(node.chain->builds_unproven(), proposals(node) / 5);
    const std::set<Height> asked(node.proven.begin(), node.proven.end());
    EXPECT_EQ(asked.size(), node.proven.size());
    // For those that it leads, and the first of each epoch.
    EXPECT_LT(node.proven.size(), node.chain->height().value / 2);
  }
}

TEST(ChainProving, WhoHasNoProofProposesNothingAndTheOthersGoOn) {
  ChainNet net(4, computing());
  ChainNode& silent = net.node(1);
  silent.withholds_proofs = true;
  net.run_for(8s);
  expect_one_chain(net);
  const std::uint64_t height = net.node(0).chain->height().value;
  EXPECT_GT(height, 10u);
  // The first answers were on their way. Blocks of others that end an epoch it proposes anew.
  const std::size_t had = built_by(net, silent);
  EXPECT_LE(had, 2u);
  EXPECT_GT(silent.chain->builds_unproven(), 0u);
  EXPECT_GT(silent.chain->consensus().stats().notarize_votes, 5u) << "it votes all the same";
  silent.withholds_proofs = false;
  for (const Height asked : std::vector<Height>(silent.proven)) net.prove(silent, {asked});
  net.run_for(4s);
  expect_one_chain(net);
  EXPECT_GT(built_by(net, silent), had + 3);
}

// A signer that proves something else: nobody sees it, and it is asked anew.
TEST(ChainProving, AWrongProofOfTheSignerIsInNoBlock) {
  ChainNet net(4, computing());
  ChainNode& fooled = net.node(2);
  fooled.withholds_proofs = true;
  const auto lie = [&] {
    for (const Height asked : std::exchange(fooled.proven, {})) {
      const Hash input = codec::beacon_input(fooled.chain->genesis_hash(), codec::next(asked));
      net.turn(fooled, HeightProven{asked, crypto::vrf_prove(fooled.key, input)});
    }
  };
  for (int i = 0; i < 240; ++i) {
    net.run_for(25ms);
    lie();
  }
  expect_one_chain(net);
  EXPECT_GT(net.node(0).chain->height().value, 10u);
  const std::size_t had = built_by(net, fooled);
  EXPECT_LE(had, 2u);
  fooled.withholds_proofs = false;
  net.run_for(4s);
  EXPECT_GT(built_by(net, fooled), had + 3);
}

TEST(ChainProving, ARefusedProofCostsTheViewAlone) {
  ChainNet net(4, computing());
  ChainNode& node = net.node(3);
  node.withholds_proofs = true;
  for (int i = 0; i < 240; ++i) {
    net.run_for(25ms);
    for (const Height asked : std::exchange(node.proven, {})) {
      net.turn(node, HeightProven{asked, fail(Code::unreachable, "the signer is away")});
    }
  }
  expect_one_chain(net);
  const std::uint64_t height = net.node(0).chain->height().value;
  EXPECT_GT(height, 10u);
  node.withholds_proofs = false;
  const std::size_t had = built_by(net, node);
  EXPECT_LE(had, 2u);
  net.run_for(4s);
  expect_one_chain(net);
  EXPECT_GT(built_by(net, node), had + 3);
}

TEST(HeightProofs, AreKeptUntilTheirHeightIsFinal) {
  HeightProofs proofs;
  EXPECT_TRUE(proofs.asks({5}));
  EXPECT_FALSE(proofs.asks({5})) << "it is on its way";
  EXPECT_FALSE(proofs.find({5}));
  proofs.take({{5}, crypto::VrfProof{1}});
  EXPECT_EQ(proofs.find({5}), crypto::VrfProof{1});
  EXPECT_FALSE(proofs.asks({5}));
  proofs.take({{5}, crypto::VrfProof{9}});
  proofs.take({{5}, fail(Code::unreachable, "away")});
  EXPECT_EQ(proofs.find({5}), crypto::VrfProof{1}) << "there is one";
  proofs.take({{6}, crypto::VrfProof{2}});
  EXPECT_FALSE(proofs.find({6})) << "nobody asked";
  EXPECT_TRUE(proofs.asks({6}));
  proofs.take({{6}, fail(Code::unreachable, "away")});
  EXPECT_TRUE(proofs.asks({6})) << "again";
  proofs.advance({5});
  EXPECT_FALSE(proofs.find({5}));
  proofs.take({{6}, crypto::VrfProof{2}});
  proofs.forget({6});
  EXPECT_FALSE(proofs.find({6}));
  for (std::uint64_t h = 0; h < HeightProofs::held_max; ++h) EXPECT_TRUE(proofs.asks({100 + h}));
  EXPECT_FALSE(proofs.asks({99}));
}

}  // namespace
}  // namespace kith::node
