#include "host/peer_exchange.h"

#include <gtest/gtest.h>

#include "codec/envelope.h"
#include "codec/varint.h"
#include "host/test_service.h"

namespace kith::host {
namespace {

const PeerId peer = test_peer(1);

struct Source final : RecordSource {
  std::vector<Bytes> sample_records(const PeerId&, std::size_t count) override {
    std::vector<Bytes> taken(
        records.begin(),
        records.begin() + static_cast<std::ptrdiff_t>(std::min(count, records.size())));
    return taken;
  }
  std::vector<Bytes> records;
};

struct OwnQuality {
  SeededRng quality_rng{1};
  peer::Quality quality{{}, test_peer(99), quality_rng};
};

struct ExchangeBench : OwnQuality, ServiceBench<PeerExchange> {
  explicit ExchangeBench(const PeerExchangeConfig& config = {})
      : ServiceBench(config, source, quality, rng) {}

  /// `id` is connected and says by identify that it speaks the protocol.
  void meet(const PeerId& id) {
    up(id);
    auto message = std::make_shared<codec::IdentifyMessage>();
    message->protocols = {std::string(peer_exchange_protocol)};
    hear(PeerIdentified{id, message});
  }
  /// A question under way on stream 10.
  void ask() {
    meet(peer);
    stream_up(10, peer, Direction::outbound, peer_exchange_protocol, take<Open>().at(0).token);
  }
  std::size_t learned() {
    std::size_t count = 0;
    while (service.poll_learned()) ++count;
    return count;
  }
  static inline Source source;
  static inline SeededRng rng{1};
};

Bytes answer(std::size_t records, std::size_t record_bytes) {
  Bytes bytes;
  for (std::size_t i = 0; i < records; ++i) {
    codec::append_varint(bytes, record_bytes);
    bytes.insert(bytes.end(), record_bytes, static_cast<std::uint8_t>(i));
  }
  return bytes;
}

TEST(PeerExchange, ANewPeerThatSpeaksItIsAsked) {
  ExchangeBench bench;
  bench.ask();
  EXPECT_EQ(bench.take<Finish>().size(), 1U);
  const Bytes bytes = answer(3, 200);
  for (const std::uint8_t byte : bytes) bench.data(10, {&byte, 1});
  EXPECT_EQ(bench.learned(), 0U);
  bench.end(10);
  EXPECT_EQ(bench.learned(), 3U);
  EXPECT_TRUE(bench.take<Fault>().empty());
}

TEST(PeerExchange, APeerThatDoesNotSpeakItIsNotAsked) {
  ExchangeBench bench;
  bench.up(peer);
  bench.hear(PeerIdentified{peer, std::make_shared<codec::IdentifyMessage>()});
  bench.wait(1h);
  EXPECT_TRUE(bench.take<Open>().empty());
}

TEST(PeerExchange, AnEmptyAnswerIsFine) {
  ExchangeBench bench;
  bench.ask();
  bench.end(10);
  EXPECT_TRUE(bench.take<Fault>().empty());
}

TEST(PeerExchange, AnswersOutOfFormAreFaults) {
  const std::vector<Bytes> cases = {
      {0x05, 1, 2},                                      // truncated
      {0x80},                                            // half a varint
      {0x80, 0x00},                                      // not minimal
      answer(1, codec::envelope_bytes_max + 1),          // too long a record
      answer(PeerExchange::records_max + 1, 10),         // too many
      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // an absurd length
  };
  for (const Bytes& bytes : cases) {
    ExchangeBench bench;
    bench.ask();
    bench.data(10, bytes);
    bench.end(10);
    EXPECT_EQ(bench.take<Fault>().size(), 1U) << bytes.size();
    EXPECT_LE(bench.learned(), PeerExchange::records_max);
  }
}

TEST(PeerExchange, AnEndlessAnswerIsAFaultAtTheLimit) {
  ExchangeBench bench;
  bench.ask();
  const Bytes piece(10'000);
  for (int i = 0; i < 7; ++i) bench.data(10, piece);
  EXPECT_EQ(bench.take<Fault>().size(), 1U);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
  bench.end(10);
  EXPECT_EQ(bench.learned(), 0U);
}

TEST(PeerExchange, AnAnswerThatDoesNotComeIsSaid) {
  ExchangeBench bench;
  bench.ask();
  bench.wait(1min);
  const auto done = bench.take<RequestDone>();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].peer, peer);
  EXPECT_EQ(done[0].protocol, peer_exchange_protocol);
  EXPECT_EQ(done[0].took.error().code, Code::timeout);
}

TEST(PeerExchange, AnAnswerIsWaitedForAsLongAsThePeerIsWontToTake) {
  ExchangeBench bench;
  bench.quality.on_input({}, peer::WallClock{});
  bench.quality.on_input({}, peer::PeerConnected{peer, {}});
  bench.quality.on_input({},
                         base::PeerEvent{peer, PeerEventKind::probe_succeeded, "test", "test", 2s});
  bench.ask();
  bench.wait(5900ms);
  EXPECT_TRUE(bench.take<Reset>().empty());
  bench.wait(100ms);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);  // 2 s and four times half of it
}

TEST(PeerExchange, AnAnswerInTimeIsSaidWithItsTime) {
  ExchangeBench bench;
  bench.ask();
  bench.wait(700ms);
  bench.data(10, answer(2, 100));
  bench.end(10);
  const auto done = bench.take<RequestDone>();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(*done[0].took, 700ms);
}

TEST(PeerExchange, ASlowAnswerIsGivenUp) {
  ExchangeBench bench;
  bench.ask();
  bench.wait(3s);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
  EXPECT_TRUE(bench.take<Fault>().empty());
}

// However many records a peer makes up, they come when we ask and as many as we take at once.
TEST(PeerExchange, A101EndlessFreshRecordsComeAtOurPace) {
  for (const bool is_eager : {false, true}) {
    ExchangeBench bench;
    bench.service.set_eager(bench.now, is_eager);
    bench.ask();
    std::size_t learned = 0, questions = 1;
    constexpr auto seconds = 600;
    for (std::uint64_t i = 0; i < seconds; ++i) {
      bench.data(10 + i, answer(PeerExchange::records_max, 200));
      bench.end(10 + i);
      bench.down(10 + i);
      learned += bench.learned();
      bench.wait(1s);
      for (const auto& open : bench.take<Open>()) {
        ++questions;
        bench.stream_up(11 + i, peer, Direction::outbound, peer_exchange_protocol, open.token);
      }
    }
    const PeerExchangeConfig config;
    const auto pace = is_eager ? config.interval_eager : config.interval;
    EXPECT_LE(questions, 1 + static_cast<std::size_t>(seconds * 1s / pace));
    EXPECT_LE(learned, questions * PeerExchange::records_max);
    EXPECT_GE(learned, (questions - 1) * PeerExchange::records_max);
    EXPECT_TRUE(bench.take<Fault>().empty());
  }
}

TEST(PeerExchange, A101RecordsThatNobodyAskedForAreNotLearned) {
  ExchangeBench bench;
  bench.meet(peer);
  for (std::uint64_t stream = 100; stream < 100 + PeerExchange::requests_burst; ++stream) {
    bench.stream_up(stream, peer, Direction::inbound, peer_exchange_protocol);
    bench.data(stream, answer(PeerExchange::records_max, 200));
    bench.end(stream);
  }
  bench.data(999, answer(PeerExchange::records_max, 200));  // a stream that is none
  bench.end(999);
  EXPECT_EQ(bench.learned(), 0U);
  EXPECT_EQ(bench.take<Consume>().size(), PeerExchange::requests_burst + 1);
}

TEST(PeerExchange, AnswersStayWithinTheirLimits) {
  ExchangeBench bench;
  bench.up(peer);
  ExchangeBench::source.records.assign(100, Bytes(8000));
  bench.stream_up(11, peer, Direction::inbound, peer_exchange_protocol);
  auto writes = bench.take<Write>();
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_LE(writes[0].data.size(), PeerExchange::bytes_max);
  ExchangeBench::source.records.assign(100, Bytes(100));
  bench.stream_up(12, peer, Direction::inbound, peer_exchange_protocol);
  writes = bench.take<Write>();
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(writes[0].data.size(), PeerExchange::records_max * 101);
  bench.stream_up(13, peer, Direction::inbound, peer_exchange_protocol, std::nullopt, 250);
  writes = bench.take<Write>();
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_LE(writes[0].data.size(), 250U) << "no more than there is room for";
}

TEST(PeerExchange, QuestionsOfOnePeerComeAtARate) {
  ExchangeBench bench;
  bench.up(peer);
  for (std::uint64_t i = 0; i < 50; ++i) {
    bench.stream_up(100 + i, peer, Direction::inbound, peer_exchange_protocol);
  }
  EXPECT_EQ(bench.take<Reset>().size(), 50U - PeerExchange::requests_burst);
  bench.now += PeerExchange::request_interval;
  bench.stream_up(200, peer, Direction::inbound, peer_exchange_protocol);
  EXPECT_TRUE(bench.take<Reset>().empty());
}

TEST(PeerExchange, TheBetterPeersAreAskedMoreOften) {
  ExchangeBench bench;
  const PeerId good = test_peer(20), warned = test_peer(21);
  peer::Quality& quality = bench.quality;
  quality.on_input({}, peer::WallClock{});
  for (const PeerId& each : {good, warned}) quality.on_input({}, peer::PeerConnected{each, {}});
  for (int i = 0; i < 8; ++i) {
    quality.on_input(
        {}, base::PeerEvent{warned, PeerEventKind::rejected, "test", "test", std::nullopt});
  }
  bench.meet(good);
  bench.meet(warned);
  std::map<PeerId, std::size_t> asked;
  for (std::uint64_t i = 0; i < 400; ++i) {
    for (const auto& open : bench.take<Open>()) {
      ++asked[open.peer];
      bench.hear(StreamOpenFailed{open.token, open.peer, {Code::closed, "no"}});
    }
    bench.wait(30s);
  }
  EXPECT_GT(asked[good], 2 * asked[warned]);
  EXPECT_GT(asked[warned], 10U);
}

TEST(PeerExchange, ALonelyNodeAsksMoreOften) {
  for (const bool is_eager : {false, true}) {
    ExchangeBench bench;
    bench.service.set_eager(bench.now, is_eager);
    bench.ask();
    std::size_t questions = 0;
    for (std::uint64_t i = 0; i < 60; ++i) {
      bench.end(10 + i);
      bench.down(10 + i);
      bench.wait(1s);
      for (const auto& open : bench.take<Open>()) {
        ++questions;
        bench.stream_up(11 + i, peer, Direction::outbound, peer_exchange_protocol, open.token);
      }
    }
    EXPECT_EQ(questions, is_eager ? 30U : 2U);
  }
}

TEST(PeerExchange, NothingIsKeptOfAPeerThatHasGone) {
  ExchangeBench bench;
  bench.ask();
  bench.down(10, Error{Code::io, "gone"});
  bench.hear(PeerDown{peer, {Code::io, "gone"}});
  bench.wait(1h);
  EXPECT_TRUE(bench.take<Open>().empty());
  EXPECT_FALSE(bench.service.next_deadline().has_value());
}

}  // namespace
}  // namespace kith::host
