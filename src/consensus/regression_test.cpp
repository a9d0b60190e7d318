// What went wrong in other implementations of this protocol, a test each, named by where it was
// told: ava-labs/Simplex, commonware-library, TON's Catchain 2.0, minimmit.
#include "consensus/engine.h"
#include "consensus/test_engine.h"

namespace kith::consensus {
namespace {

using namespace test;

/// ava-labs #280, #290: what was said again finalized a view that was nullified, for the flag that
/// told so had been pruned.
TEST(Regression, AvaLabs280And290_WhatIsSaidAgainNeverFinalizesANullifiedView) {
  Bench bench;
  const BlockPtr first = bench.block(genesis_tip, 1);
  bench.propose(first, genesis_tip);
  bench.run_for(4s);
  ASSERT_TRUE(bench.said_vote(bench.notarization(first, genesis_tip)));
  ASSERT_TRUE(bench.said_nullify(1));
  bench.certify(bench.notarization(first, genesis_tip));  // late
  bench.run_for(10min);                                   // standstills
  EXPECT_FALSE(bench.said_vote(bench.finalization(first, genesis_tip)));
  // Later views become final, what was said of this one is forgotten, and still.
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr second = bench.block(on_first, 2);
  bench.propose(second, on_first);
  bench.certify(bench.finalization(second, on_first));
  ASSERT_EQ(bench.engine->last_final().view.value, 2u);
  bench.certify(bench.notarization(first, genesis_tip));
  bench.propose(first, genesis_tip);
  bench.run_for(10min);
  EXPECT_FALSE(bench.said_vote(bench.finalization(first, genesis_tip)));
  bench.restart(bench.final_block(second, on_first));
  bench.certify(bench.notarization(first, genesis_tip));
  bench.run_for(10min);
  EXPECT_FALSE(bench.said_vote(bench.finalization(first, genesis_tip)));
}

/// ava-labs #551: records of an old epoch, replayed, took the node back into it.
TEST(Regression, AvaLabs551_RecordsOfAnOldEpochChangeNothing) {
  Scene scene;
  scene.epoch = {1};
  Bench bench(scene);
  const BlockPtr old = bench.block(genesis_tip, 1, "", [](auto& header) { header.epoch = {0}; });
  const auto old_vote = notarize({0}, 1, 0, old->digest());
  bench.log = {encode(LogRecord(OwnVote{bench.validators.vote(bench.me, old_vote)})),
               encode(LogRecord(OwnVote{bench.validators.vote(bench.me, nullify({0}, 1))})),
               encode(LogRecord(HeldCertificate{bench.certificate(nullify({0}, 40))})),
               encode(LogRecord(HeldBlock{old})),
               encode(LogRecord(
                   OwnProposal{{bench.validators.vote(bench.me, old_vote), old, std::nullopt}}))};
  bench.restart();
  EXPECT_EQ(bench.engine->context().epoch.value, 1u);
  EXPECT_EQ(bench.view(), 1u);
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)))
      << "what was said of view 1 was of another epoch's view 1";
  EXPECT_FALSE(bench.said_vote(old_vote));
}

/// ava-labs #545: a sequence number used in two epochs stopped the network for good.
TEST(Regression, AvaLabs545_NoHeightIsUsedInTwoEpochs) {
  Scene scene;
  scene.epoch = {1};
  scene.floor_height = {10};
  scene.last_height = {20};
  Bench bench(scene);
  Tip floor = genesis_tip;
  floor.height = {10};
  // The number of the floor itself.
  const BlockPtr again = bench.block(floor, 1, "", [](auto& header) { header.height = {10}; });
  bench.propose(again, floor);
  EXPECT_TRUE(bench.said_nullify(1));
  bench.certify(nullify({1}, 1));
  // Views begin anew; a vote of the same view of the epoch before is another statement.
  const BlockPtr right = bench.block(floor, 2);
  bench.propose(right, floor);
  EXPECT_TRUE(bench.said_vote(bench.notarization(right, floor)));
  EXPECT_EQ(right->header().height.value, 11u);
  EXPECT_NE(codec::signed_bytes(codec::test_genesis, nullify({0}, 1)),
            codec::signed_bytes(codec::test_genesis, nullify({1}, 1)));
}

/// ava-labs #544: an unverified quorum, stored under the number it claimed, stood in the way of the
/// true one for ever.
TEST(Regression, AvaLabs544_WhatIsNotVerifiedReservesNothing) {
  Bench bench;
  Certificate claimed = bench.certificate(nullify({0}, 1'000'000));
  claimed.signatures[0][0] ^= 1;
  bench.hear(77, claimed);
  EXPECT_EQ(bench.view(), 1u);
  EXPECT_EQ(bench.faults.size(), 1u);
  bench.certify(nullify({0}, 1'000'000));
  EXPECT_EQ(bench.view(), 1'000'001u);
}

/// ava-labs #543: votes that were given under an older set of validators were counted.
TEST(Regression, AvaLabs543_VotesOfAnotherEpochsValidatorsAreNotCounted) {
  Scene scene;
  scene.epoch = {1};
  Bench bench(scene);
  bench.votes(bench.others, nullify({0}, 1));
  EXPECT_EQ(bench.view(), 1u);
  for (const ValidatorIndex other : bench.others) {
    Vote vote = bench.validators.vote(other, nullify({0}, 1));
    vote.statement.epoch = {1};  // as if it were of this one
    bench.hear(other, vote);
  }
  EXPECT_EQ(bench.view(), 1u);
  EXPECT_EQ(bench.faults.size(), 3u);
  bench.votes(bench.others, nullify({1}, 1));
  EXPECT_EQ(bench.view(), 2u);
}

/// ava-labs #542: with a full queue, state was deleted before its work was scheduled: a stall.
TEST(Regression, AvaLabs542_WhatAFullQueueDropsCanComeAgain) {
  Bench bench;
  bench.holds_verify = true;
  Certificate certificate = bench.certificate(nullify({0}, 1));
  for (std::uint64_t view = 2; view <= Engine::pending_per_peer_max + 1; ++view) {
    certificate.statement.subject.view = {view};
    bench.hear(bench.others[0], certificate);
  }
  const std::size_t queued = bench.verifies.size();
  bench.certify(nullify({0}, 1));  // of the same peer: no room
  EXPECT_EQ(bench.verifies.size(), queued);
  bench.certify(nullify({0}, 1));
  EXPECT_EQ(bench.verifies.size(), queued) << "and its first attempt left nothing behind";
  while (!bench.verifies.empty()) {
    const Verify work = bench.verifies.front();
    bench.verifies.pop_front();
    bench.input(Verified{work.token, std::vector<bool>(work.jobs.size(), false)});
  }
  bench.holds_verify = false;
  bench.certify(nullify({0}, 1));
  EXPECT_EQ(bench.view(), 2u);
}

/// ava-labs #559: what was held for replication, and not verified, grew without bound.
TEST(Regression, AvaLabs559_MemoryOfWhatIsNotVerifiedIsBounded) {
  Bench bench;
  bench.holds_verify = true;
  const BlockPtr block =
      codec::make_block(bench.header(genesis_tip, 1), Bytes(4'000'000), Justification{});
  for (std::uint64_t view = 2; view < 900; ++view) {
    ProposalMessage message = bench.proposal(block, genesis_tip);
    message.vote = Vote{notarize({0}, view, 0, block->digest()), bench.leader(view), {}};
    bench.hear(77, message);
  }
  EXPECT_LE(static_cast<std::size_t>(block.use_count()),
            2 + Engine::pending_bytes_per_peer_max / 4'000'000);
  EXPECT_GT(bench.engine->stats().dropped, 800u);
}

/// ava-labs #557, #568: a blacklist without evidence let a few exclude an honest node.
TEST(Regression, AvaLabs557And568_NobodyIsBlamedWithoutTwoSignatures) {
  Bench bench;
  const BlockPtr one = bench.block(genesis_tip, 1, "one");
  bench.propose(one, genesis_tip);
  // Two others claim that the leader voted otherwise.
  for (const ValidatorIndex liar : bench.others) {
    if (liar == bench.leader(1)) continue;
    Vote forged{notarize({0}, 1, 0, codec::number_hash(1)), bench.leader(1), {}};
    forged.signature =
        bench.validators.vote(liar, forged.statement).signature;  // with their own keys
    bench.hear(liar, forged);
    forged.statement = finalize({0}, 1, 0, codec::number_hash(1));
    bench.hear(liar, forged);
  }
  EXPECT_TRUE(bench.evidence.empty());
  for (const PeerFault& fault : bench.faults) {
    EXPECT_NE(fault.peer, Bench::peer(bench.leader(1))) << "whoever brought it is at fault";
  }
  EXPECT_EQ(bench.faults.size(), 4u);
  // The accused is still heard, and leads when its turn comes.
  bench.vote(bench.leader(1), bench.finalization(one, genesis_tip));
  bench.certify(nullify({0}, 1));
  bench.certify(nullify({0}, 2));
  bench.certify(nullify({0}, 3));
  bench.certify(nullify({0}, 4));
  ASSERT_EQ(bench.leader(5), bench.leader(1));
  const BlockPtr later = bench.block(genesis_tip, 5);
  bench.propose(later, genesis_tip);
  EXPECT_TRUE(bench.said_vote(bench.notarization(later, genesis_tip)));
}

/// commonware #2695: who had nullified a view refused its notarization, and was stuck.
TEST(Regression, Commonware2695_WhoNullifiedAViewGoesOnFromItsNotarization) {
  Bench bench;
  bench.run_for(2s);
  ASSERT_TRUE(bench.said_nullify(1));
  const BlockPtr first = bench.block(genesis_tip, 1);
  bench.propose(first, genesis_tip);
  EXPECT_FALSE(bench.said_vote(bench.notarization(first, genesis_tip)));
  bench.certify(bench.notarization(first, genesis_tip));
  EXPECT_EQ(bench.view(), 2u);
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr second = bench.block(on_first, 2);
  bench.propose(second, on_first);
  EXPECT_TRUE(bench.said_vote(bench.notarization(second, on_first)));
  // And when it leads, it builds on what others notarized.
  bench.certify(nullify({0}, 2));
  bench.certify(nullify({0}, 3));
  ASSERT_NE(bench.said_proposal(), nullptr);
  EXPECT_EQ(bench.said_proposal()->block->header().parent, first->digest());
}

/// commonware, "certified split": half hold a view's notarization, half its nullification.
TEST(Regression, CommonwareCertifiedSplit_EitherHalfFollowsTheOthersLeader) {
  for (const bool holds_notarization : {false, true}) {
    for (const bool leader_builds_on_it : {false, true}) {
      SCOPED_TRACE(testing::Message() << holds_notarization << leader_builds_on_it);
      Bench bench;
      const BlockPtr first = bench.block(genesis_tip, 1);
      const Tip on_first = bench.tip(first, genesis_tip);
      if (holds_notarization) {
        bench.propose(first, genesis_tip);
        bench.certify(bench.notarization(first, genesis_tip));
      } else {
        bench.certify(nullify({0}, 1));
      }
      ASSERT_EQ(bench.view(), 2u);
      const Tip& on = leader_builds_on_it ? on_first : genesis_tip;
      const BlockPtr second = bench.block(on, 2);
      bench.propose(second, on);
      if (!holds_notarization && leader_builds_on_it) {
        bench.run_for(500ms);
        ASSERT_GE(bench.requests_for(first->digest()), 1u);
        bench.hear(1, codec::BlockAnswer{first});
      }
      EXPECT_TRUE(bench.said_vote(bench.notarization(second, on)));
      bench.certify(bench.notarization(second, on));
      EXPECT_EQ(bench.view(), 3u);
      bench.certify(bench.finalization(second, on));
      EXPECT_EQ(bench.engine->last_final().digest, second->digest());
      EXPECT_TRUE(bench.forked.empty());
    }
  }
}

/// commonware #2095, #2100: a node that jumped over views lacked their nullifications, and could
/// neither judge a proposal nor make one.
TEST(Regression, Commonware2095And2100_MissingNullificationsComeWithTheProposal) {
  Scene scene;
  scene.leads = 8;
  scene.weights = std::vector<codec::Weight>(8, 1);
  Bench bench(scene);
  bench.certify(nullify({0}, 6));
  ASSERT_EQ(bench.view(), 7u);
  const BlockPtr block = bench.block(genesis_tip, 7);
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
  bench.certify(nullify({0}, 7));
  // Now it has them all, and leads view 8.
  ASSERT_NE(bench.said_proposal(), nullptr);
  const Justification& justification = bench.said_proposal()->justification();
  EXPECT_EQ(justification.nullified.size(), 7u);
  EXPECT_TRUE(check_form(justification, {0}, {8}, {0}, codec::test_genesis));
}

TEST(Regression, Commonware2095And2100_ALeaderThatLacksThemGivesItsViewUpInTime) {
  Bench bench;
  bench.certify(nullify({0}, 3));
  ASSERT_EQ(bench.view(), 4u);
  EXPECT_EQ(bench.said_proposal(), nullptr);
  bench.run_for(10s);
  EXPECT_TRUE(bench.said_nullify(4));
}

TEST(Regression, Commonware2095And2100_ALeaderThatIsToldOfThemInTimeProposes) {
  Bench bench;
  bench.certify(nullify({0}, 3));
  bench.certify(nullify({0}, 1));
  EXPECT_EQ(bench.said_proposal(), nullptr);
  bench.certify(nullify({0}, 2));
  EXPECT_NE(bench.said_proposal(), nullptr);
}

/// commonware #1607: a few partial signatures of a threshold scheme forge any other's, so they
/// prove nothing against their signer. Here each vote is signed with its signer's own key.
TEST(Regression, Commonware1607_AQuorumCannotForgeTheVoteOfOne) {
  Bench bench;
  const ValidatorIndex victim = bench.others[0];
  const auto statement = nullify({0}, 1);
  const codec::Certificate whole =
      bench.validators.certificate(statement, {bench.others[1], bench.others[2], bench.me});
  for (const crypto::Signature& signature : whole.signatures) {
    bench.hear(77, Vote{statement, victim, signature});
  }
  EXPECT_EQ(bench.faults.size(), 3u);
  EXPECT_EQ(bench.view(), 1u);
  EXPECT_TRUE(bench.evidence.empty());
}

/// commonware #3042: whether a block may be certified must be the same for all. Dates against the
/// own clock are no such thing: they decide whether one votes, not whether a block is right.
TEST(Regression, Commonware3042_AClockThatIsBehindDoesNotCallACertifiedBlockWrong) {
  Bench bench;
  const BlockPtr ahead = bench.block(genesis_tip, 1, "", [](BlockHeader& header) {
    header.time = {genesis_time.unix_ms + 3'600'000};
  });
  bench.propose(ahead, genesis_tip);
  bench.run_for(5s);
  EXPECT_FALSE(bench.said_vote(bench.notarization(ahead, genesis_tip)));
  bench.certify(bench.notarization(ahead, genesis_tip));
  EXPECT_EQ(bench.view(), 2u);
  EXPECT_TRUE(bench.diverged.empty());
  bench.certify(bench.finalization(ahead, genesis_tip));
  EXPECT_EQ(bench.engine->last_final().digest, ahead->digest());
}

/// TON 4.2: timeouts fell back to their first value though nothing had become final.
TEST(Regression, Ton42_ANotarizedBlockDoesNotShortenTimeouts) {
  Scene scene;
  scene.weights = std::vector<codec::Weight>(9, 1);
  scene.leads = 9;
  scene.config.delta_growth = 2;
  scene.config.skip_after = 1000s;
  Bench bench(scene);
  for (std::uint64_t view = 1; view <= 3; ++view) bench.certify(nullify({0}, view));
  const BlockPtr block = bench.block(genesis_tip, 4);
  bench.propose(block, genesis_tip);
  bench.certify(bench.notarization(block, genesis_tip));
  ASSERT_EQ(bench.view(), 5u);
  bench.run_for(31s);
  EXPECT_FALSE(bench.said_nullify(5)) << "Delta is 16 s by now";
  bench.run_for(2s);
  EXPECT_TRUE(bench.said_nullify(5));
}

/// TON 4.3: at a standstill everybody said everything again, ever more of it, and drowned.
TEST(Regression, Ton43_AStandstillIsBoundedInWhatItSaysAndHowOften) {
  Scene scene;
  scene.weights = std::vector<codec::Weight>(7, 1);
  scene.leads = 3;
  Bench bench(scene);
  for (std::uint64_t view = 1; view <= 300; ++view) bench.certify(nullify({0}, view));
  bench.forget_said();
  bench.run_for(5100ms);
  EXPECT_EQ(bench.engine->stats().standstills, 1u);
  EXPECT_LE(bench.said.size(), 200u);
  bench.forget_said();
  bench.run_for(1h);
  EXPECT_LE(bench.engine->stats().standstills, 65u);
  EXPECT_LE(bench.said.size(), 65u * 200);
}

/// TON: a threshold that counted heads where weight was meant.
TEST(Regression, TonCountsWeightAndNotHeads) {
  Scene scene;
  scene.weights = {10, 1, 1, 1};  // a quorum is 9
  scene.leads = 1;
  while (World(scene).validators.set.at(World(scene).me).weight == 10) ++scene.leads;
  Bench bench(scene);
  ValidatorIndex heavy = 0;
  std::vector<ValidatorIndex> light;
  for (const ValidatorIndex other : bench.others) {
    if (bench.validators.set.at(other).weight == 10) {
      heavy = other;
    } else {
      light.push_back(other);
    }
  }
  while (bench.leader(bench.view()) == bench.me) bench.certify(nullify({0}, bench.view()));
  const std::uint64_t view = bench.view();
  bench.votes(light, nullify({0}, view));
  bench.run_for(3s);
  ASSERT_TRUE(bench.said_nullify(view));
  EXPECT_EQ(bench.view(), view) << "three of four, and too light";
  bench.vote(heavy, nullify({0}, view));
  EXPECT_EQ(bench.view(), view + 1) << "alone it would have been enough";
}

/// minimmit #1280: what contradicts an old view made a node give up the current one.
TEST(Regression, Minimmit1280_AContradictionConcernsItsOwnViewAlone) {
  Bench bench;
  bench.certify(nullify({0}, 1));
  ASSERT_EQ(bench.view(), 2u);
  // The leader of view 2 nullifies view 1, equivocates there, nullifies view 3.
  const ValidatorIndex leader = bench.leader(2);
  bench.vote(leader, nullify({0}, 1));
  bench.vote(leader, notarize({0}, 1, 0, codec::number_hash(1)));
  bench.vote(leader, notarize({0}, 1, 0, codec::number_hash(2)));
  bench.vote(leader, finalize({0}, 1, 0, codec::number_hash(1)));
  bench.vote(leader, nullify({0}, 3));
  EXPECT_FALSE(bench.evidence.empty());
  EXPECT_FALSE(bench.said_nullify(2));
  EXPECT_FALSE(bench.said_nullify(3));
  const BlockPtr block = bench.block(genesis_tip, 2);
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

}  // namespace
}  // namespace kith::consensus
