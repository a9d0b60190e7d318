// Sessions from end to end: over ordered bytes in any cut, and over datagrams that get lost.
#include "host/session_connection.h"

#include <gtest/gtest.h>

#include "base/endian.h"
#include "host/test_sessions.h"

namespace kith::host {
namespace {

using crypto::CipherId;

Bytes session_pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 >> 4);
  return bytes;
}

template <class Pair>
void expect_session_up(const Pair& pair) {
  EXPECT_EQ(pair.dialer.ups, 1);
  EXPECT_EQ(pair.listener.ups, 1);
  EXPECT_EQ(pair.dialer.peer, test_peer(2));
  EXPECT_EQ(pair.listener.peer, test_peer(1));
  EXPECT_FALSE(pair.dialer.fault.has_value()) << pair.dialer.fault->message;
  EXPECT_FALSE(pair.listener.fault.has_value()) << pair.listener.fault->message;
}

/// Writes as there is room.
template <class End>
void write_some(End& end, Instant now, StreamId stream, ByteView& rest) {
  const std::size_t size = std::min(rest.size(), end.streams.at(stream).room);
  if (size == 0) return;
  end.write(now, stream, rest.first(size));
  rest = rest.subspan(size);
}

// --- ordered -------------------------------------------------------------------------------------

void expect_session_echo(SessionPair& pair, std::size_t size) {
  pair.listener.echoes = true;
  pair.dialer.open(pair.now, 1);
  const StreamId stream = pair.dialer.stream_of(1);
  ASSERT_NE(stream.value, 0U);
  const Bytes data = session_pattern(size);
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

TEST(SessionConnection, OverOrderedBytesItCarriesAStreamInAnyCut) {
  for (const std::size_t piece_max : {std::size_t{1}, std::size_t{700}, std::size_t{100'000}}) {
    SessionPair pair;
    pair.piece_max = piece_max;
    pair.settle();
    expect_session_up(pair);
    expect_session_echo(pair, piece_max == 1 ? 3'000 : 100'000);
  }
}

TEST(SessionConnection, OverOrderedBytesADatagramWaitsForTheRoomItNeeds) {
  SessionPair pair;
  pair.settle();
  const Bytes data = session_pattern(50'000);
  for (int i = 0; i < 5; ++i) {
    pair.dialer.input(pair.now, SendDatagram{test_peer(2), named_message("/echo", data)});
  }
  pair.settle();
  EXPECT_EQ(pair.listener.datagrams, std::vector<Bytes>(5, data));
}

TEST(SessionConnection, BothEndsHaveTheSameChannelAndNoOtherHas) {
  std::vector<crypto::Hash256> channels;
  for (int i = 0; i < 2; ++i) {
    SessionPair pair;
    // The second pair's draws begin elsewhere.
    if (i == 1) {
      static_cast<void>(pair.dialer.rng.below(2));
      static_cast<void>(pair.listener.rng.below(2));
    }
    pair.settle();
    pair.dialer.open(pair.now, 1);
    pair.settle();
    ASSERT_EQ(pair.listener.streams.size(), 1U);
    const StreamUp& theirs = *pair.listener.streams.begin()->second.up;
    const StreamUp& ours = *pair.dialer.streams.begin()->second.up;
    EXPECT_EQ(theirs.channel, ours.channel);
    channels.push_back(ours.channel);
  }
  EXPECT_NE(channels[0], channels[1]);
}

TEST(SessionConnection, AnotherIdentityThanExpectedIsAFault) {
  SessionOptions options;
  options.expected = test_peer(3);
  SessionPair pair(options, {});
  pair.settle();
  ASSERT_TRUE(pair.dialer.fault.has_value());
  EXPECT_EQ(pair.dialer.fault->code, Code::wrong_peer);
  EXPECT_EQ(pair.dialer.ups + pair.listener.ups, 0);
}

TEST(SessionConnection, SeedsMustBeTheSame) {
  SessionOptions one, other;
  one.seed = crypto::Hash256{1};
  other.seed = crypto::Hash256{2};
  for (const auto& listener : {other, SessionOptions{}}) {
    SessionPair pair(one, listener);
    pair.settle();
    pair.wait(31s);
    EXPECT_EQ(pair.listener.ups, 0);
    EXPECT_TRUE(pair.dialer.fault.has_value());
  }
  SessionPair same(one, one);
  same.settle();
  expect_session_up(same);
}

/// What a dialer keeps of a listener that has been started anew since.
void keep_stale_ticket(Instant now, secure::Tickets& tickets) {
  PacketPair before;
  before.dial();
  ASSERT_TRUE(before.run_until([&] { return before.dialer.shared.tickets().kept() > 0; }));
  auto kept = before.dialer.shared.tickets().take(before.now, test_peer(2));
  ASSERT_TRUE(kept.has_value());
  tickets.keep(now, test_peer(2), std::move(kept->ticket), std::move(kept->secret));
}

TEST(SessionConnection, ATicketOfBeforeARestartCostsARoundTripAndNoPatience) {
  SessionOptions options;
  options.expected = test_peer(2);
  PacketPair packets(options, {});
  keep_stale_ticket(packets.now, packets.dialer.shared.tickets());
  packets.dial();
  // A cookie, HELLO without the ticket, and what is left of the handshake: four round trips.
  EXPECT_TRUE(packets.run_until([&] { return packets.listener.ups == 1; }, 8 * packets.latency));
  expect_session_up(packets);

  SessionPair ordered(options, {});
  keep_stale_ticket(ordered.now, ordered.dialer.shared.tickets());
  ordered.dialer.connection.emplace(ordered.dialer.context, ordered.dialer.shared, LinkId{1},
                                    Direction::outbound, options.expected, ordered.now);
  ordered.settle();
  expect_session_up(ordered);
}

TEST(SessionConnection, EachCipherMayBeChosen) {
  for (const CipherId cipher : {CipherId::aes_256_gcm, CipherId::chacha20_poly1305}) {
    SessionOptions options;
    options.ciphers = {cipher};
    SessionPair pair(options, {});
    pair.settle();
    expect_session_up(pair);
    EXPECT_EQ(pair.dialer.connection->stats().cipher,
              cipher == CipherId::aes_256_gcm ? "aes-256-gcm" : "chacha20-poly1305");
    EXPECT_EQ(pair.listener.connection->stats().cipher, pair.dialer.connection->stats().cipher);
    expect_session_echo(pair, 50'000);
  }
}

TEST(SessionConnection, AnUnknownProtocolEndsTheLazyStreamAsUnsupported) {
  SessionPair pair;
  pair.settle();
  pair.dialer.open(pair.now, 1, {"/unknown"});
  const StreamId stream = pair.dialer.stream_of(1);
  pair.dialer.write(pair.now, stream, session_pattern(5'000));
  pair.settle();
  const SeenStream& seen = pair.dialer.streams.at(stream);
  ASSERT_TRUE(seen.is_down && seen.error);
  EXPECT_EQ(seen.error->code, Code::unsupported);
  EXPECT_TRUE(pair.listener.streams.empty());
  EXPECT_FALSE(pair.listener.fault.has_value());
}

TEST(SessionConnection, AFlippedBitEndsAnOrderedLink) {
  SessionPair pair;
  pair.settle();
  expect_session_up(pair);
  pair.on_wire = [&](SessionEnd& from, Bytes& bytes) {
    if (&from == &pair.dialer) bytes.back() ^= 1;
  };
  pair.dialer.open(pair.now, 1);
  pair.settle();
  EXPECT_TRUE(pair.listener.fault.has_value());
  EXPECT_TRUE(pair.listener.streams.empty());
  EXPECT_TRUE(pair.dialer.fault.has_value()) << "it was told";
}

TEST(SessionConnection, FramesBeyondTheBoundsAreAFault) {
  for (const std::uint32_t size : {31U, 65'508U, 0xffff'ffffU}) {
    SessionEnd listener(Direction::inbound, 2, {});
    Bytes frame(4);
    base::store_big_endian(ByteSpan(frame), 0, size);
    listener.hear({}, frame);
    ASSERT_TRUE(listener.fault.has_value()) << size;
    EXPECT_EQ(listener.fault->code, Code::malformed);
  }
  for (const std::uint32_t size : {32U, 65'507U}) {
    SessionEnd listener(Direction::inbound, 2, {});
    Bytes frame(4);
    base::store_big_endian(ByteSpan(frame), 0, size);
    listener.hear({}, frame);
    EXPECT_FALSE(listener.fault.has_value()) << size;
  }
}

TEST(SessionConnection, TheFirstBytesTellASessionFromLibp2p) {
  const auto verdict = [](std::string_view hex) {
    return SessionConnection::is_session(base::from_hex(hex).value());
  };
  EXPECT_EQ(verdict("000004d4beef"), true);
  EXPECT_EQ(verdict("132f6d756c74"), false);  // multistream-select
  EXPECT_EQ(verdict("13"), false);
  EXPECT_EQ(verdict("00010000beef"), false) << "64 KiB and more are no packet";
  EXPECT_EQ(verdict("000004d4bfef"), false);
  for (const char* prefix : {"", "00", "0000", "000004", "000004d4", "000004d4be"}) {
    EXPECT_EQ(verdict(prefix), std::nullopt) << prefix;
  }
}

TEST(SessionConnection, AHandshakeThatIsNotAnsweredEnds) {
  SessionEnd dialer(Direction::outbound, 1, {});
  dialer.transmit({});
  dialer.deadline(Instant{30s} - 1ms);
  EXPECT_FALSE(dialer.fault.has_value());
  dialer.deadline(Instant{30s} + 1ms);
  ASSERT_TRUE(dialer.fault.has_value());
  EXPECT_EQ(dialer.fault->code, Code::timeout);
}

TEST(SessionConnection, OneThatClosesInOrderEndsBoth) {
  SessionPair pair;
  pair.settle();
  pair.dialer.connection->close(pair.now, true);
  pair.settle();
  pair.wait(2s);
  EXPECT_TRUE(pair.listener.connection->has_ended());
  EXPECT_TRUE(pair.dialer.connection->has_ended());
  pair.dialer.open(pair.now, 1);
  EXPECT_EQ(pair.dialer.open_failed.at(1).code, Code::closed);
}

TEST(SessionConnection, TheLinksEndEndsEveryStream) {
  SessionPair pair;
  pair.settle();
  pair.dialer.open(pair.now, 1);
  pair.dialer.connection->shut_down(pair.now, {Code::io, "the cable"});
  pair.dialer.drain(pair.now);
  EXPECT_EQ(pair.dialer.streams.at(pair.dialer.stream_of(1)).error->code, Code::io);
  EXPECT_FALSE(pair.dialer.connection->next_deadline().has_value());
}

TEST(SessionConnection, KeysRotateUnderLoad) {
  SessionOptions options;
  options.rotate_bytes = 20'000;
  SessionPair pair(options, {});
  pair.settle();
  pair.dialer.open(pair.now, 1);
  const StreamId stream = pair.dialer.stream_of(1);
  const Bytes data = session_pattern(400'000);
  for (ByteView rest = data; !rest.empty();) {
    write_some(pair.dialer, pair.now, stream, rest);
    pair.settle();
    pair.wait(50ms);
  }
  ASSERT_EQ(pair.listener.streams.size(), 1U);
  EXPECT_EQ(pair.listener.streams.begin()->second.data, data);
  EXPECT_GE(pair.dialer.connection->stats().rotations, 1U);
  EXPECT_FALSE(pair.listener.fault.has_value());
}

// --- datagrams -----------------------------------------------------------------------------------

void expect_transfer(PacketPair& pair, std::size_t size) {
  pair.dialer.open(pair.now, 1);
  const StreamId stream = pair.dialer.stream_of(1);
  ASSERT_NE(stream.value, 0U);
  const Bytes data = session_pattern(size);
  ByteView rest = data;
  const bool is_done = pair.run_until([&] {
    if (!rest.empty()) {
      write_some(pair.dialer, pair.now, stream, rest);
      if (rest.empty()) pair.dialer.input(pair.now, Finish{stream});
      pair.settle();
    }
    return !pair.listener.streams.empty() && pair.listener.streams.begin()->second.has_ended;
  });
  ASSERT_TRUE(is_done);
  EXPECT_EQ(pair.listener.streams.begin()->second.data, data);
}

TEST(SessionConnection, OverDatagramsItIsUpAfterTwoRoundTrips) {
  PacketPair pair;
  pair.dial();
  pair.run_until([&] { return pair.dialer.ups == 1; });
  EXPECT_EQ(pair.now, Instant{40ms}) << "a cookie, then the handshake";
  pair.run_for(100ms);
  expect_session_up(pair);
  EXPECT_EQ(pair.dialer.connection->stats().transport, "udp");
}

TEST(SessionConnection, OverDatagramsAStreamArrivesWholeThoughOneInTwentyIsLost) {
  for (const std::uint64_t one_in : {std::uint64_t{0}, std::uint64_t{20}}) {
    PacketPair pair;
    SeededRng luck(7);
    if (one_in > 0) {
      pair.loses = [&luck, one_in](const PacketEnd&) { return luck.below(one_in) == 0; };
    }
    pair.dial();
    ASSERT_TRUE(pair.run_until([&] { return pair.dialer.ups == 1; }));
    expect_transfer(pair, 1'000'000);
    const SessionStats stats = pair.dialer.connection->stats();
    EXPECT_EQ(stats.packets_lost > 0, one_in > 0);
    EXPECT_GT(stats.packets_sent, 700U);
    EXPECT_GE(stats.rtt_least, 20ms);
  }
}

/// Also with a ticket, which names both.
TEST(SessionConnection, WhoLooksOnSeesNobodysIdentity) {
  SessionOptions options;
  options.expected = test_peer(2);
  PacketPair pair(options, {});
  for (int i = 0; i < 2; ++i) {
    pair.dial();
    ASSERT_TRUE(pair.run_until([&] { return pair.dialer.ups == i + 1; }));
    pair.run_for(1s);
  }
  EXPECT_EQ(pair.listener.admitted_by_ticket, 1U);
  const auto is_seen = [&](ByteView bytes) {
    return !std::ranges::search(pair.wire, bytes).empty();
  };
  EXPECT_TRUE(is_seen(ByteView(pair.wire).last(40)));
  for (const PacketEnd* end : {&pair.dialer, &pair.listener}) {
    const crypto::PublicKey key = end->key.public_key();
    EXPECT_FALSE(is_seen(key.data));
    EXPECT_FALSE(is_seen(base::as_bytes(codec::to_text(codec::peer_id_of(key)))));
    EXPECT_FALSE(is_seen(end->shared.config().session.identity->key.public_key()));
  }
}

TEST(SessionConnection, TheMoreImportantStreamGoesFirst) {
  for (const std::uint16_t importance : {std::uint16_t{0}, std::uint16_t{1000}}) {
    PacketPair pair;
    pair.dial();
    ASSERT_TRUE(pair.run_until([&] { return pair.dialer.ups == 1; }));
    for (const std::uint64_t token : {1U, 2U}) pair.dialer.open(pair.now, token);
    pair.dialer.input(pair.now, Prioritize{pair.dialer.stream_of(2), importance});
    const Bytes data = session_pattern(200'000);
    for (const std::uint64_t token : {1U, 2U}) {
      pair.dialer.write(pair.now, pair.dialer.stream_of(token), data);
    }
    const auto arrived = [&](bool is_second) {
      if (pair.listener.streams.size() < 2) return std::size_t{0};
      const auto& seen = pair.listener.streams;
      return (is_second ? seen.rbegin()->second : seen.begin()->second).data.size();
    };
    const bool second_is_first = importance > 500;
    ASSERT_TRUE(pair.run_until([&] { return arrived(second_is_first) == data.size(); }));
    EXPECT_LT(arrived(!second_is_first), data.size() / 2);
  }
}

TEST(SessionConnection, OverDatagramsTheLossOfAnyHandshakePacketIsRepaired) {
  for (std::size_t lost = 0; lost < 6; ++lost) {
    PacketPair pair;
    std::size_t sent = 0;
    pair.loses = [&](const PacketEnd&) { return sent++ == lost; };
    pair.dial();
    EXPECT_TRUE(pair.run_until([&] { return pair.dialer.ups + pair.listener.ups == 2; }, 10s))
        << lost;
  }
}

TEST(SessionConnection, OverDatagramsOneThatClosesInOrderEndsBoth) {
  PacketPair pair;
  pair.dial();
  pair.run_until([&] { return pair.listener.ups == 1; });
  pair.dialer.open(pair.now, 1);
  pair.dialer.write(pair.now, pair.dialer.stream_of(1), session_pattern(5'000));
  pair.dialer.connection->close(pair.now, true);
  pair.dialer.pump(pair.now);
  pair.settle();
  pair.run_for(15s);
  ASSERT_EQ(pair.listener.streams.size(), 1U);
  EXPECT_EQ(pair.listener.streams.begin()->second.data.size(), 5'000U) << "all of it came before";
  EXPECT_TRUE(pair.dialer.connection->has_ended());
  EXPECT_TRUE(pair.listener.connection->has_ended());
  EXPECT_TRUE(pair.listener.fault.has_value());
}

TEST(SessionConnection, OverDatagramsAPeerThatIsGoneIsNoticed) {
  PacketPair pair;
  pair.dial();
  pair.run_until([&] { return pair.listener.ups == 1; });
  pair.loses = [](const PacketEnd&) { return true; };
  pair.run_for(90s);
  ASSERT_TRUE(pair.dialer.fault.has_value());
  EXPECT_EQ(pair.dialer.fault->code, Code::timeout);
  EXPECT_TRUE(pair.dialer.connection->has_ended());
}

}  // namespace
}  // namespace kith::host
