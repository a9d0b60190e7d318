#include "packet/endpoint.h"

#include <gtest/gtest.h>

#include <set>

#include "packet/test_pair.h"

namespace kith::packet {
namespace {

/// Sends `bytes` over a fresh stream from `end`, as its room allows.
void send_all(TestEnd& end, Instant now, const Bytes& bytes) {
  auto left = std::make_shared<Buffer>(ByteView(bytes));
  auto stream = std::make_shared<StreamNumber>(0);
  const auto write = [left, stream](TestEnd& to, std::size_t room) {
    const std::size_t size = std::min(room, left->size());
    if (size == 0) return;
    to.services().write(*stream, left->slice(0, size));
    left->drop_front(size);
    if (left->empty()) to.services().finish(*stream);
  };
  end.on_writable = [=](Instant, TestEnd& to, StreamNumber number, std::size_t room) {
    if (number == *stream && !left->empty()) write(to, room);
  };
  const auto opened = end.services().open_stream(importance_default);
  ASSERT_TRUE(opened) << to_string(opened.error());
  *stream = *opened;
  write(end, end.services().room(*stream));
  (void)now;
}

TEST(Endpoint, AHandshakeWithACookieTakesTwoRoundTripsAndBothAreUp) {
  TestPair pair;
  const Instant start = pair.now;
  ASSERT_TRUE(pair.connect());
  // SYN, cookie, SYN, RESPONSE, AUTH_PROOF: five times 10 ms.
  EXPECT_EQ(pair.now - start, 50ms);
  EXPECT_EQ(pair.b.endpoint.stats().cookies_sent, 1U);
  EXPECT_EQ(pair.b.incoming, 1U);
  EXPECT_EQ(pair.a.connection()->state(), State::established);
  EXPECT_EQ(pair.b.connection()->state(), State::established);
}

TEST(Endpoint, AStreamArrivesWholeWithoutLoss) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(3'000'000);
  send_all(pair.a, pair.now, bytes);
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  EXPECT_TRUE(base::equal(pair.b.seen.bytes.begin()->second, bytes));
}

TEST(Endpoint, ADatagramArrivesWhateverThePacketBeforeIt) {
  TestPair pair;
  ASSERT_TRUE(pair.connect());
  std::size_t sent = 0;
  for (std::size_t before = 100; before < 1500; before += 20) {
    const auto stream = pair.a.services().open_stream(importance_default);
    ASSERT_TRUE(stream) << to_string(stream.error());
    pair.a.services().write(*stream, Buffer(test_bytes(before)));
    ASSERT_TRUE(pair.a.services().send_datagram(Buffer(test_bytes(1100))));
    pair.a.services().finish(*stream);
    ++sent;
    pair.run([&] { return pair.b.seen.datagrams.size() == sent; }, 1s);
    EXPECT_EQ(pair.b.seen.datagrams.size(), sent) << before;
  }
}

class EndpointLoss : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(EndpointLoss, AStreamArrivesWholeWhateverIsLostRepeatedReorderedOrTurned) {
  TestPair pair(GetParam() + 3);
  pair.faults = {
      .delay = 5ms, .jitter = 8ms, .loss_ppm = GetParam(), .repeat_ppm = 20'000, .flip_ppm = 5'000};
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(1'000'000, GetParam());
  send_all(pair.a, pair.now, bytes);
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); }, 20min)) << pair.state();
  EXPECT_TRUE(base::equal(pair.b.seen.bytes.begin()->second, bytes));
  EXPECT_FALSE(pair.a.seen.has_ended);
}

INSTANTIATE_TEST_SUITE_P(Loss, EndpointLoss, ::testing::Values(0, 1'000, 10'000, 50'000, 300'000));

TEST(Endpoint, ACloseWaitsForAllAndBothEndsEndWithoutAnError) {
  TestPair pair;
  pair.faults.loss_ppm = 50'000;
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(200'000);
  send_all(pair.a, pair.now, bytes);
  pair.b.echoes = true;
  ASSERT_TRUE(pair.run([&] { return !pair.b.seen.finished.empty(); })) << pair.state();
  pair.a.say(pair.now, CloseConnection{});
  ASSERT_TRUE(pair.run([&] { return pair.a.seen.has_ended && pair.b.seen.has_ended; }));
  EXPECT_FALSE(pair.a.seen.end_error) << to_string(*pair.a.seen.end_error);
  EXPECT_FALSE(pair.b.seen.end_error) << to_string(*pair.b.seen.end_error);
  ASSERT_TRUE(pair.run([&] {
    return pair.a.endpoint.connection_count() == 0 && pair.b.endpoint.connection_count() == 0;
  }));
}

TEST(Endpoint, ACloseWaitsLongerWhileBytesGoOnArriving) {
  TestPair pair;
  pair.faults.delay = 400ms;
  ASSERT_TRUE(pair.connect());
  const Bytes bytes = test_bytes(8'000'000);
  const auto message = pair.a.services().send_message(pair.now, Buffer(bytes), {});
  ASSERT_TRUE(message) << to_string(message.error());
  pair.a.say(pair.now, CloseConnection{});
  const Instant begin = pair.now;
  pair.faults.loss_ppm = 100'000;
  ASSERT_TRUE(pair.run([&] { return pair.a.seen.has_ended; }, 2min));
  EXPECT_GT(pair.now - begin, 10s) << base::to_ms(pair.now - begin);
  EXPECT_FALSE(pair.a.seen.end_error) << to_string(*pair.a.seen.end_error);
  EXPECT_TRUE(base::equal(pair.b.seen.messages[*message], bytes));
}

// A cookie is of one second, one address and one id, and admits one handshake.
TEST(Endpoint, AnIdComesAgainOnlyAfterManyOthers) {
  SeededRng rng(1);
  const Instant now = Instant{} + 1h;
  Endpoint endpoint({}, rng, now);
  std::set<std::uint32_t> ids;
  constexpr std::size_t dials = 30'000;
  for (std::size_t i = 0; i < dials; ++i) {
    endpoint.on_input(now, DialPath{Token{i}, Path{{1}, TestPair::address(2)}});
    while (auto output = endpoint.poll_output(now)) {
      const auto* dialled = std::get_if<Dialled>(&*output);
      if (dialled == nullptr) continue;
      ids.insert(endpoint.look_at(dialled->slot)->own_ids().front().value);
      endpoint.on_input(now, ToConnection{dialled->slot, AbortConnection{Code::closed, ""}});
    }
    endpoint.on_datagrams(now, {base::SocketId{1}, TestPair::address(2), {}, 0, base::Ecn::none});
  }
  EXPECT_EQ(ids.size(), dials);
}

}  // namespace
}  // namespace kith::packet
