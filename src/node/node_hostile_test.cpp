// A whole node with all its services, and strangers that attack it. Names begin with the row of the
// attack catalogue; the rows' finer cases are tested beside the machines that answer them.
#include <gtest/gtest.h>

#include "host/test_raw_peer.h"
#include "host/test_world.h"
#include "node/node.h"

namespace kith::node {
namespace {

using host::RawPeer;
using host::yamux_data;
using host::yamux_frame;
using mux::FrameType;

Bytes hello(std::string_view protocol) {
  Bytes bytes;
  codec::append_multistream(bytes, codec::multistream_header);
  codec::append_multistream(bytes, protocol);
  return bytes;
}

Bytes concat(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) base::append(all, part);
  return all;
}

std::size_t streams_of(const Node& node) {
  std::size_t count = 0;
  for (const auto& peer : node.host().peers()) {
    for (const auto& connection : peer.connections) count += connection.streams;
  }
  return count;
}

class NodeHostile : public testing::Test {
 protected:
  NodeHostile() {
    world.add(node);
    world.after_turn = [this](std::size_t) {
      while (node.poll_report()) {
      }
    };
    world.input(0, host::WallClock{{1'700'000'000'000}});
    node.start(world.now());
    world.turn(0);
    world.run_for(1ms);
  }
  static NodeConfig config() {
    NodeConfig config;
    config.host.listen = {*codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/0")};
    config.host.peers_min = 0;
    return config;
  }

  /// A stranger that has shaken hands.
  struct Stranger {
    LinkId link;
    std::unique_ptr<RawPeer> peer;
    std::size_t heard = 0;
  };
  Stranger connect(std::uint8_t number, const std::string& ip4 = "198.51.100.7") {
    Stranger stranger{world.connect_stranger(0, ip4), std::make_unique<RawPeer>(number)};
    for (int i = 0; i < 3 && !world.stranger_closed(stranger.link); ++i) {
      world.stranger_sends(0, stranger.link, stranger.peer->transmit());
      read(stranger);
    }
    return stranger;
  }
  void read(Stranger& stranger) {
    const Bytes& all = world.stranger_received(stranger.link);
    stranger.peer->hear(ByteView(all).subspan(stranger.heard));
    stranger.heard = all.size();
  }
  void send(Stranger& stranger, ByteView text) {
    world.stranger_sends(0, stranger.link, stranger.peer->seal(text));
  }
  /// An honest node can still connect: whatever happened, the victim lives.
  void expect_alive() {
    Stranger honest = connect(250, "203.0.113.77");
    EXPECT_TRUE(honest.peer->is_up());
    EXPECT_TRUE(node.host().peer(host::test_peer(250)).has_value());
  }

  SeededRng rng{1};
  crypto::KeyPair key = host::test_key(200);
  Node node{config(), key, rng, base::null_log()};
  host::TestWorld world;
};

TEST_F(NodeHostile, A43APeerThatOpensAndPingsWithoutReadingIsBounded) {
  Stranger peer = connect(1);
  ASSERT_TRUE(peer.peer->is_up());
  world.stalls_stranger(peer.link);  // its socket is full: nothing leaves any more
  std::uint32_t stream = 1, rounds = 0;
  for (; rounds < 20'000 && node.wants_bytes(peer.link); ++rounds, stream += 2) {
    if (world.stranger_closed(peer.link)) break;
    const char* protocols[] = {"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/x", "/kith/peers/1.0.0"};
    send(peer, concat({yamux_frame(FrameType::ping, mux::flag_syn, 0, rounds),
                       yamux_data(mux::flag_syn, stream,
                                  concat({hello(protocols[rounds % 4]), Bytes(32)}))}));
  }
  EXPECT_LT(rounds, 3000U) << "it stopped reading, or closed";
  EXPECT_LE(world.drain_stranger(0, peer.link), 2U * 1024 * 1024);
  expect_alive();
}

TEST_F(NodeHostile, A44AHundredThousandStreamsWithoutWaiting) {
  Stranger peer = connect(1);
  Bytes burst;
  for (std::uint32_t stream = 1; stream < 200'000; stream += 2) {
    base::append(burst, yamux_frame(FrameType::window_update, mux::flag_syn, stream, 0));
    if (burst.size() < 60'000) continue;
    if (world.stranger_closed(peer.link)) break;
    send(peer, std::exchange(burst, {}));
    ASSERT_LE(streams_of(node), 1024U);
  }
  EXPECT_TRUE(world.stranger_closed(peer.link));
  world.run_for(1s);
  EXPECT_FALSE(node.host().peer(host::test_peer(1)).has_value());
  expect_alive();
}

TEST_F(NodeHostile, A44RapidResetIsADisconnect) {
  Stranger peer = connect(1);
  std::uint32_t count = 0;
  for (; count < 5000 && !world.stranger_closed(peer.link); ++count) {
    const std::uint32_t stream = 1 + 2 * count;
    send(peer, concat({yamux_data(mux::flag_syn, stream, hello("/ipfs/id/1.0.0")),
                       yamux_frame(FrameType::window_update, mux::flag_rst, stream, 0)}));
  }
  EXPECT_LE(count, 1100U);
  world.run_for(1s);
  EXPECT_EQ(node.host().link_count(), 0U);
  expect_alive();
}

TEST_F(NodeHostile, A49HandshakesThatStopAnywhereAreClosedInTime) {
  RawPeer model(1);
  const Bytes first = model.transmit();
  for (std::size_t cut = 0; cut <= first.size(); cut += 1 + first.size() / 12) {
    const LinkId link = world.connect_stranger(0, "198.51.100." + std::to_string(1 + cut % 250));
    world.stranger_sends(0, link, Bytes(first.begin(), first.begin() + static_cast<long>(cut)));
    world.run_for(9s);
    EXPECT_FALSE(world.stranger_closed(link)) << cut;
    world.run_for(1s);
    EXPECT_TRUE(world.stranger_closed(link)) << cut;
  }
  EXPECT_EQ(node.host().link_count(), 0U);
}

TEST_F(NodeHostile, A62ManyConnectionsWithManyStreamsAreBounded) {
  std::vector<Stranger> strangers;
  std::size_t up = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    const std::string ip = "203.0." + std::to_string(i / 200) + "." + std::to_string(1 + i % 200);
    Stranger stranger = connect(static_cast<std::uint8_t>(i % 199), ip);
    if (world.stranger_closed(stranger.link) || !stranger.peer->is_up()) continue;
    ++up;
    Bytes burst;
    for (std::uint32_t stream = 1; stream < 400; stream += 2) {
      base::append(burst, yamux_data(mux::flag_syn, stream, Bytes{0x13}));
    }
    send(stranger, burst);
    strangers.push_back(std::move(stranger));
  }
  const std::size_t connections_max = config().host.limits.connections_max;
  EXPECT_LE(up, connections_max);
  EXPECT_GE(up, 100U);
  EXPECT_LE(node.host().link_count(), connections_max);
  EXPECT_LE(streams_of(node), connections_max * 257);
  // What does not negotiate goes, and too many peers are trimmed once the grace is over.
  world.run_for(60s);
  EXPECT_LE(streams_of(node), connections_max * 4);
  EXPECT_LE(node.host().peer_count(), config().host.peers_high);
  for (const Stranger& stranger : strangers) world.stranger_closes(0, stranger.link);
  world.run_for(60s);
  EXPECT_EQ(node.host().link_count(), 0U);
  EXPECT_EQ(node.host().peer_count(), 0U);
  expect_alive();
}

TEST_F(NodeHostile, A73GarbageCiphertextClosesAtTheFirstFrame) {
  Stranger peer = connect(1);
  ASSERT_TRUE(peer.peer->is_up());
  Bytes garbage(66);
  garbage[1] = 64;
  world.stranger_sends(0, peer.link, garbage);
  world.run_for(0ms);
  EXPECT_TRUE(world.stranger_closed(peer.link));
  expect_alive();
}

TEST_F(NodeHostile, A76HandshakesOutOfFormAreClosedAtOnce) {
  const auto message = [](std::size_t size) {
    Bytes bytes{static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
    bytes.resize(2 + size);
    return bytes;
  };
  for (const std::size_t size : {32U, 31U, 48U, 65535U}) {  // zeros: of 32, a low-order point
    const LinkId link = world.connect_stranger(0, "198.51.100." + std::to_string(1 + size % 250));
    world.stranger_sends(0, link, concat({hello("/noise"), message(size)}));
    world.run_for(0ms);
    EXPECT_TRUE(world.stranger_closed(link)) << size;
  }
  expect_alive();
}

}  // namespace
}  // namespace kith::node
