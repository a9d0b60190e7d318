// What a peer that has the keys can do to a connection: lies in acknowledgements, windows, ids and
// fragments, floods, unknown epochs; and what somebody can do who has copied its packets.
#include <gtest/gtest.h>

#include "packet/load_test_util.h"
#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

struct HostilePeer : LoneConnection {
  explicit HostilePeer(Direction direction = Direction::inbound) : LoneConnection(direction) {
    shake();
  }
  bool ended_with(Code code) const { return ended && ended->error && ended->error->code == code; }
  /// Sends `count` packets that want acknowledgements.
  std::vector<Bytes> write(std::size_t bytes) {
    const auto stream = connection.services().open_stream(importance_default);
    EXPECT_TRUE(stream);
    connection.services().write(*stream, Buffer(ByteView(test_bytes(bytes))));
    return flush();
  }
  PacketNumber number_of(ByteView packet) const {
    Header header;
    EXPECT_EQ(decode_header(packet, header), HeaderFault::none);
    const std::uint8_t direction = is_initiator ? 1 : 2;
    return *number_from_wire(header.number, test_offset(direction, peer_id), 0);
  }
};

TEST(ConnectionHostile, AnAckOfANumberThatWasNeverSentEndsItWithProtocol) {
  HostilePeer peer;
  const auto packets = peer.write(5'000);
  const PacketNumber last = peer.number_of(packets.back());
  peer.say({.type = PacketType::ack, .ack = last});
  EXPECT_EQ(peer.connection.state(), State::established);
  peer.say({.type = PacketType::ack, .ack = last + 1});
  EXPECT_TRUE(peer.ended_with(Code::protocol));
  EXPECT_EQ(peer.flush_types(), std::vector<PacketType>{PacketType::error});
}

TEST(ConnectionHostile, AnAckOfANumberThatWasSkippedEndsItWithProtocol) {
  HostilePeer peer;
  // One in 1,024 or so is skipped; acknowledged are all but those, until one shows.
  PacketNumber expected = peer.number_of(peer.write(10).front());
  std::optional<PacketNumber> skipped;
  for (int i = 0; i < 20'000 && !skipped; ++i) {
    peer.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}});
    for (const Bytes& packet : peer.flush()) {
      const PacketNumber number = peer.number_of(packet);
      if (number > expected + 1) skipped = expected + 1;
      expected = number;
    }
    if (i % 32 == 0) peer.say({.type = PacketType::ack, .ack = expected});
    ASSERT_FALSE(peer.ended);
  }
  ASSERT_TRUE(skipped);
  peer.say({.type = PacketType::ack, .ack = *skipped});
  EXPECT_TRUE(peer.ended_with(Code::protocol));
}

TEST(ConnectionHostile, WindowLiesGainNothing) {
  HostilePeer peer;
  peer.write(10);
  const auto held = [&] { return peer.connection.services().held(); };
  const std::uint64_t first = held().sent_limit;
  peer.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}, .window = 255});
  EXPECT_EQ(held().sent_limit, first) << "a lower one is old";
  peer.say({.type = PacketType::ping,
            .frames = {PingFrame{{1}, false}},
            .window = static_cast<std::uint16_t>(256 + 0x8000)});
  EXPECT_EQ(held().sent_limit, first) << "a step that is too long is old too";
  peer.say({.type = PacketType::ping,
            .frames = {PingFrame{{1}, false}},
            .window = static_cast<std::uint16_t>(256 + 0x7fff)});
  EXPECT_EQ(held().sent_limit, first + 0x7fffULL * window_unit_bytes);
  EXPECT_FALSE(peer.ended);
}

TEST(ConnectionHostile, SendingBeyondTheCreditEndsItWithProtocol) {
  const ServicesConfig config;
  for (const bool is_over : {false, true}) {
    HostilePeer peer;
    const std::uint64_t at = config.stream_window_initial - 1 + (is_over ? 1 : 0);
    peer.say({.type = PacketType::data,
              .frames = {StreamFrame{1, at, base::as_bytes("x"), false}},
              .flags = flag_reliable});
    EXPECT_EQ(peer.ended_with(Code::protocol), is_over);
  }
}

TEST(ConnectionHostile, AFourthLiveIdIsTakenAndAFifthEndsIt) {
  HostilePeer peer;
  const auto id = [&](std::uint64_t sequence) {
    peer.say({.type = PacketType::data,
              .frames = {NewIdFrame{sequence, {static_cast<std::uint32_t>(9000 + sequence)}, {}}},
              .flags = flag_reliable});
  };
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) id(sequence);
  id(3);  // said twice
  EXPECT_FALSE(peer.ended);
  id(4);
  EXPECT_TRUE(peer.ended_with(Code::protocol));
}

TEST(ConnectionHostile, AnIdThatHasTwoValuesEndsIt) {
  for (const std::uint64_t sequence : {0U, 1U}) {
    HostilePeer peer;
    const auto say = [&](std::uint32_t value) {
      peer.say({.type = PacketType::data,
                .frames = {NewIdFrame{sequence, {value}, {}}},
                .flags = flag_reliable});
    };
    say(sequence == 0 ? HostilePeer::peer_id.value : 9001);
    EXPECT_FALSE(peer.ended);
    say(9002);
    EXPECT_TRUE(peer.ended_with(Code::protocol));
  }
}

TEST(ConnectionHostile, GivingBackAnIdThatWasNeverGivenEndsIt) {
  HostilePeer peer;
  peer.say({.type = PacketType::data, .frames = {RetireIdFrame{0}}, .flags = flag_reliable});
  EXPECT_FALSE(peer.ended) << "the last one stays";
  peer.say({.type = PacketType::data, .frames = {RetireIdFrame{1}}, .flags = flag_reliable});
  EXPECT_TRUE(peer.ended_with(Code::protocol));
}

/// Gives out ids as an endpoint does, and counts them.
struct CountedIds : ConnectionIds {
  std::uint32_t next = 50'000;
  std::size_t live = 0;
  std::optional<ConnectionId> take_id(ConnectionSlot) override {
    ++live;
    return ConnectionId{next++};
  }
  void give_back(ConnectionId) override { --live; }
  ResetToken token_of(ConnectionId, const base::IpPort&) const override { return {}; }
};

TEST(ConnectionHostile, AFloodOfRetiredIdsTakesNoMoreIdsThanOneThatIsQuiet) {
  CountedIds ids;
  SeededRng rng(1);
  const PacketConfig config;
  const Path path{{1}, TestPair::address(9)};
  const Instant now = Instant{} + 1h;
  Connection connection(config, Carrier::datagrams, Direction::inbound, path,
                        LoneConnection::own_id, rng, now, &ids, {}, LoneConnection::peer_id);
  connection.on_input(now, test_keys(false, 0));
  Bytes room(65'536);
  for (std::uint64_t retired = 0; retired <= 1'000; ++retired) {
    TestSealer sealer(1, connection.own_ids().back());
    Bytes packet = sealer.seal({.type = PacketType::data,
                                .frames = {RetireIdFrame{retired}},
                                .flags = flag_reliable,
                                .number = retired});
    Header header;
    ASSERT_EQ(decode_header(packet, header), HeaderFault::none);
    connection.on_packet(now, path, header, packet, base::Ecn::none);
    ASSERT_LE(ids.live, 3U);
    ASSERT_LE(connection.own_ids().size(), 3U);
    // Half of the time they are said in between.
    if (retired % 2 == 0 && connection.has_transmit(now)) connection.poll_packets(now, room);
  }
  EXPECT_EQ(connection.state(), State::established);
  EXPECT_EQ(connection.own_ids().size(), 3U);
}

TEST(ConnectionHostile, APingFloodOwesAtMostThreePongs) {
  HostilePeer peer;
  for (std::uint8_t i = 0; i < 100; ++i) {
    peer.say({.type = PacketType::ping, .frames = {PingFrame{{i}, false}}});
  }
  const auto packets = peer.flush();
  std::vector<std::uint8_t> answered;
  for (const Bytes& packet : packets) {
    const auto opened = test_open(2, HostilePeer::peer_id, packet);
    ASSERT_TRUE(opened);
    if (opened->header.type == PacketType::pong) answered.push_back(opened->payload[1]);
  }
  EXPECT_EQ(answered, (std::vector<std::uint8_t>{97, 98, 99}));
}

TEST(ConnectionHostile, ThirtyTwoPingsInOnePacketOweThreePongsToo) {
  HostilePeer peer;
  std::vector<Frame> pings;
  for (std::uint8_t i = 0; i < 32; ++i) pings.push_back(PingFrame{{i}, false});
  peer.say({.type = PacketType::ping, .frames = pings});
  EXPECT_EQ(std::ranges::count(peer.flush_types(), PacketType::pong), 3);
}

TEST(ConnectionHostile, FragmentsThatLieEndItAndRightOnesArrive) {
  const auto fragment = [](std::uint16_t index, std::uint16_t total, Bytes payload) {
    TestPacket packet{.type = PacketType::fragment,
                      .flags = flag_reliable | flag_fragmented,
                      .payload = std::move(payload)};
    packet.fragment_index = index;
    packet.fragment_total = total;
    if (index + 1 == total) packet.flags |= flag_last_fragment;
    return packet;
  };
  HostilePeer right;
  right.say(fragment(0, 2, {0, 0, 0, 3, 'a', 'b'}));
  right.say(fragment(1, 2, {0, 0, 0, 3, 'c'}));
  EXPECT_EQ(right.messages, 1U);
  const std::vector<std::vector<TestPacket>> lies = {
      {fragment(0, 2, {0, 0, 0, 3, 'a'})},            // too short
      {fragment(0, 2, {0, 0, 0, 3, 'a', 'b', 'c'})},  // too long
      {fragment(0, 2, {0, 0, 0, 0})},                 // of nothing
      {fragment(0, 2, {1, 0, 0, 1, 'a'})},            // over 16 MiB
      {fragment(0, 3, {0, 0, 0, 2, 'a'})},            // 3 of 2 bytes
      {fragment(0, 2, {0, 0, 0, 3, 'a', 'b'}), fragment(1, 2, {0, 0, 0, 4, 'c', 'd'})},
      {fragment(0, 2, {0, 0, 0, 3, 'a', 'b'}), fragment(2, 3, {0, 0, 0, 3, 'c'})},
      {fragment(0, 2, {0, 0})},
  };
  for (std::size_t i = 0; i < lies.size(); ++i) {
    HostilePeer liar;
    for (const TestPacket& packet : lies[i]) liar.say(packet);
    EXPECT_TRUE(liar.ended_with(Code::protocol)) << i;
    EXPECT_EQ(liar.messages, 0U) << i;
  }
}

TEST(ConnectionHostile, UnknownEpochsAndNumbersAreDroppedBeforeTheKey) {
  HostilePeer peer;
  for (const std::uint64_t epoch : {1U, 2U, 255U}) {
    peer.sealer.epoch = epoch;
    peer.say({.type = PacketType::data,
              .frames = {StreamFrame{1, 0, base::as_bytes("x"), false}},
              .flags = flag_reliable});
  }
  EXPECT_EQ(peer.connection.stats().packets_dropped, 3U);
  peer.sealer.epoch = 0;
  peer.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}, .number = 20'000});
  // 8,191 below the highest is the last that may still come.
  peer.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}, .number = 20'000 - 8'191});
  EXPECT_EQ(peer.connection.stats().packets_dropped, 3U);
  peer.say({.type = PacketType::ping, .frames = {PingFrame{{1}, false}}, .number = 20'000 - 8'192});
  EXPECT_EQ(peer.connection.stats().packets_dropped, 4U);
  EXPECT_FALSE(peer.ended);
}

TEST(ConnectionHostile, AFinIsTakenOnlyUnderTheKey) {
  HostilePeer peer;
  Bytes packet = peer.sealer.seal({.type = PacketType::fin, .frames = {FinFrame{}}});
  packet.back() ^= 1U;
  peer.deliver(packet);
  EXPECT_EQ(peer.connection.state(), State::established);
  EXPECT_TRUE(peer.flush().empty());
}

TEST(ConnectionHostile, AfterItsFinThePeerBringsNothingNew) {
  HostilePeer peer;
  peer.write(100);  // unheard: it stays in CLOSE_WAIT
  peer.say({.type = PacketType::fin, .frames = {FinFrame{}}});
  ASSERT_EQ(peer.connection.state(), State::close_wait);
  peer.say({.type = PacketType::data,
            .frames = {StreamFrame{1, 0, base::as_bytes("x"), false}},
            .flags = flag_reliable});
  EXPECT_EQ(peer.accepted, 0U);
  EXPECT_EQ(peer.connection.services().held().received, 0U);
}

TEST(ConnectionHostile, FramesThatMakeNoSenseEndItWithProtocol) {
  const std::vector<TestPacket> lies = {
      {.type = PacketType::data, .payload = {0x7f}},              // unknown
      {.type = PacketType::data, .payload = {0x0a, 0x01}},        // cut
      {.type = PacketType::ack, .payload = {0x3c}},               // FIN in an ACK
      {.type = PacketType::data, .payload = {0x00, 0x01}},        // padding that is none
      {.type = PacketType::ack, .payload = {0x01, 0, 0, 0}},      // ranges without an ack
      {.type = PacketType::data, .payload = {0x08, 0x04, 0x00}},  // our stream, never opened
  };
  for (std::size_t i = 0; i < lies.size(); ++i) {
    HostilePeer peer;
    peer.say(lies[i]);
    EXPECT_TRUE(peer.ended_with(Code::protocol)) << i;
    EXPECT_EQ(peer.flush_types(), std::vector<PacketType>{PacketType::error}) << i;
  }
}

TEST(ConnectionHostile, SessionBytesBeyond64KiBEndIt) {
  for (const std::uint64_t at : {65'535U, 65'536U}) {
    HostilePeer peer;
    peer.say({.type = PacketType::data,
              .frames = {SessionFrame{at, base::as_bytes("x")}},
              .flags = flag_reliable});
    EXPECT_EQ(peer.ended_with(Code::protocol), at == 65'536);
  }
}

TEST(ConnectionHostile, SessionBytesInSeveralFramesOfOnePacketArriveWhole) {
  HostilePeer peer;
  const Bytes bytes = test_bytes(900);
  const auto piece = [&](std::size_t from, std::size_t size) {
    return SessionFrame{from, ByteView(bytes).subspan(from, size)};
  };
  peer.say({.type = PacketType::data,
            .frames = {piece(0, 300), piece(600, 300), piece(300, 300)},
            .flags = flag_reliable});
  EXPECT_TRUE(base::equal(peer.session, bytes));
}

TEST(ConnectionHostile, ACloseWithACodeThatNobodyHasIsAReset) {
  for (const auto& [wire, code] : {std::pair<std::uint16_t, Code>{60'000, Code::reset},
                                   {0, Code::reset},
                                   {static_cast<std::uint16_t>(Code::limit), Code::limit}}) {
    HostilePeer peer;
    peer.say({.type = PacketType::error, .frames = {CloseFrame{wire, {}}}});
    EXPECT_TRUE(peer.ended_with(code)) << wire;
  }
}

TEST(ConnectionHostile, TheReasonOfACloseIsPrintedWithoutWhatATerminalWouldObey) {
  HostilePeer peer;
  peer.say({.type = PacketType::error, .frames = {CloseFrame{7, base::as_bytes("\x1b[2Jhi")}}});
  ASSERT_TRUE(peer.ended && peer.ended->error);
  EXPECT_EQ(peer.ended->error->message.find('\x1b'), std::string::npos);
  EXPECT_NE(peer.ended->error->message.find("hi"), std::string::npos);
}

}  // namespace
}  // namespace kith::packet
