// What strangers and those on the way can do to an endpoint: the rows of "Attacks" in
// docs/design/packet.md that need no keys, by name.
#include <gtest/gtest.h>

#include "base/sanitizer_test_util.h"
#include "packet/load_test_util.h"
#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

Bytes hello(std::uint32_t own, std::string_view text = "hello", ByteView cookie = {}) {
  return test_handshake(PacketType::syn, {}, ConnectionId{own}, 0, text, cookie);
}

base::IpPort forged(std::uint32_t i) {
  base::IpPort at;
  at.ip = {11, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
           static_cast<std::uint8_t>(i)};
  at.port = static_cast<std::uint16_t>(1024 + i % 60'000);
  return at;
}

/// An endpoint alone, with what it answers.
struct Alone {
  explicit Alone(const EndpointConfig& config = {}) : end(config, 3, now) {
    end.peer = &end;  // whose parameters are taken; never asked here
  }
  Instant now = Instant{} + 1h;
  TestEnd end;
  std::vector<std::pair<base::IpPort, Bytes>> answers;
  std::uint64_t bytes_in = 0, bytes_out = 0;

  void deliver(const base::IpPort& from, Bytes packet) {
    bytes_in += packet.size();
    end.endpoint.on_datagrams(now, {base::SocketId{1}, from, packet, packet.size(), {}});
    end.drain(now);
  }
  void flush() {
    Bytes room(65'536);
    while (true) {
      const auto out = end.endpoint.poll_datagrams(now, room);
      if (out.bytes == 0) break;
      bytes_out += out.bytes;
      answers.emplace_back(out.to, base::to_bytes(ByteView(room).first(out.bytes)));
      end.drain(now);
    }
    EXPECT_FALSE(end.endpoint.has_transmit());
  }
  Bytes cookie_for(const base::IpPort& from, std::uint32_t own) {
    flush();
    deliver(from, hello(own));
    flush();
    const Bytes packet = answers.back().second;
    answers.clear();
    return base::to_bytes(ByteView(packet).subspan(header_bytes + 6, cookie_bytes));
  }
};

TEST(EndpointHostile, SynFloodFromForgedAddressesMakesNoStateAndGetsOnlyCookies) {
  Alone node;
  for (std::uint32_t i = 1; i <= 10'000; ++i) {
    node.deliver(forged(i), hello(i));
    if (i % 100 == 0) node.flush();
  }
  EXPECT_EQ(node.end.endpoint.connection_count(), 0U);
  EXPECT_EQ(node.end.incoming, 0U);
  EXPECT_EQ(node.end.endpoint.stats().cookies_sent, 10'000U);
  for (const auto& [to, bytes] : node.answers) {
    Header header;
    ASSERT_EQ(decode_header(bytes, header), HeaderFault::none);
    EXPECT_EQ(header.type, PacketType::syn_ack);
    EXPECT_EQ(bytes.size(), 60U);
  }
  EXPECT_LT(node.bytes_out * 20, node.bytes_in + 20);
}

TEST(EndpointHostile, SynFloodThatIsNotReadQueuesAtMostAnswersMax) {
  Alone node;
  for (std::uint32_t i = 1; i <= 2'000; ++i) node.deliver(forged(i), hello(i));
  EXPECT_EQ(node.end.endpoint.stats().answers_dropped, 2'000 - Endpoint::answers_max);
  node.flush();
  EXPECT_EQ(node.answers.size(), Endpoint::answers_max);
}

TEST(EndpointHostile, ACookieHoldsForItsAddressPortIdAndTimeAlone) {
  Alone node;
  const Bytes cookie = node.cookie_for(forged(1), 77);
  const auto is_taken = [&](const base::IpPort& from, std::uint32_t own, Bytes said) {
    const std::size_t before = node.end.incoming;
    node.end.verdict = Decide::Verdict::drop;
    node.deliver(from, hello(own, "hello", said));
    node.flush();
    return node.end.incoming == before + 1;
  };
  EXPECT_TRUE(is_taken(forged(1), 77, cookie));
  EXPECT_FALSE(is_taken(forged(2), 77, cookie));
  EXPECT_FALSE(is_taken(forged(1), 78, cookie));
  base::IpPort other_port = forged(1);
  ++other_port.port;
  EXPECT_FALSE(is_taken(other_port, 77, cookie));
  for (std::size_t bit = 0; bit < cookie.size() * 8; ++bit) {
    Bytes turned = cookie;
    turned[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(is_taken(forged(1), 77, turned)) << bit;
  }
  node.now += 30s;
  EXPECT_TRUE(is_taken(forged(1), 77, cookie));
  node.now += 1s;
  EXPECT_FALSE(is_taken(forged(1), 77, cookie));
}

TEST(EndpointHostile, ASynThatCameWithItsCookieAgainAfterItWasLetInChangesNothing) {
  Alone node;
  const Bytes cookie = node.cookie_for(forged(1), 77);
  node.deliver(forged(1), hello(77, "hello", cookie));
  node.flush();
  EXPECT_EQ(node.end.endpoint.connection_count(), 1U);
  // While hands are shaken it is a HELLO whose answer was lost.
  node.answers.clear();
  node.deliver(forged(1), hello(77, "hello", cookie));
  node.flush();
  EXPECT_EQ(node.answers.size(), 1U);
  node.end.say(node.now, AbortConnection{Code::closed, "over"});
  node.end.drain(node.now);
  node.flush();
  EXPECT_EQ(node.end.endpoint.connection_count(), 0U);
  node.answers.clear();
  node.deliver(forged(1), hello(77, "hello", cookie));
  node.flush();
  EXPECT_EQ(node.end.endpoint.connection_count(), 0U);
  EXPECT_EQ(node.end.endpoint.stats().cookies_used, 1U);
  EXPECT_TRUE(node.answers.empty());
}

TEST(EndpointHostile, HandshakesAndConnectionsHaveTheirMost) {
  EndpointConfig config;
  config.handshakes_max = 5;
  config.connections_max = 7;
  Alone node(config);
  for (std::uint32_t i = 1; i <= 20; ++i) {
    const Bytes cookie = node.cookie_for(forged(i), i);
    node.deliver(forged(i), hello(i, "hello", cookie));
  }
  EXPECT_EQ(node.end.endpoint.connection_count(), 5U);
  EXPECT_EQ(node.end.endpoint.stats().refused, 15U);
  for (int i = 0; i < 3; ++i) {
    node.end.endpoint.on_input(node.now, DialPath{Token{1}, Path{{1}, forged(99)}});
    node.end.drain(node.now);
  }
  EXPECT_EQ(node.end.endpoint.connection_count(), 7U);
  // 30 s later those that never proved themselves have gone, and their places are free.
  node.now += 30s;
  node.end.endpoint.on_deadline(node.now);
  node.end.drain(node.now);
  EXPECT_EQ(node.end.endpoint.connection_count(), 0U);
}

/// A cookie is answered at once by a HELLO of 1,200 bytes, and anybody who knows the id can say
/// one.
TEST(EndpointHostile, CookiesMakeFewHellos) {
  Alone node;
  node.end.endpoint.on_input(node.now, DialPath{Token{1}, Path{{1}, forged(1)}});
  node.end.drain(node.now);
  node.end.say(node.now, HandshakeBytes{0, test_bytes(600)});
  node.flush();
  Bytes said = node.answers.back().second;
  const auto part = decode_handshake(ByteSpan(said).subspan(header_bytes));
  ASSERT_TRUE(part);
  const ConnectionId own = part->sender;
  node.answers.clear();
  for (std::uint8_t i = 0; i < 100; ++i) {
    const Bytes cookie(cookie_bytes, i);
    node.deliver(forged(2), test_handshake(PacketType::syn_ack, own, {}, 255, "", cookie));
    node.flush();
  }
  EXPECT_EQ(node.answers.size(), 16U);
}

/// One ticket is good for a HELLO from any address, as often as it is said.
TEST(EndpointHostile, TicketsWithoutACookieTakeAQuarterOfTheHandshakes) {
  EndpointConfig config;
  config.handshakes_max = 8;
  Alone node(config);
  std::string text(600, 'x');
  text[1] = static_cast<char>(Endpoint::ticket_pattern);
  for (std::uint32_t i = 1; i <= 20; ++i) node.deliver(forged(i), hello(i, text));
  EXPECT_EQ(node.end.endpoint.connection_count(), 2U);
  EXPECT_EQ(node.end.endpoint.stats().cookies_sent, 18U);
  for (std::uint32_t i = 31; i <= 36; ++i) {
    const Bytes cookie = node.cookie_for(forged(i), i);
    node.deliver(forged(i), hello(i, text, cookie));
  }
  EXPECT_EQ(node.end.endpoint.connection_count(), 8U);
}

TEST(EndpointHostile, AmplificationIsAtMostThreefoldForATicketThatNobodyProved) {
  Alone node;
  // A HELLO that says it has a ticket, from a forged address, let in by the parent.
  std::string text(600, 'x');
  text[1] = static_cast<char>(Endpoint::ticket_pattern);
  node.deliver(forged(1), hello(1, text));
  EXPECT_EQ(node.end.endpoint.connection_count(), 1U);
  node.end.say(node.now, HandshakeBytes{1, test_bytes(4'500)});
  node.end.drain(node.now);
  for (int i = 0; i < 50; ++i) {
    node.flush();
    node.now += 1s;
    if (const auto at = node.end.endpoint.next_deadline(); at && *at <= node.now) {
      node.end.endpoint.on_deadline(node.now);
      node.end.drain(node.now);
    }
    EXPECT_LE(node.bytes_out, 3 * node.bytes_in);
    // A repeated question may be answered again, and no more than that.
    if (i % 10 == 0) node.deliver(forged(1), hello(1, text));
  }
  EXPECT_GT(node.bytes_out, node.bytes_in);
}

TEST(EndpointHostile, ShortSynsAndPiecesOfAHelloGetNoAnswer) {
  Alone node;
  Bytes syn = hello(5);
  syn.resize(syn_bytes - 1);
  Header header;
  Header fields;
  ASSERT_EQ(decode_header(hello(5), fields), HeaderFault::none);
  fields.payload_bytes = static_cast<std::uint16_t>(syn.size() - header_bytes);
  encode_header(fields, syn);
  ASSERT_EQ(decode_header(syn, header), HeaderFault::none);
  node.deliver(forged(1), syn);
  node.deliver(forged(1), hello(0));
  node.flush();
  EXPECT_TRUE(node.answers.empty());
  EXPECT_EQ(node.end.endpoint.stats().faults[static_cast<std::size_t>(HeaderFault::unused)], 2U);
}

TEST(EndpointHostile, WrongMagicVersionCrcLengthAndTypeAreCountedAndSilent) {
  TestPair pair;
  Bytes sealed;
  pair.hook = [&](TestPair&, bool from_a, ByteSpan packet) {
    if (from_a && packet.size() > 40 && packet[3] == 1) sealed = base::to_bytes(packet);
    return true;
  };
  ASSERT_TRUE(pair.connect());
  test_send(pair.a, test_bytes(100));
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); }));
  ASSERT_FALSE(sealed.empty());
  pair.hook = {};
  const auto before = pair.b.endpoint.stats();
  const auto try_with = [&](std::size_t at, std::uint8_t value) {
    Bytes packet = sealed;
    packet[at] = value;
    pair.inject(true, pair.outside_a, packet);
  };
  try_with(0, 0);   // magic
  try_with(2, 9);   // version
  try_with(3, 13);  // type: the checksum finds it first
  try_with(20, static_cast<std::uint8_t>(sealed[20] ^ 1U));
  try_with(25, static_cast<std::uint8_t>(sealed[25] ^ 1U));
  pair.pass(1s);
  const auto& stats = pair.b.endpoint.stats();
  const auto grown = [&](HeaderFault fault) {
    const auto i = static_cast<std::size_t>(fault);
    return stats.faults[i] - before.faults[i];
  };
  EXPECT_EQ(grown(HeaderFault::magic), 1U);
  EXPECT_EQ(grown(HeaderFault::version), 1U);
  EXPECT_EQ(grown(HeaderFault::checksum), 2U);
  EXPECT_EQ(grown(HeaderFault::length), 1U);
  EXPECT_EQ(stats.hints_sent, 0U);
  EXPECT_FALSE(pair.b.seen.has_ended);
}

TEST(EndpointHostile, ASynOfAnotherVersionLearnsOursAtMost100TimesASecond) {
  Alone node;
  Bytes syn = hello(5);
  syn[2] = 2;
  for (int i = 0; i < 250; ++i) {
    node.deliver(forged(1), syn);
    node.flush();
  }
  EXPECT_EQ(node.answers.size(), 100U);
  const Bytes& answer = node.answers.front().second;
  EXPECT_EQ(answer.size(), header_bytes + 3);
  EXPECT_EQ(answer[header_bytes + 2], packet_version);
}

/// Everything that was said in a session, by whom.
struct Recorded {
  bool from_a;
  Bytes bytes;
};

TEST(EndpointHostile, AllPacketsOfASessionReplayedChangeNothing) {
  TestPair pair;
  std::vector<Recorded> recorded;
  pair.hook = [&](TestPair&, bool from_a, ByteSpan packet) {
    recorded.push_back({from_a, base::to_bytes(packet)});
    return true;
  };
  ASSERT_TRUE(pair.connect());
  test_send(pair.a, test_bytes(50'000));
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); }));
  pair.pass(1s);
  pair.hook = {};
  const auto stats_a = pair.a.connection()->stats(), stats_b = pair.b.connection()->stats();
  for (const Recorded& each : recorded) {
    pair.inject(each.from_a, each.from_a ? pair.outside_a : TestPair::address(2), each.bytes);
  }
  const auto packets = pair.packets;
  pair.pass(2s);
  EXPECT_EQ(pair.b.endpoint.connection_count(), 1U);
  EXPECT_EQ(pair.a.endpoint.connection_count(), 1U);
  EXPECT_EQ(pair.b.incoming, 1U);
  EXPECT_EQ(pair.b.seen.bytes.begin()->second.size(), 50'000U);
  EXPECT_EQ(pair.a.connection()->state(), State::established);
  EXPECT_EQ(pair.b.connection()->state(), State::established);
  EXPECT_EQ(pair.a.connection()->stats().recovery.packets_lost, stats_a.recovery.packets_lost);
  EXPECT_GT(pair.b.connection()->stats().packets_dropped, stats_b.packets_dropped + 30);
  // A cookie, RESPONSE and FINAL again at most: what asks is as long.
  EXPECT_LE(pair.packets - packets, 6U);
}

/// A short session: a stream of three packets and its echo's end, then a close.
struct Outcome {
  bool is_up = false, has_arrived = false, has_ended = false, is_clean = false;
};
Outcome play(const std::function<bool(std::size_t, ByteSpan)>& at_packet) {
  TestPair pair;
  std::size_t index = 0;
  pair.hook = [&](TestPair&, bool, ByteSpan packet) { return at_packet(index++, packet); };
  Outcome outcome;
  outcome.is_up = pair.connect();
  if (!outcome.is_up) return outcome;
  const Bytes bytes = test_bytes(3'000);
  test_send(pair.a, bytes);
  outcome.has_arrived = pair.run([&] { return !pair.b.seen.finished.empty(); }, 20s) &&
                        base::equal(pair.b.seen.bytes.begin()->second, bytes);
  pair.b.services().finish(pair.b.seen.accepted.front());
  pair.a.say(pair.now, CloseConnection{});
  outcome.has_ended = pair.run([&] { return pair.a.seen.has_ended && pair.b.seen.has_ended; }, 20s);
  outcome.is_clean = outcome.has_ended && !pair.a.seen.end_error && !pair.b.seen.end_error;
  return outcome;
}

TEST(EndpointHostile, ABitTurnedAtAnyOffsetOfAnyPacketIsAsIfThePacketHadBeenLost) {
  std::vector<std::size_t> sizes;
  const Outcome whole = play([&](std::size_t, ByteSpan packet) {
    sizes.push_back(packet.size());
    return true;
  });
  ASSERT_TRUE(whole.is_up && whole.has_arrived && whole.is_clean);
  ASSERT_GE(sizes.size(), 12U);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Outcome lost = play([&](std::size_t at, ByteSpan) { return at != i; });
    ASSERT_TRUE(lost.is_up && lost.has_arrived && lost.is_clean) << i;
    // All bits of the header and the first of the payload; then one at least of each byte.
    const std::size_t bits = sizes[i] * 8;
    const std::size_t step = test::less_if_sanitized<std::size_t>(7, 61);
    for (std::size_t bit = 0; bit < bits; bit += bit < 60 * 8 ? 1 : step) {
      const Outcome turned = play([&](std::size_t at, ByteSpan packet) {
        if (at == i) packet[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        return true;
      });
      ASSERT_TRUE(turned.is_up && turned.has_arrived && turned.is_clean)
          << "packet " << i << " bit " << bit;
    }
  }
}

TEST(EndpointHostile, UnsealedErrorsAreHintsAndTheTrueAnswerWins) {
  TestPair pair;
  ConnectionId own;
  pair.hook = [&](TestPair& at, bool from_a, ByteSpan packet) {
    if (from_a && packet[3] == 3) {
      own = {base::load_big_endian<std::uint32_t>(packet, header_bytes + 1)};
      at.inject(false, TestPair::address(2), test_hint(own, Code::unsupported));
    }
    return true;
  };
  ASSERT_TRUE(pair.connect());
  pair.pass(5s);
  EXPECT_FALSE(pair.a.seen.has_ended);
}

TEST(EndpointHostile, AnUnsealedErrorOrFinEndsNothingThatIsUp) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  for (const TestEnd* end : {&pair.a, &pair.b}) {
    const bool is_b = end == &pair.b;
    for (const ConnectionId id : end->connection()->own_ids()) {
      pair.inject(is_b, is_b ? pair.outside_a : TestPair::address(2),
                  test_hint(id, Code::unsupported));
      // A sealed FIN and a sealed ERROR under another key.
      for (const PacketType type : {PacketType::fin, PacketType::error}) {
        Bytes forgery(header_bytes + 20);
        encode_header({.type = type, .flags = flag_sealed, .id = id, .payload_bytes = 20}, forgery);
        pair.inject(is_b, is_b ? pair.outside_a : TestPair::address(2), forgery);
      }
    }
  }
  pair.pass(3s);
  EXPECT_FALSE(pair.a.seen.has_ended || pair.b.seen.has_ended);
  EXPECT_EQ(pair.a.connection()->state(), State::established);
  EXPECT_EQ(pair.b.connection()->state(), State::established);
}

}  // namespace
}  // namespace kith::packet
