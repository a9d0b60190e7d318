// A whole node with all its services, and strangers that attack it. Names begin with the row of the
// attack catalogue; the rows' finer cases are tested beside the machines that answer them.
#include <gtest/gtest.h>

#include "codec/envelope.h"
#include "codec/pb_wire.h"
#include "codec/varint.h"
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

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

Bytes framed(ByteView body) {
  Bytes bytes;
  codec::append_varint(bytes, body.size());
  base::append(bytes, body);
  return bytes;
}

/// Counts the lines that a log at its usual level would write.
class CountingLog final : public Log {
 public:
  bool is_on(LogLevel level, std::string_view) const override { return level >= LogLevel::info; }
  void write(LogLevel, std::string_view, std::string_view sentence) override {
    ++lines;
    bytes += sentence.size();
  }
  std::size_t lines = 0, bytes = 0;
};

/// The stream on which the node asked for `protocol`, by all the plaintext that came from it.
std::optional<std::uint32_t> stream_asking(ByteView plaintext, std::string_view protocol) {
  std::map<std::uint32_t, Bytes> streams;
  while (plaintext.size() >= mux::yamux_header_bytes) {
    const auto header = mux::decode_frame_header(plaintext).value();
    plaintext = plaintext.subspan(mux::yamux_header_bytes);
    if (header.type != FrameType::data) continue;
    base::append(streams[header.stream], plaintext.first(header.length));
    plaintext = plaintext.subspan(header.length);
  }
  for (const auto& [stream, bytes] : streams) {
    if (base::as_text(bytes).find(std::string(protocol) + "\n") != std::string_view::npos) {
      return stream;
    }
  }
  return std::nullopt;
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
      while (const auto report = node.poll_report()) {
        if (std::holds_alternative<host::PeerIdentified>(*report)) ++identified;
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
  /// Answers the node's question on `protocol` with `bytes` and an end. False when it asked none.
  bool answer(Stranger& stranger, std::string_view protocol, ByteView bytes) {
    world.run_for(0ms);
    read(stranger);
    const auto stream = stream_asking(stranger.peer->plaintext, protocol);
    if (!stream) return false;
    const Bytes reply = concat({hello(protocol), base::to_bytes(bytes)});
    for (ByteView rest = reply; !rest.empty();) {  // a frame fits into one Noise message
      const ByteView piece = rest.first(std::min<std::size_t>(rest.size(), 16384));
      rest = rest.subspan(piece.size());
      send(stranger, yamux_data(rest.empty() ? mux::flag_fin : 0, *stream, piece));
    }
    return true;
  }
  /// What an honest stranger says of itself, listening at `address`.
  static codec::IdentifyMessage identity(std::uint8_t number, const std::string& address) {
    codec::IdentifyMessage message;
    message.agent_version = "stranger/" + std::to_string(number);
    message.public_key = host::test_key(number).public_key();
    message.protocols = {std::string(host::peer_exchange_protocol)};
    message.listen_addresses = {*codec::Multiaddr::parse(address)};
    return message;
  }
  bool is_connected(std::uint8_t number) {
    return node.host().peer(host::test_peer(number)).has_value();
  }
  /// An honest node can still connect: whatever happened, the victim lives.
  void expect_alive() {
    Stranger honest = connect(250, "203.0.113.77");
    EXPECT_TRUE(honest.peer->is_up());
    EXPECT_TRUE(node.host().peer(host::test_peer(250)).has_value());
  }

  SeededRng rng{1};
  crypto::KeyPair key = host::test_key(200);
  CountingLog log;
  Node node{config(), key, rng, log};
  std::size_t identified = 0;  // how often a peer told who it is
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

// Addresses that are none: a chain of relays, lengths beyond the end, a protocol nobody knows, bare
// and doubled components, no bytes at all.
const char* const bad_addresses[] = {"a202a202",
                                     "a202a202a202a202a202a202a202a202a202",
                                     "0401",
                                     "35ffffffff0761",
                                     "9103",
                                     "a50322122001",
                                     "04c000020106",
                                     "06",
                                     "ffffffffffffffffff01",
                                     ""};

TEST_F(NodeHostile, A60BadAddressesInIdentifyAreLeftOutAndTheRestHolds) {
  Stranger honest = connect(2, "203.0.113.2");
  Stranger peer = connect(1);
  Bytes message = codec::encode_identify(identity(1, "/ip4/203.0.113.9/tcp/9"));
  for (const char* bad : bad_addresses) codec::append_pb_bytes(message, 2, hex(bad));
  codec::append_pb_bytes(message, 4, hex("a202a202"));  // how it claims to see us
  ASSERT_TRUE(answer(peer, "/ipfs/id/1.0.0", framed(message)));
  ASSERT_TRUE(is_connected(1));
  ASSERT_NE(node.host().peer(host::test_peer(1))->identity, nullptr);
  EXPECT_EQ(node.host().peer(host::test_peer(1))->identity->agent_version, "stranger/1");
  const auto* entry = node.host().book().find(host::test_peer(1));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->addresses, std::vector{*codec::Multiaddr::parse("/ip4/203.0.113.9/tcp/9")});
  EXPECT_TRUE(is_connected(2));
  ASSERT_TRUE(answer(honest, "/ipfs/id/1.0.0",
                     framed(codec::encode_identify(identity(2, "/ip4/203.0.113.2/tcp/2")))));
  EXPECT_NE(node.host().peer(host::test_peer(2))->identity, nullptr);
  expect_alive();
}

TEST_F(NodeHostile, A61ProtobufAbuseInIdentifyCostsTheAbuserItsConnectionOnly) {
  Stranger honest = connect(2, "203.0.113.2");
  const Bytes good = codec::encode_identify(identity(1, "/ip4/203.0.113.9/tcp/9"));
  const std::vector<Bytes> abuses = {
      framed(Bytes(8000, 0x0b)),                         // groups within groups
      framed(concat({good, hex("0b0c")})),               // a group
      framed(concat({good, hex("12ffffffff07")})),       // a length of 2^31
      concat({hex("8080808008"), Bytes(1000)}),          // a message of 2^31 bytes
      concat({hex("ffffffffffffffff7f"), Bytes(1000)}),  // of 2^63
  };
  for (const Bytes& abuse : abuses) {
    Stranger peer = connect(1);
    ASSERT_TRUE(peer.peer->is_up());
    ASSERT_TRUE(answer(peer, "/ipfs/id/1.0.0", abuse));
    EXPECT_TRUE(world.stranger_closed(peer.link)) << base::to_hex(ByteView(abuse).first(10));
    world.run_for(1s);
    EXPECT_FALSE(is_connected(1));
    EXPECT_TRUE(is_connected(2));
  }
  // Unknown fields, as many as fit, are a later identify's.
  Bytes unknown = good;
  while (unknown.size() + 3 <= codec::identify_bytes_max) {
    codec::append_pb_bytes(unknown, 99, ByteView());
  }
  Stranger peer = connect(1);
  ASSERT_TRUE(answer(peer, "/ipfs/id/1.0.0", framed(unknown)));
  EXPECT_FALSE(world.stranger_closed(peer.link));
  ASSERT_TRUE(is_connected(1));
  EXPECT_NE(node.host().peer(host::test_peer(1))->identity, nullptr);
  EXPECT_FALSE(world.stranger_closed(honest.link));
  expect_alive();
}

/// An envelope of `number`'s record whose addresses are `addresses` (and nothing checks them).
Bytes record_of(std::uint8_t number, const std::vector<Bytes>& addresses, ByteView tail = {}) {
  Bytes record;
  codec::append_pb_bytes(record, 1, host::test_peer(number).bytes());
  codec::append_pb_varint(record, 2, 7);
  for (const Bytes& address : addresses) {
    Bytes info;
    codec::append_pb_bytes(info, 1, address);
    codec::append_pb_bytes(record, 3, info);
  }
  base::append(record, tail);
  return codec::seal_envelope(host::test_key(number), codec::peer_record_domain,
                              codec::peer_record_payload_type, record);
}

TEST_F(NodeHostile, A60A61BadRecordsInPeerExchangeHarmNobody) {
  Stranger honest = connect(2, "203.0.113.2");
  Stranger peer = connect(1);
  ASSERT_TRUE(answer(peer, "/ipfs/id/1.0.0",
                     framed(codec::encode_identify(identity(1, "/ip4/203.0.113.9/tcp/9")))));
  const auto good = codec::Multiaddr::parse("/ip4/203.0.113.50/tcp/5").value();
  std::vector<Bytes> mixed;
  for (const char* bad : bad_addresses) mixed.push_back(hex(bad));
  mixed.push_back(base::to_bytes(good.bytes()));
  const std::vector<Bytes> records = {
      record_of(50, mixed),                              // one good among the bad
      record_of(51, {hex("a202a202")}),                  // none good
      record_of(52, {}, hex("0b0c")),                    // a group in what is signed
      record_of(53, {}, hex("1affffffff07")),            // a length of 2^31
      Bytes(8000, 0x0b),                                 // no envelope
      concat({record_of(54, {}), hex("0affffffff07")}),  // a length beyond its end
      record_of(200, {base::to_bytes(good.bytes())}),    // the node's own
      Bytes(),
  };
  Bytes bytes;
  for (const Bytes& record : records) base::append(bytes, framed(record));
  ASSERT_TRUE(answer(peer, host::peer_exchange_protocol, bytes));
  const host::PeerBook& book = node.host().book();
  ASSERT_NE(book.find(host::test_peer(50)), nullptr);
  EXPECT_EQ(book.find(host::test_peer(50))->addresses, std::vector{good});
  if (const auto* entry = book.find(host::test_peer(51))) EXPECT_TRUE(entry->addresses.empty());
  for (const int number : {52, 53, 54, 200}) {
    EXPECT_EQ(book.find(host::test_peer(static_cast<std::uint8_t>(number))), nullptr) << number;
  }
  EXPECT_TRUE(is_connected(1)) << "it hands on what others gave it";
  EXPECT_TRUE(is_connected(2));
  EXPECT_FALSE(world.stranger_closed(honest.link));
  expect_alive();
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

TEST_F(NodeHostile, A101EndlessPushesOfFreshAddressesComeAtARate) {
  Stranger peer = connect(1);
  ASSERT_TRUE(answer(peer, "/ipfs/id/1.0.0",
                     framed(codec::encode_identify(identity(1, "/ip4/203.0.113.9/tcp/9")))));
  ASSERT_EQ(identified, 1U);
  constexpr std::uint32_t pushes = 1000;
  std::uint32_t sent = 0;
  for (; sent < pushes && !world.stranger_closed(peer.link); ++sent) {
    codec::IdentifyMessage fresh = identity(1, "/ip4/203.0.113.9/tcp/" + std::to_string(1 + sent));
    for (std::uint32_t i = 0; i < 40; ++i) {
      fresh.listen_addresses.push_back(*codec::Multiaddr::parse(
          "/ip4/203.0.113.9/tcp/" + std::to_string(10'000 + 40 * sent + i)));
    }
    send(peer,
         yamux_data(mux::flag_syn | mux::flag_fin, 1 + 2 * sent,
                    concat({hello("/ipfs/id/push/1.0.0"), framed(codec::encode_identify(fresh))})));
    world.run_for(10ms);
    read(peer);
    ASSERT_LE(streams_of(node), 64U);
  }
  EXPECT_GE(sent, host::Identify::push_burst);
  EXPECT_GE(identified, 1 + host::Identify::push_burst);
  EXPECT_LE(identified,
            2 + host::Identify::push_burst +
                static_cast<std::size_t>(pushes * 10ms / host::Identify::push_interval));
  EXPECT_EQ(node.host().book().size(), 1U);
  EXPECT_LE(node.host().book().find(host::test_peer(1))->addresses.size(),
            config().host.book.addresses_max);
  expect_alive();
}

// Somebody who has our key, or an address of ours that leads back to us.
TEST_F(NodeHostile, A112AConnectionInOurOwnNameIsClosed) {
  Stranger honest = connect(2, "203.0.113.2");
  for (int i = 0; i < 5; ++i) {
    Stranger ourselves = connect(200, "198.51.100." + std::to_string(7 + i));
    world.run_for(0ms);
    EXPECT_TRUE(world.stranger_closed(ourselves.link));
  }
  EXPECT_EQ(node.host().peer_count(), 1U);
  EXPECT_EQ(node.host().link_count(), 1U);
  EXPECT_FALSE(is_connected(200));
  EXPECT_EQ(node.host().book().find(host::test_peer(200)), nullptr);
  EXPECT_FALSE(world.stranger_closed(honest.link));
  expect_alive();
}

// Each coming and going is a line in the log and a write to the disk, so their number is bounded.
TEST_F(NodeHostile, A112ConnectingAndDisconnectingInALoopIsBoundedAndLeavesNothing) {
  const host::LimitsConfig limits = config().host.limits;
  const auto before = log.lines;
  std::size_t up = 0;
  constexpr int attempts = 3000;
  for (int i = 0; i < attempts; ++i) {
    Stranger peer = connect(static_cast<std::uint8_t>(1 + i % 100));
    if (peer.peer->is_up()) ++up;
    world.stranger_closes(0, peer.link);
    world.run_for(10ms);
  }
  const auto allowed =
      limits.rate_burst + static_cast<std::size_t>(attempts * 10ms / limits.rate_interval) + 1;
  EXPECT_LE(up, allowed);
  EXPECT_GE(up, limits.rate_burst);
  EXPECT_LE(log.lines - before, 2 * allowed) << "one for each that came, one for each that went";
  EXPECT_LE(log.bytes, 2 * allowed * 300);
  EXPECT_EQ(node.host().link_count(), 0U);
  EXPECT_EQ(node.host().peer_count(), 0U);
  EXPECT_EQ(streams_of(node), 0U);
  expect_alive();
}

}  // namespace
}  // namespace kith::node
