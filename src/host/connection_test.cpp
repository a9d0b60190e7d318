// Two connections and the wire between them: the handshake, streams and their ends.
#include "host/connection.h"

#include <gtest/gtest.h>

#include "host/test_connections.h"

namespace kith::host {
namespace {

using Options = ConnectionPair::Options;

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  return bytes;
}

/// Both are up and know each other.
void expect_up(const ConnectionPair& pair) {
  EXPECT_EQ(pair.dialer.ups, 1);
  EXPECT_EQ(pair.listener.ups, 1);
  EXPECT_EQ(pair.dialer.peer, test_peer(2));
  EXPECT_EQ(pair.listener.peer, test_peer(1));
  EXPECT_FALSE(pair.dialer.fault.has_value());
  EXPECT_FALSE(pair.listener.fault.has_value());
}

/// Sends `data` on a stream of /echo and expects it back.
void expect_echo(ConnectionPair& pair, const Bytes& data) {
  pair.listener.echoes = true;
  pair.dialer.open(pair.now, 1);
  const StreamId stream = pair.dialer.stream_of(1);
  ASSERT_NE(stream.value, 0U);
  pair.dialer.write(pair.now, stream, data);
  pair.dialer.input(pair.now, Finish{stream});
  pair.settle();
  const SeenStream& seen = pair.dialer.streams.at(stream);
  EXPECT_EQ(seen.data, data);
  EXPECT_TRUE(seen.has_ended);
  EXPECT_TRUE(seen.is_down);
  EXPECT_FALSE(seen.error.has_value());
  EXPECT_EQ(pair.dialer.connection->stream_count(), 0U);
  EXPECT_EQ(pair.listener.connection->stream_count(), 0U);
}

TEST(Connection, TwoOfThemCarryAStream) {
  ConnectionPair pair;
  pair.settle();
  expect_up(pair);
  expect_echo(pair, pattern(100'000));
}

struct Cut {
  const char* name;
  std::size_t piece_max;
  bool is_private;
  bool dialer_is_early;
  bool listener_is_early;
};

class ConnectionCuts : public testing::TestWithParam<Cut> {};

TEST_P(ConnectionCuts, BytesMayComeInAnyPieces) {
  const Cut& cut = GetParam();
  for (std::uint64_t seed = 1; seed <= (cut.piece_max == 1 ? 1U : 12U); ++seed) {
    Options dialer, listener;
    if (cut.is_private) dialer.network_key = listener.network_key = secure::PresharedKey{7, 7};
    if (!cut.dialer_is_early) dialer.muxers.clear();
    if (!cut.listener_is_early) listener.muxers.clear();
    ConnectionPair pair(dialer, listener, seed);
    pair.piece_max = cut.piece_max;
    pair.settle();
    expect_up(pair);
    expect_echo(pair, pattern(3'000));
  }
}

INSTANTIATE_TEST_SUITE_P(, ConnectionCuts,
                         testing::Values(Cut{"Bytes", 1, false, true, true},
                                         Cut{"Small", 7, false, true, true},
                                         Cut{"Middling", 300, false, true, true},
                                         Cut{"PrivateBytes", 1, true, true, true},
                                         Cut{"PrivateSmall", 30, true, true, true},
                                         Cut{"PrivateMiddling", 700, true, true, true},
                                         Cut{"LateMuxerDialer", 40, false, false, true},
                                         Cut{"LateMuxerListener", 40, false, true, false},
                                         Cut{"LateMuxerBytes", 1, true, false, false}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Connection, StreamsMayBeginBehindALateMuxersProposal) {
  Options plain;
  plain.muxers.clear();
  ConnectionPair pair(plain, plain);
  pair.listener.echoes = true;
  while (pair.dialer.ups == 0) {
    pair.carry(pair.dialer, pair.listener);
    pair.carry(pair.listener, pair.dialer);
  }
  EXPECT_EQ(pair.listener.ups, 0) << "the proposal has not even left";
  pair.dialer.open(pair.now, 1);
  pair.dialer.write(pair.now, pair.dialer.stream_of(1), base::as_bytes("early"));
  pair.settle();
  expect_up(pair);
  EXPECT_EQ(pair.dialer.streams.at(pair.dialer.stream_of(1)).data, base::to_bytes("early"));
}

TEST(Connection, AnotherIdentityThanExpectedIsAFault) {
  Options options;
  options.expected = test_peer(3);
  ConnectionPair pair(options, {});
  pair.settle();
  ASSERT_TRUE(pair.dialer.fault.has_value());
  EXPECT_EQ(pair.dialer.fault->code, Code::wrong_peer);
  EXPECT_EQ(pair.listener.ups, 0);
}

TEST(Connection, DifferentNetworkKeysDoNotMeet) {
  Options one, other;
  one.network_key = secure::PresharedKey{1};
  other.network_key = secure::PresharedKey{2};
  for (const auto& listener : {other, Options{}}) {
    ConnectionPair pair(one, listener);
    pair.settle();
    pair.wait(10s);
    EXPECT_EQ(pair.dialer.ups + pair.listener.ups, 0);
    EXPECT_TRUE(pair.dialer.fault.has_value());
    EXPECT_TRUE(pair.listener.fault.has_value());
  }
}

TEST(Connection, AnUnknownProtocolEndsTheLazyStreamAsUnsupported) {
  ConnectionPair pair;
  pair.settle();
  pair.dialer.open(pair.now, 1, {"/unknown"});
  const StreamId stream = pair.dialer.stream_of(1);
  pair.dialer.write(pair.now, stream, pattern(5'000));
  pair.dialer.input(pair.now, Finish{stream});
  pair.settle();
  const SeenStream& seen = pair.dialer.streams.at(stream);
  ASSERT_TRUE(seen.is_down);
  ASSERT_TRUE(seen.error.has_value());
  EXPECT_EQ(seen.error->code, Code::unsupported);
  EXPECT_TRUE(pair.listener.streams.empty());
  EXPECT_FALSE(pair.listener.fault.has_value());
  pair.wait(10s);
  EXPECT_EQ(pair.listener.connection->stream_count(), 0U);
}

TEST(Connection, SeveralProposalsAreTriedInTurn) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100'000}}) {
    ConnectionPair pair;
    pair.piece_max = piece;
    pair.settle();
    pair.dialer.open(pair.now, 1, {"/echo/2", "/echo/1", "/echo"});
    EXPECT_EQ(pair.dialer.stream_of(1).value, 0U) << "nothing is up before it is agreed";
    pair.settle();
    const StreamId stream = pair.dialer.stream_of(1);
    ASSERT_NE(stream.value, 0U);
    EXPECT_EQ(pair.dialer.streams.at(stream).up->protocol, "/echo");
    ASSERT_EQ(pair.listener.streams.size(), 1U);
    EXPECT_EQ(pair.listener.streams.begin()->second.up->protocol, "/echo");
  }
}

TEST(Connection, SeveralProposalsAllRefusedFailTheOpen) {
  ConnectionPair pair;
  pair.settle();
  pair.dialer.open(pair.now, 1, {"/x", "/y"});
  pair.settle();
  ASSERT_TRUE(pair.dialer.open_failed.contains(1));
  EXPECT_EQ(pair.dialer.open_failed.at(1).code, Code::unsupported);
}

TEST(Connection, TwoHundredStreamsAtOnce) {
  ConnectionPair pair;
  pair.listener.echoes = true;
  pair.settle();
  for (std::uint64_t token = 1; token <= 200; ++token) {
    pair.dialer.open(pair.now, token);
    const StreamId stream = pair.dialer.stream_of(token);
    ASSERT_NE(stream.value, 0U) << token;
    pair.dialer.write(pair.now, stream, pattern(token * 10));
    pair.dialer.input(pair.now, Finish{stream});
  }
  pair.settle();
  for (std::uint64_t token = 1; token <= 200; ++token) {
    const SeenStream& seen = pair.dialer.streams.at(pair.dialer.stream_of(token));
    EXPECT_EQ(seen.data, pattern(token * 10)) << token;
    EXPECT_TRUE(seen.is_down && !seen.error) << token;
  }
  EXPECT_EQ(pair.listener.connection->stream_count(), 0U);
}

TEST(Connection, AHalfClosedStreamStillGivesTheOtherWay) {
  ConnectionPair pair;
  pair.settle();
  pair.dialer.open(pair.now, 1);
  const StreamId stream = pair.dialer.stream_of(1);
  pair.dialer.input(pair.now, Finish{stream});
  pair.settle();
  ASSERT_EQ(pair.listener.streams.size(), 1U);
  const StreamId theirs = pair.listener.streams.begin()->first;
  EXPECT_TRUE(pair.listener.streams.at(theirs).has_ended);
  EXPECT_FALSE(pair.listener.streams.at(theirs).is_down);
  pair.listener.write(pair.now, theirs, base::as_bytes("late"));
  pair.listener.input(pair.now, Finish{theirs});
  pair.settle();
  EXPECT_EQ(pair.dialer.streams.at(stream).data, base::to_bytes("late"));
  EXPECT_TRUE(pair.dialer.streams.at(stream).is_down);
  EXPECT_TRUE(pair.listener.streams.at(theirs).is_down);
}

TEST(Connection, AResetReachesTheOtherSide) {
  ConnectionPair pair;
  pair.settle();
  pair.dialer.open(pair.now, 1);
  pair.settle();
  pair.dialer.input(pair.now, Reset{pair.dialer.stream_of(1)});
  EXPECT_TRUE(pair.dialer.streams.at(pair.dialer.stream_of(1)).is_down);
  pair.settle();
  ASSERT_EQ(pair.listener.streams.size(), 1U);
  const SeenStream& theirs = pair.listener.streams.begin()->second;
  EXPECT_TRUE(theirs.is_down && theirs.error);
}

TEST(Connection, AReaderThatDoesNotConsumeStopsTheWriter) {
  ConnectionPair pair;
  pair.listener.consumes = false;
  pair.settle();
  pair.dialer.open(pair.now, 1);
  const StreamId stream = pair.dialer.stream_of(1);
  std::size_t written = 0;
  for (int i = 0; i < 100; ++i) {
    const std::size_t size = std::min<std::size_t>(pair.dialer.streams.at(stream).room, 64 * 1024);
    if (size > 0) pair.dialer.write(pair.now, stream, Bytes(size));
    written += size;
    pair.settle();
  }
  // One window at the reader, one send queue at the writer.
  EXPECT_LE(written, 2U * 256 * 1024);
  EXPECT_LE(pair.listener.streams.begin()->second.data.size(), 256U * 1024);
  const StreamId theirs = pair.listener.streams.begin()->first;
  pair.listener.consumes = true;
  pair.listener.input(pair.now, Consume{theirs, pair.listener.streams.at(theirs).data.size()});
  pair.settle();
  EXPECT_EQ(pair.listener.streams.at(theirs).data.size(), written);
}

// Attack row A49: a peer that does not answer the negotiation.
TEST(Connection, A49TheUpgradeHasADeadline) {
  ConnectionEnd dialer(Direction::outbound, 1, Options{});
  ASSERT_EQ(dialer.connection->next_deadline(), Instant{10s});
  dialer.deadline(Instant{10s} - 1ms);
  EXPECT_FALSE(dialer.fault.has_value());
  dialer.deadline(Instant{10s});
  ASSERT_TRUE(dialer.fault.has_value());
  EXPECT_EQ(dialer.fault->code, Code::timeout);
  EXPECT_FALSE(dialer.connection->next_deadline().has_value());
}

TEST(Connection, A49ALateMuxerHasTheSameDeadline) {
  Options plain;
  plain.muxers.clear();
  ConnectionPair pair(plain, plain);
  pair.on_wire = [&](ConnectionEnd& from, Bytes& bytes) {
    // The listener's answers stop once Noise is done.
    if (&from == &pair.listener && pair.dialer.ups > 0) bytes.clear();
  };
  pair.settle();
  EXPECT_EQ(pair.dialer.ups, 1);
  pair.wait(10s);
  ASSERT_TRUE(pair.dialer.fault.has_value());
  EXPECT_EQ(pair.dialer.fault->code, Code::timeout);
}

TEST(Connection, TheLinksEndEndsEveryStream) {
  ConnectionPair pair;
  pair.settle();
  pair.dialer.open(pair.now, 1);
  pair.dialer.open(pair.now, 2, {"/x", "/echo"});
  pair.dialer.connection->shut_down(pair.now, {Code::io, "the cable"});
  pair.dialer.deadline(pair.now);  // drains
  EXPECT_EQ(pair.dialer.streams.at(pair.dialer.stream_of(1)).error->code, Code::io);
  EXPECT_EQ(pair.dialer.open_failed.at(2).code, Code::io);
  pair.dialer.open(pair.now, 3);
  EXPECT_EQ(pair.dialer.open_failed.at(3).code, Code::closed);
}

TEST(Connection, AGracefulEndLetsStreamsFinish) {
  ConnectionPair pair;
  pair.listener.echoes = true;
  pair.settle();
  pair.dialer.open(pair.now, 1);
  pair.dialer.write(pair.now, pair.dialer.stream_of(1), pattern(50'000));
  pair.dialer.input(pair.now, Finish{pair.dialer.stream_of(1)});
  pair.dialer.input(pair.now, Connection::CloseGracefully{});
  pair.settle();
  EXPECT_EQ(pair.dialer.streams.at(pair.dialer.stream_of(1)).data, pattern(50'000));
  EXPECT_FALSE(pair.listener.connection->takes_streams());
  pair.listener.open(pair.now, 9);
  EXPECT_TRUE(pair.listener.open_failed.contains(9));
}

}  // namespace
}  // namespace kith::host
