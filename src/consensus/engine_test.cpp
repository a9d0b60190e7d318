#include "consensus/engine.h"

#include "consensus/test_engine.h"

namespace kith::consensus {
namespace {

using namespace test;

// The rules R1 to R11; A1 to A5 are in engine_proposal_test.cpp.

TEST(EngineR1, EntersWithTimersAndTellsWhatLetItIn) {
  Bench bench;
  EXPECT_EQ(bench.view(), 1u);
  bench.certify(nullify({0}, 1));
  EXPECT_EQ(bench.view(), 2u);
  EXPECT_TRUE(bench.said_certificate(nullify({0}, 1)));
  bench.run_for(1999ms);
  EXPECT_TRUE(bench.said.size() == 1) << "nothing but the certificate";
}

TEST(EngineR1, AmongManyOnlyTheNextLeadersAreTold) {
  Scene scene;
  scene.weights = std::vector<codec::Weight>(Engine::everybody_max + 1, 1);
  scene.leads = 9;
  Bench bench(scene);
  bench.certify(nullify({0}, 1));
  ASSERT_EQ(bench.view(), 2u);
  EXPECT_TRUE(bench.said.empty());
  ASSERT_EQ(bench.sent.size(), 2u);
  EXPECT_EQ(bench.sent[0].first, bench.leader(2));
  EXPECT_EQ(bench.sent[1].first, bench.leader(3));
}

TEST(EngineR1, ALeaderThatIsSilentLongIsNotWaitedFor) {
  Scene scene;
  scene.config.skip_after = 10s;
  scene.config.standstill = 1000s;
  Bench bench(scene);
  const ValidatorIndex silent = bench.leader(3);
  std::vector<ValidatorIndex> awake = bench.others;
  std::erase(awake, silent);
  bench.run_for(11s);
  bench.forget_said();
  // The two others and we are a quorum that was heard.
  bench.votes(awake, nullify({0}, 1));
  ASSERT_EQ(bench.view(), 2u) << "our own vote was the third";
  EXPECT_FALSE(bench.said_nullify(2)) << "the leader of view 2 speaks";
  bench.certify(nullify({0}, 2));
  ASSERT_EQ(bench.view(), 3u);
  bench.run_for(1ms);
  EXPECT_TRUE(bench.said_nullify(3)) << "at once";
}

TEST(EngineR2, ALeaderBuildsOnTheHighestCertifiedBlock) {
  OneBlock bench;
  bench.certify(nullify({0}, 2));
  bench.certify(nullify({0}, 3));
  ASSERT_EQ(bench.view(), 4u);
  const ProposalMessage* const proposal = bench.said_proposal();
  ASSERT_NE(proposal, nullptr);
  const BlockHeader& header = proposal->block->header();
  EXPECT_EQ(header.parent, bench.first->digest());
  EXPECT_EQ(header.height.value, 2u);
  EXPECT_EQ(header.view.value, 4u);
  EXPECT_GT(header.time, bench.first->header().time);
  EXPECT_EQ(proposal->vote.statement, notarize({0}, 4, 1, proposal->block->digest()));
  EXPECT_TRUE(check_form(proposal->justification(), {0}, {4}, {1}, bench.first->digest()));
  EXPECT_TRUE(verify(*proposal->justification().parent, codec::test_genesis, bench.validators.set));
  for (const Certificate& certificate : proposal->justification().nullified) {
    EXPECT_TRUE(verify(certificate, codec::test_genesis, bench.validators.set));
  }
  EXPECT_EQ(bench.engine->stats().proposals, 1u);
}

TEST(EngineR2, ABlockThatIsNotAtHandIsBuiltOnByNobody) {
  Bench bench;
  const BlockPtr first = bench.block(genesis_tip, 1);
  bench.certify(bench.notarization(first, genesis_tip));  // and the block never comes
  for (std::uint64_t view = 1; view <= 3; ++view) bench.certify(nullify({0}, view));
  ASSERT_EQ(bench.view(), 4u);
  const ProposalMessage* const proposal = bench.said_proposal();
  ASSERT_NE(proposal, nullptr) << "view 1 is nullified as well: the floor will do";
  EXPECT_EQ(proposal->block->header().parent, codec::test_genesis);
}

TEST(EngineR2, ALeaderThatCannotBuildGivesItsViewUp) {
  Bench bench;
  bench.fails_build = true;
  for (std::uint64_t view = 1; view <= 3; ++view) bench.certify(nullify({0}, view));
  EXPECT_EQ(bench.said_proposal(), nullptr);
  EXPECT_TRUE(bench.said_nullify(4));
}

TEST(EngineR2, AnotherLeadersOwnNullificationEndsTheWait) {
  Bench bench;
  const ValidatorIndex leader = bench.leader(1);
  for (const ValidatorIndex other : bench.others) {
    if (other == leader) continue;
    bench.vote(other, nullify({0}, 1));
    EXPECT_FALSE(bench.said_nullify(1)) << "who does not lead may be impatient";
    break;
  }
  bench.vote(leader, nullify({0}, 1));
  EXPECT_TRUE(bench.said_nullify(1));
}

TEST(EngineR2, ALeadersNullificationThatCameEarlyCounts) {
  Bench bench;
  bench.vote(bench.leader(2), nullify({0}, 2));  // we are in view 1
  EXPECT_FALSE(bench.said_nullify(2));
  bench.certify(nullify({0}, 1));
  EXPECT_TRUE(bench.said_nullify(2));
}

TEST(EngineR2, NobodyBuildsTwiceInAView) {
  Bench bench;
  for (std::uint64_t view = 1; view <= 3; ++view) bench.certify(nullify({0}, view));
  ASSERT_EQ(bench.builds.size(), 1u);
  bench.run_for(1900ms);
  bench.votes({bench.others[0]}, nullify({0}, 4));
  EXPECT_EQ(bench.builds.size(), 1u);
}

TEST(EngineR2, AnAnswerThatComesInTheNextViewIsNotProposed) {
  Bench bench;
  bench.holds_build = true;
  for (std::uint64_t view = 1; view <= 4; ++view) bench.certify(nullify({0}, view));
  ASSERT_EQ(bench.view(), 5u);
  ASSERT_EQ(bench.builds.size(), 1u);
  bench.holds_build = false;
  bench.answer(bench.builds[0]);
  bench.drain();
  EXPECT_EQ(bench.said_proposal(), nullptr);
}

TEST(EngineR3, AGoodProposalIsNotarizedOnceItIsDurable) {
  Bench bench;
  bench.holds_persist = true;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.said.empty());
  ASSERT_EQ(bench.persists.size(), 1u);
  // The block and the vote, in one write (A5).
  bool has_block = false, has_vote = false;
  for (const Bytes& bytes : bench.persists[0].records) {
    const LogRecord record = decode_log_record(bytes).value();
    const auto* const held = std::get_if<HeldBlock>(&record);
    const auto* const own = std::get_if<OwnVote>(&record);
    has_block |= held != nullptr && held->block->digest() == block->digest();
    has_vote |= own != nullptr && own->vote.statement == bench.notarization(block, genesis_tip);
  }
  EXPECT_TRUE(has_block && has_vote);
  bench.answer(bench.persists[0]);
  bench.drain();
  EXPECT_EQ(bench.count_said(bench.notarization(block, genesis_tip)), 1u);
}

TEST(EngineR3, AProposalInTimeStopsTheLeadersTimer) {
  Bench bench;
  bench.propose(bench.block(genesis_tip, 1), genesis_tip);
  bench.run_for(2900ms);
  EXPECT_FALSE(bench.said_nullify(1));
  bench.run_for(200ms);
  EXPECT_TRUE(bench.said_nullify(1)) << "having notarized does not forbid it (R7)";
}

TEST(EngineR4, AQuorumOfNotarizationsIsAViewsEnd) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);  // the leader's vote and ours
  EXPECT_EQ(bench.view(), 1u);
  for (const ValidatorIndex other : bench.others) {
    if (other == bench.leader(1)) continue;
    bench.vote(other, bench.notarization(block, genesis_tip));
    break;
  }
  EXPECT_EQ(bench.view(), 2u);
  EXPECT_TRUE(bench.said_certificate(bench.notarization(block, genesis_tip)));
  EXPECT_TRUE(bench.said_vote(bench.finalization(block, genesis_tip)));
}

TEST(EngineR4, AMissingBlockIsFetchedFromItsSignersAndOnlyThenIsTheViewOver) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.certify(bench.notarization(block, genesis_tip));
  EXPECT_EQ(bench.view(), 1u);
  bench.run_for(1s);
  ASSERT_GE(bench.requests_for(block->digest()), 1u);
  EXPECT_NE(bench.sent[0].first, bench.me);
  bench.hear(bench.sent[0].first, codec::BlockAnswer{block});
  EXPECT_EQ(bench.view(), 2u);
  EXPECT_FALSE(bench.said_vote(bench.finalization(block, genesis_tip)))
      << "G3: not notarized by us";
}

TEST(EngineR4, FinalizesALateNotarizationWhateverViewItIsIn) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  ASSERT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
  bench.certify(nullify({0}, 1));  // by the others; we have not nullified it
  ASSERT_EQ(bench.view(), 2u);
  bench.certify(bench.notarization(block, genesis_tip));
  EXPECT_TRUE(bench.said_vote(bench.finalization(block, genesis_tip)));
}

TEST(EngineR5, ANullificationIsAViewsEnd) {
  Bench bench;
  bench.votes(bench.others, nullify({0}, 1));
  EXPECT_EQ(bench.view(), 2u);
  bench.certify(nullify({0}, 7));
  EXPECT_EQ(bench.view(), 8u) << "the highest one ends all before it";
}

TEST(EngineR6, AFinalizationCommitsAllUpToItInOrder) {
  OneBlock bench;
  const BlockPtr second = bench.block(bench.on_first, 2);
  bench.propose(second, bench.on_first);
  EXPECT_TRUE(bench.commits.empty());
  bench.certify(bench.finalization(second, bench.on_first));
  ASSERT_EQ(bench.commits.size(), 1u);
  ASSERT_EQ(bench.commits[0].blocks.size(), 2u);
  EXPECT_EQ(bench.commits[0].blocks[0], bench.first);
  EXPECT_EQ(bench.commits[0].blocks[1]->digest(), second->digest());
  EXPECT_EQ(bench.commits[0].finalization->statement, bench.finalization(second, bench.on_first));
  EXPECT_EQ(bench.engine->last_final().height.value, 2u);
  EXPECT_EQ(bench.engine->last_final().view.value, 2u);
  EXPECT_EQ(bench.view(), 3u);
  EXPECT_TRUE(bench.said_certificate(bench.finalization(second, bench.on_first)));
  bench.certify(bench.finalization(bench.first, genesis_tip));  // late: nothing goes back
  EXPECT_EQ(bench.commits.size(), 1u);
  EXPECT_EQ(bench.engine->last_final().height.value, 2u);
}

TEST(EngineR6, AFinalizationWaitsForABlockThatIsMissing) {
  Bench bench;
  const BlockPtr first = bench.block(genesis_tip, 1);
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr second = bench.block(on_first, 2);
  bench.certify(bench.finalization(second, on_first));
  bench.run_for(1s);
  ASSERT_GE(bench.requests_for(second->digest()), 1u);
  bench.hear(1, codec::BlockAnswer{second});
  bench.run_for(1s);
  ASSERT_GE(bench.requests_for(first->digest()), 1u);
  EXPECT_TRUE(bench.commits.empty());
  bench.hear(1, codec::BlockAnswer{first});
  ASSERT_EQ(bench.commits.size(), 1u);
  EXPECT_EQ(bench.commits[0].blocks.size(), 2u);
  EXPECT_EQ(bench.view(), 3u);
}

TEST(EngineR7, WithoutAProposalTheViewIsNullifiedAfterTwoDeltas) {
  Bench bench;
  bench.run_for(1999ms);
  EXPECT_FALSE(bench.said_nullify(1));
  bench.run_for(1ms);
  EXPECT_TRUE(bench.said_nullify(1));
  EXPECT_EQ(bench.view(), 1u) << "one vote is no quorum";
}

TEST(EngineR7, WhoFinalizedDoesNotNullify) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  bench.certify(bench.notarization(block, genesis_tip));
  ASSERT_TRUE(bench.said_vote(bench.finalization(block, genesis_tip)));
  bench.run_for(60s);
  EXPECT_FALSE(bench.said_nullify(1));
}

TEST(EngineR8, WithoutProgressAllIsSaidAgainLessAndLessOften) {
  OneBlock bench;
  bench.run_for(4900ms);
  bench.forget_said();
  bench.run_for(200ms);
  EXPECT_EQ(bench.engine->stats().standstills, 1u);
  EXPECT_TRUE(bench.said_certificate(bench.notarization(bench.first, genesis_tip)));
  EXPECT_TRUE(bench.said_vote(bench.notarization(bench.first, genesis_tip)));
  EXPECT_TRUE(bench.said_vote(bench.finalization(bench.first, genesis_tip)));
  EXPECT_TRUE(bench.said_nullify(2));
  bench.run_for(9s);
  EXPECT_EQ(bench.engine->stats().standstills, 1u);
  bench.run_for(2s);
  EXPECT_EQ(bench.engine->stats().standstills, 2u);
  bench.run_for(1h);
  EXPECT_LE(bench.engine->stats().standstills, 64u) << "once a minute in the end";
}

TEST(EngineR8, ANewFinalBlockEndsIt) {
  OneBlock bench;
  bench.run_for(16s);
  EXPECT_EQ(bench.engine->stats().standstills, 2u);
  bench.certify(bench.finalization(bench.first, genesis_tip));
  bench.run_for(4900ms);
  EXPECT_EQ(bench.engine->stats().standstills, 2u);
  bench.run_for(200ms);
  EXPECT_EQ(bench.engine->stats().standstills, 3u) << "and the wait is the first one again";
}

TEST(EngineR9, WhoLagsIsToldHowHisViewEnded) {
  OneBlock bench;
  bench.certify(nullify({0}, 2));
  bench.certify(nullify({0}, 3));
  bench.forget_said();
  bench.vote(bench.others[0], nullify({0}, 2));
  ASSERT_EQ(bench.replies.size(), 1u);
  EXPECT_EQ(bench.replies[0].first, Bench::peer(bench.others[0]));
  EXPECT_EQ(std::get<Certificate>(bench.replies[0].second).statement, nullify({0}, 2));
  bench.vote(bench.others[0], nullify({0}, 1));
  EXPECT_EQ(bench.replies.size(), 1u) << "not for every vote";
  bench.run_for(300ms);
  bench.vote(bench.others[0], nullify({0}, 1));
  ASSERT_EQ(bench.replies.size(), 2u);
  EXPECT_EQ(std::get<Certificate>(bench.replies[1].second).statement,
            bench.notarization(bench.first, genesis_tip));
}

TEST(EngineR9, WhoLagsFarIsToldTheLastFinalBlock) {
  Bench bench;
  const BlockPtr late = bench.block(genesis_tip, 40);
  bench.hear(bench.leader(40), bench.proposal(late, genesis_tip));
  bench.certify(bench.finalization(late, genesis_tip));
  ASSERT_EQ(bench.engine->last_final().view.value, 40u);
  bench.forget_said();
  bench.vote(bench.others[0], nullify({0}, 3));
  ASSERT_EQ(bench.replies.size(), 1u);
  EXPECT_EQ(std::get<Certificate>(bench.replies[0].second).statement,
            bench.finalization(late, genesis_tip));
}

TEST(EngineR10, TimeoutsGrowWithEachViewThatIsNotFinalAndFallOnlyWithAFinalOne) {
  Scene scene;
  scene.weights = std::vector<codec::Weight>(8, 1);
  scene.leads = 8;
  scene.config.delta_growth = 2;
  scene.config.delta_max = 8s;
  scene.config.skip_after = 1000s;
  Bench bench(scene);
  const auto patience = [&] {
    const Instant before = bench.now;
    while (!bench.said_nullify(bench.view())) bench.run_for(100ms);
    return base::to_ms(bench.now - before);
  };
  EXPECT_EQ(patience(), 2'000);
  bench.certify(nullify({0}, 1));
  EXPECT_EQ(patience(), 4'000);
  bench.certify(nullify({0}, 2));
  EXPECT_EQ(patience(), 8'000);
  bench.certify(nullify({0}, 3));
  EXPECT_EQ(patience(), 16'000);
  bench.certify(nullify({0}, 4));
  EXPECT_EQ(patience(), 16'000) << "Delta is at most delta_max";
  // A notarized block is not enough to believe in better times (TON 4.2).
  const BlockPtr block = bench.block(genesis_tip, 5);
  bench.propose(block, genesis_tip);
  bench.certify(bench.notarization(block, genesis_tip));
  ASSERT_EQ(bench.view(), 6u);
  EXPECT_EQ(patience(), 16'000);
  bench.certify(bench.finalization(block, genesis_tip));
  bench.certify(nullify({0}, 6));
  EXPECT_EQ(patience(), 4'000) << "the second view after a final one";
}

TEST(EngineR11, ANotarizedBlockThatNobodyGivesIsLetGo) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.certify(bench.notarization(block, genesis_tip));
  bench.certify(nullify({0}, 2));  // by the others, who have it
  ASSERT_EQ(bench.view(), 3u);
  bench.run_for(29s);
  EXPECT_FALSE(bench.said_nullify(1));
  bench.run_for(2s);
  EXPECT_TRUE(bench.said_nullify(1));
}

}  // namespace
}  // namespace kith::consensus
