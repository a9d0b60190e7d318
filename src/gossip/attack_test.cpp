// The rows of the attack list that one router can be shown to hold, named by row.
#include <gtest/gtest.h>

#include "codec/envelope.h"
#include "gossip/router.h"
#include "gossip/test_router.h"

namespace kith::gossip::test {
namespace {

void join(RouterBench& bench, std::uint32_t n, TopicOptions options = {}) {
  bench.subscribe("t", std::move(options));
  for (std::uint32_t i = 1; i <= n; ++i) {
    bench.add_peer(i);
    bench.peer_subscribes(i, "t");
  }
}

void expect_clamped(std::uint64_t backoff) {
  RouterBench bench;
  join(bench, 2);
  bench.prune(1, "t", backoff);
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  bench.run_for(80s);
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  bench.run_for(3600s);
  EXPECT_TRUE(bench.is_in_mesh(1, "t"));
  EXPECT_TRUE(bench.is_in_mesh(2, "t"));
}
TEST(GossipAttack, A01PruneBackoffOverflow) { expect_clamped(~std::uint64_t{0}); }
TEST(GossipAttack, A02PruneBackoffNearTheEndOfTime) { expect_clamped(9223372036854674580u); }
TEST(GossipAttack, A03PruneBackoffThatWrapsNegative) { expect_clamped(9223372037u); }

TEST(GossipAttack, A04SubscriptionFlood) {
  RouterBench bench;
  bench.add_peer(1);
  std::vector<std::string> names;
  for (int i = 0; i < 101; ++i) names.push_back("topic-" + std::to_string(i));
  codec::GossipRpc rpc;
  for (const auto& name : names) rpc.subscriptions.push_back({true, base::as_bytes(name)});
  bench.rpc(1, rpc);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::over_limit, PeerEventKind::ambiguous), 1u);
  EXPECT_TRUE(bench.router.peers_of("topic-0").empty());  // the whole RPC is dropped
  for (const auto& name : names) bench.peer_subscribes(1, name);
  EXPECT_TRUE(bench.router.peers_of("topic-100").empty());
  bench.run_for(2s);
  bench.rpc(1, rpc);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::over_limit, PeerEventKind::rejected), 1u);
}

TEST(GossipAttack, A05SubscriptionChurnLeavesNothing) {
  RouterBench bench;
  for (int round = 0; round < 50; ++round) {
    bench.add_peer(1);
    for (int i = 0; i < 20; ++i) bench.peer_subscribes(1, "x" + std::to_string(i));
    for (int i = 0; i < 10; ++i) bench.peer_subscribes(1, "x" + std::to_string(i), false);
    bench.input(PeerGone{identity(1).id});
  }
  EXPECT_EQ(bench.router.topic_count(), 0u);
  EXPECT_TRUE(bench.router.peers_of("x15").empty());
}

TEST(GossipAttack, A06ControlFullOfTinyIds) {
  RouterBench bench;
  join(bench, 1);
  codec::GossipRpc rpc;
  const std::vector<ByteView> ids(300'000, base::as_bytes("a"));
  rpc.iwant.push_back(rpc.add_ids(ids));
  bench.rpc(1, rpc);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::malformed_rpc, PeerEventKind::rejected), 1u);
}

TEST(GossipAttack, A07FloodsubPeerWithControl) {
  RouterBench bench;
  bench.subscribe("t");
  bench.add_peer(1, Version::floodsub);
  bench.peer_subscribes(1, "t");
  bench.graft(1, "t");
  bench.ihave(1, "t", id_of(9, 1));
  bench.run_for(1s);
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  EXPECT_EQ(count_iwant_ids(bench.sent_to(1)), 0u);
}

TEST(GossipAttack, A08IHaveFlood) {
  RouterBench bench;
  join(bench, 1);
  bench.sent_to(1);
  for (std::uint64_t n = 1; n <= 100; ++n) bench.ihave(1, "t", id_of(9, n));
  bench.run_for(20ms);
  EXPECT_EQ(count_iwant_ids(bench.sent_to(1)), 10u);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::over_limit), 1u);
}

TEST(GossipAttack, A09BrokenPromises) {
  RouterBench bench;
  join(bench, 2);
  bench.ihave(1, "t", id_of(9, 1));
  bench.ihave(2, "t", id_of(9, 1));
  bench.run_for(20ms);
  EXPECT_EQ(count_iwant_ids(bench.sent_to(1)), 1u);
  EXPECT_EQ(count_iwant_ids(bench.sent_to(2)), 0u);
  bench.run_for(600ms);  // 1.5 unknown round trips: the next is asked
  EXPECT_EQ(count_iwant_ids(bench.sent_to(2)), 1u);
  bench.raw(2, signed_message(9, 1, "t"));
  EXPECT_EQ(bench.delivered.size(), 1u);
  bench.ihave(1, "t", id_of(9, 2));
  bench.run_for(4s);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::broken_promise, PeerEventKind::ambiguous), 1u);
  EXPECT_EQ(bench.count_events(2, PeerEventReason::broken_promise), 0u);
}

TEST(GossipAttack, A11TinyMessagesProvokeNoIDontWant) {
  RouterBench bench;
  join(bench, 6);
  for (std::uint64_t n = 1; n <= 50; ++n) bench.raw(1, signed_message(9, n, "t", "x"));
  EXPECT_EQ(bench.router.stats().idontwant_sent, 0u);
}

TEST(GossipAttack, A12IDontWantFlood) {
  RouterBench bench;
  join(bench, 2);
  for (std::uint64_t n = 1; n <= 1100; ++n) bench.idontwant(1, id_of(9, n));
  EXPECT_EQ(bench.count_events(1, PeerEventReason::over_limit), 1u);
  bench.sent_to(1);
  bench.raw(2, signed_message(9, 1050, "t"));  // of those over the limit: not heeded
  EXPECT_EQ(count_messages(bench.sent_to(1)), 1u);
}

TEST(GossipAttack, A14GraftWithinBackoff) {
  RouterBench bench;
  join(bench, 1);
  bench.prune(1, "t");
  bench.sent_to(1);
  bench.graft(1, "t");
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  EXPECT_EQ(count_prunes(bench.sent_to(1)), 1u);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::graft_in_backoff, PeerEventKind::rejected), 1u);
  bench.run_for(30s);
  bench.graft(1, "t");
  EXPECT_EQ(bench.count_events(1, PeerEventReason::graft_in_backoff, PeerEventKind::ambiguous), 1u);
  bench.run_for(40s);  // refreshed: 60 s from the last
  bench.graft(1, "t");
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
}

TEST(GossipAttack, A15GraftsForUnknownTopics) {
  RouterBench bench;
  bench.add_peer(1);
  bench.sent_to(1);
  for (int i = 0; i < 1000; ++i) bench.graft(1, "x" + std::to_string(i));
  EXPECT_TRUE(bench.sent_to(1).empty());
  EXPECT_EQ(bench.router.topic_count(), 0u);
}

TEST(GossipAttack, A16AndA17GraftsNeverPushAMeshOverDHi) {
  RouterBench bench;
  join(bench, 0);
  for (std::uint32_t n = 1; n <= 100; ++n) {
    bench.add_peer(n);
    bench.peer_subscribes(n, "t");
    bench.graft(n, "t");
    ASSERT_LE(bench.router.mesh_of("t").size(), bench.config.mesh.d_hi);
  }
  ASSERT_EQ(bench.router.mesh_of("t").size(), bench.config.mesh.d_hi);
  for (std::uint32_t n = 101; n <= 105; ++n) {
    bench.add_peer(n, Version::v1_2, Direction::outbound);
    bench.peer_subscribes(n, "t");
    bench.graft(n, "t");
    ASSERT_LE(bench.router.mesh_of("t").size(), bench.config.mesh.d_hi);
  }
  EXPECT_TRUE(bench.is_in_mesh(101, "t") && bench.is_in_mesh(102, "t"));  // D_out
  EXPECT_FALSE(bench.is_in_mesh(103, "t"));
}

TEST(GossipAttack, A19PxIsCheckedAndBounded) {
  RouterBench bench;
  join(bench, 1);
  std::vector<Bytes> records;
  codec::GossipRpc rpc;
  const auto offer = [&](std::uint32_t n, std::uint32_t signer) {
    const Identity& of = identity(signer);
    records.push_back(codec::seal_peer_record(
        of.key, {of.id, 1, {codec::Multiaddr::parse("/ip4/8.8.8.8/tcp/1").value()}}));
    rpc.px_peers.push_back({identity(n).id.bytes(), records.back()});
  };
  records.reserve(40);
  for (std::uint32_t n = 50; n < 80; ++n) offer(n, n);
  rpc.prune.push_back({base::as_bytes("t"), 0, rpc.px_peers.size(), 60});
  bench.rpc(1, rpc);
  EXPECT_TRUE(bench.connects.empty());  // its score is below accept_px
  bench.input(Standing{identity(1).id, 25, 1e9, false});
  bench.rpc(1, rpc);
  EXPECT_EQ(bench.connects.size(), bench.config.px_dials_max);
  bench.run_for(2s);
  rpc.px_peers.clear();
  offer(90, 91);  // vouched for by another key
  rpc.prune[0].peer_count = 1;
  bench.rpc(1, rpc);
  EXPECT_EQ(bench.connects.size(), bench.config.px_dials_max);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::bad_record, PeerEventKind::rejected), 1u);
}

TEST(GossipAttack, A20GraftOfADirectPeer) {
  RouterBench bench;
  bench.subscribe("t");
  bench.add_peer(1, Version::v1_2, Direction::inbound, 0, true);
  bench.peer_subscribes(1, "t");
  bench.sent_to(1);
  bench.graft(1, "t");
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  EXPECT_EQ(count_prunes(bench.sent_to(1)), 1u);
}

TEST(GossipAttack, A21ExtensionsTwice) {
  RouterBench bench;
  bench.add_peer(1, Version::v1_3);
  codec::GossipRpc rpc;
  rpc.extensions.emplace();
  bench.rpc(1, rpc);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::bad_extensions), 0u);
  bench.rpc(1, rpc);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::bad_extensions, PeerEventKind::rejected), 1u);
}

TEST(GossipAttack, A23AndA24KeysAndSignaturesThatDoNotHold) {
  RouterBench bench;
  join(bench, 1);
  const Bytes junk(63, 7);
  const auto spoilt = [&](std::uint64_t seqno, auto change) {
    bench.raw(1, signed_message(9, seqno, "t", base::as_bytes("x"), change));
  };
  spoilt(1, [&](codec::GossipMessage& m) { m.key = junk; });
  spoilt(2, [&](codec::GossipMessage& m) { m.signature = junk; });
  spoilt(3, [&](codec::GossipMessage& m) { m.from = identity(8).id.bytes(); });
  EXPECT_TRUE(bench.delivered.empty());
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message, PeerEventKind::rejected), 3u);
}

// A forgery that comes first does not take the true message's place.
TEST(GossipAttack, AForgeryDoesNotCensorTheMessage) {
  RouterBench bench;
  bench.checks_signatures = false;
  join(bench, 2);
  const Bytes junk(64, 7);
  bench.raw(1, signed_message(9, 1, "t", base::as_bytes("data"),
                              [&](codec::GossipMessage& m) { m.signature = junk; }));
  bench.raw(2, signed_message(9, 1, "t"));
  while (!bench.to_check.empty()) bench.check_next();
  EXPECT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(bench.count_events(2, PeerEventReason::invalid_message), 0u);
}

TEST(GossipAttack, A25AnonymousMeansAbsent) {
  RouterBench bench;
  join(bench, 1, anonymous());
  codec::GossipMessage message;
  message.data = base::as_bytes("x");
  message.topic = base::as_bytes("t");
  message.seqno = ByteView();
  codec::GossipRpc rpc;
  rpc.publish.push_back(message);
  bench.rpc(1, rpc);
  EXPECT_TRUE(bench.delivered.empty());
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 1u);
}

TEST(GossipAttack, A27ReplayAfterTheSeenTtlAndAfterARestart) {
  RouterBench bench;
  join(bench, 1);
  bench.raw(1, signed_message(9, 5, "t"));
  bench.run_for(301s);
  bench.raw(1, signed_message(9, 5, "t"));
  EXPECT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(bench.router.stats().replayed, 1u);
  RouterBench again;
  again.router.import_seqnos(again.now, bench.router.export_seqnos());
  join(again, 1);
  again.raw(1, signed_message(9, 5, "t"));
  EXPECT_TRUE(again.delivered.empty());
}

TEST(GossipAttack, A28SeqnoOfAnotherSize) {
  RouterBench bench;
  join(bench, 1);
  const Bytes seven(7, 1);
  bench.raw(1, signed_message(9, 1, "t", base::as_bytes("x"),
                              [&](codec::GossipMessage& m) { m.seqno = seven; }));
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 1u);
  bench.raw(1, signed_message(9, ~std::uint64_t{0}, "t"));
  bench.raw(1, signed_message(8, 1, "t"));  // another author is not locked out
  EXPECT_EQ(bench.delivered.size(), 2u);
}

TEST(GossipAttack, A35AFloodOfUniqueMessages) {
  Config config;
  config.seen.entries_max = 100;
  RouterBench bench(config);
  join(bench, 2, anonymous());
  for (int i = 0; i < 1000; ++i) bench.raw(1, anonymous_message("t", std::to_string(i)));
  EXPECT_LE(bench.router.seen_count(), 100u);
  EXPECT_GT(bench.router.stats().refused_unfair, 0u);
  const std::size_t before = bench.delivered.size();
  bench.raw(2, anonymous_message("t", "honest"));  // there is room for the others
  EXPECT_EQ(bench.delivered.size(), before + 1);
  bench.raw(2, anonymous_message("t", "0"));  // and nothing young was forgotten
  EXPECT_EQ(bench.delivered.size(), before + 1);
}

TEST(GossipAttack, A36APeerThatReadsNothing) {
  Config config;
  config.send_queue.frames_max = 50;
  RouterBench bench(config);
  bench.room = 0;
  join(bench, 1);
  for (int i = 0; i < 200; ++i) bench.input(Publish{Token{1}, "t", Buffer("x"), {}});
  EXPECT_GT(bench.router.stats().frames_dropped(), 0u);
  bench.run_for(40s);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::stalled), 1u);
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
}

TEST(GossipAttack, A37AReopenedStreamIsANewStart) {
  RouterBench bench;
  join(bench, 1);
  bench.input(PeerGone{identity(1).id});
  EXPECT_TRUE(bench.router.mesh_of("t").empty());
  EXPECT_EQ(bench.router.peer_count(), 0u);
  bench.sent_to(1);
  bench.add_peer(1);
  bench.peer_subscribes(1, "t");
  EXPECT_TRUE(bench.is_in_mesh(1, "t"));
  EXPECT_FALSE(bench.sent_to(1).at(0).rpc.subscriptions.empty());
}

TEST(GossipAttack, A40FieldNumbersOutOfRange) {
  RouterBench bench;
  join(bench, 1);
  bench.raw(1, base::from_hex("f8ffffffff7f01").value());
  EXPECT_EQ(bench.count_events(1, PeerEventReason::malformed_rpc), 1u);
}

}  // namespace
}  // namespace kith::gossip::test
