// A whole node with all its services, listening, and strangers that have shaken hands and then say
// what the input likes: plaintext of any bytes, streams of the node's own protocols, answers to the
// node's questions, mixed with the node's own commands and with time. Whatever comes: streams and
// links within their limits, every peer that came also goes, and after a shutdown nothing is left.
#include <cstdint>

#include "codec/envelope.h"
#include "codec/varint.h"
#include "host/test_raw_peer.h"
#include "host/test_world.h"
#include "input.h"
#include "node/node.h"

namespace {

using namespace kith;

using fuzz::Input;

const char* const protocols[] = {"/ipfs/id/1.0.0",    "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0",
                                 "/kith/peers/1.0.0", "/perf/1.0.0",         "/meshsub/1.1.0",
                                 "/meshsub/1.2.0",    "/unknown/1.0.0"};

node::NodeConfig node_config() {
  node::NodeConfig config;
  config.host.listen = {*codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/0")};
  config.host.limits.connections_max = 8;
  config.host.limits.outbound_reserve = 2;
  config.host.peers_min = 1;
  config.host.book.peers_max = 8;
  config.serves_perf = true;
  return config;
}

Bytes framed(ByteView body) {
  Bytes bytes;
  codec::append_varint(bytes, body.size());
  base::append(bytes, body);
  return bytes;
}

/// What an honest peer says of itself; the key to being asked for peers and gossip.
Bytes identity(std::uint8_t number) {
  codec::PeerRecord record{host::test_peer(number), number, {}};
  record.addresses = {*codec::Multiaddr::parse("/ip4/203.0.113.9/tcp/9")};
  codec::IdentifyMessage message;
  message.public_key = host::test_key(number).public_key();
  for (const char* protocol : protocols) message.protocols.push_back(protocol);
  message.listen_addresses = record.addresses;
  message.signed_peer_record = codec::seal_peer_record(host::test_key(number), record);
  return framed(codec::encode_identify(message));
}

struct Stranger {
  LinkId link;
  std::uint8_t number;
  host::RawPeer peer;
  std::size_t heard = 0;
  std::uint32_t next_stream = 1;
};

class World {
 public:
  World() {
    world_.add(node_);
    world_.after_turn = [this](std::size_t) { take_reports(); };
    world_.input(0, host::WallClock{{1'700'000'000'000}});
    node_.start(world_.now());
    world_.turn(0);
    world_.run_for(1ms);
  }

  void play(Input input) {
    while (!input.rest.empty()) {
      turn(input);
      ASSERT(node_.host().link_count() <= 8 && node_.host().book().size() <= 8 + 8);
      ASSERT(peers_.size() == node_.host().peer_count());
    }
    for (const auto& stranger : strangers_) world_.stranger_closes(0, stranger->link);
    command(node::ShutDown{});
    world_.run_for(15s);
    ASSERT(node_.host().link_count() == 0 && node_.host().peer_count() == 0);
    ASSERT(stopped_ == 1 && peers_.empty());
  }

 private:
  void turn(Input& input) {
    const std::uint8_t what = input.byte();
    if ((what & 7) == 0) return connect(what / 8);
    if ((what & 7) == 7) return world_.run_for(Duration(100ms) * (what >> 3) * (what >> 3));
    if (strangers_.empty()) connect(0);
    if (strangers_.empty()) return;
    Stranger& stranger = *strangers_[what / 8U % strangers_.size()];
    switch (what & 7) {
      case 1: send(stranger, input.bytes(input.byte())); break;
      case 2: {  // opens a stream of a protocol that we speak
        const char* protocol = protocols[input.byte() & 7];
        Bytes text = hello(protocol);
        base::append(text, input.bytes(input.byte()));
        const std::uint16_t flags = mux::flag_syn | (input.byte() & mux::flag_fin);
        send(stranger, host::yamux_data(flags, stranger.next_stream, text));
        stranger.next_stream += 2;
        break;
      }
      case 3: {  // goes on, on any stream
        const std::uint8_t flags = input.byte() & (mux::flag_fin | mux::flag_rst);
        const std::uint32_t stream = input.byte();
        send(stranger, host::yamux_data(flags, stream, input.bytes(input.byte())));
        break;
      }
      case 4: {  // answers a question of ours
        const std::uint32_t stream = 2 * (input.byte() % 16U);
        Bytes text = hello(protocols[input.byte() & 7]);
        base::append(text, input.bytes(input.byte()));
        send(stranger, host::yamux_data(input.byte() & mux::flag_fin, stream, text));
        break;
      }
      case 5: {  // says who it is; ours of identify is the first stream that the node opens
        Bytes text = hello(protocols[0]);
        base::append(text, identity(stranger.number));
        send(stranger, host::yamux_data(mux::flag_fin, 2 + 2 * (input.byte() & 1U), text));
        break;
      }
      case 6: tell(input, host::test_peer(stranger.number)); break;
    }
  }
  void connect(std::uint8_t number) {
    if (strangers_.size() >= 6) return;
    const LinkId link = world_.connect_stranger(0, "203.0.113." + std::to_string(number + 1));
    const auto key = static_cast<std::uint8_t>(100 + number % 8);
    strangers_.push_back(std::make_unique<Stranger>(Stranger{link, key, host::RawPeer(key)}));
    for (int i = 0; i < 3; ++i) {
      world_.stranger_sends(0, link, strangers_.back()->peer.transmit());
      read(*strangers_.back());
    }
  }
  /// The node's own user.
  void tell(Input& input, const PeerId& peer) {
    const Token token{++token_};
    switch (input.byte() % 7) {
      case 0: command(node::PingPeer{token, peer}); break;
      case 1:
        command(node::PerfPeer{token, peer, input.byte() * 1000U, input.byte() * 1000U});
        break;
      case 2: command(node::Disconnect{peer}); break;
      case 3:
        command(node::Connect{token, peer, {*codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/9")}});
        break;
      case 4: command(gossip::Subscribe{"t", {}}); break;
      case 5: command(gossip::Unsubscribe{"t"}); break;
      case 6: command(node::ProtectPeer{peer, (token_ & 1) != 0}); break;
    }
  }

  static Bytes hello(std::string_view protocol) {
    Bytes bytes;
    codec::append_multistream(bytes, codec::multistream_header);
    codec::append_multistream(bytes, protocol);
    return bytes;
  }
  void send(Stranger& stranger, ByteView text) {
    if (!stranger.peer.is_up()) return;
    world_.stranger_sends(0, stranger.link, stranger.peer.seal(text));
    read(stranger);
  }
  void read(Stranger& stranger) {
    const Bytes& all = world_.stranger_received(stranger.link);
    stranger.peer.hear(ByteView(all).subspan(stranger.heard));
    stranger.heard = all.size();
  }
  void command(node::Command command) {
    node_.on_command(world_.now(), std::move(command));
    world_.turn(0);
  }
  void take_reports() {
    while (auto report = node_.poll_report()) {
      if (const auto* up = std::get_if<host::PeerUp>(&*report)) {
        ASSERT(peers_.insert(up->peer).second);
      } else if (const auto* down = std::get_if<host::PeerDown>(&*report)) {
        ASSERT(peers_.erase(down->peer) == 1);
      } else if (const auto* told = std::get_if<host::PeerIdentified>(&*report)) {
        ASSERT(peers_.contains(told->peer));
      } else if (std::holds_alternative<host::Stopped>(*report)) {
        ++stopped_;
      }
    }
  }

  SeededRng rng_{1};
  const crypto::KeyPair key_ = host::test_key(200);
  node::Node node_{node_config(), key_, rng_, base::null_log()};
  host::TestWorld world_;
  std::vector<std::unique_ptr<Stranger>> strangers_;
  std::set<PeerId> peers_;
  std::uint64_t token_ = 0;
  std::size_t stopped_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World().play({{data, std::min<size_t>(size, 1024)}});
  return 0;
}
