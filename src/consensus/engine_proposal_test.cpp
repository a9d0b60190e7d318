// The engine and proposals: A1 to A5, the end of an epoch, pace.
#include "consensus/engine.h"
#include "consensus/test_engine.h"

namespace kith::consensus {
namespace {

using namespace test;

// --- A1 to A5 ------------------------------------------------------------------------------------

TEST(EngineA1, OnlyTheLeaderProposes) {
  Bench bench;
  ProposalMessage message = bench.proposal(bench.block(genesis_tip, 1), genesis_tip);
  const ValidatorIndex other = bench.leader(2);
  message.vote = bench.validators.vote(other, message.vote.statement);
  bench.hear(other, message);
  EXPECT_TRUE(bench.checks.empty() && bench.said.empty());
  ASSERT_EQ(bench.faults.size(), 1u);
  EXPECT_EQ(bench.faults[0].peer, Bench::peer(other));
  EXPECT_EQ(bench.faults[0].error.code, Code::protocol);
}

TEST(EngineA1, ASecondProposalIsEvidenceAndReplacesNothing) {
  Bench bench;
  const BlockPtr one = bench.block(genesis_tip, 1, "one");
  const BlockPtr two = bench.block(genesis_tip, 1, "two");
  bench.propose(one, genesis_tip);
  bench.propose(two, genesis_tip);
  EXPECT_TRUE(bench.said_vote(bench.notarization(one, genesis_tip)));
  EXPECT_FALSE(bench.said_vote(bench.notarization(two, genesis_tip)));
  ASSERT_EQ(bench.evidence.size(), 1u);
  EXPECT_EQ(bench.evidence[0].offence(), codec::Offence::double_notarize);
  EXPECT_EQ(bench.evidence[0].key, bench.validators.set.at(bench.leader(1)).key);
  EXPECT_TRUE(verify(bench.evidence[0], codec::test_genesis, bench.validators.set));
}

TEST(EngineA1, AProposalOfALaterViewBringsTheEngineThere) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 7);
  bench.propose(block, genesis_tip);
  EXPECT_EQ(bench.view(), 7u);
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

TEST(EngineA2, AProposalThatTheLeaderDidNotJustifyIsNullifiedAtOnce) {
  Bench bench;
  bench.certify(nullify({0}, 1));
  // Without the nullification of view 1; its own justification, so the leader signed it.
  const BlockPtr block = codec::make_block(bench.header(genesis_tip, 2), {}, {});
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.said_nullify(2));
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

TEST(EngineA2, ACertificateWithoutAQuorumJustifiesNothing) {
  Bench bench;
  bench.certify(nullify({0}, 1));
  Justification justification;
  justification.nullified.push_back(
      bench.validators.certificate(nullify({0}, 1), {bench.others[0], bench.others[1]}));
  const BlockPtr block = codec::make_block(bench.header(genesis_tip, 2), {}, justification);
  bench.propose(block, genesis_tip);
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
  EXPECT_TRUE(bench.said_nullify(2));
}

/// Whether a proposal is good must not depend on what one happens to hold.
TEST(EngineA2, FalseSignaturesJustifyNothingEvenForWhatIsKnownAnyway) {
  Bench bench;
  bench.certify(nullify({0}, 1));
  Justification justification = bench.justification(genesis_tip, 2);
  justification.nullified[0].signatures[1][7] ^= 1;
  const BlockPtr block = codec::make_block(bench.header(genesis_tip, 2), {}, justification);
  bench.propose(block, genesis_tip);
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
  EXPECT_EQ(bench.faults.size(), 1u);
}

TEST(EngineA3, NothingIsBuiltBesideWhatIsFinal) {
  OneBlock bench;
  bench.certify(bench.finalization(bench.first, genesis_tip));
  // On the floor, as if view 1 had been nullified: four of four would have to lie.
  const BlockPtr beside = bench.block(genesis_tip, 2);
  bench.propose(beside, genesis_tip);
  EXPECT_FALSE(bench.said_vote(bench.notarization(beside, genesis_tip)));
}

TEST(EngineA4, AWrongBlockIsNullifiedAtOnce) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.wrong.insert(block->digest());
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.said_nullify(1));
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

TEST(EngineA4, EachFieldOfAHeaderIsHeldToItsParent) {
  const std::vector<std::function<void(BlockHeader&)>> bends = {
      [](BlockHeader& header) { header.height = {2}; },
      [](BlockHeader& header) { header.height = {0}; },
      [](BlockHeader& header) { header.epoch = {1}; },
      [](BlockHeader& header) { header.time = genesis_time; },
      [](BlockHeader& header) { header.validators_root = {}; },
      [](BlockHeader& header) { header.params_hash = codec::number_hash(1); },
      [](BlockHeader& header) { header.next_validators_root = codec::number_hash(1); },
  };
  for (std::size_t i = 0; i < bends.size(); ++i) {
    SCOPED_TRACE(i);
    Bench bench;
    const BlockPtr block = bench.block(genesis_tip, 1, "", bends[i]);
    bench.propose(block, genesis_tip);
    EXPECT_TRUE(bench.checks.empty()) << "the application is not asked";
    EXPECT_TRUE(bench.said_nullify(1));
    EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
  }
}

TEST(EngineA4, ABlockDatedAheadIsWaitedForWithinTheView) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1, "", [&](BlockHeader& header) {
    header.time = {genesis_time.unix_ms + 31'000};  // a second more than drift_max
  });
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.said.empty());
  bench.run_for(900ms);
  EXPECT_TRUE(bench.said.empty());
  bench.run_for(200ms);
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

/// Of the year 2340: more nanoseconds than a Duration holds.
TEST(EngineA4, ADateBeyondAllClocksIsNoTrouble) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1, "", [&](BlockHeader& header) {
    header.time = {genesis_time.unix_ms + 10'000'000'000'000};
  });
  bench.propose(block, genesis_tip);
  EXPECT_GT(bench.engine->next_deadline().value(), bench.now) << "it must not spin";
  bench.run_for(5s);
  EXPECT_TRUE(bench.said_nullify(1));
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

TEST(EngineA4, AProposalThatComesBeforeItsParentIsCheckedWaitsForThat) {
  Bench bench;
  bench.holds_check = true;
  const BlockPtr first = bench.block(genesis_tip, 1);
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr second = bench.block(on_first, 2);
  bench.propose(first, genesis_tip);
  bench.propose(second, on_first);  // its justification notarizes the first
  ASSERT_EQ(bench.checks.size(), 1u);
  bench.input(Checked{first->digest(), {}});
  EXPECT_EQ(bench.view(), 2u);
  ASSERT_EQ(bench.checks.size(), 2u);
  EXPECT_FALSE(bench.said_vote(bench.notarization(second, on_first)));
  bench.input(Checked{second->digest(), {}});
  EXPECT_TRUE(bench.said_vote(bench.notarization(second, on_first)));
}

TEST(EngineA4, ACheckThatIsAnsweredInALaterViewStillCounts) {
  Bench bench;
  bench.holds_check = true;
  const BlockPtr first = bench.block(genesis_tip, 1);
  bench.propose(first, genesis_tip);
  bench.certify(nullify({0}, 1));
  ASSERT_EQ(bench.view(), 2u);
  bench.input(Checked{first->digest(), {}});
  EXPECT_FALSE(bench.said_vote(bench.notarization(first, genesis_tip))) << "its view is over";
  bench.certify(bench.notarization(first, genesis_tip));
  // The next proposal stands on it, and needs no second check of it.
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr second = bench.block(on_first, 2);
  bench.propose(second, on_first);
  ASSERT_EQ(bench.checks.size(), 2u);
  bench.input(Checked{second->digest(), {}});
  EXPECT_TRUE(bench.said_vote(bench.notarization(second, on_first)));
}

TEST(EngineA4, AParentThatIsMissingIsFetchedAndTheProposalJudgedThen) {
  Bench bench;
  const BlockPtr first = bench.block(genesis_tip, 1);
  const Tip on_first = bench.tip(first, genesis_tip);
  bench.certify(nullify({0}, 1));
  const BlockPtr second = bench.block(on_first, 2);
  bench.propose(second, on_first);
  EXPECT_FALSE(bench.said_vote(bench.notarization(second, on_first)));
  bench.run_for(1s);
  ASSERT_GE(bench.requests_for(first->digest()), 1u);
  bench.hear(1, codec::BlockAnswer{first});
  EXPECT_TRUE(bench.said_vote(bench.notarization(second, on_first)));
}

TEST(EngineA5, NothingIsSaidThatIsNotDurableAndItIsSaidInOneWriteATurn) {
  Bench bench;
  bench.holds_persist = true;
  bench.run_for(2s);
  EXPECT_FALSE(bench.said_nullify(1));
  ASSERT_EQ(bench.persists.size(), 1u);
  bench.votes({bench.others[0], bench.others[1]}, nullify({0}, 1));
  EXPECT_EQ(bench.view(), 1u) << "its own vote does not count before";
  bench.answer(bench.persists[0]);
  bench.drain();
  EXPECT_TRUE(bench.said_nullify(1));
  EXPECT_EQ(bench.view(), 2u);
}

// --- the end of an epoch -------------------------------------------------------------------------

TEST(EngineEpoch, TheLastBlockIsProposedAnewUntilItIsFinal) {
  Scene scene;
  scene.last_height = {1};
  OneBlock bench(scene);
  bench.certify(nullify({0}, 2));
  bench.certify(nullify({0}, 3));
  ASSERT_EQ(bench.view(), 4u);
  const ProposalMessage* const proposal = bench.said_proposal();
  ASSERT_NE(proposal, nullptr);
  EXPECT_TRUE(bench.builds.empty());
  EXPECT_EQ(proposal->block->digest(), bench.first->digest());
  EXPECT_EQ(proposal->vote.statement, notarize({0}, 4, 1, bench.first->digest()));
  ASSERT_TRUE(proposal->anew);
  EXPECT_TRUE(check_form(*proposal->anew, {0}, {4}, {1}, bench.first->digest()));
  bench.certify(finalize({0}, 4, 1, bench.first->digest()));
  ASSERT_EQ(bench.commits.size(), 1u);
  EXPECT_TRUE(bench.engine->is_over());
  EXPECT_FALSE(bench.engine->next_deadline());
  bench.vote(bench.others[0], nullify({0}, 3));
  EXPECT_FALSE(bench.replies.empty()) << "who lags is still told";
}

TEST(EngineEpoch, OthersProposeItAnewAndNothingElse) {
  Scene scene;
  scene.last_height = {1};
  OneBlock bench(scene);
  ProposalMessage anew{
      bench.validators.vote(bench.leader(2), notarize({0}, 2, 1, bench.first->digest())),
      bench.first, bench.justification(bench.on_first, 2)};
  bench.hear(bench.leader(2), anew);
  EXPECT_TRUE(bench.said_vote(anew.vote.statement));
  bench.certify(nullify({0}, 2));
  // A block on the last one.
  Justification justification{bench.on_first.certificate, {bench.certificate(nullify({0}, 2))}};
  BlockHeader header = bench.header(bench.on_first, 3);
  const BlockPtr beyond = codec::make_block(header, {}, justification);
  bench.propose(beyond, bench.on_first);
  EXPECT_TRUE(bench.said_nullify(3));
  EXPECT_FALSE(bench.said_vote(bench.notarization(beyond, bench.on_first)));
}

TEST(EngineEpoch, ABlockThatIsNotTheLastIsNotProposedAnew) {
  OneBlock bench;
  ProposalMessage anew{
      bench.validators.vote(bench.leader(2), notarize({0}, 2, 1, bench.first->digest())),
      bench.first, bench.justification(bench.on_first, 2)};
  bench.hear(bench.leader(2), anew);
  EXPECT_FALSE(bench.said_vote(anew.vote.statement));
  EXPECT_TRUE(bench.said_nullify(2));
}

// --- pace ----------------------------------------------------------------------------------------

TEST(EnginePace, ABlockAnIntervalAndTimersThatKnowIt) {
  Scene scene;
  scene.leads = 2;
  scene.config.block_interval = 60s;
  OneBlock bench(scene);
  ASSERT_EQ(bench.view(), 2u);
  bench.run_for(58s);
  EXPECT_TRUE(bench.builds.empty());
  bench.run_for(3s);
  ASSERT_EQ(bench.builds.size(), 1u);
  EXPECT_FALSE(bench.said_nullify(2));
}

TEST(EnginePace, AnotherLeaderIsGivenTheIntervalToo) {
  Scene scene;
  scene.config.block_interval = 60s;
  OneBlock bench(scene);
  bench.run_for(61s);
  EXPECT_FALSE(bench.said_nullify(2));
  bench.run_for(2s);
  EXPECT_TRUE(bench.said_nullify(2));
}

}  // namespace
}  // namespace kith::consensus
