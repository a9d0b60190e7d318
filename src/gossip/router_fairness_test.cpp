// Honest peers are not taken for others: large messages, links that end while words are on their
// way, peers whose words wait unread on our side; and nothing is said of what was never asked.
#include <gtest/gtest.h>

#include "gossip/test_router.h"

namespace kith::gossip::test {
namespace {

constexpr std::size_t large = 20 << 10;  // announced rather than flooded

void join(RouterBench& bench, std::uint32_t n, Version version = Version::v1_2) {
  bench.subscribe("t");
  for (std::uint32_t i = 1; i <= n; ++i) {
    bench.add_peer(i, version);
    bench.peer_subscribes(i, "t");
  }
}
std::uint32_t outside_of(const RouterBench& bench) {
  std::uint32_t n = 1;
  while (bench.is_in_mesh(n, "t")) ++n;
  return n;
}
void publish_large(RouterBench& bench, std::uint64_t token) {
  bench.input(Publish{Token{token}, "t", Buffer(Bytes(large, std::uint8_t{1})), {}});
}
void knows_choke(RouterBench& bench, std::uint32_t n) {
  bench.add_peer(n, Version::v1_3);
  codec::GossipRpc hello;
  hello.extensions.emplace(true);
  hello.subscriptions.push_back({true, base::as_bytes("t")});
  bench.rpc(n, hello);
}

// Ten IHAVE RPCs a heartbeat is what others take from outside their mesh, in whatever phase theirs
// are, and the heartbeat's gossip is part of it.
TEST(RouterFairness, ABusyPublisherOfLargeMessagesStaysWithinOthersLimits) {
  RouterBench bench;
  join(bench, 20);
  bench.run_for(3s);
  const std::uint32_t outside = outside_of(bench);
  std::deque<std::size_t> seconds;  // RPCs with IHAVE, by tenths of a second
  std::uint64_t token = 0;
  std::size_t bodies = 0;
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < 3; ++k) publish_large(bench, ++token);
    bench.run_for(100ms);
    std::size_t rpcs = 0;
    for (const SentRpc& each : bench.sent_to(outside)) {
      rpcs += each.rpc.ihave.empty() ? 0 : 1;
      bodies += each.rpc.publish.size();
    }
    seconds.push_back(rpcs);
    if (seconds.size() > 10) seconds.pop_front();
    std::size_t sum = 0;
    for (const std::size_t each : seconds) sum += each;
    ASSERT_LE(sum, Config().ihave_rpcs_max);
  }
  EXPECT_GT(bodies, 200u);  // what is not announced is sent
}

TEST(RouterFairness, WhoseQuestionsAreNotAnsweredIsSentTheBody) {
  RouterBench bench;
  join(bench, 20);
  bench.run_for(3s);
  const std::uint32_t outside = outside_of(bench);
  bench.input(Standing{identity(outside).id, -15, 1e9, false});  // below gossip, above publish
  (void)bench.sent_to(outside);
  publish_large(bench, 1);
  EXPECT_EQ(count_messages(bench.sent_to(outside)), 1u);
}

// An author outside the mesh announces its large messages, and is asked: no reason to graft it.
TEST(RouterFairness, AuthorsAreNoRescuers) {
  RouterBench bench;
  join(bench, 20);
  bench.run_for(3s);
  const std::uint32_t outside = outside_of(bench);
  for (std::uint64_t seqno = 1; seqno <= 6; ++seqno) {
    bench.ihave(outside, "t", id_of(outside, seqno));
    bench.run_for(50ms);
    EXPECT_EQ(count_iwant_ids(bench.sent_to(outside)), 1u);
    bench.raw(outside, signed_message(outside, seqno, "t"));
  }
  bench.run_for(2s);
  EXPECT_FALSE(bench.is_in_mesh(outside, "t"));
}

// In a mesh that works a rescuer takes the place of those alone that brought less.
TEST(RouterFairness, OneRescueDoesNotPushOutWhoBringsMore) {
  RouterBench bench;
  join(bench, 20);
  for (std::uint32_t n = 1; n <= 8; ++n) bench.graft(n, "t");
  bench.run_for(3s);
  std::vector<std::uint32_t> mesh;
  for (std::uint32_t n = 1; n <= 20; ++n) {
    if (bench.is_in_mesh(n, "t")) mesh.push_back(n);
  }
  std::uint64_t seqno = 0;
  for (const std::uint32_t n : mesh) {
    for (int i = 0; i < 5; ++i) bench.raw(n, signed_message(99, ++seqno, "t"));
  }
  const std::uint32_t outside = outside_of(bench);
  bench.ihave(outside, "t", id_of(99, ++seqno));
  bench.run_for(50ms);
  bench.raw(outside, signed_message(99, seqno, "t"));
  bench.run_for(2s);
  EXPECT_FALSE(bench.is_in_mesh(outside, "t"));
  for (const std::uint32_t n : mesh) EXPECT_TRUE(bench.is_in_mesh(n, "t")) << n;
}

// What a mesh peer announced before it heard of the PRUNE is no flood.
TEST(RouterFairness, AnnouncementsThatCrossAPruneAreNoFlood) {
  RouterBench bench;
  bench.subscribe("t");
  knows_choke(bench, 1);
  bench.run_for(2s);
  ASSERT_TRUE(bench.is_in_mesh(1, "t"));
  std::uint64_t seqno = 0;
  for (int i = 0; i < 50; ++i) bench.ihave(1, "t", id_of(9, ++seqno));
  bench.prune(1, "t");
  for (int i = 0; i < 10; ++i) bench.ihave(1, "t", id_of(9, ++seqno));
  bench.run_for(1s);
  for (int i = 0; i < 20; ++i) bench.ihave(1, "t", id_of(9, ++seqno));
  EXPECT_EQ(bench.count_events(1, PeerEventReason::over_limit), 0u);
  bench.run_for(1200ms);  // but then it is
  for (int i = 0; i < 20; ++i) bench.ihave(1, "t", id_of(9, ++seqno));
  EXPECT_EQ(bench.count_events(1, PeerEventReason::over_limit), 1u);
}

// The answer may be what waits unread.
TEST(RouterFairness, WhoIsHeldBackBreaksNoPromise) {
  for (const bool is_held_back : {false, true}) {
    RouterBench bench;
    join(bench, 1);
    bench.run_for(2s);
    bench.ihave(1, "t", id_of(9, 1));
    bench.run_for(100ms);
    ASSERT_EQ(count_iwant_ids(bench.sent_to(1)), 1u);
    if (is_held_back) bench.input(HeldBack{identity(1).id, true});
    bench.run_for(10s);
    EXPECT_EQ(bench.count_events(1, PeerEventReason::broken_promise), is_held_back ? 0u : 1u);
    // Released, it has as long as anybody.
    bench.input(HeldBack{identity(1).id, false});
    bench.ihave(1, "t", id_of(9, 2));
    bench.run_for(10s);
    EXPECT_EQ(bench.count_events(1, PeerEventReason::broken_promise), is_held_back ? 1u : 2u);
  }
}

// A mesh larger than it ever is by default: everybody's copies count.
TEST(RouterFairness, ALargeMeshIsCreditedWhole) {
  Config config;
  config.mesh = {16, 13, 32, 8, 4};
  RouterBench bench(config);
  join(bench, 32);
  for (std::uint32_t n = 1; n <= 32; ++n) bench.graft(n, "t");
  bench.run_for(2s);
  std::vector<std::uint32_t> mesh;
  for (std::uint32_t n = 1; n <= 32; ++n) {
    if (bench.is_in_mesh(n, "t")) mesh.push_back(n);
  }
  ASSERT_GE(mesh.size(), 16u);
  std::map<std::uint32_t, double> before;
  for (const std::uint32_t n : mesh) before[n] = bench.score(n);
  for (std::uint64_t seqno = 1; seqno <= 20; ++seqno) {
    for (const std::uint32_t n : mesh) bench.raw(n, signed_message(9, seqno, "t"));
  }
  bench.run_for(30s);
  for (const std::uint32_t n : mesh) EXPECT_TRUE(bench.is_in_mesh(n, "t")) << n;
}

// Settled answers Validate, which a topic without a validator never says.
TEST(RouterFairness, WithoutAValidatorNothingIsSettled) {
  RouterBench bench;
  join(bench, 2);
  bench.raw(1, signed_message(9, 1, "t"));
  EXPECT_EQ(bench.delivered.size(), 1u);
  EXPECT_TRUE(bench.to_validate.empty());
  EXPECT_TRUE(bench.settled.empty());
}

}  // namespace
}  // namespace kith::gossip::test
