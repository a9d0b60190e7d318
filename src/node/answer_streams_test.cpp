// Answers that wait for room and for the rate. Who asks too much: sync_service_test.cpp and
// snapshot_service_test.cpp.
#include "node/answer_streams.h"

#include <gtest/gtest.h>

#include "host/test_connections.h"

namespace kith::node {
namespace {

using host::test_peer;

/// Streams of as many peers, each of which has asked and takes whatever comes.
class AnswerStreamsTest : public testing::Test {
 protected:
  AnswerStreams serve(std::uint64_t bytes_per_second) {
    AnswerLimits limits;
    limits.bytes_per_second = bytes_per_second;
    return {limits, [this](host::ServiceCommand command) { hear(std::move(command)); },
            [](Instant, StreamId, ByteView) {}};
  }
  void hear(host::ServiceCommand command) {
    if (const auto* const write = std::get_if<host::Write>(&command)) {
      Bytes& got = got_[write->stream];
      base::append(got, write->data.view());
      sent_ += write->data.size();
    } else if (const auto* const finish = std::get_if<host::Finish>(&command)) {
      finished_.push_back(finish->stream);
    } else if (std::holds_alternative<host::Reset>(command)) {
      ++resets_;
    }
  }
  void ask(AnswerStreams& streams, std::uint64_t stream) {
    streams.on_stream(now_, {StreamId{stream}, test_peer(static_cast<std::uint8_t>(stream)),
                             Direction::inbound, "/test", std::size_t{1} << 30, std::nullopt});
    streams.on_data(now_, {StreamId{stream}, answer_frame(Bytes{1}).view()});
  }
  void wait(AnswerStreams& streams, Duration span) {
    const Instant end = now_ + span;
    for (auto next = streams.next_deadline(); next && *next <= end;
         next = streams.next_deadline()) {
      now_ = std::max(now_, *next);
      streams.on_deadline(now_);
    }
    now_ = end;
  }

  Instant now_{};
  std::map<StreamId, Bytes> got_;
  std::vector<StreamId> finished_;
  std::size_t sent_ = 0;
  std::size_t resets_ = 0;
};

Bytes numbered(std::size_t size, std::uint8_t first) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + i * 7);
  return bytes;
}

TEST_F(AnswerStreamsTest, AllPeersTogetherGetTheRateAndEachItsTurn) {
  constexpr std::uint64_t rate = 200'000;
  constexpr std::size_t answer = 500'000;
  AnswerStreams streams = serve(rate);
  for (std::uint64_t stream = 1; stream <= 3; ++stream) {
    ask(streams, stream);
    streams.give(now_, StreamId{stream},
                 {Buffer(numbered(answer, static_cast<std::uint8_t>(stream)))});
  }
  EXPECT_LE(sent_, rate / 2);  // what was saved up
  for (std::uint64_t second = 1; second <= 4; ++second) {
    wait(streams, 1s);
    EXPECT_LE(sent_, rate / 2 + second * rate) << second;
    EXPECT_GE(sent_, (second - 1) * rate) << second;
    for (const auto& [stream, bytes] : got_) {
      EXPECT_LT(bytes.size(), sent_ / 3 + 150'000) << stream.value;
    }
  }
  wait(streams, 10s);
  ASSERT_EQ(finished_.size(), 3u);
  for (std::uint64_t stream = 1; stream <= 3; ++stream) {
    EXPECT_EQ(got_[StreamId{stream}], numbered(answer, static_cast<std::uint8_t>(stream)));
  }
  EXPECT_EQ(resets_, 0u);
}

TEST_F(AnswerStreamsTest, WhoeverReadsALittleAtATimeDoesNotGoFirst) {
  AnswerStreams streams = serve(100'000);
  for (const std::uint64_t stream : {1U, 2U}) ask(streams, stream);
  streams.on_room(now_, {StreamId{1}, 0});
  for (const std::uint64_t stream : {1U, 2U}) {
    streams.give(now_, StreamId{stream}, {Buffer(numbered(400'000, 3))});
  }
  for (int i = 0; i < 300; ++i) {
    streams.on_room(now_, {StreamId{1}, 1'000});
    wait(streams, 10ms);
  }
  EXPECT_GT(got_[StreamId{2}].size(), 200'000u);
}

TEST_F(AnswerStreamsTest, WithoutARateAllGoesAtOnce) {
  AnswerStreams streams = serve(0);
  ask(streams, 1);
  streams.give(now_, StreamId{1}, {Buffer(numbered(5'000'000, 1))});
  EXPECT_EQ(sent_, 5'000'000u);
  EXPECT_EQ(finished_.size(), 1u);
}

TEST_F(AnswerStreamsTest, WhoeverLeavesWhileItWaitsHoldsNobodyUp) {
  AnswerStreams streams = serve(100'000);
  for (const std::uint64_t stream : {1U, 2U}) {
    ask(streams, stream);
    streams.give(now_, StreamId{stream}, {Buffer(numbered(200'000, 9))});
  }
  streams.on_down(StreamId{1});
  wait(streams, 3s);
  ASSERT_EQ(finished_, std::vector<StreamId>{StreamId{2}});
  EXPECT_EQ(got_[StreamId{2}].size(), 200'000u);
}

}  // namespace
}  // namespace kith::node
