#include "consensus/signer.h"

#include <rapidcheck.h>

#include "codec/chain_beacon.h"
#include "codec/peer_id.h"
#include "consensus/signer_test_util.h"
#include "crypto/ed25519_zip215.h"

namespace kith::consensus {
namespace {

using codec::finalize;
using codec::notarize;
using codec::nullify;
using codec::number_hash;
using codec::RefusalKind;
using test::SignerRig;

constexpr Epoch epoch{1};

Statement good(std::uint64_t view, std::uint64_t block) {
  return notarize(epoch, view, view - 1, number_hash(block));
}
Statement final_vote(std::uint64_t view, std::uint64_t block) {
  return finalize(epoch, view, view - 1, number_hash(block));
}

TEST(Signer, SignsWhatTheKeyOwnerWould) {
  SignerRig rig;
  rig.lead(1);
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1)->needs_others, true);
  const auto said = rig.vote(1, good(1, 7));
  const auto* const signature = std::get_if<crypto::Signature>(&said);
  ASSERT_NE(signature, nullptr);
  EXPECT_TRUE(crypto::verify_zip215(
      rig.signer->key(), codec::signed_bytes(codec::test_genesis, good(1, 7)), *signature));
  EXPECT_TRUE(rig.is_signed(1, final_vote(1, 7)));
  rig.lease(1);
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1)->needs_others, false) << "it has voted in this life";
}

TEST(Signer, ProvesHeightsOfItsChainToWhoHasTheLease) {
  SignerRig rig;
  rig.lead(1);
  rig.hello(2);
  rig.tell(2, codec::ProveHeight{{5}});
  EXPECT_EQ(rig.last<codec::SignerRefusal>(2)->kind, RefusalKind::locked);
  // Far ahead, again, and whatever the votes are: there is one of a height.
  std::optional<crypto::VrfProof> first;
  for (const std::uint64_t height : {5u, 5'000u, 5u}) {
    rig.tell(1, codec::ProveHeight{{height}});
    const auto given = rig.last<codec::ProofGiven>(1);
    ASSERT_TRUE(given);
    EXPECT_TRUE(crypto::vrf_verify(
        rig.signer->key(), codec::beacon_input(codec::test_genesis, {height}), given->proof));
    if (height == 5) EXPECT_EQ(first.value_or(given->proof), given->proof);
    if (height == 5) first = given->proof;
  }
  const std::size_t writes = rig.writes;
  rig.tell(1, codec::ProveHeight{{6}});
  EXPECT_EQ(rig.writes, writes) << "nothing of it is to be remembered";
  rig.log.clear();
  rig.restart();  // its log is lost: no vote, and a proof all the same
  rig.lead(3);
  EXPECT_EQ(rig.refusal(3, good(1, 7)), RefusalKind::silent);
  rig.tell(3, codec::ProveHeight{{5}});
  EXPECT_EQ(rig.last<codec::ProofGiven>(3)->proof, first);
}

codec::SignAsk verdict(std::uint64_t dispute, std::uint64_t number) {
  return codec::SignVerdict{dispute, number_hash(number)};
}
/// How a verdict is refused; nothing when it is signed.
std::optional<RefusalKind> refused_verdict(SignerRig& rig, std::uint64_t client,
                                           const codec::SignAsk& asked) {
  rig.tell(client, asked);
  if (const auto refusal = rig.last<codec::SignerRefusal>(client)) return refusal->kind;
  const auto given = rig.last<codec::SignatureGiven>(client);
  EXPECT_TRUE(given && crypto::verify_zip215(
                           rig.signer->key(),
                           codec::signed_bytes(codec::test_genesis, rig.signer->key(), asked),
                           given->signature));
  return std::nullopt;
}

TEST(Signer, GivesOneVerdictOfADisputeForEver) {
  SignerRig rig;
  rig.lead(1);
  rig.hello(2);
  EXPECT_EQ(refused_verdict(rig, 2, verdict(7, 1)), RefusalKind::locked);
  EXPECT_EQ(refused_verdict(rig, 1, verdict(7, 1)), std::nullopt);
  const std::size_t writes = rig.writes;
  EXPECT_EQ(refused_verdict(rig, 1, verdict(7, 1)), std::nullopt) << "the same again";
  EXPECT_EQ(rig.writes, writes);
  EXPECT_EQ(refused_verdict(rig, 1, verdict(7, 2)), RefusalKind::guard);
  EXPECT_EQ(refused_verdict(rig, 1, verdict(8, 2)), std::nullopt);
  rig.restart();
  rig.lead(3);
  EXPECT_EQ(refused_verdict(rig, 3, verdict(7, 2)), RefusalKind::guard) << "it is durable";
  EXPECT_EQ(refused_verdict(rig, 3, verdict(7, 1)), std::nullopt);
  EXPECT_TRUE(rig.is_signed(3, notarize({2}, 1, 0, number_hash(7)))) << "the log begins anew";
  rig.restart();
  rig.lead(4);
  EXPECT_EQ(refused_verdict(rig, 4, verdict(8, 1)), RefusalKind::guard);
}

TEST(Signer, AVerdictIsDurableBeforeItIsSaid) {
  SignerRig rig;
  rig.lead(1);
  rig.holds_log = true;
  const std::uint64_t number = rig.tell(1, verdict(7, 1));
  EXPECT_EQ(rig.answer(1, number), nullptr);
  rig.write();
  rig.drain();
  EXPECT_NE(rig.answer(1, number), nullptr);
}

TEST(Signer, WhatItHasForgottenIsNotJudgedAnew) {
  SignerRig rig;
  rig.lead(1);
  for (std::uint64_t i = 1; i <= Signer::verdicts_max + 1; ++i) {
    ASSERT_EQ(refused_verdict(rig, 1, verdict(10 * i, 1)), std::nullopt);
  }
  EXPECT_EQ(refused_verdict(rig, 1, verdict(10, 2)), RefusalKind::guard) << "it gave another";
  EXPECT_EQ(refused_verdict(rig, 1, verdict(5, 2)), RefusalKind::guard);
  EXPECT_EQ(refused_verdict(rig, 1, verdict(25, 2)), std::nullopt) << "above what it knows";
  rig.restart();
  rig.lead(2);
  EXPECT_EQ(refused_verdict(rig, 2, verdict(10, 2)), RefusalKind::guard);
  EXPECT_EQ(refused_verdict(rig, 2, verdict(20, 2)), RefusalKind::guard);
}

TEST(Signer, WhoLostItsLogGivesNoVerdictUntilItMayVote) {
  SignerRig rig(LogLost{});
  rig.lead(1);
  EXPECT_EQ(refused_verdict(rig, 1, verdict(7, 1)), RefusalKind::silent);
  rig.tell(1, codec::StaleTold{{3}});
  EXPECT_EQ(refused_verdict(rig, 1, verdict(7, 1)), RefusalKind::silent);
  EXPECT_TRUE(rig.is_signed(1, notarize({4}, 1, 0, number_hash(7))));
  EXPECT_EQ(refused_verdict(rig, 1, verdict(7, 1)), std::nullopt);
}

TEST(Signer, AsksItsGuard) {
  SignerRig rig;
  rig.lead(1);
  EXPECT_TRUE(rig.is_signed(1, good(3, 7)));
  EXPECT_EQ(rig.refusal(1, good(3, 8)), RefusalKind::guard) << "G1";
  EXPECT_FALSE(rig.is_signed(1, final_vote(3, 7), false)) << "G3: no notarization is held";
  EXPECT_TRUE(rig.is_signed(1, final_vote(3, 7), true));
  EXPECT_EQ(rig.refusal(1, nullify(epoch, 3)), RefusalKind::guard) << "G2";
  EXPECT_EQ(rig.refusal(1, final_vote(4, 8)), RefusalKind::guard) << "G3: not notarized by it";
  EXPECT_TRUE(rig.is_signed(1, nullify(epoch, 5)));
  EXPECT_EQ(rig.refusal(1, good(5, 9)), RefusalKind::guard) << "G1";
  EXPECT_EQ(rig.signer->stats().refused, 5u);
}

TEST(Signer, SaysTheSameBytesAgainWithoutWriting) {
  SignerRig rig;
  rig.lead(1);
  const auto first = rig.vote(1, good(3, 7));
  EXPECT_TRUE(rig.is_signed(1, nullify(epoch, 3)));
  const std::size_t writes = rig.writes;
  // Even though G1 would refuse it by now, had it not been said before.
  EXPECT_EQ(rig.vote(1, good(3, 7)), first);
  EXPECT_EQ(rig.writes, writes);
  rig.restart();
  rig.lead(2);
  EXPECT_EQ(rig.vote(2, good(3, 7)), first);
  EXPECT_EQ(rig.refusal(2, good(3, 8)), RefusalKind::guard);
}

TEST(Signer, NothingIsSaidBeforeItIsDurable) {
  SignerRig rig;
  rig.lead(1);
  rig.holds_log = true;
  const auto first = rig.tell(1, codec::SignAsk(codec::SignVote{good(3, 7), false}));
  EXPECT_EQ(rig.answer(1, first), nullptr);
  // The same again, and what else is said meanwhile, waits with it.
  const auto again = rig.tell(1, codec::SignAsk(codec::SignVote{good(3, 7), false}));
  const auto pages = rig.tell(1, codec::SaidAsk{epoch, {}});
  EXPECT_EQ(rig.appends.size(), 1u);
  EXPECT_EQ(rig.answer(1, again), nullptr);
  EXPECT_EQ(rig.answer(1, pages), nullptr) << "another node must not learn of it either";
  rig.write();
  rig.drain();
  ASSERT_NE(rig.answer(1, first), nullptr);
  ASSERT_NE(rig.answer(1, again), nullptr);
  EXPECT_EQ(rig.answer(1, first)->what, rig.answer(1, again)->what);
  EXPECT_NE(rig.answer(1, pages), nullptr);
}

TEST(Signer, ACrashBeforeTheWriteLeavesNothingSaid) {
  SignerRig rig;
  rig.lead(1);
  rig.holds_log = true;
  rig.tell(1, codec::SignAsk(codec::SignVote{good(3, 7), false}));
  rig.holds_log = false;
  rig.restart();
  rig.lead(1);
  EXPECT_TRUE(rig.is_signed(1, good(3, 8))) << "nobody has heard of the other";
}

TEST(Signer, OneNodeVotesAtATime) {
  SignerRig rig;
  rig.lead(1);
  rig.lead(2);
  EXPECT_EQ(rig.last<codec::LeaseTaken>(2)->holder, "node1");
  EXPECT_EQ(rig.refusal(2, good(3, 7)), RefusalKind::locked);
  rig.now += 2900ms;
  rig.lease(1);
  rig.now += 2900ms;
  rig.lease(2);
  EXPECT_TRUE(rig.last<codec::LeaseTaken>(2)) << "it was asked for again in time";
  rig.now += 100ms;
  EXPECT_EQ(rig.refusal(1, good(3, 7)), RefusalKind::locked) << "it is over, and nobody's";
  rig.lease(2);
  EXPECT_TRUE(rig.last<codec::LeaseHeld>(2));
  EXPECT_TRUE(rig.is_signed(2, good(3, 8)));
  EXPECT_EQ(rig.refusal(1, good(3, 7)), RefusalKind::locked);
  rig.lease(1);
  EXPECT_EQ(rig.last<codec::LeaseTaken>(1)->holder, "node2");
  EXPECT_EQ(rig.signer->stats().leases, 2u);
}

TEST(Signer, AConnectionThatEndsGivesTheLeaseBack) {
  SignerRig rig;
  rig.lead(1);
  rig.lead(2);
  rig.leave(1);
  rig.lease(2);
  EXPECT_TRUE(rig.last<codec::LeaseHeld>(2));
  rig.hello(3);
  rig.leave(3);
  EXPECT_TRUE(rig.is_signed(2, good(1, 1))) << "that of another does not";
  rig.tell(2, codec::LeaseLeave{});
  rig.hello(4);
  rig.lease(4);
  EXPECT_TRUE(rig.last<codec::LeaseHeld>(4));
}

TEST(Signer, WhoTakesOverLearnsWhatWasSaid) {
  SignerRig rig;
  rig.lead(1);
  for (std::uint64_t view = 1; view <= 70; ++view) EXPECT_TRUE(rig.is_signed(1, good(view, view)));
  rig.tell(1, codec::FinalTold{epoch, {2}});
  rig.leave(1);
  rig.lead(2);
  EXPECT_EQ(rig.last<codec::LeaseHeld>(2)->final_view, View{2});
  std::vector<codec::SaidVote> said;
  for (bool has_more = true; has_more;) {
    rig.tell(2, codec::SaidAsk{epoch,
                               said.empty() ? std::nullopt : std::optional(said.back().statement)});
    const auto page = rig.last<codec::SaidVotes>(2);
    ASSERT_TRUE(page);
    said.insert(said.end(), page->votes.begin(), page->votes.end());
    has_more = page->has_more;
  }
  ASSERT_EQ(said.size(), 68u);
  EXPECT_EQ(said.front().statement, good(3, 3));
  EXPECT_EQ(said.back().statement, good(70, 70));
  rig.tell(2, codec::SaidAsk{{2}, {}});
  EXPECT_TRUE(rig.last<codec::SaidVotes>(2)->votes.empty()) << "of another epoch";
}

TEST(Signer, NeverGoesBack) {
  SignerRig rig;
  rig.lead(1);
  EXPECT_TRUE(rig.is_signed(1, nullify({5}, 4)));
  EXPECT_EQ(rig.refusal(1, nullify({4}, 9)), RefusalKind::guard) << "an epoch that is over";
  rig.tell(1, codec::FinalTold{{5}, {6}});
  EXPECT_EQ(rig.refusal(1, nullify({5}, 6)), RefusalKind::guard) << "a view that is final";
  EXPECT_EQ(rig.refusal(1, nullify({5}, 4)), RefusalKind::guard) << "though it was said";
  rig.tell(1, codec::FinalTold{{5}, {3}});
  EXPECT_EQ(rig.refusal(1, nullify({5}, 6)), RefusalKind::guard);
  EXPECT_TRUE(rig.is_signed(1, nullify({5}, 7)));
  rig.restart();
  rig.lead(1);
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1)->epoch, Epoch{5});
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1)->final_view, View{6});
  EXPECT_EQ(rig.refusal(1, nullify({4}, 9)), RefusalKind::guard);
  EXPECT_EQ(rig.refusal(1, nullify({5}, 6)), RefusalKind::guard);
  EXPECT_EQ(rig.refusal(1, notarize({5}, 7, 6, number_hash(1))), RefusalKind::guard);
  rig.hello(2);
  rig.tell(2, codec::FinalTold{{9}, {9}});
  EXPECT_TRUE(rig.is_signed(1, nullify({5}, 8))) << "whose word does not count";
}

TEST(Signer, WhoLostItsLogIsSilentUntilTheNextEpoch) {
  SignerRig rig;
  rig.lead(1);
  EXPECT_TRUE(rig.is_signed(1, nullify({3}, 1)));
  rig.log.clear();
  rig.restart();
  EXPECT_TRUE(rig.signer->is_silent());
  rig.lead(1);
  EXPECT_TRUE(rig.last<codec::LeaseHeld>(1)->is_lost);
  EXPECT_EQ(rig.refusal(1, notarize({3}, 1, 0, number_hash(1))), RefusalKind::silent);
  rig.restart();
  rig.lead(1);
  EXPECT_EQ(rig.refusal(1, nullify({9}, 1)), RefusalKind::silent) << "nobody told which it is";
  rig.hello(2);
  rig.tell(2, codec::StaleTold{{3}});
  EXPECT_EQ(rig.refusal(1, nullify({4}, 1)), RefusalKind::silent) << "whose word does not count";
  rig.tell(1, codec::StaleTold{{3}});
  EXPECT_EQ(rig.refusal(1, nullify({3}, 2)), RefusalKind::silent);
  rig.restart();
  rig.lead(1);
  EXPECT_FALSE(rig.last<codec::LeaseHeld>(1)->is_lost);
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1)->silent_through, Epoch{3});
  EXPECT_EQ(rig.refusal(1, nullify({3}, 2)), RefusalKind::silent) << "it is in the log";
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1), std::nullopt);
  rig.lease(1);
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1)->needs_others, true);
  EXPECT_TRUE(rig.is_signed(1, nullify({4}, 1)));
  EXPECT_FALSE(rig.signer->is_silent());
}

TEST(Signer, ALogOfNothingKnownIsALostOne) {
  for (const Bytes& broken : {Bytes{99}, Bytes{}, encode(SignerRecord(SignsFor{}))}) {
    SignerRig rig;
    rig.log = {broken};
    rig.restart();
    EXPECT_TRUE(rig.signer->is_silent());
    ASSERT_EQ(rig.log.size(), 2u) << "it begins anew";
    EXPECT_EQ(decode_signer_record(rig.log[1]).value(), SignerRecord(LogLost{}));
  }
}

TEST(Signer, AKeyThatWasUsedElsewhereBeginsSilent) {
  SignerRig rig{LogLost{}};
  rig.lead(1);
  EXPECT_EQ(rig.refusal(1, nullify({7}, 1)), RefusalKind::silent);
  rig.tell(1, codec::StaleTold{{6}});
  EXPECT_EQ(rig.refusal(1, nullify({6}, 1)), RefusalKind::silent);
  EXPECT_TRUE(rig.is_signed(1, nullify({7}, 1)));
}

TEST(Signer, WhoIsFoundStaleIsSilentUntilTheNextEpoch) {
  SignerRig rig;
  rig.lead(1);
  EXPECT_TRUE(rig.is_signed(1, nullify(epoch, 1)));
  rig.hello(2);
  rig.tell(2, codec::StaleTold{epoch});
  EXPECT_TRUE(rig.is_signed(1, nullify(epoch, 2))) << "whose word does not count";
  rig.tell(1, codec::StaleTold{epoch});
  EXPECT_EQ(rig.refusal(1, nullify(epoch, 3)), RefusalKind::silent);
  rig.restart();
  rig.lead(1);
  EXPECT_EQ(rig.refusal(1, nullify(epoch, 3)), RefusalKind::silent);
  rig.lease(1);
  EXPECT_TRUE(rig.last<codec::LeaseHeld>(1)->needs_others);
}

TEST(Signer, AVoteThatIsRefusedEndsNoEpoch) {
  SignerRig rig;
  rig.lead(1);
  EXPECT_TRUE(rig.is_signed(1, good(3, 7)));
  EXPECT_EQ(rig.refusal(1, finalize({2}, 4, 3, number_hash(1))), RefusalKind::guard) << "G3";
  EXPECT_TRUE(rig.is_signed(1, good(4, 8)));
}

TEST(Signer, ALeaseThatEndedHasAnotherNumber) {
  SignerRig rig;
  rig.lead(1);
  const std::uint64_t first = rig.last<codec::LeaseHeld>(1)->lease;
  rig.now += 2s;
  rig.lease(1);
  EXPECT_EQ(rig.last<codec::LeaseHeld>(1)->lease, first) << "it goes on";
  rig.now += 3s;
  rig.lease(1);
  EXPECT_NE(rig.last<codec::LeaseHeld>(1)->lease, first);
}

TEST(Signer, SignsForOneChain) {
  SignerRig rig;
  rig.hello(1);
  rig.tell(2, codec::SignerHello{number_hash(5), "stranger"});
  EXPECT_EQ(rig.last<codec::SignerRefusal>(2)->kind, RefusalKind::chain);
  EXPECT_TRUE(rig.dropped.contains({2}));
  rig.restart();
  rig.tell(3, codec::SignerHello{number_hash(5), "stranger"});
  EXPECT_EQ(rig.last<codec::SignerRefusal>(3)->kind, RefusalKind::chain);
  EXPECT_FALSE(rig.dropped.contains({1}));
}

TEST(Signer, DropsWhoBreaksTheProtocol) {
  SignerRig rig;
  rig.lease(1);
  EXPECT_TRUE(rig.dropped.contains({1})) << "no hello";
  rig.hello(2);
  rig.hello(2);
  EXPECT_TRUE(rig.dropped.contains({2})) << "a second one";
  rig.signer->on_input(rig.now, ClientSaid{{3}, Bytes{1, 2, 3}});
  rig.drain();
  EXPECT_TRUE(rig.dropped.contains({3})) << "no frame";
  for (std::uint64_t i = 10; i < 10 + Signer::clients_max; ++i) rig.hello(i);
  EXPECT_TRUE(rig.dropped.contains({9 + Signer::clients_max})) << "one too many";
  EXPECT_FALSE(rig.dropped.contains({10}));
}

TEST(Signer, OtherKindsAreSignedUnderTheirTags) {
  SignerRig rig;
  rig.hello(1);
  const auto check = [&](const codec::SignAsk& ask) {
    rig.tell(1, ask);
    const auto given = rig.last<codec::SignatureGiven>(1);
    return given &&
           crypto::verify_zip215(rig.signer->key(),
                                 codec::signed_bytes(codec::test_genesis, rig.signer->key(), ask),
                                 given->signature);
  };
  const codec::SignHello hello{number_hash(1), codec::peer_id_of(rig.key.public_key())};
  EXPECT_TRUE(check(hello)) << "without the lease too";
  EXPECT_FALSE(check(codec::SignHeartbeat{1, {1}, number_hash(1)}));
  EXPECT_EQ(rig.last<codec::SignerRefusal>(1)->kind, RefusalKind::locked);
  rig.lease(1);
  EXPECT_TRUE(check(codec::SignHeartbeat{1, {1}, number_hash(1)}));
  EXPECT_TRUE(check(codec::SignAttestation{number_hash(1)}));
  EXPECT_TRUE(check(codec::SignSaid{number_hash(1)}));
  EXPECT_EQ(rig.signer->stats().others, 4u);
}

TEST(Signer, ItsLogStaysShort) {
  SignerRig rig;
  rig.log_bytes_max = 4096;
  rig.restart();
  rig.lead(1);
  for (std::uint64_t view = 1; view <= 500; ++view) {
    ASSERT_TRUE(rig.is_signed(1, good(view, view)));
    if (view > 3) rig.tell(1, codec::FinalTold{epoch, {view - 3}});
  }
  std::size_t bytes = 0;
  for (const Bytes& record : rig.log) bytes += record.size();
  EXPECT_LT(bytes, 5000u);
  rig.restart();
  rig.lead(1);
  EXPECT_EQ(rig.refusal(1, good(500, 1)), RefusalKind::guard);
  EXPECT_EQ(rig.refusal(1, good(490, 490)), RefusalKind::guard) << "long final";
}

// Whatever nodes ask, in whatever order, with crashes in between: no two signatures contradict.
TEST(Signer, NoTwoSignaturesContradict) {
  rc::check("asked at random", [] {
    SignerRig rig;
    std::set<Statement> given;
    std::map<std::uint64_t, bool> is_connected;
    const auto steps = *rc::gen::inRange(1, 120);
    for (int i = 0; i < steps; ++i) {
      const auto client = *rc::gen::inRange<std::uint64_t>(1, 3);
      if (!std::exchange(is_connected[client], true)) rig.lead(client);
      switch (*rc::gen::inRange(0, 12)) {
        case 0:
          rig.restart();
          is_connected.clear();
          break;
        case 1:
          rig.leave(client);
          is_connected[client] = false;
          break;
        case 2: rig.now += 2s; break;
        case 3: rig.lease(client); break;
        case 4:
          rig.tell(client, codec::FinalTold{epoch, {*rc::gen::inRange<std::uint64_t>(1, 4)}});
          break;
        default: {
          const auto view = *rc::gen::inRange<std::uint64_t>(1, 8);
          const auto block = *rc::gen::inRange<std::uint64_t>(1, 3);
          const auto kind = *rc::gen::inRange(0, 3);
          const Statement statement = kind == 0   ? good(view, block)
                                      : kind == 1 ? nullify(epoch, view)
                                                  : final_vote(view, block);
          const auto said = rig.vote(client, statement, *rc::gen::arbitrary<bool>());
          if (std::holds_alternative<crypto::Signature>(said)) given.insert(statement);
        }
      }
    }
    for (const Statement& a : given) {
      for (const Statement& b : given) RC_ASSERT(!codec::offence_of(a, b));
    }
  });
}

}  // namespace
}  // namespace kith::consensus
