// Where packets come from and how large they may be: NATs that move, copies from elsewhere, floods
// of addresses, moves that one wants, paths of every size and such that shrink; stateless resets
// and what is said of connections that ended.
#include <gtest/gtest.h>

#include <set>

#include "packet/load_test_util.h"
#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

bool has_all(const TestEnd& end, const Bytes& bytes) {
  return !end.seen.finished.empty() && !end.seen.bytes.empty() &&
         base::equal(end.seen.bytes.begin()->second, bytes);
}

// --- migration -----------------------------------------------------------------------------------

TEST(EndpointPaths, ANatThatMovesThePortMovesThePathAndNoByteIsLost) {
  TestPair pair;
  pair.faults.delay = 5ms;
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(3'000'000);
  test_send(pair.a, bytes);
  for (std::uint16_t port = 5000; port < 5004; ++port) {
    pair.pass(40ms);
    pair.outside_a = TestPair::address(1, port);
  }
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  EXPECT_TRUE(has_all(pair.b, bytes));
  ASSERT_FALSE(pair.b.seen.paths.empty());
  EXPECT_EQ(pair.b.connection()->path().remote, pair.outside_a);
  EXPECT_TRUE(pair.a.seen.paths.empty());
}

TEST(EndpointPaths, ANatThatMovesTheAddressMovesThePathBothWays) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  const Bytes up = test_bytes(1'000'000, 1), down = test_bytes(1'000'000, 2);
  test_send(pair.a, up);
  test_send(pair.b, down);
  pair.pass(30ms);
  pair.outside_a = TestPair::address(77);
  ASSERT_TRUE(pair.run([&] {
    return !pair.a.seen.finished.empty() && !pair.b.seen.finished.empty();
  })) << pair.state();
  EXPECT_TRUE(has_all(pair.b, up));
  EXPECT_TRUE(has_all(pair.a, down));
  EXPECT_EQ(pair.b.connection()->path().remote, TestPair::address(77));
}

TEST(EndpointPaths, WhatWasSentToAnAddressThatIsNoMoreArrivesWhenThePeerSpeaksAgain) {
  TestPair pair;
  for (const Duration delay : {0ms, 10ms}) {
    pair.faults.delay = delay;
    if (!pair.a.seen.is_up) ASSERT_TRUE(pair.connect());
    pair.pass(1s);
    pair.a.seen.messages.clear();
    pair.outside_a = TestPair::address(1, static_cast<std::uint16_t>(5000 + delay / 1ms));
    const Bytes bytes = test_bytes(5'001);
    ASSERT_TRUE(pair.b.services().send_message(pair.now, Buffer(ByteView(bytes)), {}));
    // The keep-alive shows where it is.
    ASSERT_TRUE(pair.run([&] { return !pair.a.seen.messages.empty(); }, 40s)) << pair.state();
    EXPECT_TRUE(base::equal(pair.a.seen.messages.begin()->second, bytes));
  }
}

TEST(EndpointPaths, CopiedPacketsFromAnotherAddressMoveNothing) {
  TestPair pair;
  pair.faults.delay = 20ms;
  ASSERT_TRUE(pair.connect());
  // Whoever is on the way is faster than the network, and copies all that a says.
  pair.hook = [](TestPair& at, bool from_a, ByteSpan packet) {
    if (from_a) at.inject(true, TestPair::address(66), base::to_bytes(packet));
    return true;
  };
  std::uint64_t to_forger = 0;
  const Bytes bytes = test_bytes(500'000);
  test_send(pair.a, bytes);
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  pair.pass(2s);
  EXPECT_TRUE(has_all(pair.b, bytes));
  EXPECT_TRUE(pair.b.seen.paths.empty());
  EXPECT_EQ(pair.b.connection()->path().remote, TestPair::address(1));
  (void)to_forger;
}

TEST(EndpointPaths, AFloodOfAddressesIsAskedAtMostFourAtATime) {
  LoneConnection lone(Direction::inbound);
  lone.shake();
  for (std::uint8_t host = 20; host < 120; ++host) {
    lone.deliver(lone.sealer.seal({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}}),
                 Path{{1}, TestPair::address(host)});
  }
  std::map<std::array<std::uint8_t, 16>, std::uint64_t> sent;
  std::size_t questions = 0;
  Bytes room(65'536);
  for (int turn = 0; turn < 200; ++turn) {
    while (lone.connection.has_transmit(lone.now)) {
      const auto out = lone.connection.poll_packets(lone.now, room);
      if (out.bytes == 0) continue;
      if (out.to == lone.path.remote) continue;
      sent[out.to.ip] += out.bytes;
      ++questions;
    }
    lone.now += 100ms;
    lone.connection.on_deadline(lone.now);
  }
  EXPECT_LE(sent.size(), 4U);
  // Three bytes for each that came, of packets of 57.
  for (const auto& [ip, bytes] : sent) EXPECT_LE(bytes, 3U * 57U);
  EXPECT_GE(questions, 4U);
  EXPECT_EQ(lone.connection.path(), lone.path);
}

TEST(EndpointPaths, APongCountsOnItsPathAloneAndWithItsBytes) {
  LoneConnection lone(Direction::inbound);
  lone.shake();
  const Path other{{1}, TestPair::address(50)};
  lone.deliver(lone.sealer.seal({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}}),
               other);
  std::optional<PingData> question;
  for (const Bytes& packet : lone.flush()) {
    const auto opened = test_open(2, LoneConnection::peer_id, packet);
    ASSERT_TRUE(opened);
    if (opened->header.type != PacketType::ping) continue;
    question.emplace();
    std::copy_n(opened->payload.begin() + 1, 8, question->begin());
  }
  ASSERT_TRUE(question) << "the first packet from there is enough to be asked";
  PingData wrong = *question;
  wrong[0] ^= 1U;
  const auto pong = [&](const PingData& data, const Path& from) {
    lone.deliver(lone.sealer.seal({.type = PacketType::pong, .frames = {PingFrame{data, true}}}),
                 from);
  };
  pong(wrong, other);
  pong(*question, lone.path);
  EXPECT_EQ(lone.connection.path(), lone.path);
  pong(*question, other);
  EXPECT_EQ(lone.connection.path(), other);
  EXPECT_EQ(lone.connection.stats().path_changes, 1U);
}

TEST(EndpointPaths, AMoveThatOneWantsTakesAFreshIdAndSucceeds) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  const ConnectionId before = pair.a.connection()->peer_id();
  // b listens at a second address; the pair's network knows one, which is enough: another socket.
  std::set<std::uint32_t> ids;
  pair.hook = [&](TestPair&, bool from_a, ByteSpan packet) {
    if (from_a) ids.insert(base::load_big_endian<std::uint32_t>(packet, 8));
    return true;
  };
  pair.outside_a = TestPair::address(9);
  pair.a.say(pair.now, MoveTo{Path{{1}, TestPair::address(2, 5000)}});
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.paths.empty(); })) << pair.state();
  EXPECT_EQ(pair.b.connection()->path().remote, TestPair::address(9));
  EXPECT_NE(pair.a.connection()->peer_id(), before);
  const Bytes bytes = test_bytes(100'000);
  test_send(pair.a, bytes);
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  pair.pass(1s);
  // The old id was given back, and b gave another.
  EXPECT_EQ(pair.b.connection()->own_ids().size(), 3U);
  for (const ConnectionId id : pair.b.connection()->own_ids()) EXPECT_NE(id, before);
}

// --- the size of packets -------------------------------------------------------------------------

class EndpointMtu : public ::testing::TestWithParam<std::size_t> {};

TEST_P(EndpointMtu, AStreamArrivesOverAPathOfThatSize) {
  TestPair pair;
  pair.faults.mtu_bytes = GetParam();
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(2'000'000);
  test_send(pair.a, bytes);
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  EXPECT_TRUE(has_all(pair.b, bytes));
  pair.pass(3s);
  const std::map<std::size_t, std::size_t> found = {{1200, 1200}, {1300, 1200}, {1399, 1200},
                                                    {1400, 1400}, {1452, 1452}, {1500, 1472}};
  EXPECT_EQ(pair.a.connection()->stats().mtu_bytes, found.at(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Sizes, EndpointMtu, ::testing::Values(1200, 1300, 1399, 1400, 1452, 1500));

TEST(EndpointPaths, AStreamArrivesOverAPathThatShrinksMidway) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(4'000'000);
  test_send(pair.a, bytes);
  pair.pass(100ms);
  ASSERT_GE(pair.a.connection()->stats().mtu_bytes, 1'400U);
  ASSERT_TRUE(pair.b.seen.finished.empty());
  pair.faults.mtu_bytes = 1'200;
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  EXPECT_TRUE(has_all(pair.b, bytes));
  EXPECT_EQ(pair.a.connection()->stats().mtu_bytes, 1'200U);
}

TEST(EndpointPaths, AStreamArrivesOverAPathThatShrinksThoughSmallMessagesKeepArriving) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(3'000'000);
  test_send(pair.a, bytes);
  pair.pass(100ms);
  ASSERT_GE(pair.a.connection()->stats().mtu_bytes, 1'400U);
  ASSERT_TRUE(pair.b.seen.finished.empty());
  pair.faults.mtu_bytes = 1'200;
  for (int i = 0; i < 2'000 && pair.b.seen.finished.empty(); ++i) {
    // More important than the stream, so that each has a packet of its own.
    const Bytes small = test_bytes(100);
    (void)pair.a.services().send_message(pair.now, Buffer(ByteView(small)), {.importance = 900});
    pair.pass(10ms);
  }
  EXPECT_TRUE(has_all(pair.b, bytes)) << pair.state();
}

TEST(EndpointPaths, AMessageInFragmentsArrivesOverAPathThatShrinksMidway) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  const Bytes bytes = test_bytes(900'000);
  ASSERT_TRUE(pair.a.services().send_message(pair.now, Buffer(ByteView(bytes)), {}));
  pair.pass(25ms);
  pair.faults.mtu_bytes = 1'200;
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.messages.empty(); })) << pair.state();
  EXPECT_TRUE(base::equal(pair.b.seen.messages.begin()->second, bytes));
}

TEST(EndpointPaths, ADatagramOfTheLargestSizeLeavesOverTheSmallestPath) {
  TestPair pair;
  pair.faults.mtu_bytes = 1'200;
  ASSERT_TRUE(pair.connect());
  std::size_t size = 1'200;
  while (!pair.a.services().send_datagram(Buffer(ByteView(test_bytes(size))))) --size;
  EXPECT_GE(size, 1'100U);
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.datagrams.empty(); })) << size;
  EXPECT_EQ(pair.b.seen.datagrams.front().size(), size);
}

TEST(EndpointPaths, AfterTenMinutesALargerSizeIsTriedAgain) {
  TestPair pair;
  pair.faults.mtu_bytes = 1'200;
  ASSERT_TRUE(pair.connect());
  pair.pass(1min);
  EXPECT_EQ(pair.a.connection()->stats().mtu_bytes, 1'200U);
  pair.faults.mtu_bytes = 1'500;
  pair.pass(8min);
  EXPECT_EQ(pair.a.connection()->stats().mtu_bytes, 1'200U);
  pair.pass(3min);
  EXPECT_EQ(pair.a.connection()->stats().mtu_bytes, 1'472U);
}

/// Of what is lost a datagram is never said again, and bytes of a stream are.
TEST(EndpointPaths, OnlyWhatIsSaidAgainCountsAsResent) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  bool loses = true;
  pair.hook = [&](TestPair&, bool from_a, ByteSpan) { return !(from_a && loses); };
  const auto send = [&] {
    ASSERT_TRUE(pair.a.services().send_datagram(Buffer(ByteView(test_bytes(1'000)))));
  };
  for (int i = 0; i < 5; ++i) send();
  pair.pass(1ms);
  loses = false;
  for (int i = 0; i < 5; ++i) send();
  pair.pass(1s);
  EXPECT_GE(pair.a.connection()->stats().recovery.packets_lost, 1U);
  EXPECT_EQ(pair.a.connection()->stats().packets_resent, 0U);
  const auto stream = pair.a.services().open_stream(importance_default);
  ASSERT_TRUE(stream);
  loses = true;
  pair.a.services().write(*stream, Buffer(test_bytes(2'000)));
  pair.pass(1ms);
  loses = false;
  pair.pass(5s);
  EXPECT_EQ(pair.b.seen.bytes[*stream].size(), 2'000U);
  EXPECT_EQ(pair.a.connection()->stats().packets_resent, 2U);
}

// --- those that are gone -------------------------------------------------------------------------

EndpointConfig config_with_key(std::uint8_t key) {
  EndpointConfig config;
  config.reset_key.fill(key);
  return config;
}

/// What b would say after a restart to somebody there: it knows nothing but its key.
Bytes reset_of(std::uint8_t key, ConnectionId id,
               const base::IpPort& asked_from = TestPair::address(1)) {
  SeededRng rng(9);
  const Instant now = Instant{} + 1h;
  Endpoint restarted(config_with_key(key), rng, now);
  Bytes question(header_bytes + 100);
  encode_header({.type = PacketType::data, .flags = flag_sealed, .id = id, .payload_bytes = 100},
                question);
  restarted.on_datagrams(now, {base::SocketId{1}, asked_from, question, question.size(), {}});
  Bytes room(65'536);
  const auto out = restarted.poll_datagrams(now, room);
  EXPECT_EQ(out.to, asked_from);
  return base::to_bytes(ByteView(room).first(out.bytes));
}

TEST(EndpointPaths, AStatelessResetEndsAConnectionWithTheRightTokenAlone) {
  TestPair pair(1, config_with_key(5));
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  const ConnectionId id = pair.a.connection()->peer_id();
  const Bytes right = reset_of(5, id), wrong = reset_of(6, id);
  // Whoever asks from another place is told another token.
  const Bytes asked_for = reset_of(5, id, TestPair::address(1, 77));
  const Bytes asked_by_another = reset_of(5, id, TestPair::address(3));
  ASSERT_EQ(right.size(), header_bytes + 17);
  for (const Bytes& other : {wrong, asked_for, asked_by_another}) {
    ASSERT_EQ(other.size(), right.size());
    pair.inject(false, TestPair::address(2), other);
  }
  pair.inject(false, TestPair::address(3), right);  // from elsewhere
  pair.pass(1s);
  EXPECT_FALSE(pair.a.seen.has_ended);
  pair.inject(false, TestPair::address(2), right);
  pair.pass(1s);
  ASSERT_TRUE(pair.a.seen.has_ended && pair.a.seen.end_error);
  EXPECT_EQ(pair.a.seen.end_error->code, Code::reset);
  EXPECT_EQ(pair.a.endpoint.connection_count(), 0U);
}

TEST(EndpointPaths, ResetsAreShorterThanTheQuestionAndAtMost100ASecond) {
  TestPair pair;
  std::size_t answers = 0;
  pair.hook = [&](TestPair&, bool, ByteSpan packet) {
    ++answers;
    EXPECT_LT(packet.size(), 64U);
    return false;
  };
  for (const std::size_t size : {64U, 65U}) {
    answers = 0;
    for (std::uint32_t i = 0; i < 250; ++i) {
      Bytes question(size);
      encode_header({.type = PacketType::data,
                     .flags = flag_sealed,
                     .id = {i + 1},
                     .payload_bytes = static_cast<std::uint16_t>(size - header_bytes)},
                    question);
      pair.inject(true, TestPair::address(1), question);
    }
    pair.pass(1ms);
    EXPECT_EQ(answers, size == 64 ? 0U : 100U);
  }
}

TEST(EndpointPaths, AClosedIdSaysItsErrorAgainWithDoublingAndForgetsAfter10S) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  std::vector<Bytes> from_a;
  pair.hook = [&](TestPair&, bool is_a, ByteSpan packet) {
    if (is_a) from_a.push_back(base::to_bytes(packet));
    return true;
  };
  pair.a.endpoint.on_input(pair.now, ToConnection{*pair.a.slot, SessionBytes{test_bytes(900)}});
  pair.pass(100ms);
  ASSERT_FALSE(from_a.empty());
  const Bytes sealed = from_a.front();
  pair.b.say(pair.now, AbortConnection{Code::refused, "no"});
  pair.pass(100ms);
  ASSERT_TRUE(pair.b.endpoint.connection_count() == 0 && pair.a.seen.has_ended);
  std::size_t errors = 0;
  pair.hook = [&](TestPair&, bool is_a, ByteSpan packet) {
    errors += !is_a && packet[3] == 12 ? 1 : 0;
    return true;
  };
  for (int i = 1; i <= 64; ++i) {
    pair.inject(true, pair.outside_a, sealed);
    pair.pass(1ms);
    if (i == 1 || i == 2 || i == 4 || i == 8 || i == 16 || i == 32 || i == 64) {
      std::size_t wanted = 1;
      for (int n = i; n > 1; n /= 2) ++wanted;
      EXPECT_EQ(errors, wanted) << i;
    }
  }
  const std::uint64_t repeated = pair.b.endpoint.stats().errors_repeated;
  EXPECT_EQ(repeated, 7U);
  pair.pass(11s);
  pair.inject(true, pair.outside_a, sealed);
  pair.pass(1s);
  EXPECT_EQ(pair.b.endpoint.stats().errors_repeated, repeated);
}

TEST(EndpointPaths, AnErrorIsNotSaidAgainToWhatIsLessThanAThirdOfIt) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  pair.pass(1s);
  const ConnectionId id = pair.a.connection()->peer_id();
  pair.b.say(pair.now, AbortConnection{Code::refused, std::string(250, 'x')});
  pair.pass(100ms);
  for (int i = 0; i < 20; ++i) {
    Bytes question(48);
    encode_header({.type = PacketType::ping, .flags = flag_sealed, .id = id, .payload_bytes = 16},
                  question);
    pair.inject(true, TestPair::address(50), question);
  }
  pair.pass(1s);
  EXPECT_EQ(pair.b.endpoint.stats().errors_repeated, 0U);
}

}  // namespace
}  // namespace kith::packet
