// Two machines that keep the rules: streams, half-closing, windows, fairness, pings, the end.
#include "mux/yamux.h"

#include <gtest/gtest.h>

#include "mux/yamux_frame.h"
#include "mux/yamux_pair_fixture.h"

namespace kith::mux {
namespace {

using test::Pair;
using test::pattern;
using test::SeenStream;
using test::Side;
using test::start;

static_assert(base::ByteMachine<Yamux>);
// Ten thousand idle connections must not cost more than their sockets.
static_assert(sizeof(Yamux) <= 600);
static_assert(sizeof(YamuxStream) <= 300);

/// Writes `data` as fast as the stream takes it and lets time pass until all has arrived.
void send_all(Pair& pair, Side& from, YamuxStreamId id, ByteView data) {
  std::size_t rounds = 0;
  while (!data.empty()) {
    ASSERT_LT(++rounds, 1'000'000u) << "the stream has stalled with " << data.size() << " to send";
    const std::size_t size = std::min(from.streams[id].room, data.size());
    if (size > 0) from.write(pair.now, id, base::to_bytes(data.first(size)));
    data = data.subspan(size);
    pair.run(1ms);
  }
  pair.settle();
}

/// What the next rooms hold, header by header.
std::vector<FrameHeader> headers(ByteView bytes) {
  std::vector<FrameHeader> all;
  while (!bytes.empty()) {
    all.push_back(decode_frame_header(bytes).value());
    const bool is_data = all.back().type == FrameType::data;
    bytes = bytes.subspan(yamux_header_bytes + (is_data ? all.back().length : 0));
  }
  return all;
}

TEST(Yamux, CarriesAStreamBothWays) {
  Pair pair;
  const YamuxStreamId id = pair.dialer.open(pair.now);
  EXPECT_EQ(id, 1u);
  EXPECT_EQ(pair.dialer.streams[id].room, 256u * 1024);
  pair.dialer.write(pair.now, id, base::to_bytes("question"));
  pair.settle();
  EXPECT_EQ(base::as_text(pair.listener.streams[id].received), "question");
  pair.listener.write(pair.now, id, base::to_bytes("answer"));
  pair.listener.input(pair.now, FinishStream{id});
  pair.settle();
  EXPECT_EQ(base::as_text(pair.dialer.streams[id].received), "answer");
  EXPECT_EQ(pair.dialer.streams[id].finished, 1);
  EXPECT_EQ(pair.dialer.streams[id].closed, 0);

  pair.dialer.write(pair.now, id, base::to_bytes(", thanks"));
  pair.dialer.input(pair.now, FinishStream{id});
  pair.settle();
  EXPECT_EQ(base::as_text(pair.listener.streams[id].received), "question, thanks");
  for (Side* side : {&pair.dialer, &pair.listener}) {
    EXPECT_EQ(side->streams[id].finished, 1);
    EXPECT_EQ(side->streams[id].closed, 1);
    EXPECT_FALSE(side->streams[id].error);
    EXPECT_EQ(side->mux.stream_count(), 0u);
    EXPECT_FALSE(side->mux.has_transmit());
  }
}

TEST(Yamux, NumbersAreOddForTheDiallerAndEvenForTheListener) {
  Pair pair;
  EXPECT_EQ(pair.dialer.open(pair.now), 1u);
  EXPECT_EQ(pair.dialer.open(pair.now), 3u);
  EXPECT_EQ(pair.listener.open(pair.now), 2u);
  EXPECT_EQ(pair.listener.open(pair.now), 4u);
  pair.settle();
  EXPECT_EQ(pair.listener.accepted, (std::vector<YamuxStreamId>{1, 3}));
  EXPECT_EQ(pair.dialer.accepted, (std::vector<YamuxStreamId>{2, 4}));
}

TEST(Yamux, AResetEndsBothSidesAtOnce) {
  Pair pair;
  const YamuxStreamId id = pair.dialer.open(pair.now);
  pair.settle();
  pair.dialer.write(pair.now, id, base::to_bytes("never sent"));
  pair.dialer.input(pair.now, ResetStream{id});
  EXPECT_EQ(pair.dialer.streams[id].error->code, Code::canceled);
  pair.settle();
  EXPECT_EQ(pair.listener.streams[id].error->code, Code::reset);
  EXPECT_TRUE(pair.listener.streams[id].received.empty());
  EXPECT_EQ(pair.listener.mux.stream_count() + pair.dialer.mux.stream_count(), 0u);
  // Late inputs for a stream that has ended mean nothing.
  pair.dialer.input(pair.now, WriteStream{id, Buffer("late")});
  pair.dialer.input(pair.now, FinishStream{id});
  pair.dialer.input(pair.now, ResetStream{id});
  pair.dialer.input(pair.now, ConsumeStream{id, 7});
  EXPECT_FALSE(pair.dialer.mux.has_transmit());
  EXPECT_EQ(pair.dialer.streams[id].closed, 1);
}

TEST(Yamux, DataUnderWayToAResetStreamIsDropped) {
  Pair pair;
  const YamuxStreamId id = pair.dialer.open(pair.now);
  pair.settle();
  pair.listener.consumes = false;
  pair.dialer.write(pair.now, id, pattern(200'000));
  pair.flush();
  pair.listener.input(pair.now, ResetStream{id});
  pair.settle();
  EXPECT_TRUE(pair.listener.streams[id].received.empty());
  EXPECT_TRUE(pair.listener.faults.empty());
  EXPECT_EQ(pair.dialer.streams[id].error->code, Code::reset);
}

TEST(Yamux, TheSenderStopsAtTheWindow) {
  Pair pair;
  pair.listener.consumes = false;
  const YamuxStreamId id = pair.dialer.open(pair.now);
  SeenStream& there = pair.listener.streams[id];
  const Bytes first = pattern(yamux_window_initial);
  pair.dialer.write(pair.now, id, first);
  pair.settle();
  ASSERT_GE(pair.dialer.streams[id].room, yamux_window_initial / 2);
  const Bytes second = pattern(pair.dialer.streams[id].room);
  pair.dialer.write(pair.now, id, second);
  pair.settle();
  EXPECT_EQ(there.received.size(), yamux_window_initial);
  pair.listener.consume(pair.now, id, 131'071);
  pair.settle();
  EXPECT_EQ(there.received.size(), yamux_window_initial);
  pair.listener.consume(pair.now, id, 1);
  pair.settle();
  EXPECT_EQ(there.received.size(), yamux_window_initial + 131'072);
  pair.listener.consume(pair.now, id, there.waiting);
  pair.settle();
  Bytes both = first;
  base::append(both, second);
  EXPECT_EQ(there.received, both);
}

TEST(Yamux, RoomIsToldWhenHalfTheQueueIsFree) {
  YamuxConfig config;
  config.send_queue_bytes_max = 1000;
  Side dialer(config, Direction::outbound);
  const YamuxStreamId id = dialer.open(start);
  SeenStream& seen = dialer.streams[id];
  dialer.write(start, id, pattern(400));
  dialer.transmit(start);
  EXPECT_EQ(seen.room, 600u);  // more than half: not worth a word
  dialer.write(start, id, pattern(600));
  EXPECT_EQ(seen.room, 0u);
  Bytes out(yamux_header_bytes + 99);
  dialer.mux.poll_transmit(start, out);
  dialer.drain(start);
  EXPECT_EQ(seen.room, 0u);  // 501 bytes wait
  out.resize(yamux_header_bytes + 400);
  dialer.mux.poll_transmit(start, out);
  dialer.drain(start);
  EXPECT_EQ(seen.room, 899u);  // 101 bytes wait
}

TEST(Yamux, RoomCountsWhatWasWrittenBeforeItWasRead) {
  const YamuxConfig config;
  Yamux mux(config, Direction::outbound, start);
  mux.on_input(start, OpenStream{1});
  const auto opened = std::get<Opened>(mux.poll_output(start).value());
  mux.on_input(start, WriteStream{opened.stream, Buffer::zeros(200'000)});
  Bytes out(300'000);
  while (mux.poll_transmit(start, out) > 0) {
  }
  mux.on_input(start, WriteStream{opened.stream, Buffer::zeros(60'000)});
  EXPECT_EQ(std::get<StreamWritable>(mux.poll_output(start).value()).room, opened.room - 60'000);
  EXPECT_FALSE(mux.poll_output(start));
}

TEST(Yamux, AFullWindowThatEmptiesFastGrows) {
  YamuxConfig config;
  config.receive_window_max = 4 * 1024 * 1024;
  Pair pair(1, 50ms, config);
  const YamuxStreamId id = pair.dialer.open(pair.now);
  const Bytes data = pattern(30'000'000);
  // 256 KiB a round trip of 100 ms would take 11 s.
  send_all(pair, pair.dialer, id, data);
  EXPECT_EQ(pair.listener.streams[id].received, data);
  EXPECT_FALSE(pair.listener.round_trips.empty());
  EXPECT_EQ(pair.listener.round_trips.front(), 100ms);
  // The queue of 256 KiB is refilled every millisecond, so windows were all that could slow it.
  EXPECT_LT(pair.now - start, 3s);
}

TEST(Yamux, ASlowReaderKeepsItsSmallWindow) {
  Pair pair(1, 1ms);
  pair.listener.consumes = false;
  const YamuxStreamId id = pair.dialer.open(pair.now);
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    const std::size_t size = pair.dialer.streams[id].room;
    pair.dialer.write(pair.now, id, Bytes(size));
    sent += size;
    pair.run(100ms);
    SeenStream& seen = pair.listener.streams[id];
    EXPECT_LE(seen.waiting, yamux_window_initial);
    pair.listener.consume(pair.now, id, std::min<std::size_t>(seen.waiting, 140'000));
  }
  EXPECT_GT(sent, 10'000'000u);
}

TEST(Yamux, WindowsTogetherKeepToTheSessionsLimit) {
  YamuxConfig config;
  config.receive_window_session_max = 2 * 1024 * 1024;
  Pair pair(3, 50ms, config);
  std::vector<YamuxStreamId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(pair.dialer.open(pair.now));
  for (int i = 0; i < 3000; ++i) {
    for (const YamuxStreamId id : ids) {
      const std::size_t room = pair.dialer.streams[id].room;
      if (room > 0) pair.dialer.write(pair.now, id, Bytes(room));
    }
    pair.run(1ms);
  }
  // Now the windows are as large as they get: stop consuming, and see how much the peer may send.
  pair.listener.consumes = false;
  std::size_t waiting = 0;
  for (int i = 0; i < 3000; ++i) {
    for (const YamuxStreamId id : ids) {
      const std::size_t room = pair.dialer.streams[id].room;
      if (room > 0) pair.dialer.write(pair.now, id, Bytes(room));
    }
    pair.run(1ms);
  }
  for (const YamuxStreamId id : ids) waiting += pair.listener.streams[id].waiting;
  EXPECT_LE(waiting, config.receive_window_session_max);
  EXPECT_GT(waiting, config.receive_window_session_max / 2);  // and they did grow
  EXPECT_EQ(pair.listener.mux.stream_count(), 4u);
}

TEST(Yamux, BytesThatNobodyConsumesAreBoundedForTheSession) {
  YamuxConfig config;
  config.receive_window_session_max = 1024 * 1024;
  Pair pair(1, 1ms, config);
  pair.listener.consumes = false;
  for (int i = 0; i < 6; ++i) {
    pair.dialer.write(pair.now, pair.dialer.open(pair.now), Bytes(262'144));
  }
  pair.settle();
  std::size_t waiting = 0;
  int reset = 0;
  for (const auto& [id, seen] : pair.listener.streams) {
    if (!seen.closed) waiting += seen.waiting;
    reset += seen.closed;
    if (seen.closed) {
      EXPECT_EQ(seen.error->code, Code::limit);
    }
  }
  EXPECT_LE(waiting, config.receive_window_session_max);
  EXPECT_GE(reset, 2);
  EXPECT_LE(reset, 3);
  EXPECT_TRUE(pair.listener.faults.empty());
}

TEST(SendQueue, SmallWritesThatWaitAreJoined) {
  SendQueue queue;
  Bytes expected;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const Bytes byte = {static_cast<std::uint8_t>(i * 7)};
    base::append(expected, byte);
    queue.push(Buffer(byte));
  }
  EXPECT_LE(queue.buffers(), 100'000U / 2048) << "not a block for each";
  Bytes taken(expected.size());
  for (std::size_t at = 0; at < taken.size();) {
    const std::size_t count = std::min<std::size_t>(taken.size() - at, 1 + at % 5000);
    queue.take(ByteSpan(taken).subspan(at, count));
    at += count;
  }
  EXPECT_EQ(taken, expected);
  EXPECT_TRUE(queue.empty());
}

TEST(Yamux, TwoHundredStreamsShareTheLineFrameByFrame) {
  YamuxConfig config;
  Side dialer(config, Direction::outbound);
  constexpr std::size_t count = 200;
  for (std::size_t i = 0; i < count; ++i) dialer.write(start, dialer.open(start), Bytes(200'000));
  std::map<YamuxStreamId, std::size_t> sent;
  Bytes out(10'000);
  for (std::size_t i = 0; i < 4 * count; ++i) {
    const std::size_t size = dialer.mux.poll_transmit(start, out);
    dialer.drain(start);
    for (const FrameHeader& header : headers(ByteView(out).first(size))) {
      sent[header.stream] += header.length;
    }
  }
  EXPECT_EQ(sent.size(), count);
  for (const auto& [id, bytes] : sent)
    EXPECT_EQ(bytes, 4 * (out.size() - yamux_header_bytes)) << id;
}

TEST(Yamux, ASmallMessageOvertakesABulkStream) {
  YamuxConfig config;
  Side dialer(config, Direction::outbound);
  const YamuxStreamId bulk = dialer.open(start);
  dialer.write(start, bulk, Bytes(262'144));
  Bytes out(65519);
  dialer.mux.poll_transmit(start, out);
  const YamuxStreamId small = dialer.open(start);
  dialer.write(start, small, Bytes(20));
  std::vector<FrameHeader> next = headers(dialer.transmit(start));
  ASSERT_GE(next.size(), 2u);
  EXPECT_TRUE(next[0].stream == small || next[1].stream == small);
}

TEST(Yamux, FramesFillTheRoomAndLeaveNoSlivers) {
  YamuxConfig config;
  Side dialer(config, Direction::outbound);
  for (int i = 0; i < 2; ++i) dialer.write(start, dialer.open(start), Bytes(100'000));
  Bytes out(65519);
  EXPECT_EQ(dialer.mux.poll_transmit(start, out), 65519u);
  // A second frame of 19 bytes would fit here, and is not worth it.
  Bytes tight(65519 + 12 + 19);
  EXPECT_EQ(dialer.mux.poll_transmit(start, tight), 65519u);
  // Alone, however, even one byte goes.
  EXPECT_EQ(dialer.mux.poll_transmit(start, ByteSpan(tight).first(13)), 13u);
  EXPECT_EQ(dialer.mux.poll_transmit(start, ByteSpan(tight).first(12)), 0u);
  EXPECT_EQ(dialer.mux.poll_transmit(start, ByteSpan(tight).first(11)), 0u);
  EXPECT_TRUE(dialer.mux.has_transmit());
}

TEST(Yamux, OpensAreRefusedBeyondTheLimits) {
  YamuxConfig config;
  config.streams_outbound_max = 5;
  config.backlog_max = 3;
  Pair pair(1, 10ms, config);
  for (int i = 0; i < 3; ++i) EXPECT_NE(pair.dialer.open(pair.now), 0u);
  EXPECT_EQ(pair.dialer.open(pair.now), 0u);
  EXPECT_EQ(pair.dialer.open_errors.back().code, Code::limit);
  pair.settle();
  for (int i = 0; i < 2; ++i) EXPECT_NE(pair.dialer.open(pair.now), 0u);
  pair.settle();
  EXPECT_EQ(pair.dialer.open(pair.now), 0u);
  EXPECT_EQ(pair.dialer.open_errors.size(), 2u);
  pair.dialer.input(pair.now, ResetStream{1});
  EXPECT_NE(pair.dialer.open(pair.now), 0u);
}

TEST(Yamux, InboundStreamsBeyondTheLimitAreReset) {
  YamuxConfig config;
  config.streams_inbound_max = 3;
  Pair pair(1, 10ms, config);
  for (int i = 0; i < 5; ++i) {
    pair.dialer.write(pair.now, pair.dialer.open(pair.now), Bytes(200'000));
  }
  pair.settle();
  EXPECT_EQ(pair.listener.mux.stream_count(), 3u);
  EXPECT_EQ(pair.dialer.mux.stream_count(), 3u);
  EXPECT_EQ(pair.dialer.streams[7].error->code, Code::reset);
  EXPECT_TRUE(pair.listener.faults.empty());
}

TEST(Yamux, AfterGoAwayNothingOpensAndWhatIsOpenGoesOn) {
  Pair pair;
  const YamuxStreamId id = pair.dialer.open(pair.now);
  pair.settle();
  pair.listener.input(pair.now, GoAway{GoAwayCode::normal});
  const YamuxStreamId crossing = pair.dialer.open(pair.now);
  pair.settle();
  EXPECT_EQ(pair.dialer.gone_away, std::vector{GoAwayCode::normal});
  EXPECT_EQ(pair.dialer.streams[crossing].error->code, Code::reset);
  EXPECT_EQ(pair.dialer.open(pair.now), 0u);
  EXPECT_EQ(pair.dialer.open_errors.back().code, Code::closed);
  EXPECT_EQ(pair.listener.open(pair.now), 0u);
  pair.dialer.write(pair.now, id, base::to_bytes("still here"));
  pair.settle();
  EXPECT_EQ(base::as_text(pair.listener.streams[id].received), "still here");
}

TEST(Yamux, APingMeasuresTheRoundTrip) {
  Pair pair(1, 35ms);
  pair.dialer.input(pair.now, PingPeer{});
  pair.dialer.input(pair.now, PingPeer{});  // joins the one under way
  pair.settle();
  EXPECT_EQ(pair.dialer.round_trips, std::vector<Duration>{70ms});
}

TEST(Yamux, AnIdleSessionPingsAndLives) {
  Pair pair;
  pair.run(10min);
  EXPECT_TRUE(pair.dialer.faults.empty());
  EXPECT_TRUE(pair.listener.faults.empty());
  const std::size_t pings = pair.dialer.round_trips.size() + pair.listener.round_trips.size();
  EXPECT_GE(pings, 19u);
  EXPECT_LE(pings, 41u);
}

TEST(Yamux, ASilentPeerIsAFault) {
  YamuxConfig config;
  Side dialer(config, Direction::outbound);
  const YamuxStreamId id = dialer.open(start);
  dialer.transmit(start);
  Instant now = start;
  while (dialer.faults.empty()) {
    ASSERT_GT(dialer.mux.next_deadline().value(), now);
    now = dialer.mux.next_deadline().value();
    dialer.mux.on_deadline(now);
    dialer.drain(now);
    dialer.transmit(now);
  }
  EXPECT_EQ(now - start, 50s);
  EXPECT_EQ(dialer.faults.front().code, Code::timeout);
  EXPECT_EQ(dialer.streams[id].closed, 1);
  EXPECT_EQ(dialer.streams[id].error->code, Code::closed);
  EXPECT_FALSE(dialer.mux.next_deadline());
}

TEST(Yamux, BytesProveLifeWhenTheAnswerIsLate) {
  YamuxConfig config;
  Side dialer(config, Direction::outbound);
  dialer.input(start, PingPeer{});
  dialer.transmit(start);
  const Bytes nothing_much{0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0};  // a window update, to nobody
  Instant now = start;
  for (int i = 0; i < 10; ++i) {
    now += 15s;
    dialer.bytes(now, nothing_much);
    dialer.mux.on_deadline(now);
    dialer.drain(now);
    dialer.mux.on_deadline(now);  // spurious
  }
  EXPECT_TRUE(dialer.faults.empty());
  dialer.mux.on_deadline(now + 20s);
  dialer.drain(now + 20s);
  EXPECT_EQ(dialer.faults.size(), 1u);
}

TEST(Yamux, ShuttingDownClosesEveryStreamWithTheError) {
  Pair pair;
  pair.dialer.write(pair.now, pair.dialer.open(pair.now), Bytes(1000));
  pair.listener.open(pair.now);
  pair.settle();
  pair.dialer.mux.shut_down(pair.now, {Code::io, "the link broke"});
  pair.dialer.drain(pair.now);
  for (const YamuxStreamId id : {1u, 2u}) {
    EXPECT_EQ(pair.dialer.streams[id].closed, 1);
    EXPECT_EQ(pair.dialer.streams[id].error, (Error{Code::io, "the link broke"}));
  }
  EXPECT_TRUE(pair.dialer.faults.empty());
  EXPECT_FALSE(pair.dialer.mux.has_transmit());
  EXPECT_FALSE(pair.dialer.mux.wants_bytes());
  EXPECT_FALSE(pair.dialer.mux.next_deadline());
  EXPECT_EQ(pair.dialer.open(pair.now), 0u);
  EXPECT_EQ(pair.dialer.open_errors.back().code, Code::closed);
}

TEST(Yamux, MovesWithItsStreams) {
  Pair pair;
  const YamuxStreamId id = pair.dialer.open(pair.now);
  pair.dialer.write(pair.now, id, base::to_bytes("moved"));
  Yamux moved(std::move(pair.dialer.mux));
  Bytes out(100);
  EXPECT_EQ(moved.poll_transmit(pair.now, out), yamux_header_bytes + 5);
  EXPECT_EQ(moved.stream_count(), 1u);
}

}  // namespace
}  // namespace kith::mux
