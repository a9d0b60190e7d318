#include "secure/session_rotation.h"

#include <gtest/gtest.h>

#include "secure/session_message.h"
#include "secure/session_testing.h"

namespace kith::secure {
namespace {

using session_testing::EpochKeys;
using session_testing::SessionNode;
using session_testing::SessionPair;
using session_testing::SessionSide;

struct Rotating {
  Rotating() : a(1), b(2) {
    a.config.tickets_given = b.config.tickets_given = 0;
    pair.emplace(a, b);
    pair->shake_hands();
    pair->now += 1s;
  }
  SessionSide& initiator() { return pair->initiator; }
  SessionSide& responder() { return pair->responder; }
  Instant now() const { return pair->now; }

  void expect_epoch(std::uint64_t epoch) {
    EXPECT_EQ(initiator().session.rotations(), epoch);
    EXPECT_EQ(responder().session.rotations(), epoch);
    EXPECT_EQ(initiator().send_epoch, epoch);
    EXPECT_EQ(responder().send_epoch, epoch);
    EXPECT_EQ(initiator().session.state(), SessionState::active);
    EXPECT_EQ(responder().session.state(), SessionState::active);
    EXPECT_FALSE(initiator().fault || responder().fault);
    std::vector<Bytes> seen;
    for (std::uint64_t i = 0; i <= epoch; ++i) {
      const EpochKeys& ours = initiator().epochs.at(i);
      const EpochKeys& theirs = responder().epochs.at(i);
      EXPECT_EQ(ours.send, theirs.receive);
      EXPECT_EQ(ours.receive, theirs.send);
      for (const Bytes& secret : {ours.send, ours.receive}) {
        EXPECT_EQ(std::count(seen.begin(), seen.end(), secret), 0);
        seen.push_back(secret);
      }
    }
  }

  SessionNode a, b;
  std::optional<SessionPair> pair;
};

TEST(SessionRotation, WhoOffersSendsOnceAcceptedAndTheOtherOnceThatWasSeen) {
  for (const bool by_responder : {false, true}) {
    Rotating test;
    SessionSide& offers = by_responder ? test.responder() : test.initiator();
    SessionSide& accepts = by_responder ? test.initiator() : test.responder();
    offers.input(test.now(), RotateNow{});
    EXPECT_EQ(offers.session.state(), SessionState::key_rotating);
    EXPECT_EQ(offers.epochs.size(), 1u);
    EXPECT_EQ(offers.stream.size(), session_offer_bytes);
    test.pair->carry(offers, accepts, 7);
    ASSERT_TRUE(accepts.epochs.contains(1));
    EXPECT_FALSE(accepts.epochs.at(1).may_send);  // opens both, sends under the old one
    EXPECT_EQ(accepts.send_epoch, 0u);
    EXPECT_EQ(accepts.session.state(), SessionState::key_rotating);
    test.pair->packet(accepts, offers);  // of epoch 0, still good
    EXPECT_EQ(offers.send_epoch, 0u);
    test.pair->carry(accepts, offers, 1);
    EXPECT_EQ(offers.send_epoch, 1u);
    EXPECT_EQ(accepts.send_epoch, 0u);
    test.pair->packet(offers, accepts);
    EXPECT_EQ(accepts.send_epoch, 1u);
    test.pair->packet(offers, accepts);  // again says nothing
    test.expect_epoch(1);
  }
}

TEST(SessionRotation, OffersThatCrossMakeOneEpoch) {
  Rotating test;
  for (std::uint64_t epoch = 1; epoch < 5; ++epoch) {
    test.pair->now += 1s;
    test.initiator().input(test.now(), RotateNow{});
    test.responder().input(test.now(), RotateNow{});
    ASSERT_EQ(test.initiator().stream.size(), session_offer_bytes);
    ASSERT_EQ(test.responder().stream.size(), session_offer_bytes);
    const Bytes of_initiator = std::exchange(test.initiator().stream, {});
    const Bytes of_responder = std::exchange(test.responder().stream, {});
    const auto to_responder = [&] { test.responder().hear_session(test.now(), of_initiator); };
    const auto to_initiator = [&] { test.initiator().hear_session(test.now(), of_responder); };
    if (epoch % 2 == 0) {
      to_responder();
      to_initiator();
    } else {
      to_initiator();
      to_responder();
    }
    EXPECT_EQ(test.responder().session.rotations(), epoch);
    EXPECT_EQ(test.initiator().session.rotations(), epoch - 1);
    test.pair->settle();
    test.expect_epoch(epoch);
  }
}

TEST(SessionRotation, ByBytesMessagesOrTimeOnBothEndsAtOnce) {
  for (int by = 0; by < 4; ++by) {
    Rotating test;
    for (std::uint64_t epoch = 1; epoch < 4; ++epoch) {
      test.pair->now += 1s;
      const SessionConfig& config = test.a.config;
      const Sealed almost{by == 0 ? config.rotate_bytes - 1 : 0,
                          by == 3 ? SessionRotation::packets_urgent - 1 : 0,
                          by == 1 ? config.rotate_messages - 1 : 0};
      const Sealed last{by == 0, by == 3, by == 1};
      for (SessionSide* side : {&test.initiator(), &test.responder()}) {
        if (by != 2) side->input(test.now(), almost);
        EXPECT_EQ(side->session.state(), SessionState::active) << by;
      }
      if (by == 2) {
        EXPECT_EQ(*test.initiator().session.next_deadline(),
                  test.now() - 1s + config.rotate_interval - (epoch == 1 ? 1s : 0s));
        test.pair->wait(config.rotate_interval - 1s - (epoch == 1 ? 1s : 0s) - 1ns);
        EXPECT_EQ(test.initiator().session.state(), SessionState::active);
        test.pair->wait(1ns);
      } else {
        for (SessionSide* side : {&test.initiator(), &test.responder()}) {
          side->input(test.now(), last);
        }
      }
      EXPECT_EQ(test.initiator().session.state(), SessionState::key_rotating) << by;
      EXPECT_EQ(test.responder().session.state(), SessionState::key_rotating) << by;
      test.pair->settle();
      test.expect_epoch(epoch);
    }
  }
}

TEST(SessionRotation, NotSoonerThanTheGapAfterTheLastButAtOnceWhenAKeyIsHalfUsed) {
  Rotating test;
  test.initiator().input(test.now(), RotateNow{});
  test.pair->settle();
  test.initiator().input(test.now(), RotateNow{});
  EXPECT_TRUE(test.initiator().stream.empty());
  ASSERT_EQ(*test.initiator().session.next_deadline(), test.now() + 20ms);
  test.pair->wait(20ms - 1ns);
  EXPECT_TRUE(test.initiator().stream.empty());
  test.pair->wait(1ns);
  EXPECT_FALSE(test.initiator().stream.empty());
  test.pair->settle();
  test.expect_epoch(2);
  test.initiator().input(test.now(), Sealed{0, SessionRotation::packets_urgent, 0});
  EXPECT_FALSE(test.initiator().stream.empty());
}

TEST(SessionRotation, APeersOfferThatComesTooSoonWaits) {
  Rotating test;
  test.a.config.rotation_gap = 0ns;  // the initiator is in a hurry
  test.initiator().input(test.now(), RotateNow{});
  test.pair->settle();
  test.expect_epoch(1);
  test.initiator().input(test.now(), RotateNow{});
  test.pair->exchange();
  EXPECT_EQ(test.responder().session.rotations(), 1u);
  EXPECT_EQ(test.responder().session.state(), SessionState::key_rotating);
  test.responder().input(test.now(), RotateNow{});
  EXPECT_TRUE(test.responder().stream.empty());  // it is about to
  ASSERT_EQ(*test.responder().session.next_deadline(), test.now() + 20ms);
  test.pair->wait(20ms - 1ns);
  EXPECT_EQ(test.responder().session.rotations(), 1u);
  test.pair->wait(1ns);
  EXPECT_EQ(test.responder().session.rotations(), 2u);
  test.pair->settle();
  test.expect_epoch(2);
}

TEST(SessionRotation, TheNextOfferProvesThatTheLastEpochIsUsed) {
  Rotating test;
  test.initiator().input(test.now(), RotateNow{});
  test.pair->exchange();
  EXPECT_EQ(test.responder().send_epoch, 0u);  // no packet was seen
  test.pair->now += 1s;
  test.initiator().input(test.now(), RotateNow{});
  test.pair->exchange();
  EXPECT_EQ(test.responder().session.rotations(), 2u);
  EXPECT_TRUE(test.responder().epochs.at(1).may_send);
  test.pair->settle();
  test.expect_epoch(2);
}

TEST(SessionRotation, AKeyThatHasSealedAllItMayEndsTheSession) {
  Rotating test;
  test.initiator().input(test.now(), Sealed{0, crypto::PacketCipher::sealed_max, 0});
  EXPECT_FALSE(test.initiator().fault);
  test.initiator().input(test.now(), Sealed{0, 1, 0});
  ASSERT_TRUE(test.initiator().fault);
  EXPECT_EQ(test.initiator().fault->code, Code::limit);
}

TEST(SessionRotation, WhatThePeerMayNotSayIsAFault) {
  SeededRng rng(1);
  const crypto::X25519Public fresh = crypto::X25519KeyPair::generate(rng).public_key();
  using enum SessionMessage;
  const Bytes wrong[] = {encode_offer(offer, 0, fresh),
                         encode_offer(offer, 2, fresh),
                         encode_offer(accept, 1, fresh),
                         encode_offer(accept, 0, fresh),
                         encode_offer(offer, 1, {}),
                         Bytes{0},
                         Bytes{4},
                         Bytes{255}};
  for (const Bytes& bytes : wrong) {
    for (const bool to_responder : {false, true}) {
      Rotating test;
      SessionSide& side = to_responder ? test.responder() : test.initiator();
      side.hear_session(test.now(), bytes);
      ASSERT_TRUE(side.fault) << base::to_hex(bytes);
      EXPECT_EQ(side.fault->code, bytes == wrong[4] ? Code::bad_key : Code::protocol);
      EXPECT_EQ(side.session.state(), SessionState::closed);
    }
  }
  Rotating test;  // an ACCEPT of a key of low order
  test.initiator().input(test.now(), RotateNow{});
  test.initiator().hear_session(test.now(), encode_offer(accept, 1, {}));
  ASSERT_TRUE(test.initiator().fault);
  EXPECT_EQ(test.initiator().fault->code, Code::bad_key);
  Rotating twice;  // two offers at once
  twice.b.config.rotation_gap = 1h;
  twice.responder().hear_session(twice.now(), encode_offer(offer, 1, fresh));
  EXPECT_FALSE(twice.responder().fault);
  twice.responder().hear_session(twice.now(), encode_offer(offer, 1, fresh));
  EXPECT_TRUE(twice.responder().fault);
}

TEST(SessionRotation, RandomlyDrivenTheSidesAlwaysAgree) {
  SeededRng rng(7);
  for (int round = 0; round < 20; ++round) {
    Rotating test;
    SessionSide* sides[] = {&test.initiator(), &test.responder()};
    for (int step = 0; step < 200; ++step) {
      SessionSide& one = *sides[rng.below(2)];
      SessionSide& other = *sides[&one == sides[0] ? 1 : 0];
      switch (rng.below(5)) {
        case 0: one.input(test.now(), RotateNow{}); break;
        case 1: one.input(test.now(), Sealed{rng.below(60'000'000), 1000, 10}); break;
        case 2: test.pair->carry(one, other, 1 + rng.below(80)); break;
        case 3:  // a packet comes behind the stream that was said before it
          test.pair->carry(one, other, 100);
          test.pair->packet(one, other);
          break;
        default: test.pair->wait(Duration(static_cast<std::int64_t>(rng.below(30'000'000))));
      }
      ASSERT_FALSE(one.fault || other.fault) << step;
      ASSERT_LE(one.session.rotations(), other.session.rotations() + 1);
    }
    for (int i = 0; i < 3; ++i) {
      test.pair->wait(1s);
      test.pair->settle();
    }
    EXPECT_GT(test.initiator().session.rotations(), 3u);
    test.expect_epoch(test.initiator().session.rotations());
  }
}

}  // namespace
}  // namespace kith::secure
