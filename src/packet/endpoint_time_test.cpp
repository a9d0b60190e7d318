// What time does to connections: handshakes said again and given up, idleness, keep-alive, closes
// that wait, TIME_WAIT, epochs under load.
#include <gtest/gtest.h>

#include "packet/load_test_util.h"
#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

std::size_t count_of_type(const std::vector<PacketType>& types, PacketType type) {
  return static_cast<std::size_t>(std::ranges::count(types, type));
}

/// Sees the types of what a and b send.
struct Wire {
  explicit Wire(TestPair& pair) {
    pair.hook = [this](TestPair& at, bool from_a, ByteSpan packet) {
      (from_a ? from_a_types : from_b_types).push_back(static_cast<PacketType>(packet[3]));
      (from_a ? from_a_at : from_b_at).push_back(at.now);
      return from_a ? !cuts_a : !cuts_b;
    };
  }
  std::vector<PacketType> from_a_types, from_b_types;
  std::vector<Instant> from_a_at, from_b_at;
  bool cuts_a = false, cuts_b = false;
};

TEST(EndpointTime, AHelloIsSaidAgainAfter250MsDoubledUpTo4SAndGivenUpAfter30S) {
  TestPair pair;
  Wire wire(pair);
  wire.cuts_a = true;
  const Instant start = pair.now;
  pair.dial();
  ASSERT_TRUE(pair.run([&] { return pair.a.seen.has_ended; }));
  EXPECT_EQ(pair.now - start, 30s);
  ASSERT_TRUE(pair.a.seen.end_error);
  EXPECT_EQ(pair.a.seen.end_error->code, Code::timeout);
  std::vector<std::int64_t> at_ms;
  for (const Instant at : wire.from_a_at) at_ms.push_back(base::to_ms(at - start));
  EXPECT_EQ(at_ms, (std::vector<std::int64_t>{0, 250, 750, 1750, 3750, 7750, 11750, 15750, 19750,
                                              23750, 27750}));
  EXPECT_EQ(pair.a.endpoint.connection_count(), 0U);
}

TEST(EndpointTime, AHandshakeHoldsWhileAnyOneOfItsPacketsIsLost) {
  for (int lost = 0; lost < 8; ++lost) {
    TestPair pair(static_cast<std::uint64_t>(lost) + 1);
    int left = lost;
    pair.hook = [&](TestPair&, bool, ByteSpan) { return left-- != 0; };
    ASSERT_TRUE(pair.connect()) << lost;
    EXPECT_FALSE(pair.a.seen.has_ended || pair.b.seen.has_ended);
    // FINAL arrived too in the end: nothing more of the handshake is said.
    pair.pass(29s);
    pair.hook = [&](TestPair&, bool, ByteSpan packet) {
      EXPECT_NE(packet[3], static_cast<std::uint8_t>(PacketType::syn));
      return true;
    };
    pair.pass(10s);
  }
}

TEST(EndpointTime, WhatWasLostGoesAgainAsRetransmitAndNothingElseDoes) {
  for (const int lost : {0, 1, 3}) {
    TestPair pair;
    ASSERT_TRUE(pair.connect());
    pair.pass(1s);
    int left = lost, again = 0;
    pair.hook = [&](TestPair&, bool from_a, ByteSpan packet) {
      const auto type = static_cast<PacketType>(packet[3]);
      if (from_a && type == PacketType::retransmit) ++again;
      if (!from_a || type != PacketType::data || packet.size() < 1000 || left == 0) return true;
      --left;
      return false;
    };
    test_send(pair.a, test_bytes(20'000));
    ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); }, 20s));
    EXPECT_EQ(again, lost);
  }
}

TEST(EndpointTime, AnAcceptedHandshakeWithoutAProofIsGoneAfter30S) {
  TestPair pair;
  pair.dial();
  ASSERT_TRUE(pair.run([&] { return pair.b.endpoint.connection_count() == 1; }));
  Wire wire(pair);
  wire.cuts_a = wire.cuts_b = true;
  pair.pass(29s);
  EXPECT_EQ(pair.b.endpoint.connection_count(), 1U);
  pair.pass(2s);
  EXPECT_EQ(pair.b.endpoint.connection_count(), 0U);
  ASSERT_TRUE(pair.b.seen.end_error);
  EXPECT_EQ(pair.b.seen.end_error->code, Code::timeout);
}

TEST(EndpointTime, KeepAliveHoldsAnIdleConnectionAndOnlyTheInitiatorSaysIt) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(5s);
  Wire wire(pair);
  pair.pass(10min);
  EXPECT_FALSE(pair.a.seen.has_ended || pair.b.seen.has_ended) << pair.state();
  // Every 15 s: 40 in ten minutes.
  EXPECT_GE(count_of_type(wire.from_a_types, PacketType::ping), 38U);
  EXPECT_LE(count_of_type(wire.from_a_types, PacketType::ping), 42U);
  // What it says by itself is to have its acknowledgements heard, once in sixteen.
  EXPECT_LE(count_of_type(wire.from_b_types, PacketType::ping), 3U);
}

TEST(EndpointTime, SilenceEndsBothSidesWithinTheIdleTimeout) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  Wire wire(pair);
  wire.cuts_a = wire.cuts_b = true;
  const Instant start = pair.now;
  ASSERT_TRUE(pair.run([&] { return pair.a.seen.has_ended && pair.b.seen.has_ended; }, 10min));
  EXPECT_LE(pair.now - start, 61s);
  EXPECT_GE(pair.now - start, 58s);
  EXPECT_EQ(pair.a.seen.end_error->code, Code::timeout);
  EXPECT_EQ(pair.b.seen.end_error->code, Code::timeout);
  pair.pass(11s);
  EXPECT_EQ(pair.a.endpoint.connection_count() + pair.b.endpoint.connection_count(), 0U);
}

TEST(EndpointTime, NobodySpinsOnADeadPath) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  test_send(pair.a, test_bytes(3'000'000));
  test_send(pair.b, test_bytes(3'000'000));
  pair.pass(60ms);
  Wire wire(pair);
  wire.cuts_a = wire.cuts_b = true;
  std::size_t turns = 0;
  pair.run(
      [&] {
        ++turns;
        // After all has left there is nothing that wants to leave and cannot.
        pair.a.drain(pair.now);
        pair.b.drain(pair.now);
        EXPECT_FALSE(pair.a.endpoint.has_transmit() || pair.b.endpoint.has_transmit());
        return false;
      },
      90s);
  EXPECT_LT(turns, 400U);
  EXPECT_LT(wire.from_a_types.size() + wire.from_b_types.size(), 500U);
  EXPECT_TRUE(pair.a.seen.has_ended && pair.b.seen.has_ended);
}

TEST(EndpointTime, ThePeersIdleTimeoutCountsWhenItIsTheLower) {
  PacketConfig config;
  LoneConnection lone(Direction::inbound, config);
  lone.input(test_keys(false, 0));
  Parameters parameters;
  parameters.idle_timeout = 7s;
  lone.input(PeerParameters{encode(parameters)});
  lone.pass(6999ms);
  EXPECT_EQ(lone.connection.state(), State::established);
  lone.pass(1ms);
  EXPECT_EQ(lone.connection.state(), State::closed);
}

TEST(EndpointTime, ACloseWithWhatIsNeverHeardLingers10SAndSaysAnError) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  test_send(pair.a, test_bytes(100'000));
  bool cuts_b = true;
  Wire wire(pair);
  wire.cuts_b = cuts_b;
  const Instant start = pair.now;
  pair.a.say(pair.now, CloseConnection{});
  ASSERT_TRUE(pair.run([&] { return pair.a.seen.has_ended; }));
  EXPECT_EQ(pair.now - start, 10s + 10ms) << "after the last that was under way";
  ASSERT_TRUE(pair.a.seen.end_error);
  EXPECT_EQ(pair.a.seen.end_error->code, Code::timeout);
  ASSERT_TRUE(pair.run([&] { return pair.b.seen.has_ended; }));
  EXPECT_EQ(count_of_type(wire.from_a_types, PacketType::error), 1U);
  EXPECT_TRUE(pair.b.seen.end_error);
}

TEST(EndpointTime, TimeWaitEndsAndNothingIsLeftOnEitherSide) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  const Instant start = pair.now;
  pair.a.say(pair.now, CloseConnection{});
  ASSERT_TRUE(pair.run([&] { return pair.a.seen.has_ended && pair.b.seen.has_ended; }));
  EXPECT_FALSE(pair.a.seen.end_error || pair.b.seen.end_error);
  EXPECT_LE(pair.now - start, 100ms);
  EXPECT_EQ(pair.a.endpoint.connection_count(), 1U) << "TIME_WAIT";
  ASSERT_TRUE(pair.run([&] { return pair.a.endpoint.connection_count() == 0; }));
  EXPECT_GE(pair.now - start, 1s);
  EXPECT_LE(pair.now - start, 11s);
  EXPECT_EQ(pair.b.endpoint.connection_count(), 0U);
  EXPECT_FALSE(pair.a.endpoint.next_deadline());
  EXPECT_FALSE(pair.b.endpoint.next_deadline());
}

TEST(EndpointTime, BothSidesClosingAtOnceEndWithoutAnErrorWhateverIsLost) {
  for (const std::uint32_t loss : {0U, 100'000U, 300'000U}) {
    TestPair pair(loss + 1);
    ASSERT_TRUE(pair.connect());
    pair.faults.loss_ppm = loss;
    pair.a.say(pair.now, CloseConnection{});
    pair.b.say(pair.now, CloseConnection{});
    ASSERT_TRUE(pair.run([&] { return pair.a.seen.has_ended && pair.b.seen.has_ended; }));
    EXPECT_FALSE(pair.a.seen.end_error) << to_string(*pair.a.seen.end_error);
    EXPECT_FALSE(pair.b.seen.end_error) << to_string(*pair.b.seen.end_error);
    ASSERT_TRUE(pair.run([&] {
      return pair.a.endpoint.connection_count() + pair.b.endpoint.connection_count() == 0;
    }));
  }
}

TEST(EndpointTime, EpochsChangeUnderLoadAndOldKeysAreDropped) {
  TestPair pair;
  pair.faults = {.delay = 5ms, .jitter = 4ms, .loss_ppm = 10'000};
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(6'000'000);
  test_send(pair.a, bytes);
  for (std::uint64_t epoch = 1; epoch <= 5; ++epoch) {
    pair.pass(120ms);
    // As the session does: the responder can open it, then the initiator sends in it; the responder
    // follows when such a packet has opened.
    pair.b.give_keys(pair.now, epoch, false);
    pair.a.give_keys(pair.now, epoch, true);
    ASSERT_TRUE(pair.run([&] {
      return !pair.b.seen.epochs.empty() && pair.b.seen.epochs.back() == epoch;
    })) << epoch;
    pair.b.give_keys(pair.now, epoch, true);
    ASSERT_TRUE(pair.run([&] { return pair.a.seen.epochs.back() == epoch; })) << epoch;
  }
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  EXPECT_TRUE(base::equal(pair.b.seen.bytes.begin()->second, bytes));
  EXPECT_EQ(pair.a.connection()->stats().epoch, 5U);
}

TEST(EndpointTime, KeysOfTheEpochBeforeOpenForASecondAndNotAfterwards) {
  LoneConnection lone(Direction::inbound);
  lone.shake();
  lone.input(test_keys(false, 1));
  const auto dropped = [&] { return lone.connection.stats().packets_dropped; };
  lone.pass(900ms);
  lone.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}});
  EXPECT_EQ(dropped(), 0U);
  lone.pass(3s);
  lone.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}});
  EXPECT_EQ(dropped(), 1U);
  lone.sealer.epoch = 1;
  lone.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}});
  EXPECT_EQ(dropped(), 1U);
}

}  // namespace
}  // namespace kith::packet
