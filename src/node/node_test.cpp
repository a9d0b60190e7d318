// Whole nodes talking to each other in virtual time: real Noise, yamux, identify, ping, perf.
#include "node/node.h"

#include "node/node_test_util.h"

namespace kith::node {
namespace {

TEST_F(NodeTest, ADialledPeerIsUsableOneRoundTripAfterTcp) {
  add();
  add();
  connect(0, 1);
  ASSERT_TRUE(world_.run_until([&] { return members_[0]->last<Connected>() != nullptr; }));
  ASSERT_TRUE(members_[0]->last<Connected>()->peer.has_value());
  // TCP takes one round trip (20 ms), Noise with early muxer negotiation one more.
  EXPECT_EQ(base::to_ms(world_.now().time_since_epoch()), 2 + 20 + 20);
  ASSERT_TRUE(world_.run_until([&] { return are_connected(1, 0); }));
}

TEST_F(NodeTest, PeersIdentifyEachOther) {
  NodeConfig named = config();
  named.host.agent_version = "tester/9";
  add();
  add(named);
  connect(0, 1);
  world_.run_for(1s);
  const auto* told = members_[0]->last<host::PeerIdentified>();
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->message->agent_version, "tester/9");
  EXPECT_FALSE(told->message->signed_peer_record.empty());
  EXPECT_EQ(std::ranges::count(told->message->protocols, host::ping_protocol), 1);
  ASSERT_TRUE(told->message->observed_address.has_value());
  EXPECT_NE(members_[1]->last<host::PeerIdentified>(), nullptr);
}

TEST_F(NodeTest, PingMeasuresTheRoundTrip) {
  add();
  add();
  connect(0, 1);
  world_.run_for(1s);
  command(0, PingPeer{Token{7}, members_[1]->id()});
  world_.run_for(1s);
  const auto* pinged = members_[0]->last<Pinged>();
  ASSERT_NE(pinged, nullptr);
  EXPECT_EQ(pinged->token, Token{7});
  ASSERT_TRUE(pinged->rtt.has_value());
  EXPECT_EQ(base::to_ms(*pinged->rtt), 20);
}

TEST_F(NodeTest, PerfMovesBytesBothWays) {
  add();
  add();
  connect(0, 1);
  world_.run_for(1s);
  command(0, PerfPeer{Token{8}, members_[1]->id(), 5'000'000, 3'000'001});
  ASSERT_TRUE(world_.run_until([&] { return members_[0]->last<host::PerfResult>() != nullptr; }));
  const auto* result = members_[0]->last<host::PerfResult>();
  EXPECT_FALSE(result->error.has_value()) << result->error->message;
  EXPECT_GT(result->upload_time, 0s);
  EXPECT_GT(result->download_time, 0s);
}

TEST_F(NodeTest, PerfIsRefusedWhereItIsOff) {
  NodeConfig quiet = config();
  quiet.serves_perf = false;
  add();
  add(quiet);
  connect(0, 1);
  world_.run_for(1s);
  command(0, PerfPeer{Token{8}, members_[1]->id(), 1000, 1000});
  world_.run_for(1s);
  const auto* result = members_[0]->last<host::PerfResult>();
  ASSERT_NE(result, nullptr);
  ASSERT_TRUE(result->error.has_value());
  EXPECT_EQ(result->error->code, Code::unsupported);
}

TEST_F(NodeTest, AnotherIdentityThanDialledIsRefused) {
  add();
  add();
  add();
  command(0, Connect{Token{1}, members_[2]->id(), {address("/ip4/127.0.0.1/tcp/1001")}});
  ASSERT_TRUE(world_.run_until([&] { return members_[0]->last<Connected>() != nullptr; }));
  const auto* connected = members_[0]->last<Connected>();
  ASSERT_FALSE(connected->peer.has_value());
  EXPECT_EQ(connected->peer.error().code, Code::wrong_peer);
  world_.run_for(1s);
  EXPECT_EQ(members_[0]->node.host().link_count(), 0U);
  EXPECT_EQ(members_[1]->node.host().link_count(), 0U);
}

TEST_F(NodeTest, PrivateNetworksKeepStrangersOut) {
  NodeConfig ours = config();
  ours.host.connection.network_key = secure::PresharedKey{1, 2, 3};
  NodeConfig others = config();
  others.host.connection.network_key = secure::PresharedKey{9};
  add(ours);
  add(ours);
  add(others);
  connect(0, 1);
  connect(0, 2, 2);
  world_.run_for(30s);
  EXPECT_TRUE(are_connected(0, 1));
  EXPECT_FALSE(are_connected(0, 2));
  command(0, PerfPeer{Token{8}, members_[1]->id(), 1'000'000, 1'000'000});
  world_.run_for(10s);
  ASSERT_NE(members_[0]->last<host::PerfResult>(), nullptr);
  EXPECT_FALSE(members_[0]->last<host::PerfResult>()->error.has_value());
}

TEST_F(NodeTest, PeersLearnOfEachOtherFromOneBootstrapAddress) {
  const std::size_t nodes = 8;
  add();
  for (std::size_t i = 1; i < nodes; ++i) {
    NodeConfig joining = config();
    joining.host.peers_min = 4;
    joining.host.bootstrap = {address("/ip4/127.0.0.1/tcp/1000").with_peer(members_[0]->id())};
    add(joining);
  }
  world_.run_for(60s);
  for (std::size_t i = 0; i < nodes; ++i) {
    EXPECT_GE(members_[i]->node.host().peer_count(), 4U) << "node " << i;
  }
}

TEST_F(NodeTest, GarbageOnThePortClosesOnlyThatLink) {
  add();
  add();
  connect(0, 1);
  world_.run_for(1s);
  SeededRng rng(5);
  for (int i = 0; i < 16; ++i) {
    const LinkId link = world_.connect_stranger(1);
    Bytes garbage(1 + rng.below(4000));
    rng.fill(garbage);
    world_.stranger_sends(1, link, std::move(garbage));
    world_.run_for(6s);
    EXPECT_TRUE(world_.stranger_closed(link)) << i;
  }
  EXPECT_TRUE(are_connected(0, 1));
  EXPECT_EQ(members_[1]->node.host().link_count(), 1U);
}

TEST_F(NodeTest, ASlowHandshakeIsClosedInTime) {
  add();
  const LinkId link = world_.connect_stranger(0);
  const std::string hello = "\x13/multistream/1.0.0\n";
  for (std::size_t i = 0; i < 9; ++i) {
    world_.stranger_sends(0, link, base::to_bytes(hello.substr(i, 1)));
    world_.run_for(1s);
    EXPECT_FALSE(world_.stranger_closed(link));
  }
  world_.run_for(2s);
  EXPECT_TRUE(world_.stranger_closed(link));
  EXPECT_EQ(members_[0]->node.host().link_count(), 0U);
}

TEST_F(NodeTest, HalfOpenFloodsFromOneAddressAreBounded) {
  add();
  add();
  for (int i = 0; i < 1000; ++i) world_.connect_stranger(0);
  EXPECT_LE(members_[0]->node.host().link_count(), 8U);
  connect(1, 0);
  world_.run_for(1s);
  EXPECT_TRUE(are_connected(1, 0)) << "the others are unharmed";
}

TEST_F(NodeTest, AnyFlippedByteOnTheWireEndsTheConnectionCleanly) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    members_.clear();
    world_ = host::TestWorld();
    add();
    add();
    SeededRng rng(seed);
    std::uint64_t chunk = rng.below(8);
    world_.on_wire = [&](std::size_t, std::size_t, Bytes& bytes) {
      if (chunk-- == 0)
        bytes[rng.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + rng.below(255));
    };
    connect(0, 1);
    world_.run_for(120s);
    // Whatever was hit: no crash, and both sides agree on whether they are connected.
    EXPECT_EQ(are_connected(0, 1), are_connected(1, 0)) << "seed " << seed;
  }
}

TEST_F(NodeTest, ShutDownSaysGoodbye) {
  add();
  add();
  connect(0, 1);
  world_.run_for(1s);
  command(0, ShutDown{});
  world_.run_for(1s);
  EXPECT_EQ(members_[0]->count<host::Stopped>(), 1U);
  EXPECT_EQ(members_[1]->count<host::PeerDown>(), 1U);
  EXPECT_EQ(members_[1]->node.host().link_count(), 0U);
}

}  // namespace
}  // namespace kith::node
