#include "mux/yamux_frame.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>
#include <sstream>

#include "mux/yamux_pair_fixture.h"

namespace kith::mux {
namespace {

using test::Side;
using test::start;

const std::map<std::string, Bytes>& golden() {
  static const auto frames = [] {
    std::map<std::string, Bytes> all;
    std::ifstream file(KITH_SOURCE_DIR "/tests/golden/yamux.txt");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string name, hex;
      if (line.starts_with('#') || !(words >> name >> hex)) continue;
      all[name] = base::from_hex(hex).value();
    }
    return all;
  }();
  return frames;
}

Bytes frame(const std::string& name) {
  EXPECT_TRUE(golden().contains(name)) << name;
  return golden().at(name);
}

TEST(YamuxFrame, ReadsAndWritesEveryGoldenHeader) {
  EXPECT_GE(golden().size(), 14u);
  for (const auto& [name, bytes] : golden()) {
    const auto header = decode_frame_header(bytes);
    ASSERT_TRUE(header) << name;
    Bytes again(yamux_header_bytes);
    encode_frame_header(*header, again);
    EXPECT_TRUE(base::equal(again, ByteView(bytes).first(yamux_header_bytes))) << name;
  }
  EXPECT_EQ(*decode_frame_header(frame("grant_128_kib")),
            (FrameHeader{FrameType::window_update, 0, 3, 131072}));
  EXPECT_EQ(*decode_frame_header(frame("open_by_data_hello")),
            (FrameHeader{FrameType::data, flag_syn, 1, 5}));
}

TEST(YamuxFrame, RefusesAnUnknownVersionAndType) {
  Bytes bytes(12);
  bytes[0] = 1;
  EXPECT_EQ(decode_frame_header(bytes).error(), (Error{Code::protocol, "yamux version 1, not 0"}));
  bytes = Bytes(12);
  bytes[1] = 4;
  EXPECT_EQ(decode_frame_header(bytes).error(),
            (Error{Code::protocol, "yamux frame of unknown type 4"}));
}

TEST(YamuxFrame, EveryHeaderSurvivesTheRoundTrip) {
  ASSERT_TRUE(rc::check([](std::uint16_t flags, std::uint32_t stream, std::uint32_t length) {
    const FrameHeader header{static_cast<FrameType>(*rc::gen::inRange(0, 4)), flags, stream,
                             length};
    Bytes bytes(yamux_header_bytes);
    encode_frame_header(header, bytes);
    RC_ASSERT(decode_frame_header(bytes).value() == header);
  }));
}

// What the machine puts on the wire is compared with bytes written by hand from the specification.
class YamuxWire : public ::testing::Test {
 protected:
  Bytes sent(Side& side) { return side.transmit(start); }
  YamuxConfig config;
  Side dialer{config, Direction::outbound};
  Side listener{config, Direction::inbound};
};

TEST_F(YamuxWire, OpensWithoutDataByAWindowUpdate) {
  EXPECT_EQ(dialer.open(start), 1u);
  EXPECT_EQ(sent(dialer), frame("open_by_window_update"));
}

TEST_F(YamuxWire, OpensWithDataByTheDataFrame) {
  dialer.write(start, dialer.open(start), base::to_bytes("hello"));
  EXPECT_EQ(sent(dialer), frame("open_by_data_hello"));
}

TEST_F(YamuxWire, AnAnswerCarriesTheAcknowledgement) {
  listener.bytes(start, frame("open_by_data_hello"));
  EXPECT_EQ(sent(listener), frame("accept_by_window_update"));

  Side other(config, Direction::inbound);
  other.bytes(start, frame("open_by_data_hello"));
  other.write(start, 1, base::to_bytes("hi"));
  EXPECT_EQ(sent(other), frame("accept_by_data_hi"));
}

TEST_F(YamuxWire, FinishesInAFrameOfItsOwn) {
  const YamuxStreamId one = dialer.open(start);
  dialer.input(start, FinishStream{one});
  EXPECT_EQ(sent(dialer), frame("open_and_finish"));
  const YamuxStreamId three = dialer.open(start);
  dialer.write(start, three, base::to_bytes("hello"));
  dialer.input(start, FinishStream{three});
  Bytes expected = frame("open_by_data_hello");
  expected[7] = 3;
  base::append(expected, frame("finish"));
  EXPECT_EQ(sent(dialer), expected);
}

TEST_F(YamuxWire, ResetsOnlyWhatThePeerKnows) {
  const YamuxStreamId two = listener.open(start);
  EXPECT_EQ(two, 2u);
  sent(listener);
  listener.input(start, ResetStream{two});
  EXPECT_EQ(sent(listener), frame("reset"));
  listener.input(start, ResetStream{listener.open(start)});
  EXPECT_EQ(sent(listener), Bytes());
  EXPECT_EQ(listener.streams[4].closed, 1);
}

TEST_F(YamuxWire, GrantsHalfAWindowOnceItIsConsumed) {
  listener.consumes = false;
  Bytes open = frame("open_by_window_update");
  open[7] = 3;
  listener.bytes(start, open);
  sent(listener);
  Bytes data(yamux_header_bytes + 131072);
  encode_frame_header({FrameType::data, 0, 3, 131072}, data);
  listener.bytes(start, data);
  listener.consume(start, 3, 131071);
  EXPECT_EQ(sent(listener), Bytes());
  listener.consume(start, 3, 1);
  Bytes expected = frame("ping_first");  // the first grant measures the round trip
  base::append(expected, frame("grant_128_kib"));
  EXPECT_EQ(sent(listener), expected);
}

TEST_F(YamuxWire, AnswersAPing) {
  listener.bytes(start, frame("ping_7"));
  EXPECT_EQ(sent(listener), frame("pong_7"));
  dialer.input(start, PingPeer{});
  EXPECT_EQ(sent(dialer), frame("ping_first"));
}

TEST_F(YamuxWire, SaysGoodbyeAfterWhatIsQueued) {
  dialer.write(start, dialer.open(start), base::to_bytes("hello"));
  dialer.input(start, GoAway{GoAwayCode::normal});
  dialer.input(start, GoAway{GoAwayCode::internal_error});  // once is enough
  Bytes expected = frame("open_by_data_hello");
  base::append(expected, frame("go_away_normal"));
  EXPECT_EQ(sent(dialer), expected);
  listener.input(start, GoAway{GoAwayCode::internal_error});
  EXPECT_EQ(sent(listener), frame("go_away_internal_error"));
}

}  // namespace
}  // namespace kith::mux
