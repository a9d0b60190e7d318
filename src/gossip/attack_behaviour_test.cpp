// Rows of the attack list (see attack_test.cpp) about what peers do, or leave undone, for minutes.
#include <gtest/gtest.h>

#include "gossip/test_router.h"

namespace kith::gossip::test {
namespace {

constexpr std::uint32_t author = 99;

/// Peers 1 to n that know the choke, subscribed to `topics`, all in our mesh.
void join(RouterBench& bench, std::uint32_t n, const std::vector<std::string>& topics) {
  for (const auto& topic : topics) bench.subscribe(topic);
  for (std::uint32_t i = 1; i <= n; ++i) {
    bench.add_peer(i, Version::v1_3, i % 2 == 0 ? Direction::outbound : Direction::inbound);
    codec::GossipRpc hello;
    hello.extensions.emplace(true);
    for (const auto& topic : topics) hello.subscriptions.push_back({true, base::as_bytes(topic)});
    bench.rpc(i, hello);
    for (const auto& topic : topics) bench.graft(i, topic);
  }
}
/// Everybody but the `silent` hands it on, 10 ms one after the other; another first each time.
void handed_by_all(RouterBench& bench, std::uint32_t n, std::uint64_t seqno,
                   const std::string& topic, std::uint32_t silent) {
  const Bytes body = signed_message(author, seqno, topic);
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto peer = static_cast<std::uint32_t>(1 + (seqno + i) % n);
    if (peer != silent) bench.raw(peer, body);
    bench.run_for(10ms);
  }
}

// Says that it wants nothing, and hands nothing on: no fault, but it is not one of those that may
// send first, and worth less than the others.
TEST(GossipAttack, A13AFreeRider) {
  Config config;
  config.choke.fastest = 3;
  RouterBench bench(config);
  join(bench, 6, {"t"});
  for (std::uint64_t seqno = 1; seqno <= 200; ++seqno) {
    bench.idontwant(1, id_of(author, seqno));
    handed_by_all(bench, 6, seqno, "t", 1);
    bench.run_for(40ms);
  }
  for (const PeerEvent& event : bench.events) {
    if (event.peer == identity(1).id) EXPECT_EQ(event.kind, PeerEventKind::useful);
  }
  bool was_choked = false;
  for (const SentRpc& each : bench.sent_to(1)) was_choked = was_choked || !each.rpc.choke.empty();
  EXPECT_TRUE(was_choked);
  for (std::uint32_t other = 2; other <= 6; ++other) EXPECT_LT(bench.score(1), bench.score(other));
}

// CVE-2022-47547: good work in one topic does not pay for none in the other.
TEST(GossipAttack, A30GoodInOneTopicAndDeafInTheOther) {
  RouterBench bench;
  join(bench, 6, {"good", "bad"});
  ASSERT_TRUE(bench.is_in_mesh(1, "bad"));
  std::uint64_t seqno = 0;
  for (int second = 0; second < 120; ++second) {
    handed_by_all(bench, 6, ++seqno, "good", 0);
    handed_by_all(bench, 6, ++seqno, "bad", 1);
    bench.run_for(880ms);
  }
  EXPECT_FALSE(bench.is_in_mesh(1, "bad"));
  for (std::uint32_t other = 2; other <= 6; ++other) {
    EXPECT_TRUE(bench.is_in_mesh(other, "bad")) << other;
  }
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 0u);
}

// Asks for the same message thousands of times and reads nothing: a few answers, bounded memory.
TEST(GossipAttack, A104AsksAndDoesNotRead) {
  RouterBench bench;
  bench.room = 0;
  join(bench, 2, {"t"});
  bench.raw(2, signed_message(author, 1, "t", std::string(4096, 'x')));
  codec::GossipRpc asks;
  const Bytes id = id_of(author, 1);
  const std::vector<ByteView> ids(400, ByteView(id));
  asks.iwant.push_back(asks.add_ids(ids));
  const auto before = bench.router.stats().messages_sent;
  for (int i = 0; i < 100; ++i) bench.rpc(1, asks);
  EXPECT_LE(bench.router.stats().messages_sent - before, 3u);
}

// Announces first and stalls: another is asked in its place, however many ids it claims meanwhile.
TEST(GossipAttack, A105AnnouncesFirstAndStalls) {
  Config config;
  config.wants.wants_max = 1000;
  RouterBench bench(config);
  join(bench, 3, {"t"});
  bench.run_for(1s);
  const Bytes wanted = id_of(author, 1);
  bench.ihave(1, "t", wanted);
  codec::GossipRpc claims;
  std::vector<Bytes> names;
  for (std::uint64_t n = 0; n < 4000; ++n) names.push_back(id_of(98, n));
  for (std::size_t at = 0; at < names.size(); at += 400) {
    codec::GossipRpc rpc;
    std::vector<ByteView> views(names.begin() + static_cast<std::ptrdiff_t>(at),
                                names.begin() + static_cast<std::ptrdiff_t>(at + 400));
    rpc.ihave.push_back({base::as_bytes("t"), rpc.add_ids(views)});
    bench.rpc(1, rpc);
  }
  bench.ihave(2, "t", wanted);
  bench.run_for(2s);
  bool was_asked = false;
  for (const SentRpc& each : bench.sent_to(2)) {
    for (const auto& list : each.rpc.iwant) {
      for (const ByteView id : each.rpc.ids_of(list))
        was_asked = was_asked || base::equal(id, wanted);
    }
  }
  EXPECT_TRUE(was_asked);
}

// Claims that nobody can keep are remembered for seconds and within a bound, not for ever.
TEST(GossipAttack, A123RandomAnnouncements) {
  RouterBench bench;
  join(bench, 1, {"t"});
  std::uint64_t n = 0;
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < 20; ++i) {
      codec::GossipRpc rpc;
      std::vector<Bytes> names;
      for (int k = 0; k < 200; ++k) names.push_back(id_of(98, ++n));
      const std::vector<ByteView> views(names.begin(), names.end());
      rpc.ihave.push_back({base::as_bytes("t"), rpc.add_ids(views)});
      bench.rpc(1, rpc);
    }
    bench.run_for(1s);
    ASSERT_LE(bench.router.wanted_count(), bench.config.wants.wants_max);
  }
  bench.run_for(10s);
  EXPECT_EQ(bench.router.wanted_count(), 0u);
  EXPECT_GE(bench.count_events(1, PeerEventReason::broken_promise), 3u);
  EXPECT_LT(bench.score(1), bench.config.thresholds.gossip);
}

}  // namespace
}  // namespace kith::gossip::test
