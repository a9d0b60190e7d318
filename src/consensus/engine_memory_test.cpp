// The silence after a start: until a quorum has told what it holds of a validator, that says
// nothing, and nothing any more when they know of more than its log.
#include "consensus/engine.h"
#include "consensus/test_engine.h"

namespace kith::consensus {
namespace {

using namespace test;
using codec::Memory;
using codec::MemoryRequest;

struct JustStarted : Bench {
  static Scene scene_of(Scene scene = {}) {
    scene.is_silent = true;
    return scene;
  }
  explicit JustStarted(Scene scene = {}) : Bench(scene_of(std::move(scene))) {}

  std::vector<MemoryRequest> requests() const {
    std::vector<MemoryRequest> found;
    for (const auto& message : said) {
      if (const auto* const request = std::get_if<MemoryRequest>(&message)) {
        found.push_back(*request);
      }
    }
    return found;
  }
  Memory memory(std::vector<Vote> votes = {}) const {
    return {epoch(), requests().back().nonce, {}, std::move(votes)};
  }
  Vote own(const codec::Statement& statement) const { return validators.vote(me, statement); }
  void all_answer() {
    for (const ValidatorIndex other : others) hear_proven(other, memory());
  }
};

TEST(EngineMemory, NothingIsSaidUntilAQuorumHasAnswered) {
  JustStarted bench;
  ASSERT_EQ(bench.requests().size(), 1u);
  EXPECT_EQ(bench.requests()[0].validator, bench.me);
  EXPECT_EQ(bench.requests()[0].epoch, bench.epoch());
  const BlockPtr block = bench.block(genesis_tip, 1);
  bench.propose(block, genesis_tip);
  EXPECT_TRUE(bench.checked(block)) << "everything else goes on";
  bench.hear_proven(bench.others[0], bench.memory());
  bench.run_for(10s);
  EXPECT_TRUE(bench.engine->is_silent());
  EXPECT_FALSE(bench.said_nullify(1));
  EXPECT_FALSE(bench.said_vote(bench.notarization(block, genesis_tip)));
  bench.hear_proven(bench.others[1], bench.memory());
  bench.hear_proven(bench.others[2], bench.memory());
  EXPECT_FALSE(bench.engine->is_silent());
  EXPECT_TRUE(bench.said_vote(bench.notarization(block, genesis_tip)));
}

// What only the slowest has heard must not be missed because it is slow; nor is it waited for long.
TEST(EngineMemory, TheSlowestHasADeltaMore) {
  JustStarted bench;
  bench.hear_proven(bench.others[0], bench.memory());
  bench.hear_proven(bench.others[1], bench.memory());
  EXPECT_TRUE(bench.engine->is_silent());
  bench.run_for(bench.scene.config.delta - 1ms);
  EXPECT_TRUE(bench.engine->is_silent());
  bench.run_for(1ms);
  EXPECT_FALSE(bench.engine->is_silent());
}

TEST(EngineMemory, ItsViewBeginsWhenTheSilenceEnds) {
  JustStarted bench;
  bench.run_for(1h);
  EXPECT_EQ(bench.engine->stats().nullify_votes, 0u);
  bench.all_answer();
  bench.run_for(2 * bench.scene.config.delta - 1ms);
  EXPECT_FALSE(bench.said_nullify(1));
  bench.run_for(1ms);
  EXPECT_TRUE(bench.said_nullify(1));
}

TEST(EngineMemory, ALeaderProposesWhenTheSilenceEnds) {
  JustStarted bench(Scene{.leads = 1});
  bench.run_for(5s);
  EXPECT_TRUE(bench.builds.empty());
  bench.all_answer();
  EXPECT_NE(bench.said_proposal(), nullptr);
}

TEST(EngineMemory, ItAsksAgainLessAndLessOftenAndWhoeverComesUp) {
  JustStarted bench;
  const Duration first = bench.scene.config.delta / 4;
  bench.run_for(first);
  EXPECT_EQ(bench.requests().size(), 2u);
  bench.run_for(first);
  EXPECT_EQ(bench.requests().size(), 2u);
  bench.run_for(first);
  EXPECT_EQ(bench.requests().size(), 3u);
  bench.run_for(1h);
  const std::size_t asked = bench.requests().size();
  EXPECT_GE(asked, 60u);
  EXPECT_LE(asked, 72u);
  bench.input(ValidatorUp{bench.others[0]});
  ASSERT_FALSE(bench.sent.empty());
  EXPECT_EQ(bench.sent.back().first, bench.others[0]);
  EXPECT_EQ(std::get<MemoryRequest>(bench.sent.back().second), bench.requests().back());
  bench.all_answer();
  bench.sent.clear();
  bench.input(ValidatorUp{bench.others[0]});
  bench.run_for(1h);
  EXPECT_EQ(bench.requests().size(), asked);
  for (const auto& [to, message] : bench.sent) {
    EXPECT_FALSE(std::holds_alternative<MemoryRequest>(message));
  }
}

TEST(EngineMemory, OneAnswerOfEachProvenValidatorCounts) {
  JustStarted bench;
  const Memory memory = bench.memory();
  for (const ValidatorIndex other : bench.others) bench.hear(other, memory);  // of whom, who knows
  const auto stranger = codec::validator_key(codec::key_of_number(99));
  for (int i = 0; i < 3; ++i) bench.input(Heard{Bench::peer(50), memory, stranger});
  for (int i = 0; i < 3; ++i) bench.hear_proven(bench.me, memory);
  for (int i = 0; i < 3; ++i) bench.hear_proven(bench.others[0], memory);
  Memory of_before = memory;  // what an earlier start of this validator asked for
  ++of_before.nonce;
  Memory of_another = memory;
  of_another.epoch = {7};
  for (const Memory& wrong : {of_before, of_another}) {
    bench.hear_proven(bench.others[1], wrong);
    bench.hear_proven(bench.others[2], wrong);
  }
  bench.run_for(5s);
  EXPECT_TRUE(bench.engine->is_silent());
  EXPECT_TRUE(bench.faults.empty());
  bench.hear_proven(bench.others[1], memory);
  bench.run_for(5s);
  EXPECT_FALSE(bench.engine->is_silent());
}

TEST(EngineMemory, WhereItIsAQuorumAloneItDoesNotWait) {
  JustStarted bench(Scene{.weights = {1}, .leads = 1});
  EXPECT_TRUE(bench.requests().empty());
  EXPECT_FALSE(bench.engine->is_silent());
  EXPECT_NE(bench.said_proposal(), nullptr);
  JustStarted heavy(Scene{.weights = {1, 100, 1}});
  const bool is_heavy = heavy.validators.set.at(heavy.me).weight == 100;
  EXPECT_EQ(heavy.engine->is_silent(), !is_heavy);
}

TEST(EngineMemory, WhatItsLogKnowsIsNoNews) {
  JustStarted bench;
  const BlockPtr block = bench.block(genesis_tip, 1);
  const codec::Statement notarized = bench.notarization(block, genesis_tip);
  bench.log = {encode(LogRecord(OwnVote{bench.own(notarized)})),
               encode(LogRecord(OwnVote{bench.own(nullify({0}, 1))}))};
  bench.restart();
  for (const ValidatorIndex other : bench.others) {
    bench.hear_proven(other, bench.memory({bench.own(notarized), bench.own(nullify({0}, 1))}));
  }
  EXPECT_FALSE(bench.engine->is_silent());
  EXPECT_FALSE(bench.engine->is_stale());
  EXPECT_EQ(bench.engine->stats().signatures_checked, 0u);
}

TEST(EngineMemory, AVoteThatItsLogDoesNotKnowMakesItFollow) {
  const BlockPtr block = JustStarted().block(genesis_tip, 1);
  const codec::Statement notarized = JustStarted().notarization(block, genesis_tip);
  codec::Statement finalized = notarized;
  finalized.kind = codec::VoteKind::finalize;
  for (const codec::Statement& said : {notarized, nullify({0}, 1), finalized, nullify({0}, 99)}) {
    JustStarted bench;
    bench.hear_proven(bench.others[0], bench.memory({bench.own(said)}));
    EXPECT_TRUE(bench.engine->is_stale());
    EXPECT_TRUE(bench.engine->is_silent()) << "in the epochs to come too";
    EXPECT_FALSE(bench.engine->me());
    EXPECT_EQ(bench.engine->stats().stale, 1u);
    bench.hear_proven(bench.others[1], bench.memory());
    bench.hear_proven(bench.others[2], bench.memory());
    bench.propose(block, genesis_tip);
    bench.certify(notarized);
    bench.run_for(1h);
    EXPECT_EQ(bench.engine->stats().notarize_votes, 0u);
    EXPECT_EQ(bench.engine->stats().nullify_votes, 0u);
    EXPECT_EQ(bench.engine->stats().finalize_votes, 0u);
    EXPECT_EQ(bench.view(), 2u) << "it follows";
    // After another start those who knew may not be there: the log does not ask them again.
    bench.said.clear();
    bench.restart();
    EXPECT_TRUE(bench.engine->is_stale());
    EXPECT_FALSE(bench.engine->me());
    EXPECT_TRUE(bench.requests().empty());
  }
}

TEST(EngineMemory, OfAnotherEpochTheRecordSaysNothing) {
  JustStarted bench;
  bench.log = {encode(LogRecord(StaleLog{{7}}))};
  bench.restart();
  EXPECT_FALSE(bench.engine->is_stale());
  EXPECT_TRUE(bench.engine->me());
}

TEST(EngineMemory, AFalseSignatureProvesNothingAndDoesNotCount) {
  JustStarted bench;
  Vote forged = bench.own(nullify({0}, 1));
  forged.signature[0] ^= 1;
  bench.hear_proven(bench.others[0], bench.memory({forged}));
  EXPECT_EQ(bench.faults.size(), 1u);
  EXPECT_FALSE(bench.engine->is_stale());
  bench.hear_proven(bench.others[1], bench.memory());
  bench.run_for(5s);
  EXPECT_TRUE(bench.engine->is_silent());
  bench.hear_proven(bench.others[1],
                    bench.memory({bench.validators.vote(bench.others[2], nullify({0}, 1))}));
  EXPECT_EQ(bench.faults.size(), 2u) << "it has answered, but another node of it may remember more";
  bench.hear_proven(bench.others[2],
                    bench.memory({bench.validators.vote(bench.others[2], nullify({0}, 1))}));
  EXPECT_EQ(bench.faults.size(), 3u) << "whose votes were those?";
  EXPECT_TRUE(bench.engine->is_silent());
}

// A validator's second node stands by, and was started when all had been said.
TEST(EngineMemory, TheSecondNodeOfAValidatorMayRememberWhatTheFirstDoesNot) {
  JustStarted bench;
  bench.hear_proven(bench.others[0], bench.memory());
  bench.hear_proven(bench.others[0], bench.memory({bench.own(nullify({0}, 1))}));
  EXPECT_TRUE(bench.engine->is_stale());
}

// The answerer has forgotten what was said there, and so this validator says nothing there.
TEST(EngineMemory, NoVoteUpToTheFinalViewOfWhoAnswers) {
  JustStarted bench;
  const BlockPtr first = bench.block(genesis_tip, 1);
  const Tip on_first = bench.tip(first, genesis_tip);
  const BlockPtr third = bench.block(on_first, 3);
  Memory memory = bench.memory();
  memory.final = bench.certificate(bench.finalization(third, on_first));
  bench.hear_proven(bench.others[0], memory);
  bench.hear_proven(bench.others[1], bench.memory({bench.own(nullify({0}, 2))}));
  EXPECT_FALSE(bench.engine->is_stale()) << "of views that are over it need not know";
  bench.hear_proven(bench.others[2], bench.memory());
  EXPECT_FALSE(bench.engine->is_silent());
  bench.propose(first, genesis_tip);
  bench.certify(bench.notarization(first, genesis_tip));
  bench.run_for(1h);
  EXPECT_FALSE(bench.said_vote(bench.notarization(first, genesis_tip)));
  EXPECT_FALSE(bench.said_vote(bench.finalization(first, genesis_tip)));
  for (std::uint64_t view = 1; view <= 3; ++view) EXPECT_FALSE(bench.said_nullify(view)) << view;
  // The certificate told it of the block as well.
  EXPECT_GE(bench.requests_for(third->digest()), 1u);
}

// A liar's number alone would silence it for ever.
TEST(EngineMemory, AFinalViewIsShownByACertificate) {
  JustStarted bench;
  Memory memory = bench.memory();
  memory.final = bench.validators.certificate(finalize({0}, 1'000'000, 0, codec::number_hash(1)),
                                              {bench.others[0]});
  bench.hear_proven(bench.others[0], memory);
  EXPECT_EQ(bench.faults.size(), 1u);
  memory.final = bench.certificate(finalize({0}, 1'000'000, 0, codec::number_hash(1)));
  memory.final->signatures[0][0] ^= 1;
  bench.hear_proven(bench.others[0], memory);
  EXPECT_EQ(bench.faults.size(), 2u);
  bench.hear_proven(bench.others[1], bench.memory());
  bench.hear_proven(bench.others[2], bench.memory());
  bench.run_for(1h);
  EXPECT_TRUE(bench.said_nullify(1));
}

TEST(EngineMemory, ALateAnswerIsNoLessTrue) {
  JustStarted bench;
  bench.hear_proven(bench.others[0], bench.memory());
  bench.hear_proven(bench.others[1], bench.memory());
  bench.run_for(1s);
  ASSERT_FALSE(bench.engine->is_silent());
  bench.holds_sign = true;
  bench.run_for(3s);
  ASSERT_EQ(bench.signs.size(), 1u) << "a nullification is under way";
  bench.hear_proven(bench.others[2], bench.memory({bench.own(nullify({0}, 5))}));
  EXPECT_TRUE(bench.engine->is_stale());
  const Sign work = bench.signs.front();
  bench.input(Signed{work.statement, bench.own(work.statement).signature});
  bench.run_for(1h);
  EXPECT_FALSE(bench.said_nullify(1));
}

// --- answering -----------------------------------------------------------------------------------

struct Asked : OneBlock {
  explicit Asked(Scene scene = {}) : OneBlock(std::move(scene)) {}
  std::optional<Memory> ask(ValidatorIndex of, std::size_t from = 77, View final_view = {},
                            Epoch of_epoch = {0}) {
    replies.clear();
    hear(from, MemoryRequest{of_epoch, of, 42, final_view});
    for (const auto& [to, message] : replies) {
      if (const auto* const memory = std::get_if<Memory>(&message)) return *memory;
    }
    return std::nullopt;
  }
};

TEST(EngineMemory, ItTellsWhatItHoldsAloneOrInCertificates) {
  Asked bench;
  const ValidatorIndex of = bench.others[0];
  bench.vote(of, nullify({0}, 2));
  bench.vote(of, bench.finalization(bench.first, genesis_tip));
  const auto memory = bench.ask(of);
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->nonce, 42u);
  EXPECT_FALSE(memory->final);
  const std::vector<Vote> expected = {
      bench.validators.vote(of, bench.notarization(bench.first, genesis_tip)),
      bench.validators.vote(of, nullify({0}, 2)),
      bench.validators.vote(of, bench.finalization(bench.first, genesis_tip))};
  EXPECT_EQ(memory->votes, expected);
  EXPECT_TRUE(bench.ask(bench.others[1], 78)->votes.size() == 1);
  // Nothing of what the asker knows to be final.
  const auto above = bench.ask(of, 79, {1});
  ASSERT_TRUE(above);
  EXPECT_EQ(above->votes, std::vector<Vote>{expected[1]});
  EXPECT_FALSE(above->final);
}

TEST(EngineMemory, BelowTheLastFinalViewItShowsThatView) {
  Asked bench;
  const ValidatorIndex of = bench.others[0];
  bench.certify(bench.finalization(bench.first, genesis_tip));
  const auto memory = bench.ask(of);
  ASSERT_TRUE(memory && memory->final);
  EXPECT_EQ(memory->final->statement, bench.finalization(bench.first, genesis_tip));
  EXPECT_TRUE(memory->votes.empty());
  EXPECT_FALSE(bench.ask(of, 78, {1})->final);
}

TEST(EngineMemory, ItTellsOfTheLatestViewsAndOfNoMoreThanThat) {
  Asked bench;
  const ValidatorIndex of = bench.others[0];
  for (std::uint64_t view = 2; view <= 200; ++view) bench.certify(nullify({0}, view));
  const auto memory = bench.ask(of);
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->votes.size(), 80u);
  EXPECT_LE(memory->votes.size(), codec::memory_votes_max);
  EXPECT_EQ(memory->votes.back().statement, nullify({0}, 200));
}

TEST(EngineMemory, APeerIsToldNowAndThen) {
  Asked bench;
  const ValidatorIndex of = bench.others[0];
  EXPECT_TRUE(bench.ask(of));
  EXPECT_FALSE(bench.ask(of));
  EXPECT_TRUE(bench.ask(of, 78)) << "another peer";
  bench.run_for(200ms);
  EXPECT_TRUE(bench.ask(of));
  bench.run_for(200ms);
  EXPECT_FALSE(bench.ask(4)) << "no such validator";
  EXPECT_FALSE(bench.ask(of, 77, {}, {1})) << "another epoch";
}

TEST(EngineMemory, TheSilentTellAndWhoFollowsDoesNot) {
  Asked silent(Scene{.is_silent = true});
  ASSERT_TRUE(silent.engine->is_silent());
  EXPECT_TRUE(silent.ask(silent.others[0]));
  Asked follower(Scene{.follows = true});
  EXPECT_FALSE(follower.ask(follower.others[0]));
}

}  // namespace
}  // namespace kith::consensus
