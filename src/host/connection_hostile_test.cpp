// A connection against peers that lie, flood, stall or repeat themselves. Names begin with the row
// of the attack catalogue where there is one.
#include <gtest/gtest.h>

#include "host/test_raw_peer.h"

namespace kith::host {
namespace {

using mux::FrameType;
using namespace mux;  // flags

Bytes hello(std::string_view protocol) {
  Bytes bytes;
  codec::append_multistream(bytes, codec::multistream_header);
  codec::append_multistream(bytes, protocol);
  return bytes;
}

Bytes concat(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) base::append(all, part);
  return all;
}

TEST(ConnectionHostile, ARawPeerIsUpAndMayOpenStreams) {
  Attack attack;
  ASSERT_TRUE(attack.peer.is_up());
  ASSERT_EQ(attack.victim.ups, 1);
  attack.send(yamux_data(flag_syn, 1, concat({hello("/echo"), base::to_bytes("hi")})));
  ASSERT_EQ(attack.victim.streams.size(), 1U);
  EXPECT_EQ(attack.victim.streams.begin()->second.data, base::to_bytes("hi"));
}

// The negotiation's messages may be cut anywhere between yamux frames and Noise frames.
TEST(ConnectionHostile, ANegotiationMayComeByteByByte) {
  Attack attack;
  attack.send(yamux_frame(FrameType::window_update, flag_syn, 1, 0));
  for (const std::uint8_t byte : concat({hello("/echo"), base::to_bytes("hi")})) {
    attack.send(yamux_data(0, 1, Bytes{byte}));
  }
  ASSERT_EQ(attack.victim.streams.size(), 1U);
  EXPECT_TRUE(attack.victim.streams.begin()->second.up.has_value());
  EXPECT_EQ(attack.victim.streams.begin()->second.data, base::to_bytes("hi"));
}

TEST(ConnectionHostile, ALateMuxersNegotiationMayComeByteByByte) {
  Attack attack(/*has_early_muxer=*/false);
  ASSERT_TRUE(attack.peer.is_up());
  EXPECT_EQ(attack.victim.ups, 0);
  for (const std::uint8_t byte : hello(yamux_protocol)) attack.send(Bytes{byte});
  EXPECT_EQ(attack.victim.ups, 1);
  attack.send(yamux_data(flag_syn, 1, hello("/echo")));
  EXPECT_EQ(attack.victim.streams.size(), 1U);
}

// Attack row A48: mplex has no flow control, so we do not speak it; whoever offers it may ask
// again.
TEST(ConnectionHostile, A48MplexIsDeclinedAndYamuxMayStillBeAgreed) {
  Attack attack(/*has_early_muxer=*/false);
  ASSERT_TRUE(attack.peer.is_up());
  attack.read();
  attack.peer.plaintext.clear();
  attack.send(hello("/mplex/6.7.0"));
  attack.read();
  EXPECT_EQ(attack.peer.plaintext, hello("na"));
  EXPECT_EQ(attack.victim.ups, 0);
  ASSERT_FALSE(attack.victim.fault.has_value()) << attack.victim.fault->message;
  attack.peer.plaintext.clear();
  Bytes again;
  codec::append_multistream(again, yamux_protocol);
  attack.send(again);
  attack.read();
  EXPECT_EQ(attack.peer.plaintext, again);
  ASSERT_EQ(attack.victim.ups, 1);
  attack.send(yamux_data(flag_syn, 1, concat({hello("/echo"), base::to_bytes("hi")})));
  ASSERT_EQ(attack.victim.streams.size(), 1U);
  EXPECT_EQ(attack.victim.streams.begin()->second.data, base::to_bytes("hi"));
}

// One that does not wait for the answer and goes on in mplex.
TEST(ConnectionHostile, A48MplexBytesWithoutAgreementAreAFault) {
  Attack attack(/*has_early_muxer=*/false);
  ASSERT_TRUE(attack.peer.is_up());
  attack.send(concat({hello("/mplex/6.7.0"), base::from_hex("0001780a0568656c6c6f").value()}));
  attack.read();
  EXPECT_TRUE(attack.victim.streams.empty());
  EXPECT_EQ(attack.victim.ups, 0);
  attack.victim.deadline(Instant{10s});
  EXPECT_TRUE(attack.victim.fault.has_value()) << "what follows is no negotiation";
}

// A stream's number used again while events of the first stream are still on their way to its
// owner: what the owner says of the first must not fall upon the second.
TEST(ConnectionHostile, AStreamNumberUsedTwiceHarmsNobody) {
  for (const bool agrees : {false, true}) {
    Attack attack;
    const Bytes first = agrees ? concat({hello("/echo"), Bytes(1000)}) : Bytes(hello("/x"));
    attack.send(concat({yamux_data(flag_syn, 1, first),
                        yamux_frame(FrameType::window_update, flag_rst, 1, 0),
                        yamux_frame(FrameType::window_update, flag_syn, 1, 0)}));
    attack.read();
    EXPECT_TRUE(attack.victim.fault.has_value());
  }
}

TEST(ConnectionHostile, StreamNumbersMayComeOutOfOrder) {
  Attack attack;
  for (const std::uint32_t id : {5U, 3U, 1U, 9U, 7U}) {
    attack.send(yamux_data(flag_syn, id, hello("/echo")));
  }
  EXPECT_FALSE(attack.victim.fault.has_value());
  EXPECT_EQ(attack.victim.streams.size(), 5U);
}

TEST(ConnectionHostile, AStreamThatDoesNotNegotiateIsResetInTime) {
  Attack attack;
  attack.send(yamux_frame(FrameType::window_update, flag_syn, 1, 0));
  attack.send(yamux_data(flag_syn, 3, Bytes{0x13}));
  EXPECT_EQ(attack.victim.connection->stream_count(), 2U);
  ASSERT_EQ(attack.victim.connection->next_deadline(), Instant{10s});
  attack.victim.deadline(Instant{10s});
  EXPECT_EQ(attack.victim.connection->stream_count(), 0U);
  EXPECT_FALSE(attack.victim.fault.has_value());
}

TEST(ConnectionHostile, NegotiatingStreamsAreLimited) {
  Attack attack;
  const std::size_t max = attack.victim.config.streams_negotiating_max;
  for (std::uint32_t i = 0; i < max + 50; ++i) {
    attack.send(yamux_frame(FrameType::window_update, flag_syn, 1 + 2 * i, 0));
    attack.read();  // so that yamux's own backlog is not what stops us
  }
  EXPECT_EQ(attack.victim.connection->stream_count(), max);
  attack.victim.deadline(Instant{10s});
  EXPECT_EQ(attack.victim.connection->stream_count(), 0U);
  attack.now = Instant{10s};
  attack.send(yamux_data(flag_syn, 2001, hello("/echo")));
  EXPECT_EQ(attack.victim.streams.size(), 1U) << "the quota is free again";
}

// One stream that stalls must not make the machine remember all that came and went behind it.
TEST(ConnectionHostile, AStalledNegotiationDoesNotHoldTheOthersMemory) {
  Attack attack;
  attack.send(yamux_frame(FrameType::window_update, flag_syn, 1, 0));
  for (std::uint32_t i = 1; i < 3000; ++i) {
    attack.send(concat({yamux_data(flag_syn, 1 + 2 * i, hello("/echo")),
                        yamux_frame(FrameType::window_update, flag_fin, 1 + 2 * i, 0)}));
    const StreamId id{std::uint64_t{2} << 32 | (1 + 2 * i)};
    attack.victim.input(attack.now, Finish{id});
    attack.read();
    ASSERT_FALSE(attack.victim.fault.has_value()) << attack.victim.fault->message;
  }
  EXPECT_EQ(attack.victim.connection->stream_count(), 1U);
  EXPECT_LE(attack.victim.connection->deadlines_kept(), 256U);
}

// Attack row A43: opens streams and pings and never reads. What waits is bounded, then reading
// stops; once the peer reads, it goes on.
TEST(ConnectionHostile, A43RepliesToAPeerThatDoesNotReadAreBounded) {
  Attack attack;
  std::size_t sent = 0;
  for (std::uint32_t i = 0; i < 20'000 && attack.victim.connection->wants_bytes(); ++i, ++sent) {
    if (attack.victim.fault) break;
    attack.send(concat({yamux_frame(FrameType::ping, flag_syn, 0, i),
                        yamux_data(flag_syn, 1 + 2 * i, hello("/x")),
                        yamux_frame(FrameType::window_update, flag_rst, 1 + 2 * i, 0)}));
  }
  EXPECT_LT(sent, 5000U);
  EXPECT_LE(attack.victim.transmit(attack.now).size(), 64U * 1024);
}

TEST(ConnectionHostile, A44ResettingStreamsInALoopIsAFault) {
  Attack attack;
  std::uint32_t i = 0;
  for (; i < 5000 && !attack.victim.fault; ++i) {
    attack.send(concat({yamux_frame(FrameType::window_update, flag_syn, 1 + 2 * i, 0),
                        yamux_frame(FrameType::window_update, flag_rst, 1 + 2 * i, 0)}));
    attack.read();
  }
  ASSERT_TRUE(attack.victim.fault.has_value());
  EXPECT_EQ(attack.victim.fault->code, Code::limit);
  EXPECT_LE(i, 1100U);
  EXPECT_EQ(attack.victim.connection->stream_count(), 0U);
}

// Attack row A73: the first frame that does not open ends the connection.
TEST(ConnectionHostile, A73AFrameThatDoesNotOpenIsAFault) {
  Attack attack;
  Bytes frame = attack.peer.seal(base::as_bytes("anything"));
  frame.back() ^= 1;
  attack.victim.hear(attack.now, frame);
  ASSERT_TRUE(attack.victim.fault.has_value());
  EXPECT_EQ(attack.victim.fault->code, Code::bad_signature);
  // What was good is not heard any more.
  attack.send(yamux_data(flag_syn, 1, hello("/echo")));
  EXPECT_TRUE(attack.victim.streams.empty());
}

// What was still to be sent when the peer broke off must not be offered for ever.
TEST(ConnectionHostile, AFaultLeavesNothingToSend) {
  Attack attack;
  Bytes wire = attack.peer.seal(yamux_data(flag_syn, 1, hello("/echo")));
  Bytes broken = attack.peer.seal(base::as_bytes("anything"));
  broken.back() ^= 1;
  base::append(wire, broken);
  attack.victim.hear(attack.now, wire);
  ASSERT_TRUE(attack.victim.fault.has_value());
  EXPECT_TRUE(attack.victim.transmit(attack.now).empty());
  EXPECT_FALSE(attack.victim.connection->has_transmit());
}

TEST(ConnectionHostile, A73ReplayedAndReorderedFramesAreFaults) {
  for (const bool replays : {true, false}) {
    Attack attack;
    const Bytes one = attack.peer.seal(yamux_data(flag_syn, 1, hello("/echo")));
    const Bytes two = attack.peer.seal(yamux_data(flag_syn, 3, hello("/echo")));
    attack.victim.hear(attack.now, replays ? one : two);
    EXPECT_EQ(attack.victim.fault.has_value(), !replays);
    attack.victim.hear(attack.now, one);
    ASSERT_TRUE(attack.victim.fault.has_value());
    EXPECT_LE(attack.victim.streams.size(), 1U);
  }
}

Bytes noise_message(std::size_t size, std::uint8_t fill) {
  Bytes bytes{static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  bytes.insert(bytes.end(), size, fill);
  return bytes;
}

// Attack row A76: a low-order point, an oversized first message, early data, one more message.
TEST(ConnectionHostile, A76HandshakesOutOfFormAreAborted) {
  const std::vector<std::pair<std::string, Bytes>> cases = {
      {"low-order ephemeral", noise_message(32, 0)},
      {"early data", noise_message(48, 9)},
      {"oversized", noise_message(65535, 9)},
      {"too short", noise_message(31, 9)},
  };
  for (const auto& [name, message] : cases) {
    ConnectionEnd victim(Direction::inbound, 2, ConnectionEnd::Options{});
    victim.hear({}, concat({hello(noise_protocol), message}));
    ASSERT_TRUE(victim.fault.has_value()) << name;
    EXPECT_LE(victim.transmit({}).size(), hello(noise_protocol).size()) << name;
  }
}

TEST(ConnectionHostile, A76OneMoreHandshakeMessageIsAFault) {
  Attack attack;
  attack.victim.hear(attack.now, noise_message(96, 5));
  ASSERT_TRUE(attack.victim.fault.has_value());
}

TEST(ConnectionHostile, GarbageNeverGetsFar) {
  SeededRng rng(3);
  for (int i = 0; i < 300; ++i) {
    ConnectionEnd victim(i % 2 == 0 ? Direction::inbound : Direction::outbound, 2,
                         ConnectionEnd::Options{});
    Bytes bytes = i % 3 == 0 ? hello(noise_protocol) : Bytes();
    Bytes noise(1 + rng.below(300));
    rng.fill(noise);
    base::append(bytes, noise);
    victim.hear({}, bytes);
    EXPECT_EQ(victim.ups, 0);
    victim.deadline(Instant{10s});
    EXPECT_TRUE(victim.fault.has_value());
  }
}

}  // namespace
}  // namespace kith::host
