#include "gossip/router.h"

#include <gtest/gtest.h>

#include "gossip/test_router.h"

namespace kith::gossip::test {
namespace {

// A router that is subscribed to "t" and has peers 1 to n, subscribed too.
void join(RouterBench& bench, std::uint32_t n, TopicOptions options = {},
          Version version = Version::v1_2) {
  bench.subscribe("t", std::move(options));
  for (std::uint32_t i = 1; i <= n; ++i) {
    bench.add_peer(i, version);
    bench.peer_subscribes(i, "t");
  }
}

TEST(Router, NamesItsProtocols) {
  EXPECT_EQ(Router::protocols().front(), "/meshsub/1.3.0");
  EXPECT_EQ(Router::protocols().back(), "/floodsub/1.0.0");
  EXPECT_EQ(Router::version_of("/meshsub/1.1.0"), Version::v1_1);
  EXPECT_FALSE(Router::version_of("/meshsub/9.0.0").has_value());
}

TEST(Router, GreetsWithItsSubscriptionsAndExtensions) {
  RouterBench bench;
  bench.subscribe("t");
  bench.add_peer(1, Version::v1_3);
  bench.add_peer(2, Version::v1_2);
  const auto to_new = bench.sent_to(1);
  ASSERT_EQ(to_new.size(), 1u);
  EXPECT_EQ(base::as_text(to_new[0].rpc.subscriptions.at(0).topic), "t");
  EXPECT_TRUE(to_new[0].rpc.extensions && to_new[0].rpc.extensions->has_choke);
  const auto to_old = bench.sent_to(2);
  ASSERT_EQ(to_old.size(), 1u);
  EXPECT_FALSE(to_old[0].rpc.extensions.has_value());
}

TEST(Router, GreetsWithAThousandTopicsInSeveralRpcs) {
  RouterBench bench;
  for (int i = 0; i < 250; ++i) bench.subscribe("topic-" + std::to_string(i));
  bench.add_peer(1, Version::v1_3);
  const auto sent = bench.sent_to(1);
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_TRUE(sent[0].rpc.extensions.has_value());
  EXPECT_FALSE(sent[1].rpc.extensions.has_value());
  EXPECT_EQ(sent[2].rpc.subscriptions.size(), 50u);
}

TEST(Router, TellsAllWhenItSubscribesAndLeaves) {
  RouterBench bench;
  bench.add_peer(1);
  bench.peer_subscribes(1, "t");
  bench.subscribe("t");
  auto sent = bench.sent_to(1);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_TRUE(sent[0].rpc.subscriptions.at(0).is_subscribed);
  EXPECT_EQ(count_grafts(sent), 1u);
  EXPECT_TRUE(bench.is_in_mesh(1, "t"));
  bench.input(Unsubscribe{"t"});
  sent = bench.sent_to(1);
  EXPECT_FALSE(sent.at(0).rpc.subscriptions.at(0).is_subscribed);
  ASSERT_EQ(count_prunes(sent), 1u);
  EXPECT_EQ(sent.at(1).rpc.prune.at(0).backoff_seconds, 10u);
  EXPECT_EQ(bench.router.topic_count(), 0u);
}

TEST(Router, DeliversASignedMessageOnceAndHandsItOn) {
  RouterBench bench;
  join(bench, 4);
  for (std::uint32_t i = 1; i <= 4; ++i) bench.sent_to(i);
  bench.raw(1, signed_message(9, 5, "t", "hello"));
  ASSERT_EQ(bench.delivered.size(), 1u);
  const Message& message = bench.delivered[0];
  EXPECT_EQ(base::as_text(message.data.view()), "hello");
  EXPECT_EQ(message.author, identity(9).id);
  EXPECT_EQ(message.seqno, 5u);
  EXPECT_EQ(message.received_from, identity(1).id);
  EXPECT_EQ(base::to_bytes(message.id.view()), id_of(9, 5));
  EXPECT_EQ(count_messages(bench.sent_to(1)), 0u);  // not back
  for (std::uint32_t i = 2; i <= 4; ++i) {
    const auto sent = bench.sent_to(i);
    ASSERT_EQ(count_messages(sent), 1u);
    EXPECT_EQ(sent[0].bytes, signed_message(9, 5, "t", "hello"));  // as it was signed
  }
  bench.raw(2, signed_message(9, 5, "t", "hello"));
  EXPECT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(count_messages(bench.sent_to(3)), 0u);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::first_delivery, PeerEventKind::useful), 1u);
  EXPECT_EQ(bench.count_events(2, PeerEventReason::first_delivery), 0u);
  EXPECT_EQ(bench.router.stats().duplicates, 1u);
}

TEST(Router, DoesNotSendAMessageToItsAuthor) {
  RouterBench bench;
  join(bench, 3);
  for (std::uint32_t i = 1; i <= 3; ++i) bench.sent_to(i);
  bench.raw(1, signed_message(2, 5, "t"));
  EXPECT_EQ(count_messages(bench.sent_to(2)), 0u);
  EXPECT_EQ(count_messages(bench.sent_to(3)), 1u);
}

TEST(Router, PublishesSignedAndDeliversToItself) {
  RouterBench bench;
  join(bench, 3);
  bench.sent_to(1);
  bench.input(Publish{Token{7}, "t", Buffer("mine"), {}});
  ASSERT_EQ(bench.published.size(), 1u);
  EXPECT_EQ(bench.published[0].token, Token{7});
  EXPECT_EQ(bench.published[0].recipients.value(), 3u);
  ASSERT_EQ(bench.delivered.size(), 1u);
  EXPECT_FALSE(bench.delivered[0].received_from.has_value());
  const auto sent = bench.sent_to(1);
  const codec::GossipMessage& message = sent.at(0).rpc.publish.at(0);
  const auto key = codec::check_gossip_policy(message, codec::SignaturePolicy::strict_sign);
  ASSERT_TRUE(key.has_value());
  const codec::GossipFrame frame(message);
  EXPECT_TRUE(
      codec::verify_gossip_signature(**key, frame.signed_part().view(), *message.signature));
  // Seqnos count up: kubo drops others.
  bench.input(Publish{Token{8}, "t", Buffer("mine"), {}});
  const auto again = bench.sent_to(1);
  EXPECT_EQ(codec::gossip_seqno(*again.at(0).rpc.publish.at(0).seqno),
            codec::gossip_seqno(*message.seqno) + 1);
  // And what comes back is known.
  bench.raw(2, sent.at(0).bytes);
  EXPECT_EQ(bench.delivered.size(), 2u);
}

TEST(Router, PublishesAnonymously) {
  RouterBench bench;
  join(bench, 1, anonymous());
  bench.sent_to(1);
  bench.input(Publish{Token{1}, "t", Buffer("same"), {}});
  bench.input(Publish{Token{2}, "t", Buffer("same"), {}});
  EXPECT_TRUE(bench.published.at(0).recipients.has_value());
  EXPECT_EQ(bench.published.at(1).recipients.error().code, Code::exists);
  const auto sent = bench.sent_to(1);
  ASSERT_EQ(count_messages(sent), 1u);
  EXPECT_EQ(sent[0].bytes, anonymous_message("t", "same"));
  EXPECT_EQ(bench.delivered.size(), 1u);
}

TEST(Router, RefusesToPublishWhatIsTooLarge) {
  RouterBench bench;
  bench.input(Publish{Token{1}, "t", Buffer::zeros((1 << 20) + 1), {}});
  EXPECT_EQ(bench.published.at(0).recipients.error().code, Code::too_large);
  bench.input(Publish{Token{1}, std::string(300, 't'), Buffer("x"), {}});
  EXPECT_EQ(bench.published.at(1).recipients.error().code, Code::too_large);
}

TEST(Router, AValidatorDecides) {
  RouterBench bench;
  TopicOptions options;
  options.has_validator = true;
  join(bench, 3, options);
  for (std::uint32_t i = 1; i <= 3; ++i) bench.sent_to(i);
  for (std::uint64_t n = 1; n <= 3; ++n) bench.raw(1, signed_message(9, n, "t"));
  ASSERT_EQ(bench.to_validate.size(), 3u);
  EXPECT_TRUE(bench.delivered.empty());
  EXPECT_EQ(count_messages(bench.sent_to(2)), 0u);
  // In any order, and once each.
  bench.input(Validated{bench.to_validate[1].token, Verdict::accept});
  bench.input(Validated{bench.to_validate[2].token, Verdict::ignore});
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 0u);
  bench.input(Validated{bench.to_validate[0].token, Verdict::reject});
  bench.input(Validated{bench.to_validate[0].token, Verdict::accept});
  bench.input(Validated{Token{~std::uint64_t{0}}, Verdict::accept});
  EXPECT_EQ(bench.settled, (std::vector{bench.to_validate[1].token, bench.to_validate[2].token,
                                        bench.to_validate[0].token}));
  EXPECT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(count_messages(bench.sent_to(2)), 1u);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message, PeerEventKind::rejected), 1u);
  EXPECT_LT(bench.score(1), 0);
  EXPECT_EQ(bench.router.stats().ignored, 1u);
}

TEST(Router, EverybodyWhoSentAnInvalidMessageAnswersForIt) {
  RouterBench bench;
  TopicOptions options;
  options.has_validator = true;
  join(bench, 4, options);
  for (const std::uint32_t n : {1u, 2u}) bench.raw(n, signed_message(9, 1, "t"));
  bench.idontwant(3, id_of(9, 1));  // has it, and did not send it
  bench.input(Validated{bench.to_validate.at(0).token, Verdict::reject});
  bench.raw(4, signed_message(9, 1, "t"));  // a moment later
  for (const std::uint32_t n : {1u, 2u, 4u}) {
    EXPECT_EQ(bench.count_events(n, PeerEventReason::invalid_message), 1u) << n;
  }
  EXPECT_EQ(bench.count_events(3, PeerEventReason::invalid_message), 0u);
  EXPECT_EQ(bench.to_validate.size(), 1u);  // validated once
}

TEST(Router, SignaturesOfOneTurnGoTogether) {
  RouterBench bench;
  bench.checks_signatures = false;
  join(bench, 2);
  codec::GossipRpc rpc;
  std::vector<SentRpc> messages;
  for (std::uint64_t n = 0; n < 100; ++n) {
    messages.emplace_back(signed_message(9, n + 1, "t"));
    rpc.publish.push_back(messages.back().rpc.publish[0]);
  }
  bench.rpc(1, rpc);
  ASSERT_EQ(bench.to_check.size(), 2u);
  EXPECT_EQ(bench.to_check[0].batch.size(), 64u);
  EXPECT_EQ(bench.to_check[1].batch.size(), 36u);
  bench.rpc(2, rpc);  // copies of what is being checked are not checked again
  EXPECT_EQ(bench.to_check.size(), 2u);
  bench.check_next();
  bench.check_next();
  EXPECT_EQ(bench.delivered.size(), 100u);
}

TEST(Router, AnAnswerThatNeverComesIsGivenUp) {
  RouterBench bench;
  bench.checks_signatures = false;
  TopicOptions options;
  options.has_validator = true;
  join(bench, 1, options);
  bench.raw(1, signed_message(9, 1, "t"));
  bench.run_for(62s);
  bench.check_next();
  EXPECT_TRUE(bench.to_validate.empty());
  bench.checks_signatures = true;
  bench.raw(1, signed_message(9, 1, "t"));  // was never marked: may come again
  ASSERT_EQ(bench.to_validate.size(), 1u);
  EXPECT_TRUE(bench.settled.empty());
  bench.run_for(62s);
  EXPECT_EQ(bench.settled, std::vector{bench.to_validate[0].token});
  bench.input(Validated{bench.to_validate[0].token, Verdict::accept});
  EXPECT_TRUE(bench.delivered.empty());
  bench.raw(1, signed_message(9, 2, "t"));
  bench.input(Unsubscribe{"t"});
  EXPECT_EQ(bench.settled.size(), 2u) << "a topic that is left waits for nothing";
}

TEST(Router, FloodsubPeersGetEverythingAndNoControl) {
  RouterBench bench;
  bench.subscribe("t");
  bench.add_peer(1, Version::floodsub);
  bench.peer_subscribes(1, "t");
  bench.add_peer(2);
  bench.peer_subscribes(2, "t");
  bench.run_for(3s);
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  bench.raw(2, signed_message(9, 1, "t"));
  bench.run_for(3s);
  const auto sent = bench.sent_to(1);
  EXPECT_EQ(count_messages(sent), 1u);
  for (const SentRpc& each : sent) EXPECT_FALSE(each.rpc.has_control());
}

TEST(Router, ADirectPeerIsServedOutsideTheMesh) {
  RouterBench bench;
  bench.subscribe("t");
  bench.add_peer(1, Version::v1_2, Direction::inbound, 0, true);
  bench.add_peer(2);
  for (const std::uint32_t n : {1u, 2u}) bench.peer_subscribes(n, "t");
  bench.run_for(3s);
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  EXPECT_TRUE(bench.is_in_mesh(2, "t"));
  bench.raw(2, signed_message(9, 1, "t"));
  EXPECT_EQ(count_messages(bench.sent_to(1)), 1u);
  bench.raw(1, signed_message(9, 2, "t"));
  EXPECT_EQ(bench.delivered.size(), 2u);
}

TEST(Router, GrowsItsMeshToDAtHeartbeats) {
  RouterBench bench;
  join(bench, 20);
  bench.run_for(2s);
  const std::size_t size = bench.router.mesh_of("t").size();
  EXPECT_GE(size, bench.config.mesh.d_lo);
  EXPECT_LE(size, bench.config.mesh.d);
}

TEST(Router, GossipsToThoseOutsideTheMesh) {
  Config config;
  config.d_lazy = 3;
  RouterBench bench(config);
  join(bench, 20);
  bench.run_for(2s);
  for (std::uint32_t n = 1; n <= 20; ++n) bench.sent_to(n);
  bench.raw(1, signed_message(9, 1, "t"));
  std::set<std::uint32_t> told;
  std::size_t outside = 0;
  for (std::uint32_t n = 1; n <= 20; ++n) outside += bench.is_in_mesh(n, "t") ? 0 : 1;
  bench.run_for(1s);
  for (std::uint32_t n = 1; n <= 20; ++n) {
    const auto sent = bench.sent_to(n);
    if (count_ihave_ids(sent) == 0) continue;
    told.insert(n);
    EXPECT_FALSE(bench.is_in_mesh(n, "t"));
    bench.iwant(n, id_of(9, 1));
    EXPECT_EQ(count_messages(bench.sent_to(n)), 1u);
  }
  EXPECT_GE(told.size(), 3u);
  EXPECT_LT(told.size(), outside);
  // Each has its turn while the message is announced.
  for (int heartbeat = 1; heartbeat < 3; ++heartbeat) {
    bench.run_for(1s);
    for (std::uint32_t n = 1; n <= 20; ++n) {
      if (count_ihave_ids(bench.sent_to(n)) > 0) told.insert(n);
    }
  }
  EXPECT_EQ(told.size(), outside);
}

TEST(Router, AsksForWhatIsAnnouncedAndNotWhatItHas) {
  RouterBench bench;
  join(bench, 2);
  bench.sent_to(1);
  bench.raw(2, signed_message(9, 1, "t"));
  bench.ihave(1, "t", id_of(9, 1));
  bench.ihave(1, "t", id_of(9, 2));
  EXPECT_EQ(count_iwant_ids(bench.sent_to(1)), 0u);  // perhaps it is on its way
  bench.run_for(10ms);
  const auto sent = bench.sent_to(1);
  ASSERT_EQ(count_iwant_ids(sent), 1u);
  EXPECT_EQ(base::to_bytes(sent[0].rpc.ids[0]), id_of(9, 2));
  bench.raw(1, signed_message(9, 2, "t"));
  EXPECT_EQ(bench.delivered.size(), 2u);
  bench.run_for(10s);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::broken_promise), 0u);
}

TEST(Router, SaysIDontWantForLargeMessagesOnly) {
  RouterBench bench;
  join(bench, 4);
  for (std::uint32_t n = 1; n <= 4; ++n) bench.sent_to(n);
  bench.raw(1, signed_message(9, 1, "t", std::string(1023, 'x')));
  EXPECT_EQ(count_idontwant_ids(bench.sent_to(2)), 0u);
  bench.raw(1, signed_message(9, 2, "t", std::string(1024, 'x')));
  const auto sent = bench.sent_to(2);
  EXPECT_EQ(count_idontwant_ids(sent), 1u);
  EXPECT_FALSE(sent[0].rpc.idontwant.empty());  // before the message itself
  EXPECT_EQ(count_idontwant_ids(bench.sent_to(1)), 0u);
}

TEST(Router, HeedsIDontWantForThreeHeartbeats) {
  RouterBench bench;
  join(bench, 3);
  bench.idontwant(2, id_of(9, 1));
  for (std::uint32_t n = 1; n <= 3; ++n) bench.sent_to(n);
  bench.raw(1, signed_message(9, 1, "t"));
  EXPECT_EQ(count_messages(bench.sent_to(2)), 0u);
  EXPECT_EQ(count_messages(bench.sent_to(3)), 1u);
  bench.idontwant(2, id_of(9, 2));
  bench.run_for(3s);
  bench.sent_to(2);
  bench.raw(1, signed_message(9, 2, "t"));
  EXPECT_EQ(count_messages(bench.sent_to(2)), 1u);
}

TEST(Router, PublishesToAFanout) {
  Config config;
  config.flood_publish = false;
  RouterBench bench(config);
  for (std::uint32_t n = 1; n <= 10; ++n) {
    bench.add_peer(n);
    bench.peer_subscribes(n, "t");
  }
  bench.input(Publish{Token{1}, "t", Buffer("one"), {}});
  EXPECT_EQ(bench.published.at(0).recipients.value(), 6u);
  EXPECT_TRUE(bench.delivered.empty());
  std::vector<std::uint32_t> fanout;
  for (std::uint32_t n = 1; n <= 10; ++n) {
    if (count_messages(bench.sent_to(n)) == 1) fanout.push_back(n);
  }
  EXPECT_EQ(fanout.size(), 6u);
  bench.input(Publish{Token{2}, "t", Buffer("two"), {}});
  for (const std::uint32_t n : fanout) EXPECT_EQ(count_messages(bench.sent_to(n)), 1u);
  bench.run_for(62s);
  EXPECT_EQ(bench.router.topic_count(), 0u);
}

TEST(Router, NeverSaysMoreThanThereIsRoomFor) {
  RouterBench bench;
  bench.room = 100;
  join(bench, 1);
  const Buffer data = Buffer::zeros(500);
  bench.input(Publish{Token{1}, "t", data, {}});
  EXPECT_EQ(bench.partial[identity(1).id].size() + (bench.sent_to(1).empty() ? 0u : 0u),
            bench.partial[identity(1).id].size());
  EXPECT_EQ(count_messages(bench.sent_to(1)), 0u);
  for (int i = 0; i < 20; ++i) bench.input(Room{identity(1).id, 50});
  const auto sent = bench.sent_to(1);
  ASSERT_EQ(count_messages(sent), 1u);
  EXPECT_EQ(sent.back().rpc.publish.at(0).data->size(), 500u);
}

TEST(Router, ABannedPeerIsDeaf) {
  RouterBench bench;
  join(bench, 2);
  ASSERT_TRUE(bench.is_in_mesh(1, "t"));
  bench.sent_to(1);
  bench.input(Standing{identity(1).id, 0, -51, true});
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  EXPECT_EQ(count_prunes(bench.sent_to(1)), 1u);
  bench.raw(1, signed_message(9, 1, "t"));
  EXPECT_TRUE(bench.delivered.empty());
  EXPECT_EQ(bench.router.stats().rpcs_ignored, 1u);
  bench.raw(2, signed_message(9, 1, "t"));
  EXPECT_EQ(count_messages(bench.sent_to(1)), 0u);
}

TEST(Router, TheGateMovesAPeerOutOfTheMesh) {
  RouterBench bench;
  join(bench, 2);
  bench.input(Standing{identity(1).id, 10, -1, false});
  EXPECT_EQ(bench.score(1), -1);
  bench.run_for(2s);
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
  EXPECT_TRUE(bench.is_in_mesh(2, "t"));
  bench.graft(1, "t");
  EXPECT_FALSE(bench.is_in_mesh(1, "t"));
}

TEST(Router, ACustomIdRuleHolds) {
  RouterBench bench;
  TopicOptions options = anonymous();
  options.id_function = [](std::string_view, const codec::GossipMessage& message) {
    return base::to_bytes(message.data->first(std::min<std::size_t>(message.data->size(), 1)));
  };
  join(bench, 2, options);
  bench.raw(1, anonymous_message("t", "apple"));
  bench.raw(1, anonymous_message("t", "ant"));
  bench.raw(1, anonymous_message("t", "bee"));
  EXPECT_EQ(bench.delivered.size(), 2u);
}

TEST(Router, OpportunisticGraftingFindsBetterPeers) {
  Config config;
  config.opportunistic_graft_heartbeats = 10;
  RouterBench bench(config);
  join(bench, 12);
  bench.run_for(3s);
  const std::size_t before = bench.router.mesh_of("t").size();
  std::uint64_t seqno = 0;
  for (int second = 0; second < 12; ++second) {
    for (std::uint32_t n = 1; n <= 12; ++n) {
      // Only those outside the mesh deliver anything first.
      if (!bench.is_in_mesh(n, "t")) bench.raw(n, signed_message(9, ++seqno, "t"));
    }
    bench.run_for(1s);
  }
  EXPECT_GE(bench.router.mesh_of("t").size(), before + 2);
}

// The mesh behaves and hands nothing on; what two others announce has to be asked for.
TEST(Router, GraftsWhoBringsWhatTheMeshDoesNot) {
  RouterBench bench;
  join(bench, 20);
  bench.run_for(3s);
  std::vector<std::uint32_t> outside;
  for (std::uint32_t n = 1; n <= 20 && outside.size() < 2; ++n) {
    if (!bench.is_in_mesh(n, "t")) outside.push_back(n);
  }
  ASSERT_EQ(outside.size(), 2u);
  const std::size_t before = bench.router.mesh_of("t").size();
  for (std::uint64_t seqno = 1; seqno <= 6; ++seqno) {
    const std::uint32_t rescuer = outside[seqno % 2];
    bench.ihave(rescuer, "t", id_of(21, seqno));
    bench.run_for(50ms);
    bench.raw(rescuer, signed_message(21, seqno, "t"));
    for (std::uint32_t n = 1; n <= 20; ++n) {  // says that it has it, as honest ones do
      if (bench.is_in_mesh(n, "t")) bench.idontwant(n, id_of(21, seqno));
    }
  }
  bench.run_for(2s);
  for (const std::uint32_t n : outside) EXPECT_TRUE(bench.is_in_mesh(n, "t")) << n;
  EXPECT_LE(bench.router.mesh_of("t").size(), before + 2);
}

// A full mesh of the useless is not closed to the useful.
TEST(Router, AFullMeshTakesWhoIsWorthMoreThanItsLeast) {
  RouterBench bench;
  join(bench, 14);
  for (std::uint32_t n = 1; n <= 12; ++n) bench.graft(n, "t");
  ASSERT_EQ(bench.router.mesh_of("t").size(), 12u);
  bench.graft(13, "t");
  EXPECT_FALSE(bench.is_in_mesh(13, "t"));
  for (std::uint64_t seqno = 1; seqno <= 3; ++seqno) {
    bench.raw(14, signed_message(21, seqno, "t"));
  }
  bench.graft(14, "t");
  EXPECT_TRUE(bench.is_in_mesh(14, "t"));
  EXPECT_EQ(bench.router.mesh_of("t").size(), 12u);
}

// What a peer outside brings unasked, such as what it publishes, is no rescue.
TEST(Router, DoesNotGraftForWhatItDidNotAskFor) {
  RouterBench bench;
  join(bench, 20);
  bench.run_for(3s);
  std::uint32_t outside = 1;
  while (bench.is_in_mesh(outside, "t")) ++outside;
  for (std::uint64_t seqno = 1; seqno <= 6; ++seqno) {
    bench.raw(outside, signed_message(outside, seqno, "t"));
  }
  bench.run_for(2s);
  EXPECT_FALSE(bench.is_in_mesh(outside, "t"));
}

// A mesh peer that always has it already is told of messages instead of being sent them, asks when
// it needs one, and is sent them again when it asks often.
TEST(Router, AnnouncesWhereABodyWouldComeTooLate) {
  Config config;
  config.idontwant_bytes_min = 1 << 20;  // not what this is about
  RouterBench bench(config);
  bench.subscribe("t");
  for (const std::uint32_t n : {1u, 2u}) {
    bench.add_peer(n, Version::v1_3);
    codec::GossipRpc hello;
    hello.extensions.emplace(true);
    hello.subscriptions.push_back({true, base::as_bytes("t")});
    bench.rpc(n, hello);
  }
  std::uint64_t seqno = 0;
  const auto message = [&](bool had, bool asks) {
    const Bytes id = id_of(9, ++seqno);
    (void)bench.sent_to(2);
    bench.raw(1, signed_message(9, seqno, "t"));
    const auto sent = bench.sent_to(2);
    if (had) bench.ihave(2, "t", id);
    if (asks) bench.iwant(2, id);
    bench.run_for(500ms);
    return std::pair(count_messages(sent), count_ihave_ids(sent));
  };
  EXPECT_EQ(message(true, false), (std::pair<std::size_t, std::size_t>{1, 0}));
  for (int i = 0; i < 20; ++i) message(true, false);
  EXPECT_EQ(message(false, false), (std::pair<std::size_t, std::size_t>{0, 1}));
  for (int i = 0; i < 8; ++i) message(false, true);
  EXPECT_EQ(message(false, true), (std::pair<std::size_t, std::size_t>{1, 0}));
}

TEST(Router, IsDeterministic) {
  const auto run = [](std::uint64_t seed) {
    RouterBench bench({}, seed);
    join(bench, 30);
    for (std::uint64_t n = 1; n < 20; ++n) {
      bench.raw(static_cast<std::uint32_t>(1 + n % 30), signed_message(9, n, "t"));
      bench.run_for(300ms);
    }
    Bytes all;
    for (const auto& [id, rpcs] : bench.sent) {
      for (const SentRpc& each : rpcs) base::append(all, each.bytes);
    }
    return all;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Router, ManyPeersAndTopicsComeAndGo) {
  RouterBench bench;
  for (int round = 0; round < 20; ++round) {
    bench.subscribe("t");
    bench.subscribe("u");
    for (std::uint32_t n = 1; n <= 15; ++n) {
      bench.add_peer(n);
      bench.peer_subscribes(n, n % 2 == 0 ? "t" : "u");
      bench.raw(n, signed_message(n, static_cast<std::uint64_t>(round) + 1, "t"));
    }
    bench.run_for(2s);
    for (std::uint32_t n = 1; n <= 15; ++n) bench.input(PeerGone{identity(n).id});
    bench.input(Unsubscribe{"t"});
    bench.input(Unsubscribe{"u"});
    EXPECT_EQ(bench.router.peer_count(), 0u);
    EXPECT_EQ(bench.router.topic_count(), 0u);
  }
  EXPECT_EQ(bench.delivered.size(), 300u);
}

}  // namespace
}  // namespace kith::gossip::test
