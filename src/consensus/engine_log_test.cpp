// The engine's log: what survives a crash, at whatever moment it comes.
#include "consensus/engine.h"
#include "consensus/test_engine.h"

namespace kith::consensus {
namespace {

using namespace test;

TEST(EngineLog, WhatWasSaidIsNotContradictedAfterACrash) {
  Bench bench;
  const BlockPtr one = bench.block(genesis_tip, 1, "one");
  const BlockPtr two = bench.block(genesis_tip, 1, "two");
  bench.propose(one, genesis_tip);
  bench.restart();
  EXPECT_EQ(bench.view(), 1u);
  bench.propose(two, genesis_tip);
  EXPECT_FALSE(bench.said_vote(bench.notarization(two, genesis_tip)));
  EXPECT_EQ(bench.count_said(bench.notarization(one, genesis_tip)), 2u) << "and it is said again";
}

TEST(EngineLog, AFinalizationIsNotFollowedByANullificationAfterACrash) {
  OneBlock bench;
  ASSERT_TRUE(bench.said_vote(bench.finalization(bench.first, genesis_tip)));
  bench.restart();
  EXPECT_EQ(bench.view(), 2u);
  bench.run_for(1h);
  EXPECT_FALSE(bench.said_nullify(1));
  EXPECT_TRUE(bench.said_nullify(2));
}

TEST(EngineLog, WhatWasNotDurableWasNotSaid) {
  Bench bench;
  bench.holds_persist = true;
  const BlockPtr one = bench.block(genesis_tip, 1, "one");
  const BlockPtr two = bench.block(genesis_tip, 1, "two");
  bench.propose(one, genesis_tip);
  EXPECT_TRUE(bench.said.empty());
  bench.restart();  // the write was lost
  bench.holds_persist = false;
  bench.propose(two, genesis_tip);
  EXPECT_TRUE(bench.said_vote(bench.notarization(two, genesis_tip)));
}

TEST(EngineLog, AnOwnProposalIsSaidAgainAndNotMadeAgain) {
  Bench bench;
  for (std::uint64_t view = 1; view <= 3; ++view) bench.certify(nullify({0}, view));
  ASSERT_NE(bench.said_proposal(), nullptr);
  const Hash digest = bench.said_proposal()->block->digest();
  bench.restart();
  ASSERT_EQ(bench.view(), 4u);
  bench.said.clear();
  bench.run_for(6s);
  EXPECT_EQ(bench.builds.size(), 1u);
  ASSERT_NE(bench.said_proposal(), nullptr);
  EXPECT_EQ(bench.said_proposal()->block->digest(), digest);
}

TEST(EngineLog, CertificatesAndBlocksBringItBackToItsView) {
  OneBlock bench;
  bench.restart();
  EXPECT_EQ(bench.view(), 2u);
  // The block is at hand and checked anew: the next may stand on it.
  const BlockPtr second = bench.block(bench.on_first, 2);
  bench.propose(second, bench.on_first);
  EXPECT_TRUE(bench.said_vote(bench.notarization(second, bench.on_first)));
}

TEST(EngineLog, ABlockWhoseParentWasNotLoggedFetchesIt) {
  Bench bench;
  const BlockPtr first = bench.block(genesis_tip, 1);
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr second = bench.block(on_first, 2);
  bench.log = {encode(LogRecord(HeldBlock{second})),
               encode(LogRecord(OwnVote{
                   bench.validators.vote(bench.me, bench.notarization(second, on_first))}))};
  bench.restart();
  bench.run_for(1s);
  ASSERT_GE(bench.requests_for(first->digest()), 1u);
  bench.hear(1, codec::BlockAnswer{first});
  EXPECT_EQ(bench.checks.size(), 2u);
}

TEST(EngineLog, RecordsOfOtherEpochsAndOfFinalViewsAreForgotten) {
  OneBlock bench;
  const FinalBlock last = bench.final_block(bench.first, genesis_tip);
  bench.log.push_back(encode(LogRecord(OwnVote{bench.validators.vote(bench.me, nullify({9}, 5))})));
  bench.log.push_back(encode(LogRecord(HeldCertificate{bench.certificate(nullify({9}, 50))})));
  bench.restart(last);
  EXPECT_EQ(bench.view(), 2u);
  bench.said.clear();
  bench.run_for(6s);
  EXPECT_FALSE(bench.said_vote(bench.notarization(bench.first, genesis_tip)));
  EXPECT_FALSE(bench.said_vote(nullify({9}, 5)));
  EXPECT_EQ(bench.view(), 2u);
}

TEST(EngineLog, ADamagedRecordIsRefused) {
  OneBlock bench;
  Bytes bytes = bench.log[0];
  bytes[0] = 9;
  SeededRng rng(1);
  EpochContext context{codec::test_genesis,
                       {0},
                       bench.validators.set,
                       {{}, {}, codec::test_genesis, genesis_time, {}},
                       {1000},
                       {}};
  Engine engine(bench.scene.config, context, bench.me,
                {{}, {}, codec::test_genesis, genesis_time, {}}, rng, base::null_log());
  EXPECT_EQ(engine.recover({bytes}).error().code, Code::malformed);
}

struct SmallLog : OneBlock {
  static Scene scene_of() {
    Scene scene;
    scene.config.log_bytes_max = 1;
    return scene;
  }
  SmallLog() : OneBlock(scene_of()) {}
};

TEST(EngineLog, BegunAnewItHoldsWhatStillMatters) {
  SmallLog bench;
  bench.certify(bench.finalization(bench.first, genesis_tip));
  const BlockPtr second = bench.block(bench.on_first, 2);
  bench.propose(second, bench.on_first);
  bench.run_for(4s);
  ASSERT_TRUE(bench.said_nullify(2));
  bench.input(Committed{{1}});
  ASSERT_EQ(bench.compacts.size(), 1u);
  std::set<codec::Statement> own;
  bool has_block = false;
  for (const Bytes& bytes : bench.log) {
    const LogRecord record = decode_log_record(bytes).value();
    if (const auto* const vote = std::get_if<OwnVote>(&record)) own.insert(vote->vote.statement);
    const auto* const held = std::get_if<HeldBlock>(&record);
    has_block |= held != nullptr && held->block->digest() == second->digest();
  }
  EXPECT_EQ(own, (std::set<codec::Statement>{nullify({0}, 2),
                                             bench.notarization(second, bench.on_first)}));
  EXPECT_TRUE(has_block);
}

TEST(EngineLog, IsNotBegunAnewForNothing) {
  SmallLog bench;
  bench.certify(bench.finalization(bench.first, genesis_tip));
  const BlockPtr second = bench.block(bench.on_first, 2);
  bench.propose(second, bench.on_first);
  bench.input(Committed{{1}});
  bench.input(Committed{{1}});
  bench.input(Committed{{1}});
  EXPECT_EQ(bench.compacts.size(), 1u) << "all of it still matters";
}

/// Final in memory, and not yet in the store: after a crash these views are open again.
TEST(EngineLog, WhatTheStoreDoesNotHoldYetIsNotForgotten) {
  SmallLog bench;
  const BlockPtr second = bench.block(bench.on_first, 2);
  bench.propose(second, bench.on_first);
  bench.certify(bench.notarization(second, bench.on_first));
  ASSERT_TRUE(bench.said_vote(bench.finalization(second, bench.on_first)));
  bench.certify(bench.finalization(bench.first, genesis_tip));
  bench.certify(bench.finalization(second, bench.on_first));
  ASSERT_EQ(bench.engine->last_final().height.value, 2u);
  bench.input(Committed{{1}});  // and the second one's write is still under way
  bench.forget_said();
  bench.restart(bench.final_block(bench.first, genesis_tip));
  bench.run_for(1h);
  EXPECT_FALSE(bench.said_nullify(2)) << "it was finalized";
  EXPECT_TRUE(bench.said_vote(bench.finalization(second, bench.on_first)));
}

TEST(EngineLog, AVoteOnItsWayToTheLogIsInTheNewOneToo) {
  SmallLog bench;
  bench.certify(bench.finalization(bench.first, genesis_tip));
  bench.holds_persist = true;
  bench.run_for(3s);  // nullifies view 2
  ASSERT_EQ(bench.persists.size(), 1u);
  bench.input(Committed{{1}});
  ASSERT_EQ(bench.compacts.size(), 1u);
  bench.input(Persisted{bench.persists[0].token});  // it went to the old log, which is gone
  EXPECT_TRUE(bench.said_nullify(2));
  bench.holds_persist = false;
  bench.restart(bench.final_block(bench.first, genesis_tip));
  const BlockPtr second = bench.block(bench.on_first, 2);
  bench.propose(second, bench.on_first);
  EXPECT_FALSE(bench.said_vote(bench.notarization(second, bench.on_first)));
}

// A crash between two blocks of one commit: the store's last block stands by a notarization, for it
// was final only through its child.
TEST(EngineLog, ABlockThatWasFinalThroughItsChildIsNoFork) {
  Bench bench;
  const BlockPtr block = bench.block({}, 1);
  FinalBlock last = bench.final_block(block, {});
  last.finalization =
      std::make_shared<const Certificate>(bench.certificate(bench.notarization(block, {})));
  bench.restart(last);
  bench.certify(bench.finalization(block, {}));
  EXPECT_TRUE(bench.forked.empty());
  EXPECT_FALSE(bench.engine->is_halted());
}

}  // namespace
}  // namespace kith::consensus
