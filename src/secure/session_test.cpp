#include "secure/session.h"

#include <gtest/gtest.h>

#include "secure/session_testing.h"

namespace kith::secure {
namespace {

using session_testing::expect_established;
using session_testing::SaidHandshake;
using session_testing::SessionNode;
using session_testing::SessionPair;
using session_testing::SessionSide;

const crypto::Hash256 seed_one{1};
const crypto::Hash256 seed_two{2};

TEST(Session, FourMessagesMakeItWithoutASeed) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  EXPECT_EQ(pair.initiator.session.state(), SessionState::handshake);
  EXPECT_EQ(pair.responder.session.state(), SessionState::init);
  pair.shake_hands();
  expect_established(pair);
  EXPECT_EQ(pair.initiator.session.state(), SessionState::active);
  EXPECT_EQ(pair.responder.session.state(), SessionState::active);
  EXPECT_EQ(pair.initiator.handshake.size(), 2u);
  EXPECT_EQ(pair.responder.handshake.size(), 2u);
  EXPECT_EQ(pair.initiator.session.ignored() + pair.responder.session.ignored(), 0u);
  pair.exchange(1);  // tickets, a byte at a time
  EXPECT_EQ(pair.initiator.tickets_got, 2u);
  EXPECT_EQ(pair.responder.tickets_got, 2u);
}

TEST(Session, FourMessagesMakeItWithASeed) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.seed = b.config.seed = seed_one;
  SessionPair pair(a, b);
  pair.shake_hands();
  expect_established(pair);
}

TEST(Session, EachHasKeysOfItsOwn) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair one(a, b);
  SessionPair two(a, b);
  one.shake_hands();
  two.shake_hands();
  EXPECT_NE(one.initiator.established->id, two.initiator.established->id);
  EXPECT_NE(one.initiator.epochs.at(0).send, two.initiator.epochs.at(0).send);
  EXPECT_NE(one.initiator.exported("x"), two.initiator.exported("x"));
}

TEST(Session, TheInitiatorSaysAuthProofBeforeItHasKeysAndTheResponderHasThemOnlyThen) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  pair.responder.hear(pair.now, pair.initiator.last());
  EXPECT_TRUE(pair.responder.epochs.empty());
  Bytes response = pair.responder.last().bytes;
  Session& session = pair.initiator.session;
  session.on_input(pair.now, HandshakeReceived{HandshakeMessage::response, response});
  std::vector<std::size_t> order;
  while (auto output = session.poll_output(pair.now)) {
    order.push_back(output->index());
    if (auto* said = std::get_if<SayHandshake>(&*output)) {
      pair.initiator.handshake.push_back({said->message, said->bytes});
    }
  }
  EXPECT_EQ(order, (std::vector<std::size_t>{Session::Output(SessionEstablished{}).index(),
                                             Session::Output(SayHandshake{}).index(),
                                             Session::Output(KeysReady{}).index()}));
  pair.responder.hear(pair.now, pair.initiator.last());
  EXPECT_TRUE(pair.responder.epochs.at(0).may_send);
}

TEST(Session, ExportedKeysDifferByLabelAndContextAndAreTheSameOnBothSides) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  pair.shake_hands();
  std::vector<Bytes> seen;
  for (const auto& [label, context] : {std::pair{"stream", "1"},
                                       {"stream", "2"},
                                       {"strea", "m1"},
                                       {"", "stream1"},
                                       {"stream1", ""}}) {
    const Bytes key = pair.initiator.exported(label, context);
    EXPECT_EQ(key, pair.responder.exported(label, context));
    for (const Bytes& other : seen) EXPECT_NE(key, other);
    seen.push_back(key);
  }
}

TEST(Session, RepeatedMessagesChangeNothingAndAreNoFault) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  const SaidHandshake hello = pair.initiator.last();
  for (int i = 0; i < 3; ++i) pair.responder.hear(pair.now, hello);
  ASSERT_EQ(pair.responder.handshake.size(), 1u);  // the carrier says it again
  const SaidHandshake response = pair.responder.last();
  for (int i = 0; i < 3; ++i) pair.initiator.hear(pair.now, response);
  ASSERT_EQ(pair.initiator.handshake.size(), 2u);
  const SaidHandshake proof = pair.initiator.last();
  for (int i = 0; i < 3; ++i) {
    pair.responder.hear(pair.now, proof);
    pair.responder.hear(pair.now, hello);
  }
  ASSERT_EQ(pair.responder.handshake.size(), 2u);
  for (int i = 0; i < 3; ++i) {
    pair.initiator.hear(pair.now, pair.responder.last());
    pair.initiator.hear(pair.now, response);
  }
  expect_established(pair);
}

TEST(Session, MessagesThatCrossOrComeLateDoNotHarm) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  SaidHandshake hello = pair.initiator.last();
  // FINAL and AUTH_PROOF before their time, and each side's own messages thrown back at it.
  for (const HandshakeMessage message :
       {HandshakeMessage::auth_proof, HandshakeMessage::final, HandshakeMessage::response}) {
    pair.responder.hear(pair.now, {message, Bytes(64)});
    pair.initiator.hear(pair.now, {message, Bytes(64)});
  }
  pair.initiator.hear(pair.now, hello);
  EXPECT_EQ(pair.initiator.session.ignored(), 4u);
  EXPECT_EQ(pair.responder.session.ignored(), 3u);
  pair.shake_hands();
  expect_established(pair);
}

TEST(Session, APacketThatOpensConfirmsWhereFinalIsLost) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  pair.responder.hear(pair.now, pair.initiator.last());
  pair.initiator.hear(pair.now, pair.responder.last());
  pair.responder.hear(pair.now, pair.initiator.last());
  EXPECT_FALSE(pair.initiator.is_confirmed);
  pair.packet(pair.responder, pair.initiator);
  EXPECT_TRUE(pair.initiator.is_confirmed);
  pair.initiator.hear(pair.now, pair.responder.last());  // FINAL after all
  expect_established(pair);
  pair.wait(1h - 1ns);
  EXPECT_FALSE(pair.initiator.fault);
}

TEST(Session, WithoutAnAnswerItEndsAfterThirtySeconds) {
  SessionNode a(1);
  SessionNode b(2);
  for (int heard = 0; heard < 4; ++heard) {
    SessionPair pair(a, b);
    if (heard > 0) pair.responder.hear(pair.now, pair.initiator.last());
    if (heard > 1) pair.initiator.hear(pair.now, pair.responder.last());
    if (heard > 2) pair.responder.hear(pair.now, pair.initiator.last());
    pair.wait(30s - 1ns);
    EXPECT_FALSE(pair.initiator.fault || pair.responder.fault) << heard;
    ASSERT_TRUE(pair.initiator.session.next_deadline());
    pair.wait(1ns);
    ASSERT_TRUE(pair.initiator.fault) << heard;
    EXPECT_EQ(pair.initiator.fault->code, Code::timeout);
    EXPECT_FALSE(pair.initiator.tells_peer);
    EXPECT_EQ(pair.responder.fault.has_value(), heard < 3);  // it has had AUTH_PROOF
    EXPECT_EQ(pair.initiator.session.state(), SessionState::closed);
    EXPECT_FALSE(pair.initiator.session.next_deadline());
  }
}

TEST(Session, AWrongSeedIsNeverEstablishedAndEndsByTime) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.seed = seed_one;
  b.config.seed = seed_two;
  SessionPair pair(a, b);
  pair.shake_hands();
  EXPECT_TRUE(pair.initiator.established);  // it cannot know yet
  EXPECT_FALSE(pair.initiator.is_confirmed);
  EXPECT_FALSE(pair.responder.established);
  EXPECT_TRUE(pair.responder.epochs.empty());
  EXPECT_FALSE(pair.responder.fault);  // anybody could have said it
  pair.wait(30s);
  ASSERT_TRUE(pair.responder.fault && pair.initiator.fault);
  EXPECT_NE(pair.responder.fault->message.find("seed"), std::string::npos);
}

TEST(Session, AWrongSeedOverAnOrderedCarrierEndsAtOnce) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.seed = seed_one;
  b.config.seed = seed_two;
  a.config.carrier_is_ordered = b.config.carrier_is_ordered = true;
  SessionPair pair(a, b);
  pair.shake_hands();
  ASSERT_TRUE(pair.responder.fault);
  EXPECT_EQ(pair.responder.fault->code, Code::bad_signature);
  EXPECT_TRUE(pair.responder.tells_peer);
}

TEST(Session, OnAnotherNetworkNothingOpens) {
  SessionNode a(1);
  SessionNode b(2);
  b.config.network = crypto::sha256(base::as_bytes("another"));
  SessionPair pair(a, b);
  pair.shake_hands();
  EXPECT_FALSE(pair.initiator.established || pair.responder.established);
  EXPECT_EQ(pair.initiator.session.ignored(), 1u);
}

TEST(Session, AnotherIdentityThanTheOneDialledEndsIt) {
  SessionNode a(1);
  SessionNode b(2);
  SessionNode c(3);
  SessionSide initiator(a, Direction::outbound, c.peer(), {});
  SessionSide responder(b, Direction::inbound, std::nullopt, {});
  responder.hear({}, initiator.last());
  initiator.hear({}, responder.last());
  ASSERT_TRUE(initiator.fault);
  EXPECT_EQ(initiator.fault->code, Code::wrong_peer);
  EXPECT_TRUE(initiator.tells_peer);
  EXPECT_EQ(initiator.handshake.size(), 1u);  // it did not say who it is
  EXPECT_TRUE(initiator.epochs.empty());
}

TEST(Session, AResponderThatExpectsSomebodyRefusesOthers) {
  SessionNode a(1);
  SessionNode b(2);
  SessionNode c(3);
  SessionSide initiator(a, Direction::outbound, b.peer(), {});
  SessionSide responder(b, Direction::inbound, c.peer(), {});
  responder.hear({}, initiator.last());
  initiator.hear({}, responder.last());
  responder.hear({}, initiator.last());
  ASSERT_TRUE(responder.fault);
  EXPECT_EQ(responder.fault->code, Code::wrong_peer);
  EXPECT_FALSE(responder.established);
}

TEST(Session, ASignatureOfAnotherStaticKeyEndsIt) {
  SessionNode a(1);
  SessionNode b(2);
  SessionNode liar(3);
  // The responder's true identity beside a static key that it did not sign.
  liar.config.identity = std::make_shared<const SessionIdentity>(SessionIdentity{
      crypto::X25519KeyPair::generate(liar.rng), b.peer(), b.config.identity->encoded});
  SessionSide initiator(a, Direction::outbound, b.peer(), {});
  SessionSide false_responder(liar, Direction::inbound, std::nullopt, {});
  false_responder.hear({}, initiator.last());
  initiator.hear({}, false_responder.last());
  ASSERT_TRUE(initiator.fault);
  EXPECT_EQ(initiator.fault->code, Code::bad_signature);
  EXPECT_TRUE(initiator.tells_peer);

  SessionSide false_initiator(liar, Direction::outbound, a.peer(), {});
  SessionSide responder(a, Direction::inbound, std::nullopt, {});
  responder.hear({}, false_initiator.last());
  false_initiator.hear({}, responder.last());
  responder.hear({}, false_initiator.last());
  ASSERT_TRUE(responder.fault);
  EXPECT_EQ(responder.fault->code, Code::bad_signature);
  EXPECT_FALSE(responder.established);
}

TEST(Session, AKeyOfLowOrderIsIgnoredAndTheTrueOneWins) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  SaidHandshake bent = pair.initiator.last();
  std::fill_n(bent.bytes.begin() + 2, 32, std::uint8_t{0});  // e = 0
  pair.responder.hear(pair.now, bent);
  EXPECT_TRUE(pair.responder.handshake.empty());
  EXPECT_EQ(pair.responder.session.ignored(), 1u);
  pair.initiator.hear(pair.now, {HandshakeMessage::response, Bytes(300)});
  EXPECT_EQ(pair.initiator.session.ignored(), 1u);
  pair.shake_hands();
  expect_established(pair);
}

TEST(Session, ACipherStruckFromTheListIsNoticed) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  SaidHandshake bent = pair.initiator.last();
  ASSERT_EQ(bent.bytes.size(), 2u + 32 + 3);
  ASSERT_EQ(bent.bytes[34], 2);
  ASSERT_EQ(bent.bytes[35], 1);
  bent.bytes[35] = 2;  // no AES any more
  pair.responder.hear(pair.now, bent);
  ASSERT_EQ(pair.responder.handshake.size(), 1u);
  pair.initiator.hear(pair.now, pair.responder.last());
  EXPECT_FALSE(pair.initiator.established);
  EXPECT_EQ(pair.initiator.session.ignored(), 1u);
  pair.shake_hands();
  expect_established(pair);
  EXPECT_EQ(pair.initiator.cipher, crypto::CipherId::aes_256_gcm);
}

TEST(Session, TheFirstOfTheInitiatorsCiphersThatTheResponderHasIsTaken) {
  using enum crypto::CipherId;
  SessionNode a(1);
  SessionNode b(2);
  a.config.ciphers = {chacha20_poly1305, aes_256_gcm};
  SessionPair pair(a, b);
  pair.shake_hands();
  expect_established(pair);
  EXPECT_EQ(pair.initiator.cipher, chacha20_poly1305);

  b.config.ciphers = {aes_256_gcm};
  SessionPair other(a, b);
  other.shake_hands();
  expect_established(other);
  EXPECT_EQ(other.initiator.cipher, aes_256_gcm);

  a.config.ciphers = {chacha20_poly1305};
  SessionPair none(a, b);
  none.shake_hands();
  EXPECT_FALSE(none.responder.established || none.initiator.established);
  ASSERT_TRUE(none.responder.hint);
  EXPECT_EQ(none.responder.hint->code, Code::unsupported);
}

TEST(Session, APatternWithoutTheSeedIsRefusedWhereThereIsOne) {
  SessionNode a(1);
  SessionNode b(2);
  b.config.seed = seed_one;
  for (const bool seed_is_the_initiators : {false, true}) {
    SessionPair pair(seed_is_the_initiators ? b : a, seed_is_the_initiators ? a : b);
    pair.shake_hands();
    EXPECT_TRUE(pair.responder.handshake.empty());
    ASSERT_TRUE(pair.responder.hint);
    EXPECT_EQ(pair.responder.hint->code, Code::unsupported);
    EXPECT_FALSE(pair.responder.fault);
    pair.responder.hear(pair.now, pair.initiator.last());  // hinted once
    EXPECT_EQ(pair.responder.session.ignored(), 2u);
  }
  // And nobody gets there by turning the number over on the way.
  a.config.seed = seed_one;
  SessionPair pair(a, b);
  SaidHandshake bent = pair.initiator.last();
  ASSERT_EQ(bent.bytes[1], 2);
  bent.bytes[1] = 1;
  pair.responder.hear(pair.now, bent);
  EXPECT_TRUE(pair.responder.handshake.empty());
  pair.shake_hands();
  expect_established(pair);
}

TEST(Session, AnUnknownVersionIsHintedAt) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  SaidHandshake bent = pair.initiator.last();
  bent.bytes[0] = 2;
  pair.responder.hear(pair.now, bent);
  ASSERT_TRUE(pair.responder.hint);
  EXPECT_EQ(pair.responder.hint->code, Code::unsupported);
  pair.shake_hands();
  expect_established(pair);
}

TEST(Session, AReplayedHelloGivesTheReplayerNothing) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  const SaidHandshake hello = pair.initiator.last();
  pair.shake_hands();
  SessionSide again(b, Direction::inbound, std::nullopt, {});
  again.hear({}, hello);
  ASSERT_EQ(again.handshake.size(), 1u);
  EXPECT_NE(again.last().bytes, pair.responder.handshake.front().bytes);  // e is new
  again.hear({}, pair.initiator.last());                                  // the old AUTH_PROOF
  EXPECT_FALSE(again.established);
  EXPECT_EQ(again.session.ignored(), 1u);
  EXPECT_TRUE(again.epochs.empty());
}

TEST(Session, FourDifferentHellosAreAnsweredAndAnyOfThemMayWin) {
  SessionNode a(1);
  SessionNode b(2);
  for (std::size_t winner = 0; winner < 5; ++winner) {
    SessionSide responder(b, Direction::inbound, std::nullopt, {});
    std::vector<std::unique_ptr<SessionSide>> initiators;
    std::vector<SaidHandshake> responses;
    for (std::size_t i = 0; i < 5; ++i) {
      initiators.push_back(
          std::make_unique<SessionSide>(a, Direction::outbound, b.peer(), Instant{}));
      responder.hear({}, initiators[i]->last());
      ASSERT_EQ(responder.handshake.size(), std::min<std::size_t>(i + 1, 4));
      responses.push_back(responder.last());
    }
    EXPECT_EQ(responder.session.ignored(), 1u);
    initiators[winner]->hear({}, responses[winner]);
    if (winner == 4) {
      EXPECT_FALSE(initiators[winner]->established);
      continue;
    }
    // Said again, it has its own answer again, also when that was not the last one.
    responder.hear({}, initiators[winner]->handshake.front());
    EXPECT_EQ(responder.last().bytes, responses[winner].bytes);
    EXPECT_EQ(responder.handshake.size(), winner == 3 ? 4u : 5u);
    responder.hear({}, initiators[winner]->last());
    ASSERT_TRUE(responder.established);
    EXPECT_EQ(responder.established->id, initiators[winner]->established->id);
  }
}

TEST(Session, MessagesOverTheLimitAreNotLookedAt) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  SaidHandshake big = pair.initiator.last();
  big.bytes.resize(session_handshake_bytes_max + 1);
  pair.responder.hear(pair.now, big);
  EXPECT_EQ(pair.responder.session.ignored(), 1u);
  pair.shake_hands();
  expect_established(pair);
}

TEST(Session, ParametersOfTheLargestSizeFitAMessage) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.parameters = Bytes(session_parameters_bytes_max, 7);
  b.config.parameters = Bytes(session_parameters_bytes_max, 8);
  SessionPair pair(a, b);
  pair.shake_hands();
  expect_established(pair);
  a.config.parameters.push_back(1);
  EXPECT_DEATH(SessionPair(a, b), "session_parameters_bytes_max");
}

TEST(Session, WhatDoesNotOpenOverAnOrderedCarrierEndsIt) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.carrier_is_ordered = b.config.carrier_is_ordered = true;
  {
    SessionPair pair(a, b);
    pair.shake_hands();
    expect_established(pair);
  }
  for (int step = 0; step < 4; ++step) {
    SessionPair pair(a, b);
    SessionSide* sides[] = {&pair.initiator, &pair.responder};
    for (int i = 0; i < step; ++i) {
      sides[(i + 1) % 2]->hear(pair.now, sides[i % 2]->last());
    }
    SaidHandshake bent = sides[step % 2]->last();
    bent.bytes.resize(step == 0 ? 20 : bent.bytes.size() - 1);
    sides[(step + 1) % 2]->hear(pair.now, bent);
    ASSERT_TRUE(sides[(step + 1) % 2]->fault) << step;
    EXPECT_TRUE(sides[(step + 1) % 2]->tells_peer);
  }
}

TEST(Session, AClosedOneTakesAndSaysNothing) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  pair.shake_hands();
  pair.initiator.input(pair.now, CloseSession{});
  EXPECT_EQ(pair.initiator.session.state(), SessionState::closed);
  EXPECT_FALSE(pair.initiator.session.next_deadline());
  const std::size_t said = pair.initiator.handshake.size();
  pair.initiator.hear(pair.now, pair.responder.last());
  pair.initiator.hear_session(pair.now, pair.responder.stream);
  pair.initiator.input(pair.now, RotateNow{});
  pair.initiator.input(pair.now, Sealed{1'000'000'000, 1, 1});
  pair.initiator.deadline(pair.now + 2h);
  EXPECT_EQ(pair.initiator.handshake.size(), said);
  EXPECT_FALSE(pair.initiator.fault);
  EXPECT_EQ(pair.initiator.tickets_got, 0u);
}

TEST(Session, SessionBytesBeforeTheHandshakeAreAFault) {
  SessionNode a(1);
  SessionSide side(a, Direction::inbound, std::nullopt, {});
  side.hear_session({}, Bytes{1});
  ASSERT_TRUE(side.fault);
  EXPECT_EQ(side.fault->code, Code::protocol);
}

}  // namespace
}  // namespace kith::secure
