// Recommendations: what is told to whom and when, and what is taken from whom.
#include "node/recommend_service.h"

#include <gtest/gtest.h>

#include "host/test_service.h"

namespace kith::node {
namespace {

using host::test_peer;

constexpr WallTime date{1'700'000'000'000};
const PeerId reader = test_peer(1);
const PeerId other = test_peer(2);

struct World {
  static peer::QualityConfig without_decay() {
    peer::QualityConfig config;
    config.ledger.decay = 0;
    return config;
  }
  World() { host.on_input({}, host::WorldInput(host::WallClock{date})); }

  SeededRng rng{1};
  crypto::KeyPair key = crypto::KeyPair::generate(rng);
  host::Host host{{}, key, rng, base::null_log()};
  peer::Quality quality{without_decay(), host.self(), rng};
};

struct RecommendBench : World, host::ServiceBench<RecommendService> {
  explicit RecommendBench(const RecommendConfig& config = {})
      : ServiceBench(config, quality, World::host, key) {}

  void meet(const PeerId& id, bool speaks = true) {
    up(id);
    auto message = std::make_shared<codec::IdentifyMessage>();
    if (speaks) message->protocols = {std::string(recommend_protocol)};
    hear(host::PeerIdentified{id, message});
  }
  void leave(const PeerId& id) { hear(host::PeerDown{id, {Code::closed, "gone"}}); }
  /// The peer does useful work for so many seconds.
  void earns(const PeerId& id, int seconds) {
    quality.on_input(now, peer::PeerConnected{id, {}});
    for (int i = 0; i < seconds; ++i) {
      wait(1s);
      quality.on_input(now, PeerEvent{id, PeerEventKind::useful, "test", "work"});
    }
    while (quality.poll_output(now)) {
    }
  }
  /// What the service wants to send to the peer now, on a new stream; empty if nothing.
  Bytes told(const PeerId& id) {
    Bytes bytes;
    for (const auto& open : take<host::Open>()) {
      EXPECT_EQ(open.protocols, std::vector<std::string>{std::string(recommend_protocol)});
      stream_up(++next, open.peer, Direction::outbound, recommend_protocol, open.token);
      for (const auto& write : take<host::Write>()) {
        if (open.peer == id) base::append(bytes, write.data.view());
      }
      EXPECT_EQ(take<host::Finish>().size(), 1U);
      wait(50ms);
      end(next);
      down(next);
    }
    return bytes;
  }
  std::vector<RecommendService::Result> results() {
    std::vector<RecommendService::Result> all;
    while (auto result = service.poll_result()) all.push_back(std::move(*result));
    return all;
  }
  void inbound(std::uint64_t stream, const PeerId& id = reader) {
    stream_up(stream, id, Direction::inbound, recommend_protocol);
  }
  std::uint64_t next = 1000;
};

TEST(Recommend, WhoeverHasNothingToSaySaysNothing) {
  RecommendBench bench;
  bench.meet(reader);
  bench.wait(2h);
  EXPECT_TRUE(bench.take<host::Open>().empty());
}

TEST(Recommend, APeerIsToldOnceAndAgainWhenItHasChanged) {
  RecommendBench bench;
  bench.meet(reader);
  bench.meet(test_peer(3), false);
  bench.earns(other, 100);
  bench.wait(1min);
  const Bytes envelope = bench.told(reader);
  const auto opened = codec::open_recommendation(envelope);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->recommender, bench.World::host.self());
  ASSERT_EQ(opened->endorsements.size(), 1U);
  EXPECT_EQ(opened->endorsements[0], (codec::Endorsement{other, 100}));
  EXPECT_GE(opened->issued, date);
  const auto done = bench.take<host::RequestDone>();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(*done[0].took, 50ms);
  bench.wait(2h);
  EXPECT_TRUE(bench.take<host::Open>().empty()) << "nothing has changed";
  bench.earns(other, 20);
  bench.wait(1min);
  const auto next = codec::open_recommendation(bench.told(reader));
  ASSERT_TRUE(next.has_value());
  EXPECT_GT(next->sequence, opened->sequence);
  EXPECT_EQ(next->endorsements[0].weight, 120);
  bench.earns(other, 20);
  bench.wait(9min);
  EXPECT_TRUE(bench.take<host::Open>().empty()) << "not before the interval is over";
  bench.wait(2min);
  EXPECT_FALSE(bench.told(reader).empty());
}

TEST(Recommend, APeerThatComesAgainIsNotToldAgainAtOnce) {
  RecommendBench bench;
  bench.meet(reader);
  bench.earns(other, 100);
  bench.wait(1min);
  ASSERT_FALSE(bench.told(reader).empty());
  bench.leave(reader);
  bench.meet(reader);
  bench.wait(9min);
  EXPECT_TRUE(bench.take<host::Open>().empty());
  bench.earns(other, 100);
  bench.wait(2min);
  EXPECT_FALSE(bench.told(reader).empty());
  bench.leave(reader);
  bench.meet(test_peer(7));
  bench.wait(1h);
  bench.told(reader);
  EXPECT_EQ(bench.service.remembered(), 1U) << "of those that left nothing is kept";
}

TEST(Recommend, WhatNoLongerHoldsIsTakenBack) {
  RecommendBench bench;
  bench.meet(reader);
  bench.earns(other, 100);
  bench.wait(1min);
  ASSERT_FALSE(bench.told(reader).empty());
  bench.quality.on_input(bench.now, peer::BanPeer{other, {}, "a test"});
  bench.wait(2min);
  bench.meet(test_peer(4));
  bench.wait(10min);
  const auto opens = bench.take<host::Open>();
  ASSERT_EQ(opens.size(), 1U) << "the newcomer was never told anything";
  bench.stream_up(5, opens[0].peer, Direction::outbound, recommend_protocol, opens[0].token);
  const auto empty = codec::open_recommendation(bench.take<host::Write>().at(0).data.view());
  ASSERT_TRUE(empty.has_value());
  EXPECT_TRUE(empty->endorsements.empty());
}

TEST(Recommend, ZeroNeverSends) {
  RecommendBench bench({.interval = {}});
  bench.meet(reader);
  bench.earns(other, 100);
  bench.wait(1h);
  EXPECT_TRUE(bench.take<host::Open>().empty());
}

TEST(Recommend, WhoeverRefusesItIsNotAskedAtEachLook) {
  RecommendBench bench;
  bench.meet(reader);
  bench.earns(other, 100);
  std::size_t opened = 0;
  for (int i = 0; i < 60; ++i) {
    bench.wait(1min);
    for (const auto& open : bench.take<host::Open>()) {
      ++opened;
      bench.hear(host::StreamOpenFailed{open.token, open.peer, {Code::refused, "not now"}});
    }
  }
  EXPECT_GE(opened, 5U);
  EXPECT_LE(opened, 7U);
}

TEST(Recommend, WhatAPeerSendsIsHandedOnWhole) {
  RecommendBench bench;
  bench.meet(reader);
  bench.inbound(10);
  const Bytes bytes = {1, 2, 3, 4};
  bench.data(10, ByteView(bytes).first(3));
  bench.data(10, ByteView(bytes).subspan(3));
  EXPECT_TRUE(bench.results().empty());
  bench.end(10);
  const auto results = bench.results();
  ASSERT_EQ(results.size(), 1U);
  const auto* received = std::get_if<peer::RecommendationReceived>(&results[0]);
  ASSERT_NE(received, nullptr);
  EXPECT_EQ(received->from, reader);
  EXPECT_EQ(received->envelope, bytes);
  EXPECT_EQ(bench.take<host::Finish>().size(), 1U);
  bench.down(10);
  EXPECT_EQ(bench.service.remembered(), 0U);
}

TEST(Recommend, TooManyBytesAreAFaultBeforeTheyAreDecoded) {
  RecommendBench bench;
  bench.meet(reader);
  bench.inbound(10);
  bench.data(10, Bytes(codec::recommendation_bytes_max));
  EXPECT_TRUE(bench.results().empty());
  bench.data(10, Bytes(1));
  const auto results = bench.results();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(std::get<PeerEvent>(results[0]).kind, PeerEventKind::rejected);
  EXPECT_EQ(bench.take<host::Reset>().size(), 1U);
  bench.data(10, Bytes(10));  // what was under way
  bench.end(10);
  EXPECT_TRUE(bench.results().empty());
}

TEST(Recommend, StreamsOfOnePeerComeOneAtATimeAndAtARate) {
  RecommendBench bench;
  bench.meet(reader);
  bench.meet(other);
  bench.inbound(10);
  bench.inbound(11);
  EXPECT_EQ(bench.take<host::Reset>().size(), 1U) << "a second one";
  bench.inbound(12, other);
  EXPECT_TRUE(bench.take<host::Reset>().empty()) << "of another peer";
  bench.end(10);
  bench.down(10);
  bench.inbound(13);
  EXPECT_EQ(bench.take<host::Reset>().size(), 1U) << "too soon";
  bench.wait(30s);
  bench.take<host::Reset>();
  bench.inbound(14);
  EXPECT_TRUE(bench.take<host::Reset>().empty());
  bench.wait(10s);
  EXPECT_EQ(bench.take<host::Reset>().size(), 1U) << "it sends nothing";
  EXPECT_EQ(bench.service.remembered(), 0U);
}

TEST(Recommend, AReaderThatDoesNotEndTheStreamIsGivenUp) {
  RecommendBench bench;
  bench.meet(reader);
  bench.earns(other, 100);
  bench.wait(1min);
  const auto opens = bench.take<host::Open>();
  ASSERT_EQ(opens.size(), 1U);
  bench.stream_up(5, reader, Direction::outbound, recommend_protocol, opens[0].token);
  bench.wait(3s);  // as of a peer that never answered anything
  EXPECT_EQ(bench.take<host::Reset>().size(), 1U);
  const auto done = bench.take<host::RequestDone>();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].took.error().code, Code::timeout);
}

}  // namespace
}  // namespace kith::node
