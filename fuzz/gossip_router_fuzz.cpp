// The gossip router as a machine: six peers of all versions say whatever the input likes, well
// formed RPCs of every kind and plain bytes, while the node subscribes, publishes, validates and
// leaves, and time passes. Whatever comes: meshes, peers, topics and the seen cache within their
// limits, no RPC to a peer that has gone, never more than the room it has, and a message is
// delivered once.
//
// Grammar: one byte says what and who (what: low four bits, who: high four), then what it takes.
#include <cstdint>
#include <set>

#include "gossip/test_router.h"
#include "input.h"

namespace {

using namespace kith;
using namespace kith::gossip;
using namespace kith::gossip::test;

constexpr std::uint32_t peers = 6;  // identities 1 to 6
constexpr std::string_view topics[] = {"a", "b", "c", "not ours"};

using fuzz::Input;

Config small() {
  Config config;
  config.mesh = {.d = 2, .d_lo = 1, .d_hi = 3, .d_score = 1, .d_out = 0};
  config.seen.entries_max = 16;
  config.message_cache.messages_max = 8;
  config.send_queue = {.frames_max = 16, .bytes_max = 4096};
  config.in_flight_max = 4;
  config.topics_max = 3;
  config.topics_per_peer_max = 3;
  config.peers_max = 4;
  config.wants.wants_max = 4;
  config.wants.holders_max = 2;
  config.choke.fastest = 1;
  config.choke.training_messages = 2;
  config.choke.choice_interval_min = 1s;
  config.choke.remembered_max = 4;
  config.relay.samples_min = 1;
  config.relay.remembered_max = 4;
  config.message_bytes_max = 256;
  return config;
}

class Play {
 public:
  explicit Play(Input input) : input_(input), bench_(small()) { bench_.room = 1000; }

  void run() {
    while (!input_.rest.empty()) {
      step();
      check();
    }
    for (std::uint32_t n = 1; n <= peers; ++n) leave(n);
    bench_.run_for(10min);
    ASSERT(bench_.router.peer_count() == 0 && bench_.router.seen_count() == 0);
  }

 private:
  void step() {
    const std::uint8_t what = input_.byte();
    const std::uint32_t who = 1 + (what >> 4U) % peers;
    switch (what & 15U) {
      case 0: join(who); break;
      case 1: leave(who); break;
      case 2: bench_.raw(who, input_.bytes(input_.byte())); break;
      case 3: bench_.peer_subscribes(who, topic(), input_.byte() % 4 != 0); break;
      case 4: message(who); break;
      case 5: bench_.ihave(who, topic(), id()); break;
      case 6: bench_.iwant(who, id()); break;
      case 7: bench_.idontwant(who, id()); break;
      case 8: bench_.graft(who, topic()); break;
      case 9: bench_.prune(who, topic(), input_.byte() * 7); break;
      case 10: choke(who); break;
      case 11: own(); break;
      case 12: bench_.run_for(Duration(50ms) * input_.byte()); break;
      case 13: stand(who); break;
      case 14: room(who); break;
      case 15: answer(); break;
    }
  }

  std::string_view topic() { return topics[input_.byte() % std::size(topics)]; }
  /// One that exists or existed, or that somebody made up.
  Bytes id() {
    const std::uint8_t byte = input_.byte();
    return id_of(1 + byte % peers, 1 + byte / 16U);
  }

  void join(std::uint32_t who) {
    const auto version = static_cast<Version>(input_.byte() % 5);
    const bool was_there = is_there(who);
    const bool has_room = bench_.router.peer_count() < bench_.config.peers_max;
    bench_.add_peer(who, version, who % 2 == 0 ? Direction::outbound : Direction::inbound, who % 3,
                    who == peers);
    if (was_there || !has_room) return;
    there_.insert(who);
    codec::GossipRpc hello;
    if (version == Version::v1_3) hello.extensions.emplace(input_.byte() % 2 == 0);
    hello.subscriptions.push_back({true, base::as_bytes(topics[0])});
    bench_.rpc(who, hello);
  }
  void leave(std::uint32_t who) {
    bench_.input(PeerGone{identity(who).id});
    bench_.partial.erase(identity(who).id);  // a frame begun there is never finished
    there_.erase(who);
  }
  void message(std::uint32_t who) {
    const std::uint8_t what = input_.byte();
    const std::string_view in = topic();
    ByteView data = input_.bytes(input_.byte() % 64);
    Bytes framed;
    if (in == "c" && data.size() > 1) {  // its messages expire and may be compressed
      Bytes payload;
      for (int i = 0; i < data[0] % 8; ++i) base::append(payload, data);
      const auto now_ms = base::to_ms(bench_.now.time_since_epoch());
      const WallTime expires{now_ms + data[1] * 300 - 2000};
      framed = topic_data_.write(payload, expires, {true, true});
      if (data[0] % 16 == 0) framed[data[1] % framed.size()] ^= data[0];
      data = framed;
    }
    if (what % 8 == 0) {
      bench_.raw(who, anonymous_message(in, base::as_text(data)));
      return;
    }
    bench_.raw(who, signed_message(1 + what % peers, 1 + what / 16U, in, data, [&](auto& message) {
                 if (what % 8 == 1) message.signature = data;
                 if (what % 8 == 2) message.key = data;
                 if (what % 8 == 3) message.data = ByteView();
               }));
  }
  void choke(std::uint32_t who) {
    codec::GossipRpc rpc;
    (input_.byte() % 2 == 0 ? rpc.choke : rpc.unchoke).push_back(base::as_bytes(topic()));
    bench_.rpc(who, rpc);
  }
  void own() {
    const std::uint8_t what = input_.byte();
    const std::string in(topic());
    TopicOptions options = in == "b" ? anonymous() : TopicOptions{};
    options.has_validator = in == "c";
    if (in == "c") {
      options.max_age = 20s;
      options.is_compressed = true;
      options.priority = Priority::bulk;
    }
    switch (what % 3) {
      case 0: bench_.subscribe(in, options); break;
      case 1: bench_.input(Unsubscribe{in}); break;
      case 2: {
        const Bytes data(std::size_t{what} * 2, what);
        bench_.input(Publish{Token{what}, in, Buffer(ByteView(data)), options});
        break;
      }
    }
  }
  void stand(std::uint32_t who) {
    const std::uint8_t what = input_.byte();
    bench_.input(Standing{identity(who).id, static_cast<double>(what) - 128,
                          what % 4 == 0 ? -60.0 : 1e9, what % 16 == 0});
  }
  void room(std::uint32_t who) {
    bench_.input(Room{identity(who).id, std::size_t{16} * input_.byte()});
    bench_.input(RttMeasured{identity(who).id, Duration(1ms) * input_.byte()});
  }
  void answer() {
    if (bench_.to_validate.empty()) return;
    const Token token = bench_.to_validate.front().token;
    bench_.to_validate.pop_front();
    bench_.input(Validated{token, static_cast<Verdict>(input_.byte() % 3)});
  }
  bool is_there(std::uint32_t who) const { return there_.contains(who); }

  void check() {
    const Router& router = bench_.router;
    ASSERT(router.peer_count() == there_.size() && router.peer_count() <= bench_.config.peers_max);
    ASSERT(router.topic_count() <= bench_.config.topics_max);
    ASSERT(router.seen_count() <= bench_.config.seen.entries_max);
    for (const std::string_view topic : topics) {
      ASSERT(router.mesh_of(topic).size() <= bench_.config.mesh.d_hi);
      ASSERT(router.choked_of(topic).size() <= router.mesh_of(topic).size());
    }
    for (const Message& message : bench_.delivered) {
      Bytes name = base::to_bytes(base::as_bytes(message.topic));
      base::append(name, message.id.view());
      // The seen cache remembers for five minutes; seqnos for good.
      if (message.author && message.received_from) ASSERT(delivered_.insert(name).second);
    }
    bench_.delivered.clear();
    bench_.events.clear();
    bench_.sent.clear();
    bench_.published.clear();
    bench_.connects.clear();
    while (bench_.to_validate.size() > 8) bench_.to_validate.pop_front();
  }

  Input input_;
  codec::TopicDataCodec topic_data_;
  RouterBench bench_;
  std::set<std::uint32_t> there_;
  std::set<Bytes> delivered_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Play({{data, std::min<size_t>(size, 1024)}}).run();
  return 0;
}
