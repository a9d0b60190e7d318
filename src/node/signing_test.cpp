#include "node/signing.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/machine.h"
#include "codec/chain_beacon.h"
#include "codec/peer_id.h"
#include "codec/test_votes.h"
#include "crypto/ed25519_zip215.h"

namespace kith::node {
namespace {

using codec::SignerAnswer;
using codec::SignerRequest;

const crypto::KeyPair key = codec::key_of_number(1);
const codec::SignAsk vote = codec::SignVote{codec::nullify({1}, 3), false};

/// A node's side, with the signer played by the test.
struct Bench {
  Bench() { drain(); }
  void input(Signing::Input input) {
    signing.on_input(now, std::move(input));
    drain();
  }
  void answer(std::uint64_t number, decltype(SignerAnswer::what) what) {
    input(host::SignerSaid{codec::encode(SignerAnswer{number, std::move(what)})});
  }
  void drain() {
    while (auto output = signing.poll_output()) {
      std::visit(Overload{[&](Signing::Answered& each) { answered.push_back(std::move(each)); },
                          [&](const Signing::KeyUsable&) { ++usable; },
                          [&](consensus::SignerReady& each) { ready.push_back(std::move(each)); },
                          [&](consensus::SignerGone& each) { gone.push_back(each.why); },
                          [&](const host::TellSigner& tell) {
                            told.push_back(codec::decode_signer_request(tell.frame).value());
                          },
                          [&](HeightProven& each) { proven.push_back(std::move(each)); },
                          [&](host::RunJob&) { ADD_FAILURE() << "its key is elsewhere"; },
                          [&](const host::LeaveSigner&) { ++left; }},
                 *output);
    }
  }
  void ask(const codec::SignAsk& what) {
    signing.ask(now, what);
    drain();
  }
  void run_for(Duration span) {
    const Instant end = now + span;
    while (signing.next_deadline() && *signing.next_deadline() <= end) {
      now = *signing.next_deadline();
      signing.on_deadline(now);
      drain();
    }
    now = end;
  }
  template <class T>
  std::optional<T> last() const {
    if (told.empty()) return std::nullopt;
    const T* const found = std::get_if<T>(&told.back().what);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  std::uint64_t number() const { return told.back().number; }
  void greet() {
    input(host::SignerUp{});
    answer(number(), codec::SignerWelcome{codec::validator_key(key)});
  }
  void lead(codec::LeaseHeld held = {{1}, {}, 1, false, false, {}}) {
    signing.on_epoch(now, {1});
    drain();
    greet();
    answer(number(), held);
    answer(number(), codec::SaidVotes{});
  }

  Instant now;
  Signing signing{SigningConfig{codec::test_genesis, codec::validator_key(key), "me"},
                  base::null_log()};
  std::vector<Signing::Answered> answered;
  std::vector<consensus::SignerReady> ready;
  std::vector<std::string> gone;
  std::vector<HeightProven> proven;
  std::vector<SignerRequest> told;
  int usable = 0, left = 0;
};

TEST(Signing, AKeyThatIsHereSignsAtOnce) {
  Signing signing(codec::test_genesis, &key);
  EXPECT_FALSE(signing.is_remote());
  EXPECT_TRUE(signing.leads());
  EXPECT_EQ(signing.key(), codec::validator_key(key));
  for (const codec::SignAsk& ask :
       {vote, codec::SignAsk(codec::SignHello{{}, codec::peer_id_of(key.public_key())}),
        codec::SignAsk(codec::SignHeartbeat{1, {2}, {}}),
        codec::SignAsk(codec::SignAttestation{})}) {
    signing.ask(Instant{}, ask);
    const auto output = signing.poll_output();
    ASSERT_TRUE(output);
    const auto& answered = std::get<Signing::Answered>(*output);
    EXPECT_EQ(answered.what, ask);
    const Bytes bytes = codec::signed_bytes(codec::test_genesis, codec::validator_key(key), ask);
    EXPECT_TRUE(crypto::verify_zip215(codec::validator_key(key), bytes, *answered.signature));
  }
  EXPECT_FALSE(signing.next_deadline());
  EXPECT_EQ(signing.stats().signed_votes, 1u);
  EXPECT_EQ(signing.stats().signed_others, 3u);
}

TEST(Signing, AKeyThatIsHereProvesOnAnotherThread) {
  Signing signing(codec::test_genesis, &key);
  signing.prove(Instant{}, {{77}});
  auto output = signing.poll_output();
  ASSERT_TRUE(output);
  const auto job = std::get<host::RunJob>(*output).job;
  EXPECT_FALSE(signing.poll_output());
  job->run();
  signing.on_proved(dynamic_cast<const ProveHeightJob&>(*job));
  output = signing.poll_output();
  ASSERT_TRUE(output);
  const auto& proven = std::get<HeightProven>(*output);
  EXPECT_EQ(proven.height, codec::Height{77});
  EXPECT_TRUE(crypto::vrf_verify(codec::validator_key(key),
                                 codec::beacon_input(codec::test_genesis, {77}), *proven.proof));
  EXPECT_EQ(signing.stats().signed_others, 1u);
}

TEST(Signing, ProofsOfHeightsAreTheSigners) {
  Bench bench;
  const auto prove = [&](std::uint64_t height) {
    bench.signing.prove(bench.now, {{height}});
    bench.drain();
  };
  prove(1);
  ASSERT_EQ(bench.proven.size(), 1u) << "nobody to ask";
  EXPECT_EQ(bench.proven[0].proof.error().code, Code::unreachable);
  bench.lead();
  prove(77);
  EXPECT_EQ(bench.last<codec::ProveHeight>(), codec::ProveHeight{{77}});
  const std::uint64_t number = bench.number();
  bench.answer(number + 5, codec::ProofGiven{{1}});  // to nothing that was asked
  EXPECT_EQ(bench.proven.size(), 1u);
  bench.answer(number, codec::ProofGiven{{2}});
  bench.answer(number, codec::ProofGiven{{3}});
  ASSERT_EQ(bench.proven.size(), 2u);
  EXPECT_EQ(bench.proven[1].height, codec::Height{77});
  EXPECT_EQ(bench.proven[1].proof, crypto::VrfProof{2});
  prove(78);
  bench.answer(bench.number(), codec::SignerRefusal{codec::RefusalKind::guard, "not today"});
  ASSERT_EQ(bench.proven.size(), 3u);
  EXPECT_EQ(bench.proven[2].proof.error().message, "not today");
  prove(79);
  bench.input(host::SignerDown{{Code::closed, "gone"}});
  ASSERT_EQ(bench.proven.size(), 4u);
  EXPECT_EQ(bench.proven[3].height, codec::Height{79});
  EXPECT_FALSE(bench.proven[3].proof);
  EXPECT_TRUE(bench.answered.empty());
}

TEST(Signing, AsksForTheLeaseAndTakesOverWhatWasSaid) {
  Bench bench;
  bench.signing.on_epoch(bench.now, {1});
  bench.drain();
  EXPECT_TRUE(bench.told.empty());
  bench.input(host::SignerUp{});
  EXPECT_EQ(bench.last<codec::SignerHello>()->name, "me");
  EXPECT_EQ(bench.last<codec::SignerHello>()->genesis, codec::test_genesis);
  bench.answer(bench.number(), codec::SignerWelcome{codec::validator_key(key)});
  EXPECT_EQ(bench.usable, 1);
  EXPECT_TRUE(bench.last<codec::LeaseAsk>());
  bench.answer(bench.number(), codec::LeaseHeld{{1}, {4}, 1, true, false, {}});
  EXPECT_EQ(bench.last<codec::SaidAsk>(), (codec::SaidAsk{{1}, {}}));
  const codec::SaidVote five{codec::nullify({1}, 5), {}}, six{codec::nullify({1}, 6), {}};
  bench.answer(bench.number(), codec::SaidVotes{true, {five}});
  EXPECT_EQ(bench.last<codec::SaidAsk>()->after, five.statement);
  EXPECT_TRUE(bench.ready.empty());
  EXPECT_FALSE(bench.signing.leads());
  bench.answer(bench.number(), codec::SaidVotes{false, {six}});
  ASSERT_EQ(bench.ready.size(), 1u);
  EXPECT_EQ(bench.ready[0].said, (std::vector{five, six}));
  EXPECT_EQ(bench.ready[0].final_view, codec::View{4});
  EXPECT_TRUE(bench.ready[0].needs_others);
  EXPECT_TRUE(bench.signing.leads());
  // It is kept by asking again.
  const std::size_t before = bench.told.size();
  bench.run_for(1s);
  EXPECT_EQ(bench.told.size(), before + 1);
  EXPECT_TRUE(bench.last<codec::LeaseAsk>());
  bench.answer(bench.number(), codec::LeaseHeld{{1}, {4}, 1, true, false, {}});
  EXPECT_EQ(bench.ready.size(), 1u);
}

TEST(Signing, CarriesQuestionsAndAnswers) {
  Bench bench;
  bench.ask(vote);
  ASSERT_EQ(bench.answered.size(), 1u);
  EXPECT_EQ(bench.answered[0].signature.error().code, Code::unreachable);
  bench.lead();
  bench.ask(vote);
  EXPECT_EQ(bench.last<codec::SignAsk>(), vote);
  bench.now += 3ms;
  const crypto::Signature good =
      key.sign(codec::signed_bytes(codec::test_genesis, std::get<codec::SignVote>(vote).statement));
  bench.answer(bench.number(), codec::SignatureGiven{good});
  ASSERT_EQ(bench.answered.size(), 2u);
  EXPECT_EQ(bench.answered[1].what, vote);
  EXPECT_EQ(*bench.answered[1].signature, good);
  bench.ask(vote);
  bench.answer(bench.number(), codec::SignerRefusal{codec::RefusalKind::guard, "G1: no"});
  ASSERT_EQ(bench.answered.size(), 3u);
  EXPECT_EQ(bench.answered[2].signature.error(), (Error{Code::refused, "G1: no"}));
  EXPECT_TRUE(bench.signing.leads());
  EXPECT_EQ(bench.signing.stats().signed_votes, 1u);
  EXPECT_EQ(bench.signing.stats().refused, 1u);
  EXPECT_EQ(bench.signing.times().snapshot().histogram.count(), 2u);
}

TEST(Signing, AFalseSignatureEndsTheConnection) {
  const codec::SignAsk verdict = codec::SignVerdict{7, codec::number_hash(1)};
  for (const codec::SignAsk& asked : {codec::SignAsk(vote), verdict}) {
    SCOPED_TRACE(codec::describe(asked));
    Bench bench;
    bench.lead();
    bench.ask(asked);
    bench.answer(bench.number(), codec::SignatureGiven{{7}});
    ASSERT_EQ(bench.answered.size(), 1u);
    EXPECT_EQ(bench.answered[0].signature.error().code, Code::unreachable);
    EXPECT_FALSE(bench.signing.leads());
    EXPECT_EQ(bench.left, 1);
  }
}

TEST(Signing, AVerdictIsTheSignersUnderItsTag) {
  Bench bench;
  const codec::SignAsk asked = codec::SignVerdict{7, codec::number_hash(1)};
  bench.lead();
  bench.ask(asked);
  EXPECT_EQ(bench.last<codec::SignAsk>(), asked);
  const crypto::Signature good =
      key.sign(codec::verdict_message(codec::test_genesis, 7, codec::number_hash(1)));
  bench.answer(bench.number(), codec::SignatureGiven{good});
  ASSERT_EQ(bench.answered.size(), 1u);
  EXPECT_EQ(*bench.answered[0].signature, good);
  EXPECT_EQ(bench.signing.stats().signed_others, 1u);
  bench.ask(asked);
  bench.answer(bench.number(), codec::SignerRefusal{codec::RefusalKind::guard, "another"});
  EXPECT_EQ(bench.answered[1].signature.error().code, Code::refused);
  EXPECT_TRUE(bench.signing.leads());
}

TEST(Signing, WhoseChainIsHaltedGivesTheLeaseBackAndAsksNoMore) {
  Bench bench;
  bench.lead();
  bench.signing.stand_down(true);
  bench.drain();
  EXPECT_TRUE(bench.last<codec::LeaseLeave>());
  EXPECT_FALSE(bench.signing.leads());
  const std::size_t told = bench.told.size();
  bench.run_for(10s);
  EXPECT_EQ(bench.told.size(), told);
  EXPECT_EQ(bench.left, 0);
  bench.signing.stand_down(false);
  bench.run_for(2s);
  EXPECT_TRUE(bench.last<codec::LeaseAsk>());
}

TEST(Signing, FollowsWhenAnotherNodeIsServed) {
  Bench bench;
  bench.lead();
  bench.ask(vote);
  bench.answer(bench.number(), codec::SignerRefusal{codec::RefusalKind::locked, "b has the lease"});
  EXPECT_FALSE(bench.signing.leads());
  EXPECT_EQ(bench.answered.back().signature.error().code, Code::locked);
  EXPECT_NE(bench.gone.back().find("b has the lease"), std::string::npos);
  bench.run_for(1s);
  bench.answer(bench.number(), codec::LeaseTaken{"b"});
  EXPECT_NE(bench.gone.back().find("another node, b"), std::string::npos);
  const std::size_t said = bench.gone.size();
  bench.run_for(1s);
  bench.answer(bench.number(), codec::LeaseTaken{"b"});
  EXPECT_EQ(bench.gone.size(), said) << "once";
  // A proof on a channel is to be had all the same.
  const codec::SignAsk hello = codec::SignHello{{}, codec::peer_id_of(key.public_key())};
  bench.ask(hello);
  EXPECT_EQ(bench.last<codec::SignAsk>(), hello);
  bench.run_for(1s);
  bench.answer(bench.number(), codec::LeaseHeld{{1}, {}, 1, false, false, {}});
  bench.answer(bench.number(), codec::SaidVotes{});
  EXPECT_TRUE(bench.signing.leads());
  EXPECT_EQ(bench.signing.stats().leases, 2u);
}

TEST(Signing, WhatWaitsFailsWhenTheConnectionEnds) {
  Bench bench;
  bench.lead();
  bench.ask(vote);
  bench.input(host::SignerDown{{Code::closed, "it has gone"}});
  ASSERT_EQ(bench.answered.size(), 1u);
  EXPECT_EQ(bench.gone.back(), "its signer cannot be reached: it has gone");
  EXPECT_FALSE(bench.signing.is_connected());
  EXPECT_FALSE(bench.signing.next_deadline());
  bench.lead();
  EXPECT_TRUE(bench.signing.leads());
  EXPECT_EQ(bench.usable, 2);
}

TEST(Signing, ASignerThatDoesNotAnswerIsLeft) {
  Bench bench;
  bench.lead();
  bench.ask(vote);
  bench.run_for(2900ms);
  EXPECT_EQ(bench.left, 0);
  bench.run_for(200ms);
  EXPECT_EQ(bench.left, 1);
  EXPECT_EQ(bench.answered.size(), 1u);
  EXPECT_NE(bench.gone.back().find("does not answer"), std::string::npos);
  bench.input(host::SignerDown{{Code::canceled, "left"}, true});
  EXPECT_NE(bench.gone.back().find("does not answer"), std::string::npos) << "the reason stays";
}

TEST(Signing, EachEpochIsAskedForAnew) {
  Bench bench;
  bench.lead();
  bench.ask(vote);
  const std::uint64_t old = bench.number();
  bench.signing.on_epoch(bench.now, {2});
  bench.drain();
  EXPECT_FALSE(bench.signing.leads());
  EXPECT_TRUE(bench.last<codec::LeaseAsk>());
  const std::uint64_t lease = bench.number();
  bench.answer(old, codec::SignatureGiven{});
  EXPECT_TRUE(bench.answered.empty()) << "of the epoch before";
  bench.answer(lease, codec::LeaseHeld{{1}, {50}, 1, false, false, {}});
  bench.answer(bench.number(), codec::SaidVotes{});
  ASSERT_EQ(bench.ready.size(), 2u);
  EXPECT_EQ(bench.ready[1].epoch, codec::Epoch{2});
  EXPECT_EQ(bench.ready[1].final_view, codec::View{}) << "50 was the last epoch's";
}

TEST(Signing, WhoIsBehindTheSignerLeavesTheLease) {
  Bench bench;
  bench.signing.on_epoch(bench.now, {1});
  bench.greet();
  bench.answer(bench.number(), codec::LeaseHeld{{3}, {}, 1, false, false, {}});
  EXPECT_TRUE(bench.last<codec::LeaseLeave>());
  EXPECT_NE(bench.gone.back().find("voted in epoch 3"), std::string::npos);
  EXPECT_TRUE(bench.ready.empty());
}

TEST(Signing, ASilentSignerIsWaitedFor) {
  Bench bench;
  bench.signing.on_epoch(bench.now, {1});
  bench.greet();
  bench.answer(bench.number(), codec::LeaseHeld{{0}, {}, 1, true, false, codec::Epoch{1}});
  EXPECT_NE(bench.gone.back().find("no vote until epoch 2"), std::string::npos);
  bench.signing.on_epoch(bench.now, {2});
  bench.drain();
  bench.answer(bench.number(), codec::LeaseHeld{{0}, {}, 1, true, false, codec::Epoch{1}});
  bench.answer(bench.number(), codec::SaidVotes{});
  EXPECT_EQ(bench.ready.size(), 1u);
}

TEST(Signing, ALeaseThatHadEndedIsTakenOverAnew) {
  Bench bench;
  bench.lead();
  ASSERT_EQ(bench.ready.size(), 1u);
  bench.answer(bench.number(), codec::LeaseHeld{{1}, {4}, 1, false, false, {}});
  EXPECT_TRUE(bench.signing.leads()) << "it goes on";
  bench.answer(bench.number(), codec::LeaseHeld{{1}, {4}, 3, false, false, {}});
  EXPECT_FALSE(bench.signing.leads());
  EXPECT_NE(bench.gone.back().find("had ended"), std::string::npos);
  EXPECT_TRUE(bench.last<codec::SaidAsk>()) << "others may have voted";
  bench.answer(bench.number(), codec::SaidVotes{});
  EXPECT_EQ(bench.ready.size(), 2u);
}

TEST(Signing, ALostSignerIsHandedOn) {
  Bench bench;
  bench.signing.on_epoch(bench.now, {1});
  bench.greet();
  bench.answer(bench.number(), codec::LeaseHeld{{0}, {}, 1, true, true, {}});
  bench.answer(bench.number(), codec::SaidVotes{});
  ASSERT_EQ(bench.ready.size(), 1u);
  EXPECT_TRUE(bench.ready[0].is_lost);
}

TEST(Signing, TellsWhatIsFinalAndWhatIsStale) {
  Bench bench;
  bench.signing.on_view({9}, true);
  bench.drain();
  EXPECT_TRUE(bench.told.empty()) << "nobody to tell";
  bench.lead();
  const std::size_t before = bench.told.size();
  for (int i = 0; i < 2; ++i) {
    bench.signing.on_view({9}, false);
    bench.drain();
  }
  EXPECT_EQ(bench.told.size(), before + 1);
  EXPECT_EQ(bench.last<codec::FinalTold>(), (codec::FinalTold{{1}, {9}}));
  for (int i = 0; i < 2; ++i) {
    bench.signing.on_view({9}, true);
    bench.drain();
  }
  EXPECT_EQ(bench.told.size(), before + 2);
  EXPECT_EQ(bench.last<codec::StaleTold>(), codec::StaleTold{{1}});
}

TEST(Signing, LeavesWhoIsNotItsSigner) {
  const auto left_after = [](const std::function<void(Bench&)>& act) {
    Bench bench;
    bench.signing.on_epoch(bench.now, {1});
    bench.input(host::SignerUp{});
    act(bench);
    return bench.left == 1 && !bench.signing.is_connected();
  };
  EXPECT_TRUE(left_after([](Bench& b) { b.answer(1, codec::SignerWelcome{}); })) << "another key";
  EXPECT_TRUE(left_after([](Bench& b) { b.input(host::SignerSaid{Bytes{1}}); })) << "no frame";
  EXPECT_TRUE(left_after([](Bench& b) {
    b.answer(1, codec::SignerRefusal{codec::RefusalKind::chain, "of another chain"});
  }));
  EXPECT_TRUE(left_after([](Bench& b) {
    b.answer(1, codec::SignerWelcome{codec::validator_key(key)});
    b.answer(2, codec::LeaseHeld{{1}, {}, 1, false, false, {}});
    b.answer(3, codec::SaidVotes{false, {{codec::nullify({7}, 1), {}}}});
  })) << "votes of another epoch";
}

}  // namespace
}  // namespace kith::node
