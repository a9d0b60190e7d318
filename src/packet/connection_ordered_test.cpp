// Connections over a carrier that keeps order and loses nothing, as TCP and WebSocket are: the same
// packets, nothing sent twice, and what is out of order or altered is a fault.
#include <gtest/gtest.h>

#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

/// One end of the wire, which plays the session as TestEnd does.
struct OrderedEnd {
  OrderedEnd(const PacketConfig& config, Direction direction, ConnectionId own, ConnectionId other,
             Instant now)
      : is_initiator(direction == Direction::outbound),
        rng(own.value),
        connection(config, Carrier::ordered, direction, Path{}, own, rng, now, nullptr, {},
                   is_initiator ? ConnectionId{} : other) {}

  bool is_initiator;
  SeededRng rng;
  Connection connection;
  OrderedEnd* peer = nullptr;
  Bytes wire;  // behind a length of two bytes here
  std::size_t packets = 0;
  std::map<StreamNumber, Bytes> streams;
  std::vector<StreamNumber> accepted, finished;
  std::map<MessageNumber, Bytes> messages;
  std::vector<Bytes> datagrams;
  Bytes session;
  std::vector<std::uint64_t> epochs;
  std::vector<Code> hints;
  bool is_up = false, consumes = true;
  std::optional<ConnectionEnded> ended;

  void input(Instant now, Connection::Input input) {
    connection.on_input(now, std::move(input));
    drain(now);
  }
  void up(Instant now, std::uint8_t message) {
    connection.on_input(now, test_keys(is_initiator, 0));
    connection.on_input(now, PeerParameters{peer->connection.parameters()});
    connection.on_input(now, HandshakeBytes{message, Bytes(40, message)});
    is_up = true;
  }
  void drain(Instant now) {
    while (auto output = connection.poll_output(now)) {
      std::visit(
          Overload{[&](HandshakeArrived& arrived) {
                     if (arrived.message == 0) {
                       connection.on_input(now, HandshakeBytes{1, Bytes(40, 1)});
                     } else if (arrived.message == 3) {
                       connection.on_input(now, HandshakeDone{});
                     } else {
                       up(now, static_cast<std::uint8_t>(arrived.message + 1));
                     }
                   },
                   [&](SessionArrived& arrived) { base::append(session, arrived.bytes); },
                   [&](HintArrived& hint) { hints.push_back(hint.code); },
                   [&](EpochOpened& opened) { epochs.push_back(opened.epoch); }, [](Traffic&) {},
                   [](PathChanged&) { ADD_FAILURE(); }, [&](ConnectionEnded& end) { ended = end; },
                   [&](ServicesOutput& served) { on_service(now, served); }},
          *output);
    }
  }
  void on_service(Instant now, ServicesOutput& output) {
    std::visit(Overload{[&](StreamAccepted& stream) { accepted.push_back(stream.stream); },
                        [&](StreamBytes& bytes) {
                          base::append(streams[bytes.stream], bytes.data);
                          if (!consumes) return;
                          connection.services().consume(now, bytes.stream, bytes.data.size());
                        },
                        [](StreamWritable&) {},
                        [&](StreamFinished& stream) { finished.push_back(stream.stream); },
                        [](StreamStopped&) {}, [](StreamClosed&) {},
                        [&](MessageArrived& message) {
                          for (const ByteView piece : message.pieces) {
                            base::append(messages[message.number], piece);
                          }
                          connection.services().consume_message(message.number);
                        },
                        [](MessageDone&) {},
                        [&](DatagramArrived& datagram) {
                          datagrams.push_back(base::to_bytes(datagram.data));
                        }},
               output);
  }
  /// Packets onto the wire.
  void transmit(Instant now) {
    Bytes room(65'536);
    while (connection.has_transmit(now)) {
      const auto out = connection.poll_packets(now, room);
      drain(now);
      if (out.bytes == 0) break;
      ASSERT_EQ(out.bytes, out.segment_bytes) << "one at a time";
      ++packets;
      wire.push_back(static_cast<std::uint8_t>(out.bytes >> 8));
      wire.push_back(static_cast<std::uint8_t>(out.bytes));
      base::append(wire, ByteView(room).first(out.bytes));
    }
  }
};

struct OrderedPair {
  explicit OrderedPair(const PacketConfig& packet_config = {})
      : config(packet_config),
        a(config, Direction::outbound, {1}, {}, now),
        b(config, Direction::inbound, {2}, {1}, now) {
    a.peer = &b;
    b.peer = &a;
  }
  PacketConfig config;
  Instant now = Instant{} + 1h;
  OrderedEnd a, b;
  std::size_t longest = 0;
  std::function<void(bool from_a, Bytes&)> hook;

  bool carry(OrderedEnd& from, OrderedEnd& to) {
    from.transmit(now);
    const bool had_some = !from.wire.empty();
    Bytes wire = std::move(from.wire);
    from.wire.clear();
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t size = std::size_t{wire[at]} << 8 | wire[at + 1];
      longest = std::max(longest, size);
      Bytes packet = base::to_bytes(ByteView(wire).subspan(at + 2, size));
      at += 2 + size;
      if (hook) hook(&from == &a, packet);
      if (!packet.empty()) deliver(to, packet);
    }
    return had_some;
  }
  void deliver(OrderedEnd& to, Bytes packet) {
    Header header;
    ASSERT_EQ(decode_header(packet, header), HeaderFault::none);
    to.connection.on_packet(now, Path{}, header, packet, base::Ecn::none);
    to.connection.on_batch_end(now);
    to.drain(now);
  }
  void settle() {
    while (carry(a, b) || carry(b, a)) {
    }
  }
  void connect() {
    a.input(now, HandshakeBytes{0, Bytes(40)});
    settle();
    ASSERT_TRUE(a.is_up && b.is_up);
    ASSERT_EQ(a.connection.state(), State::established);
    ASSERT_EQ(b.connection.state(), State::established);
  }
  void pass(Duration time) {
    const Instant end = now + time;
    while (true) {
      settle();
      const auto next = base::soonest(a.connection.next_deadline(), b.connection.next_deadline());
      if (!next || *next > end) break;
      now = std::max(now, *next);
      for (OrderedEnd* each : {&a, &b}) {
        each->connection.on_deadline(now);
        each->drain(now);
      }
    }
    now = end;
  }
  /// As the stream's room allows.
  void send(OrderedEnd& from, const Bytes& bytes) {
    Services& services = from.connection.services();
    const auto stream = services.open_stream(importance_default);
    ASSERT_TRUE(stream);
    ByteView rest = bytes;
    for (int turns = 0; !rest.empty() && turns < 10'000; ++turns) {
      const std::size_t size = std::min(rest.size(), services.room(*stream));
      if (size > 0) services.write(*stream, Buffer(rest.first(size)));
      rest = rest.subspan(size);
      settle();
    }
    ASSERT_TRUE(rest.empty());
    services.finish(*stream);
    settle();
  }
};

TEST(ConnectionOrdered, StreamsGoBothWaysInLongPacketsAndNothingTwice) {
  OrderedPair pair;
  pair.connect();
  const Bytes up = test_bytes(3'000'000, 1), down = test_bytes(2'000'000, 2);
  pair.send(pair.a, up);
  pair.send(pair.b, down);
  EXPECT_TRUE(base::equal(pair.b.streams.begin()->second, up));
  EXPECT_TRUE(base::equal(pair.a.streams.begin()->second, down));
  EXPECT_EQ(pair.b.finished.size(), 1U);
  EXPECT_EQ(pair.a.finished.size(), 1U);
  EXPECT_GT(pair.longest, 60'000U);
  // No acknowledgements, no probes: a packet each 64 KiB, and credit now and then.
  EXPECT_LT(pair.a.packets + pair.b.packets, 400U);
  const std::size_t before = pair.a.packets + pair.b.packets;
  pair.pass(10s);
  EXPECT_EQ(pair.a.packets + pair.b.packets, before);
}

TEST(ConnectionOrdered, MessagesDatagramsAndSessionBytesArrive) {
  OrderedPair pair;
  pair.connect();
  const Bytes small = test_bytes(100, 1), large = test_bytes(700'000, 2);
  ASSERT_TRUE(pair.a.connection.services().send_message(pair.now, Buffer(ByteView(small)), {}));
  ASSERT_TRUE(pair.a.connection.services().send_message(pair.now, Buffer(ByteView(large)), {}));
  ASSERT_TRUE(pair.a.connection.services().send_datagram(Buffer(ByteView(small))));
  pair.a.input(pair.now, SessionBytes{test_bytes(5'000, 3)});
  pair.settle();
  ASSERT_EQ(pair.b.messages.size(), 2U);
  EXPECT_TRUE(base::equal(pair.b.messages[0], small));
  EXPECT_TRUE(base::equal(pair.b.messages[1], large));
  ASSERT_EQ(pair.b.datagrams.size(), 1U);
  EXPECT_TRUE(base::equal(pair.b.datagrams[0], small));
  EXPECT_TRUE(base::equal(pair.b.session, test_bytes(5'000, 3)));
  EXPECT_EQ(pair.a.connection.session_room(), SessionStream::bytes_max);
}

TEST(ConnectionOrdered, ACloseEndsBothAtOnceWithoutAnError) {
  OrderedPair pair;
  pair.connect();
  const Instant start = pair.now;
  const auto stream = pair.a.connection.services().open_stream(importance_default);
  ASSERT_TRUE(stream);
  pair.a.connection.services().write(*stream, Buffer(ByteView(test_bytes(200'000))));
  pair.a.input(pair.now, CloseConnection{});
  pair.pass(100ms);
  ASSERT_TRUE(pair.a.ended && pair.b.ended) << name_of(pair.a.connection.state());
  EXPECT_FALSE(pair.a.ended->error || pair.b.ended->error);
  EXPECT_EQ(pair.a.connection.state(), State::closed);
  EXPECT_EQ(pair.b.connection.state(), State::closed);
  EXPECT_EQ(pair.b.streams.begin()->second.size(), 200'000U);
  EXPECT_LE(pair.now - start, 100ms);
}

TEST(ConnectionOrdered, BothClosingAtOnceEndWithoutAnError) {
  OrderedPair pair;
  pair.connect();
  pair.a.input(pair.now, CloseConnection{});
  pair.b.input(pair.now, CloseConnection{});
  pair.pass(100ms);
  ASSERT_TRUE(pair.a.ended && pair.b.ended);
  EXPECT_FALSE(pair.a.ended->error || pair.b.ended->error);
}

TEST(ConnectionOrdered, AnAbortTellsThePeerCodeAndReason) {
  OrderedPair pair;
  pair.connect();
  pair.a.input(pair.now, AbortConnection{Code::refused, "not you"});
  pair.settle();
  ASSERT_TRUE(pair.b.ended && pair.b.ended->error);
  EXPECT_EQ(pair.b.ended->error->code, Code::refused);
  EXPECT_NE(pair.b.ended->error->message.find("not you"), std::string::npos);
}

TEST(ConnectionOrdered, EveryAlteredSealedPacketIsAFault) {
  // Of one packet each byte in turn, but its checksum, which the frame's reader looks at.
  for (std::size_t at = 0; at < 60; ++at) {
    OrderedPair pair;
    pair.connect();
    Bytes packet;
    pair.hook = [&](bool from_a, Bytes& bytes) {
      if (from_a) packet = std::exchange(bytes, Bytes());
    };
    pair.a.input(pair.now, SessionBytes{Bytes(30, 1)});
    pair.settle();
    pair.hook = {};
    ASSERT_GT(packet.size(), 60U);
    packet[at] ^= 1U;
    Header header, fields;
    if (at < header_bytes) {
      // With a checksum that fits what was altered.
      Bytes right = packet;
      right[at] ^= 1U;
      ASSERT_EQ(decode_header(right, fields), HeaderFault::none);
      if (at == 5) fields.epoch ^= 1U;
      if (at >= 6 && at < 8) fields.window ^= 1U;
      if (at >= 8 && at < 12) fields.id.value ^= 1U << (8 * (11 - at));
      if (at >= 12 && at < 16) fields.number ^= 1U << (8 * (15 - at));
      if (at < 5 || at >= 16) continue;
      encode_header(fields, packet);
    }
    ASSERT_EQ(decode_header(packet, header), HeaderFault::none) << at;
    pair.deliver(pair.b, packet);
    EXPECT_TRUE(pair.b.ended && pair.b.ended->error) << at;
    EXPECT_TRUE(pair.b.session.empty()) << at;
  }
}

TEST(ConnectionOrdered, APacketTwiceLeftOutOrTooEarlyIsAFault) {
  const auto say = [](OrderedPair& pair) {
    pair.a.input(pair.now, SessionBytes{Bytes(30, 1)});
    pair.settle();
  };
  {
    OrderedPair pair;
    pair.connect();
    Bytes copy;
    pair.hook = [&](bool from_a, Bytes& bytes) {
      if (from_a) copy = bytes;
    };
    say(pair);
    EXPECT_FALSE(pair.b.ended);
    pair.deliver(pair.b, copy);
    EXPECT_TRUE(pair.b.ended && pair.b.ended->error);
  }
  {
    OrderedPair pair;
    pair.connect();
    bool is_first = true;
    pair.hook = [&](bool from_a, Bytes& bytes) {
      if (from_a && std::exchange(is_first, false)) bytes.clear();
    };
    say(pair);
    EXPECT_FALSE(pair.b.ended);
    say(pair);
    ASSERT_TRUE(pair.b.ended && pair.b.ended->error);
    EXPECT_EQ(pair.b.ended->error->code, Code::protocol);
  }
  {
    OrderedPair pair;  // sealed before there are keys
    TestSealer sealer(1, {2});
    pair.deliver(pair.b, sealer.seal({.type = PacketType::ping}));
    EXPECT_TRUE(pair.b.ended && pair.b.ended->error);
  }
}

TEST(ConnectionOrdered, AnUnsealedPacketThatDoesNotBelongHereIsAFault) {
  const auto garbled = [] {
    Bytes packet(header_bytes + 4, 0xff);
    encode_header({.type = PacketType::syn, .id = {2}, .payload_bytes = 4}, packet);
    return packet;
  };
  const std::vector<Bytes> wrong = {garbled(), test_hint({2}, Code::refused),
                                    test_handshake(PacketType::syn_ack, {2}, {1}, 1, "response"),
                                    test_handshake(PacketType::syn, {2}, {1}, 1, "response")};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    OrderedPair pair;
    pair.deliver(pair.b, wrong[i]);
    EXPECT_TRUE(pair.b.ended && pair.b.ended->error) << i;
  }
}

TEST(ConnectionOrdered, AHintIsHeardBeforeTheAnswer) {
  OrderedPair pair;
  pair.a.connection.on_input(pair.now, HandshakeBytes{0, Bytes(40)});
  pair.b.connection.on_input(pair.now, HintBytes{Code::refused});
  pair.b.transmit(pair.now);
  EXPECT_EQ(pair.b.packets, 1U);
  pair.carry(pair.b, pair.a);
  EXPECT_EQ(pair.a.hints, std::vector{Code::refused});
  EXPECT_FALSE(pair.a.ended || pair.b.ended);
  pair.b.connection.on_input(pair.now, HandshakeBytes{1, Bytes(40)});
  pair.b.transmit(pair.now);
  pair.b.connection.on_input(pair.now, HintBytes{Code::refused});
  pair.b.transmit(pair.now);
  EXPECT_EQ(pair.b.packets, 2U) << "the answer is all that is said now";
  for (const Bytes& wrong : {test_hint({1}, Code::refused, 2), test_hint({1}, Code::refused, 4)}) {
    OrderedPair other;
    other.deliver(other.a, wrong);
    EXPECT_TRUE(other.a.ended && other.a.ended->error);
  }
}

TEST(ConnectionOrdered, KeysRotateWithoutAPause) {
  OrderedPair pair;
  pair.connect();
  for (std::uint64_t epoch = 1; epoch < 6; ++epoch) {
    SealKeys receive = test_keys(false, epoch);
    receive.send.reset();
    pair.b.input(pair.now, std::move(receive));
    pair.a.input(pair.now, test_keys(true, epoch));
    pair.send(pair.a, test_bytes(100'000, epoch));
    EXPECT_EQ(pair.b.epochs.back(), epoch);
    pair.b.input(pair.now, test_keys(false, epoch));
    pair.send(pair.b, test_bytes(1'000, epoch));
    EXPECT_EQ(pair.a.epochs.back(), epoch);
    pair.pass(2s);
  }
  EXPECT_FALSE(pair.a.ended || pair.b.ended);
  EXPECT_EQ(pair.b.finished.size(), 5U);
}

TEST(ConnectionOrdered, KeepAliveHoldsItAndSilenceEndsIt) {
  OrderedPair pair;
  pair.connect();
  pair.pass(5min);
  EXPECT_FALSE(pair.a.ended || pair.b.ended);
  pair.hook = [](bool, Bytes& bytes) { bytes.clear(); };
  pair.pass(61s);
  EXPECT_TRUE(pair.a.ended && pair.b.ended);
}

TEST(ConnectionOrdered, AHandshakeThatGetsNoAnswerIsSaidOnceAndEndsAfter30S) {
  OrderedPair pair;
  pair.hook = [](bool, Bytes& bytes) { bytes.clear(); };
  pair.a.input(pair.now, HandshakeBytes{0, Bytes(40)});
  pair.pass(29s);
  EXPECT_EQ(pair.a.packets, 1U);
  EXPECT_FALSE(pair.a.ended);
  pair.pass(1s);
  ASSERT_TRUE(pair.a.ended && pair.a.ended->error);
  EXPECT_EQ(pair.a.ended->error->code, Code::timeout);
}

}  // namespace
}  // namespace kith::packet
