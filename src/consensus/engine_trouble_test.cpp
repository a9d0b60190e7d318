// The engine in trouble: what peers flood it with, what comes late, twice, damaged or never.
#include "consensus/engine.h"
#include "consensus/test_engine.h"

namespace kith::consensus {
namespace {

using namespace test;

// --- admission -----------------------------------------------------------------------------------

TEST(EngineAdmission, VotesOfFarViewsOtherEpochsAndStrangersAreNotVerified) {
  Bench bench;
  bench.holds_verify = true;
  bench.vote(0, nullify({0}, 3));
  bench.vote(0, nullify({1}, 1));
  EXPECT_EQ(bench.engine->stats().dropped, 2u);
  Vote stranger = bench.validators.vote(0, nullify({0}, 1));
  stranger.signer = 4;
  bench.hear(9, stranger);
  ASSERT_EQ(bench.faults.size(), 1u);
  EXPECT_EQ(bench.faults[0].error.code, Code::malformed);
  EXPECT_TRUE(bench.verifies.empty());
  bench.vote(bench.others[0], nullify({0}, 2));  // one view ahead may be heard
  EXPECT_EQ(bench.verifies.size(), 1u);
}

TEST(EngineAdmission, WhatIsKnownIsNotVerifiedAgain) {
  Bench bench;
  bench.vote(bench.others[0], nullify({0}, 1));
  const std::uint64_t checked = bench.engine->stats().signatures_checked;
  bench.vote(bench.others[0], nullify({0}, 1));
  EXPECT_EQ(bench.engine->stats().signatures_checked, checked);
  EXPECT_EQ(bench.engine->stats().useless, 1u);
  // Of a certificate only the signatures that did not come as votes.
  bench.certify(nullify({0}, 1));
  EXPECT_EQ(bench.engine->stats().signatures_checked, checked + 2);
  bench.certify(nullify({0}, 1));
  EXPECT_EQ(bench.engine->stats().signatures_checked, checked + 2);
}

TEST(EngineAdmission, AFalseSignatureIsItsSendersFaultAndTellsNothing) {
  Bench bench;
  Vote bad = bench.validators.vote(bench.others[0], nullify({0}, 1));
  bad.signature[3] ^= 1;
  bench.hear(77, bad);
  ASSERT_EQ(bench.faults.size(), 1u);
  EXPECT_EQ(bench.faults[0].peer, Bench::peer(77));
  EXPECT_EQ(bench.faults[0].error.code, Code::bad_signature);
  bench.votes(bench.others, nullify({0}, 1));
  EXPECT_EQ(bench.view(), 2u) << "the true one took its place";
}

TEST(EngineAdmission, ACertificateOfTooFewIsItsSendersFault) {
  Bench bench;
  bench.hear(77, bench.validators.certificate(nullify({0}, 9), {0, 1}));
  ASSERT_EQ(bench.faults.size(), 1u);
  EXPECT_EQ(bench.view(), 1u);
}

TEST(EngineAdmission, OnePeerFillsOnlyItsOwnShareOfTheQueue) {
  Bench bench;
  bench.holds_verify = true;
  Certificate certificate = bench.certificate(nullify({0}, 1));
  for (std::uint64_t view = 1; view <= Engine::pending_per_peer_max + 10; ++view) {
    certificate.statement.subject.view = {view};
    bench.hear(77, certificate);
  }
  EXPECT_EQ(bench.verifies.size(), Engine::pending_per_peer_max);
  EXPECT_EQ(bench.engine->stats().dropped, 10u);
  const std::size_t before = bench.verifies.size();
  certificate.statement.subject.view = {5'000};
  bench.hear(78, certificate);
  EXPECT_EQ(bench.verifies.size(), before + 1);
}

TEST(EngineAdmission, ManyPeersTogetherLeaveRoomForEveryOtherOne) {
  Bench bench;
  bench.holds_verify = true;
  Certificate certificate = bench.certificate(nullify({0}, 1));
  std::uint64_t view = 0;
  for (std::size_t peer = 100; peer < 140; ++peer) {
    for (std::size_t i = 0; i < Engine::pending_per_peer_max; ++i) {
      certificate.statement.subject.view = {++view};
      bench.hear(peer, certificate);
    }
  }
  const std::size_t before = bench.verifies.size();
  EXPECT_LT(before, Engine::pending_max);
  bench.vote(bench.others[0], nullify({0}, 1));
  EXPECT_EQ(bench.verifies.size(), before + 1);
}

TEST(EngineAdmission, QueuedProposalsAreCountedInBytes) {
  Bench bench;
  bench.holds_verify = true;
  const std::string megabytes(8'000'000, 'x');
  for (std::uint64_t view = 1; view <= 40; ++view) {
    const BlockPtr block = codec::make_block(bench.header(genesis_tip, view),
                                             base::as_bytes(megabytes), Justification{});
    bench.hear(77, bench.proposal(block, genesis_tip));
  }
  EXPECT_LE(bench.verifies.size() * megabytes.size(), Engine::pending_bytes_per_peer_max);
  EXPECT_GE(bench.verifies.size(), 2u);
  bench.vote(bench.others[0], nullify({0}, 1));
  EXPECT_EQ(bench.engine->stats().dropped + bench.verifies.size(), 41u);
}

TEST(EngineAdmission, FalseCertificatesDelayATrueOneAndDoNotDisplaceIt) {
  Bench bench;
  bench.holds_verify = true;
  const Certificate good = bench.certificate(nullify({0}, 1));
  Certificate bad = good;
  bad.signatures[0][0] ^= 1;
  for (int i = 0; i < 100; ++i) bench.hear(77, bad);
  bench.hear(bench.others[0], good);
  for (int i = 0; i < 5 && bench.view() == 1 && !bench.verifies.empty(); ++i) {
    const Verify work = bench.verifies.front();
    bench.verifies.pop_front();
    bench.answer(work);
    bench.drain();
  }
  EXPECT_EQ(bench.view(), 2u);
  EXPECT_EQ(bench.faults.size(), 2u) << "of one peer one is verified and one waits";
  EXPECT_TRUE(bench.verifies.empty());
}

TEST(EngineAdmission, AWrongProposalsBodyIsNotKept) {
  Bench bench;
  const std::string body(1'000'000, 'x');
  const BlockPtr block = codec::make_block(bench.header(genesis_tip, 6), base::as_bytes(body), {});
  bench.hear(bench.leader(6), bench.proposal(block, genesis_tip));
  EXPECT_LE(block.use_count(), 1);
  for (std::uint64_t view = 1; view < 6; ++view) bench.certify(nullify({0}, view));
  ASSERT_EQ(bench.view(), 6u);
  EXPECT_TRUE(bench.said_nullify(6)) << "that the leader signed it is remembered";
}

TEST(EngineAdmission, ABlockIsNotGivenToOnePeerWithoutEnd) {
  Bench bench;
  const std::string body(4'000'000, 'x');
  const BlockPtr block = bench.block(genesis_tip, 1, body);
  bench.propose(block, genesis_tip);
  for (int i = 0; i < 1000; ++i) bench.hear(77, codec::BlockRequest{block->digest()});
  const std::size_t answers = bench.replies.size();
  EXPECT_GE(answers, 1u);
  EXPECT_LE(answers, 20u);
  bench.hear(78, codec::BlockRequest{block->digest()});
  EXPECT_EQ(bench.replies.size(), answers + 1);
  bench.run_for(10s);
  bench.hear(77, codec::BlockRequest{block->digest()});
  EXPECT_EQ(bench.replies.size(), answers + 2);
  bench.hear(77, codec::BlockRequest{codec::number_hash(1)});
  EXPECT_EQ(bench.replies.size(), answers + 2) << "nor what it has not";
}

TEST(EngineAdmission, ABlockThatNobodyAskedForIsNotTaken) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.hear(1, codec::BlockAnswer{block});
  EXPECT_TRUE(bench.checks.empty());
  EXPECT_EQ(bench.engine->stats().useless, 1u);
}

// --- proposals -----------------------------------------------------------------------------------

/// The leader's signature does not cover the second justification.
TEST(EngineTrouble, AStrangersJustificationIsNotTheLeadersFault) {
  Bench bench;
  bench.certify(nullify({0}, 1));
  ProposalMessage bent = bench.proposal(bench.block(genesis_tip, 2), genesis_tip);
  bent.anew = Justification{};
  bench.hear(77, bent);
  EXPECT_FALSE(bench.said_nullify(2));
  bench.propose(bench.block(genesis_tip, 2), genesis_tip);
  EXPECT_TRUE(bench.said_vote(bent.vote.statement));
}

TEST(EngineTrouble, AProposalWhoseBlockWasForgottenMeanwhileIsJudgedAllTheSame) {
  Scene scene;
  scene.weights = std::vector<codec::Weight>(10, 1);
  scene.leads = 10;
  Bench bench(scene);
  // Seven heights.
  Tip on = genesis_tip;
  for (std::uint64_t view = 1; view <= 7; ++view) {
    const BlockPtr block = bench.block(on, view);
    bench.propose(block, on);
    bench.certify(bench.notarization(block, on));
    if (view < 7) bench.certify(bench.finalization(block, on));
    on = bench.tip(block, on);
  }
  // On a block that is not checked yet a Byzantine leader puts one with an absurd height ...
  bench.holds_check = true;
  const BlockPtr next_one = bench.block(on, 8);
  const Tip on_next = bench.tip(next_one, on);
  bench.propose(next_one, on);
  const BlockPtr absurd =
      bench.block(on_next, 9, "", [](BlockHeader& header) { header.height = {0}; });
  bench.propose(absurd, on_next);
  // ... which finality forgets before the parent is known to be good.
  bench.certify(bench.finalization(next_one, on));
  bench.input(Checked{next_one->digest(), {}});
  ASSERT_EQ(bench.engine->last_final().height.value, 8u);
  EXPECT_EQ(bench.view(), 9u);
  EXPECT_TRUE(bench.said_nullify(9));
}

TEST(EngineTrouble, ManyLostViewsAreNotRushedThrough) {
  Scene scene;
  scene.leads = 60;
  scene.weights = std::vector<codec::Weight>(7, 1);
  scene.config.skip_after = 10'000s;
  Bench bench(scene);
  for (std::uint64_t view = 1; view <= 40; ++view) {
    ASSERT_EQ(bench.view(), view);
    const bool is_mine = bench.leader(view) == bench.me;
    if (!is_mine) {
      bench.vote(bench.leader(view), nullify({0}, view));
      EXPECT_EQ(bench.said_nullify(view), view <= Engine::hasty_views_max) << view;
    }
    bench.certify(nullify({0}, view));
  }
}

TEST(EngineTrouble, NoMoreIsJustifiedThanAMessageHolds) {
  Scene scene;
  scene.weights = {3, 1};  // the heavier one is a quorum, so that certificates are small
  scene.leads = 1;
  while (World(scene).validators.set.at(World(scene).me).weight != 1) ++scene.leads;
  Bench bench(scene);
  const auto lead = [&](std::uint64_t view) {
    while (bench.leader(view) != bench.me) ++view;
    for (std::uint64_t each = bench.view(); each < view; ++each) {
      bench.forget_said();
      bench.certify(nullify({0}, each));
    }
    EXPECT_EQ(bench.view(), view);
    return view;
  };
  lead(codec::nullified_max - 8);
  EXPECT_NE(bench.said_proposal(), nullptr);
  const std::uint64_t view = lead(codec::nullified_max + 2);
  EXPECT_EQ(bench.said_proposal(), nullptr);
  EXPECT_TRUE(bench.said_nullify(view));
}

// --- finality ------------------------------------------------------------------------------------

TEST(EngineTrouble, WhatIsStillMissingAfterAFinalBlockIsStillFetched) {
  Bench bench;
  const BlockPtr first = bench.block(genesis_tip, 1);
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr second = bench.block(on_first, 2);
  bench.propose(first, genesis_tip);
  bench.certify(bench.notarization(first, genesis_tip));
  bench.certify(bench.notarization(second, on_first));  // it does not come
  bench.certify(bench.finalization(first, genesis_tip));
  ASSERT_EQ(bench.engine->last_final().height.value, 1u);
  ASSERT_EQ(bench.view(), 2u);
  bench.run_for(1s);
  ASSERT_GE(bench.requests_for(second->digest()), 1u);
  bench.hear(1, codec::BlockAnswer{second});
  EXPECT_EQ(bench.view(), 3u);
}

/// Its state is gone with the final block beside it, and nobody may ask for it.
TEST(EngineTrouble, NothingIsCheckedOnABranchThatDied) {
  Bench bench;
  bench.holds_check = true;
  const BlockPtr dead = bench.block(genesis_tip, 1);
  const Tip on_dead = bench.tip(dead, genesis_tip);
  const BlockPtr child = bench.block(on_dead, 2);
  bench.propose(dead, genesis_tip);
  bench.propose(child, on_dead);  // waits for its parent
  bench.certify(nullify({0}, 1));
  bench.certify(nullify({0}, 2));
  const BlockPtr live = bench.block(genesis_tip, 3);
  bench.propose(live, genesis_tip);
  bench.input(Checked{live->digest(), {}});
  bench.certify(bench.finalization(live, genesis_tip));
  ASSERT_EQ(bench.engine->last_final().digest, live->digest());
  bench.input(Checked{dead->digest(), {}});
  EXPECT_EQ(bench.checks.size(), 2u) << "the dead one, asked before, and the live one";
  EXPECT_TRUE(bench.diverged.empty() && bench.forked.empty());
}

/// Notarized, its parent never seen, and another block final meanwhile: nobody diverged.
TEST(EngineTrouble, ABlockBesideTheFinalChainIsNoDivergence) {
  Bench bench;
  const BlockPtr dead = bench.block(genesis_tip, 1);
  const Tip on_dead = bench.tip(dead, genesis_tip);
  const BlockPtr child = bench.block(on_dead, 2);
  bench.propose(child, on_dead);
  bench.certify(bench.notarization(child, on_dead));
  bench.certify(nullify({0}, 1));
  bench.certify(nullify({0}, 2));
  const BlockPtr live = bench.block(genesis_tip, 3);
  bench.propose(live, genesis_tip);
  bench.certify(bench.finalization(live, genesis_tip));
  bench.run_for(10s);
  EXPECT_TRUE(bench.diverged.empty() && bench.forked.empty());
  EXPECT_FALSE(bench.engine->is_halted());
  const BlockPtr next_one = bench.block(bench.tip(live, genesis_tip), 5);
  EXPECT_EQ(bench.engine->last_final().digest, live->digest());
  bench.propose(next_one, bench.tip(live, genesis_tip));
  EXPECT_TRUE(bench.said_vote(bench.notarization(next_one, bench.tip(live, genesis_tip))));
}

TEST(EngineTrouble, WhoCannotGetWhatIsFinalSaysThatItIsBehind) {
  Bench bench;
  Tip on = genesis_tip;
  std::vector<BlockPtr> blocks;
  for (std::uint64_t view = 1; view <= 9; ++view) {
    blocks.push_back(bench.block(on, view));
    on = bench.tip(blocks.back(), on);
  }
  // Of the last four others know, of those before nobody does any more.
  bench.certify(codec::finalize({0}, 9, 8, on.digest));
  for (std::size_t i = 9; i > 5; --i) {
    bench.run_for(1s);
    bench.hear(1, codec::BlockAnswer{blocks[i - 1]});
  }
  EXPECT_TRUE(bench.behind.empty());
  bench.run_for(40s);
  ASSERT_EQ(bench.behind.size(), 1u);
  EXPECT_EQ(bench.behind[0].finalization->statement.view().value, 9u);
}

TEST(EngineTrouble, WhoIsFarBehindSaysSoAtOnceAndGoesOnFromWhereSyncBroughtIt) {
  Bench bench;
  Tip on = genesis_tip;
  BlockPtr last;
  Tip before = on;
  for (std::uint64_t view = 1; view <= Engine::fetched_depth_max + 1; ++view) {
    last = bench.block(on, view);
    before = on;
    on = bench.tip(last, on);
  }
  bench.certify(bench.finalization(last, before));
  ASSERT_EQ(bench.behind.size(), 1u);
  bench.run_for(20s);
  EXPECT_EQ(bench.behind.size(), 1u);
  bench.input(Synced{bench.final_block(last, before)});
  EXPECT_EQ(bench.engine->last_final().digest, last->digest());
  EXPECT_EQ(bench.view(), last->header().view.value + 1);
  const BlockPtr next_one = bench.block(on, last->header().view.value + 1);
  bench.propose(next_one, on);
  EXPECT_TRUE(bench.said_vote(bench.notarization(next_one, on)) ||
              bench.leader(bench.view()) == bench.me);
}

TEST(EngineTrouble, ACertifiedBlockThatIsWrongHereStopsTheNode) {
  Bench bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.wrong.insert(block->digest());
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.diverged.empty());
  bench.certify(bench.notarization(block, genesis_tip));
  ASSERT_EQ(bench.diverged.size(), 1u);
  EXPECT_TRUE(bench.engine->is_halted());
  bench.forget_said();
  bench.certify(nullify({0}, 1));
  bench.run_for(1h);
  EXPECT_TRUE(bench.said.empty()) << "it says nothing any more";
}

TEST(EngineTrouble, TwoCertificatesThatCannotBothBeStopTheNode) {
  const BlockPtr one = Bench().block(genesis_tip, 1, "one");
  const BlockPtr two = Bench().block(genesis_tip, 1, "two");
  const auto n1 = notarize({0}, 1, 0, one->digest());
  const auto n2 = notarize({0}, 1, 0, two->digest());
  const auto f1 = finalize({0}, 1, 0, one->digest());
  const auto f2 = finalize({0}, 1, 0, two->digest());
  const auto skip = nullify({0}, 1);
  const auto is_fork = [&](const codec::Statement& first, const codec::Statement& second) {
    Bench bench;
    bench.certify(first);
    bench.certify(second);
    EXPECT_EQ(bench.forked.size(), bench.engine->is_halted() ? 1u : 0u);
    return bench.engine->is_halted();
  };
  EXPECT_TRUE(is_fork(n1, n2));
  EXPECT_TRUE(is_fork(f1, f2));
  EXPECT_TRUE(is_fork(n1, f2));
  EXPECT_TRUE(is_fork(f1, n2));
  EXPECT_TRUE(is_fork(f1, skip));
  EXPECT_TRUE(is_fork(skip, f1));
  EXPECT_FALSE(is_fork(n1, skip)) << "a split view is everyday";
  EXPECT_FALSE(is_fork(n1, f1));
}

// --- the signer ----------------------------------------------------------------------------------

TEST(EngineTrouble, ASignerThatFailedIsAskedAgain) {
  Bench bench;
  bench.fails_sign = true;
  bench.run_for(2s);
  EXPECT_FALSE(bench.said_nullify(1));
  bench.fails_sign = false;
  bench.run_for(5s);
  EXPECT_TRUE(bench.said_nullify(1)) << "or three of four would wait for it for ever";
}

TEST(EngineTrouble, AProposalThatCouldNotBeSignedIsProposedLater) {
  Scene scene;
  scene.config.standstill = 1s;  // before the view is given up
  Bench bench(scene);
  bench.fails_sign = true;
  for (std::uint64_t view = 1; view <= 3; ++view) bench.certify(nullify({0}, view));
  EXPECT_EQ(bench.said_proposal(), nullptr);
  bench.fails_sign = false;
  bench.run_for(1s);
  EXPECT_NE(bench.said_proposal(), nullptr);
  EXPECT_EQ(bench.builds.size(), 1u);
}

TEST(EngineTrouble, AValidatorThatComesBackIsToldWhatItMissed) {
  Bench bench;
  bench.certify(nullify({0}, 1));
  bench.input(ValidatorUp{bench.others[0]});
  ASSERT_GE(bench.sent.size(), 1u);
  EXPECT_EQ(std::get<Certificate>(bench.sent[0].second).statement, nullify({0}, 1));
}

TEST(EngineTrouble, WhoOnlyFollowsSaysNoVoteAndSeesFinality) {
  Scene scene;
  scene.follows = true;
  Bench bench(scene);
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  bench.certify(bench.finalization(block, genesis_tip));
  EXPECT_EQ(bench.commits.size(), 1u);
  bench.run_for(1h);
  EXPECT_TRUE(bench.signs.empty() && bench.log.empty());
  for (const ConsensusMessage& message : bench.said) {
    EXPECT_TRUE(std::holds_alternative<Certificate>(message));
  }
}

TEST(EngineTrouble, PeopleMayLook) {
  OneBlock bench;
  const std::string text = bench.engine->dump(bench.now);
  EXPECT_NE(text.find("view 2"), std::string::npos);
  EXPECT_NE(text.find("notarized"), std::string::npos);
}

}  // namespace
}  // namespace kith::consensus
