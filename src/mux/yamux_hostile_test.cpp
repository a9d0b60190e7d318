// A peer that breaks the rules. The rows are those of docs/protocol/yamux.md.
#include <gtest/gtest.h>

#include "mux/yamux_frame.h"
#include "mux/yamux_pair_fixture.h"

namespace kith::mux {
namespace {

using test::Side;
using test::start;

Bytes frame(FrameType type, std::uint16_t flags, YamuxStreamId stream, std::uint32_t length,
            std::size_t payload = 0) {
  Bytes bytes(yamux_header_bytes + payload, 0x55);
  encode_frame_header({type, flags, stream, length}, bytes);
  return bytes;
}
Bytes data(std::uint16_t flags, YamuxStreamId stream, std::size_t payload) {
  return frame(FrameType::data, flags, stream, static_cast<std::uint32_t>(payload), payload);
}
Bytes update(std::uint16_t flags, YamuxStreamId stream, std::uint32_t delta = 0) {
  return frame(FrameType::window_update, flags, stream, delta);
}

/// An accepting machine, and a test that speaks for the dialler.
class YamuxHostile : public ::testing::Test {
 protected:
  void send(Bytes bytes) { victim.bytes(now, std::move(bytes)); }
  std::vector<FrameHeader> answers() {
    std::vector<FrameHeader> all;
    const Bytes sent = victim.transmit(now);
    for (ByteView rest = sent; !rest.empty(); rest = rest.subspan(yamux_header_bytes)) {
      all.push_back(decode_frame_header(rest).value());
      EXPECT_NE(all.back().type, FrameType::data);
    }
    return all;
  }
  void expect_fault(Code code, std::string_view sentence) {
    ASSERT_EQ(victim.faults.size(), 1u);
    EXPECT_EQ(victim.faults[0].code, code);
    EXPECT_NE(victim.faults[0].message.find(sentence), std::string::npos)
        << victim.faults[0].message;
    EXPECT_EQ(victim.mux.stream_count(), 0u);
    EXPECT_FALSE(victim.mux.wants_bytes());
    for (const auto& [id, seen] : victim.streams) EXPECT_EQ(seen.closed, 1) << id;
    const auto last = answers();
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(last[0], (FrameHeader{FrameType::go_away, 0, 0, 1}));
    // It stays dead, whatever comes.
    send(update(flag_syn, 900001));
    send(Bytes(100, 0xff));
    EXPECT_EQ(victim.faults.size(), 1u);
    EXPECT_FALSE(victim.streams.contains(900001));
    EXPECT_FALSE(victim.mux.has_transmit());
  }
  void expect_alive() {
    EXPECT_TRUE(victim.faults.empty());
    send(frame(FrameType::ping, flag_syn, 0, 4242));
    const auto all = answers();
    ASSERT_FALSE(all.empty());
    EXPECT_TRUE(std::find(all.begin(), all.end(),
                          FrameHeader{FrameType::ping, flag_ack, 0, 4242}) != all.end());
  }

  YamuxConfig config;
  Instant now = start;
  Side victim{config, Direction::inbound};
};

TEST_F(YamuxHostile, A41FirstFrameOverTheWindow) {
  send(frame(FrameType::data, flag_syn, 1, 262'145));
  EXPECT_TRUE(victim.accepted.empty());
  expect_fault(Code::protocol, "begins with 262145 bytes");
}

TEST_F(YamuxHostile, A41FirstFrameOfExactlyTheWindowIsFine) {
  send(data(flag_syn, 1, 262'144));
  EXPECT_EQ(victim.streams[1].received.size(), 262'144u);
  expect_alive();
}

TEST_F(YamuxHostile, A42WindowUpdatesOverflow) {
  send(update(flag_syn, 1, 0xffff'ffff - yamux_window_initial));
  EXPECT_TRUE(victim.faults.empty());
  send(update(0, 1, 1));
  expect_fault(Code::protocol, "takes yamux stream 1 to 4294967296");
}

TEST_F(YamuxHostile, A42FirstUpdateOverflows) {
  send(update(flag_syn, 1, 0xffff'ffff));
  expect_fault(Code::protocol, "a window update of 4294967295");
}

TEST_F(YamuxHostile, A43UnreadAnswersStopTheReading) {
  // Opens streams and never reads: what is owed is bounded by streams, refusals by a fault.
  std::uint32_t id = 1;
  while (victim.mux.wants_bytes()) {
    send(update(flag_syn, id));
    id += 2;
    ASSERT_LT(id, 4000u);
  }
  EXPECT_TRUE(victim.faults.empty());
  EXPECT_EQ(id / 2, config.control_frames_max);
  EXPECT_EQ(answers().size(), config.control_frames_max);
  EXPECT_TRUE(victim.mux.wants_bytes());
}

TEST_F(YamuxHostile, A44UnacknowledgedBacklogIsReset) {
  for (std::uint32_t i = 0; i < 300; ++i) send(update(flag_syn, 1 + 2 * i));
  EXPECT_EQ(victim.accepted.size(), config.backlog_max);
  std::size_t resets = 0, acks = 0;
  for (const FrameHeader& header : answers()) {
    resets += header.has(flag_rst);
    acks += header.has(flag_ack);
  }
  EXPECT_EQ(acks, config.backlog_max);
  EXPECT_EQ(resets, 300 - config.backlog_max);
  send(update(flag_syn, 9001));  // all acknowledged: there is room again
  EXPECT_EQ(victim.accepted.size(), config.backlog_max + 1);
}

TEST_F(YamuxHostile, A44RapidResetIsAFault) {
  for (std::uint32_t i = 0; i < config.resets_max; ++i) {
    send(update(flag_syn, 1 + 2 * i));
    send(update(flag_rst, 1 + 2 * i));
    now += 1ms;
  }
  EXPECT_TRUE(victim.faults.empty());
  send(update(flag_syn | flag_rst, 9001));
  expect_fault(Code::limit, "over 1000 yamux streams reset within 10000 ms");
}

TEST_F(YamuxHostile, A44SlowResetsAreFine) {
  for (std::uint32_t i = 0; i < 3000; ++i) {
    send(update(flag_syn, 1 + 2 * i));
    send(update(flag_rst, 1 + 2 * i));
    now += 20ms;
  }
  expect_alive();
  EXPECT_EQ(victim.mux.stream_count(), 0u);
}

TEST_F(YamuxHostile, A44StreamsThatTheApplicationRefusesCountToo) {
  for (std::uint32_t i = 0; i <= config.resets_max; ++i) {
    send(update(flag_syn, 1 + 2 * i));
    victim.input(now, ResetStream{1 + 2 * i});
  }
  expect_fault(Code::limit, "over 1000 yamux streams reset");
}

TEST_F(YamuxHostile, A45UnknownStreamsAreIgnoredWithinReason) {
  send(data(0, 77, 100'000));
  send(update(0, 77, 0xffff'ffff));
  send(update(0, 77, 0xffff'ffff));
  send(update(flag_rst, 77));
  send(data(flag_fin, 77, 0));
  expect_alive();
  send(data(0, 77, 162'144));
  expect_alive();
  send(data(0, 77, 1));
  expect_fault(Code::protocol, "1 bytes for yamux stream 77, which is not open");
}

TEST_F(YamuxHostile, A45WrongParity) {
  send(update(flag_syn, 2));
  expect_fault(Code::protocol, "the peer opened yamux stream 2");
}

TEST_F(YamuxHostile, A45AStreamOfOursThatNeverWas) {
  send(update(0, 2));
  expect_fault(Code::protocol, "stream 2, which was never opened");
}

TEST_F(YamuxHostile, A45StreamZero) {
  send(data(0, 0, 1));
  expect_fault(Code::protocol, "stream 0");
}

TEST_F(YamuxHostile, A45UnknownVersion) {
  Bytes bytes = update(flag_syn, 1);
  bytes[0] = 7;
  send(bytes);
  expect_fault(Code::protocol, "version 7");
}

TEST_F(YamuxHostile, A45UnknownType) {
  Bytes bytes = update(flag_syn, 1);
  bytes[1] = 200;
  send(bytes);
  expect_fault(Code::protocol, "unknown type 200");
}

TEST_F(YamuxHostile, A45UnknownFlagsMeanNothing) {
  send(update(0xfff0 | flag_syn, 1));
  send(data(0x8000, 1, 3));
  EXPECT_EQ(victim.streams[1].received.size(), 3u);
  expect_alive();
}

TEST_F(YamuxHostile, A45PingFloodIsAnsweredSparingly) {
  for (std::uint32_t i = 0; i < 10'000; ++i) send(frame(FrameType::ping, flag_syn, 0, i));
  EXPECT_EQ(answers().size(), 32u);
  std::size_t answered = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    now += 1ms;
    send(frame(FrameType::ping, flag_syn, 0, i));
    answered += answers().size();
  }
  EXPECT_GE(answered, 99u);
  EXPECT_LE(answered, 101u);
  now += 4s;  // the burst has grown back
  for (std::uint32_t i = 0; i < 100; ++i) send(frame(FrameType::ping, flag_syn, 0, i));
  EXPECT_EQ(answers().size(), 32u);
}

TEST_F(YamuxHostile, A45AnswersToNoPingMeanNothing) {
  send(frame(FrameType::ping, flag_ack, 0, 0));
  victim.input(now, PingPeer{});
  send(frame(FrameType::ping, flag_ack, 0, 1));  // guessed, before it went out
  answers();
  send(frame(FrameType::ping, flag_ack, 0, 2));
  EXPECT_TRUE(victim.round_trips.empty());
  send(frame(FrameType::ping, flag_ack, 0, 1));
  send(frame(FrameType::ping, flag_ack, 0, 1));
  EXPECT_EQ(victim.round_trips.size(), 1u);
}

TEST_F(YamuxHostile, A47AHalfHeaderAndThenNothing) {
  send(update(flag_syn, 1));
  Bytes half = data(0, 1, 10);
  half.resize(7);
  send(half);
  victim.mux.shut_down(now, {Code::closed, "the link ended"});
  victim.drain(now);
  EXPECT_EQ(victim.streams[1].closed, 1);
  send(data(0, 1, 10));
  EXPECT_TRUE(victim.streams[1].received.empty());
}

TEST_F(YamuxHostile, EveryCutGivesTheSame) {
  Bytes all = data(flag_syn, 1, 40);
  base::append(all, update(flag_syn, 3, 1));
  base::append(all, data(flag_fin, 1, 9));
  base::append(all, frame(FrameType::ping, flag_syn, 0, 5));
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    Side side(config, Direction::inbound);
    side.bytes(now, base::to_bytes(ByteView(all).first(cut)));
    side.bytes(now, base::to_bytes(ByteView(all).subspan(cut)));
    EXPECT_EQ(side.streams[1].received, Bytes(49, 0x55)) << cut;
    EXPECT_EQ(side.streams[1].finished, 1) << cut;
    EXPECT_EQ(side.accepted, (std::vector<YamuxStreamId>{1, 3})) << cut;
  }
}

TEST_F(YamuxHostile, MoreThanTheWindow) {
  victim.consumes = false;
  send(data(flag_syn, 1, 262'144));
  send(data(0, 1, config.window_overrun_max));  // forgiven: js-libp2p does it
  EXPECT_TRUE(victim.faults.empty());
  send(frame(FrameType::data, 0, 1, 1));
  expect_fault(Code::protocol, "1 bytes for yamux stream 1, its window has -262144");
}

TEST_F(YamuxHostile, ConsumedBytesAreNotGrantedUntilTheUpdateIsSent) {
  send(data(flag_syn, 1, 262'144));  // consumed at once, but the peer was not told
  send(data(0, 1, config.window_overrun_max));
  send(frame(FrameType::data, 0, 1, 1));
  expect_fault(Code::protocol, "its window has -262144");
}

TEST_F(YamuxHostile, DataAfterFinishResetsThatStreamOnly) {
  send(update(flag_syn, 3));
  send(data(flag_syn | flag_fin, 1, 5));
  EXPECT_EQ(victim.streams[1].finished, 1);
  send(data(flag_fin, 1, 0));  // saying it twice is harmless
  EXPECT_EQ(victim.streams[1].finished, 1);
  EXPECT_EQ(victim.streams[1].closed, 0);
  send(data(0, 1, 5));
  EXPECT_EQ(victim.streams[1].error->code, Code::protocol);
  EXPECT_EQ(victim.streams[1].received.size(), 5u);
  EXPECT_EQ(victim.streams[3].closed, 0);
  expect_alive();
}

TEST_F(YamuxHostile, ASecondSyn) {
  send(update(flag_syn, 1));
  send(data(flag_syn, 1, 4));
  expect_fault(Code::protocol, "a second SYN for yamux stream 1");
}

// Even when its stream is gone: what the application says of the first would meet the second.
TEST_F(YamuxHostile, ANumberNamesOneStreamOnly) {
  send(update(flag_syn, 1));
  send(update(flag_rst, 1));
  send(update(flag_syn, 1));
  EXPECT_EQ(victim.accepted.size(), 1u);
  expect_fault(Code::protocol, "opened yamux stream 1 a second time");
}

TEST_F(YamuxHostile, NumbersMayComeALittleOutOfOrder) {
  for (const std::uint32_t id : {5u, 1u, 3u, 511u, 7u, 509u}) send(update(flag_syn, id));
  EXPECT_EQ(victim.accepted.size(), 6u);
  send(update(flag_syn, 1023));
  send(update(flag_syn, 9));  // 507 streams ago: reset, since it may have been used
  EXPECT_EQ(victim.accepted.size(), 7u);
  EXPECT_TRUE(victim.faults.empty());
}

TEST_F(YamuxHostile, AResetWithPayloadDropsThePayload) {
  send(update(flag_syn, 1));
  send(data(flag_rst, 1, 1000));
  EXPECT_EQ(victim.streams[1].error->code, Code::reset);
  EXPECT_TRUE(victim.streams[1].received.empty());
  expect_alive();
}

TEST_F(YamuxHostile, AStreamResetInTheMiddleOfAFrameEndsThere) {
  victim.consumes = false;
  Bytes bytes = data(flag_syn | flag_fin, 1, 1000);
  base::append(bytes, update(flag_syn, 3));
  send(base::to_bytes(ByteView(bytes).first(500)));
  EXPECT_EQ(victim.streams[1].received.size(), 488u);
  victim.input(now, ResetStream{1});
  send(base::to_bytes(ByteView(bytes).subspan(500)));
  EXPECT_EQ(victim.streams[1].received.size(), 488u);
  EXPECT_EQ(victim.streams[1].finished, 0);
  EXPECT_EQ(victim.accepted, (std::vector<YamuxStreamId>{1, 3}));
  expect_alive();
}

TEST_F(YamuxHostile, GoAwayWithAnUnknownCodeIsTroubleOfThePeers) {
  send(frame(FrameType::go_away, 0, 0, 4'000'000'000));
  send(frame(FrameType::go_away, 0, 0, 0));
  EXPECT_EQ(victim.gone_away, std::vector{GoAwayCode::internal_error});
}

}  // namespace
}  // namespace kith::mux
