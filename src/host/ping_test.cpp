#include "host/ping.h"

#include <gtest/gtest.h>

#include "host/test_service.h"

namespace kith::host {
namespace {

const PeerId peer = test_peer(1);

struct PingBench : ServiceBench<Ping> {
  explicit PingBench(const PingConfig& config = {.interval = 0s}) : ServiceBench(config, rng) {}
  /// Asks once and lets the stream come up as number 10; returns the payload that was sent.
  Bytes ask(std::uint64_t token = 7) {
    up(peer);
    service.request(now, Token{token}, peer);
    const auto opens = take<Open>();
    EXPECT_EQ(opens.size(), 1U);
    stream_up(10, peer, Direction::outbound, ping_protocol, opens.at(0).token);
    return sent();
  }
  Bytes sent() {
    const auto writes = take<Write>();
    EXPECT_EQ(writes.size(), 1U);
    return writes.empty() ? Bytes() : base::to_bytes(writes[0].data.view());
  }
  static inline SeededRng rng{1};
};

TEST(Ping, MeasuresTheRoundTrip) {
  PingBench bench;
  const Bytes payload = bench.ask();
  ASSERT_EQ(payload.size(), 32U);
  bench.now += 30ms;
  for (const std::uint8_t byte : payload) bench.data(10, {&byte, 1});
  const auto result = bench.service.poll_result();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->token, Token{7});
  EXPECT_EQ(result->rtt, Duration(30ms));
  EXPECT_TRUE(bench.take<Fault>().empty());
}

TEST(Ping, EchoesWhatOthersSend) {
  PingBench bench;
  bench.up(peer);
  bench.stream_up(11, peer, Direction::inbound, ping_protocol);
  bench.data(11, base::as_bytes("any bytes, any pieces"));
  EXPECT_EQ(base::as_text(bench.sent()), "any bytes, any pieces");
  bench.end(11);
  EXPECT_EQ(bench.take<Finish>().size(), 1U);
}

TEST(Ping, A119MoreThanTwoStreamsOfOnePeerAreRefused) {
  PingBench bench;
  bench.up(peer);
  for (std::uint64_t i = 0; i < 100; ++i) {
    bench.stream_up(100 + i, peer, Direction::inbound, ping_protocol);
  }
  EXPECT_EQ(bench.take<Reset>().size(), 98U);
  bench.down(100);
  bench.stream_up(300, peer, Direction::inbound, ping_protocol);
  bench.data(300, base::as_bytes("still served"));
  EXPECT_EQ(base::as_text(bench.sent()), "still served");
  EXPECT_TRUE(bench.take<Reset>().empty());
}

TEST(Ping, APeerThatLetsAnswersLieIsReset) {
  PingBench bench;
  bench.up(peer);
  bench.stream_up(11, peer, Direction::inbound, ping_protocol, std::nullopt, 64);
  const Bytes piece(32);
  bench.data(11, piece);
  bench.data(11, piece);
  EXPECT_EQ(bench.take<Write>().size(), 2U);
  bench.data(11, piece);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
  EXPECT_TRUE(bench.take<Write>().empty());
}

TEST(Ping, OtherBytesAreAFault) {
  for (const bool is_longer : {false, true}) {
    PingBench bench;
    Bytes payload = bench.ask();
    if (is_longer) {
      payload.push_back(0);
    } else {
      payload[31] ^= 1;
    }
    bench.data(10, payload);
    EXPECT_EQ(bench.take<Fault>().size(), 1U);
    EXPECT_FALSE(bench.service.poll_result().has_value());
  }
}

TEST(Ping, BytesNobodyAskedForAreAFault) {
  PingBench bench;
  bench.data(10, bench.ask());
  ASSERT_TRUE(bench.service.poll_result().has_value());
  bench.data(10, Bytes(1));
  EXPECT_EQ(bench.take<Fault>().size(), 1U);
}

TEST(Ping, NoAnswerIsATimeoutAndTheNextUsesANewStream) {
  PingBench bench;
  bench.ask();
  bench.service.request(bench.now, Token{8}, peer);
  bench.wait(20s - 1ms);
  EXPECT_FALSE(bench.service.poll_result().has_value());
  bench.wait(1ms);
  const auto result = bench.service.poll_result();
  ASSERT_TRUE(result.has_value());
  ASSERT_FALSE(result->rtt.has_value());
  EXPECT_EQ(result->rtt.error().code, Code::timeout);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
  EXPECT_EQ(bench.take<Open>().size(), 1U);
  bench.down(10, Error{Code::canceled, "reset by this side"});
  EXPECT_FALSE(bench.service.poll_result().has_value()) << "the one waiting is not hurt";
}

TEST(Ping, RequestsWaitTheirTurnAndAreLimited) {
  PingBench bench;
  Bytes payload = bench.ask(0);
  const PingConfig config;
  for (std::uint64_t i = 1; i <= config.waiting_max + 1; ++i) {
    bench.service.request(bench.now, Token{i}, peer);
  }
  const auto refused = bench.service.poll_result();
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->token, Token{config.waiting_max + 1});
  EXPECT_EQ(refused->rtt.error().code, Code::limit);
  for (std::uint64_t i = 0; i <= config.waiting_max; ++i) {
    bench.data(10, payload);
    const auto result = bench.service.poll_result();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->token, Token{i});
    if (i < config.waiting_max) payload = bench.sent();
  }
}

TEST(Ping, AnUnsupportedPeerIsNotAskedAtIntervals) {
  PingBench bench({.interval = 15s});
  bench.up(peer);
  bench.wait(15s);
  const auto opens = bench.take<Open>();
  ASSERT_EQ(opens.size(), 1U);
  bench.stream_up(10, peer, Direction::outbound, ping_protocol, opens[0].token);
  bench.down(10, Error{Code::unsupported, "the peer does not speak it"});
  bench.wait(1h);
  EXPECT_TRUE(bench.take<Open>().empty());
  bench.service.request(bench.now, Token{1}, peer);
  EXPECT_EQ(bench.take<Open>().size(), 1U) << "but on request";
}

TEST(Ping, ConnectedPeersAreMeasuredAtIntervals) {
  PingBench bench({.interval = 15s});
  bench.up(peer);
  bench.wait(15s);
  bench.stream_up(10, peer, Direction::outbound, ping_protocol, bench.take<Open>().at(0).token);
  for (int i = 0; i < 5; ++i) {
    bench.data(10, bench.sent());
    const auto result = bench.service.poll_result();
    ASSERT_TRUE(result.has_value());
    EXPECT_FALSE(result->token.has_value());
    bench.wait(15s);
  }
}

TEST(Ping, APeerThatGoesFailsWhatWaits) {
  PingBench bench;
  bench.ask(1);
  bench.service.request(bench.now, Token{2}, peer);
  bench.down(10, Error{Code::io, "gone"});
  bench.hear(PeerDown{peer, {Code::io, "gone"}});
  EXPECT_EQ(bench.service.poll_result()->token, Token{1});
  EXPECT_EQ(bench.service.poll_result()->token, Token{2});
  EXPECT_FALSE(bench.service.next_deadline().has_value());
  bench.service.request(bench.now, Token{3}, peer);
  EXPECT_EQ(bench.service.poll_result()->rtt.error().code, Code::closed);
}

}  // namespace
}  // namespace kith::host
