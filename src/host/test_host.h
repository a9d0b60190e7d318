// For tests: a bare Host as a WorldMachine, with what it told recorded and, where it breaks a law
// of its own (a PeerDown without PeerUp, an event of a stream that is not up), an ASSERT.
#pragma once

#include <set>
#include <tuple>

#include "host/host.h"
#include "host/test_connections.h"
#include "host/test_world.h"

namespace kith::host {

/// Host events as a node would see them; protocols given are echoed by owner 1.
class TestHost final : public WorldMachine {
 public:
  TestHost(std::uint8_t number, const HostConfig& config,
           const std::vector<std::string>& protocols = {"/echo"})
      : key(test_key(number)), rng(number), host(config, key, rng, base::null_log()) {
    for (const auto& protocol : protocols) host.add_protocol({}, 1, protocol);
  }

  void on_input(Instant now, WorldInput input) override {
    host.on_input(now, std::move(input));
    pump(now);
  }
  void on_deadline(Instant now) override {
    if (const auto at = host.next_deadline(); at && *at <= now) host.on_deadline(now);
    pump(now);
  }
  std::optional<WorldOutput> poll_output(Instant) override {
    if (outputs_.empty()) return std::nullopt;
    return outputs_.pop_front();
  }
  std::optional<Instant> next_deadline() override { return host.next_deadline(); }
  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) override {
    const std::size_t taken = host.on_bytes(now, link, bytes);
    pump(now);
    return taken;
  }
  std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room) override {
    const std::size_t written = host.poll_transmit(now, link, room);
    pump(now);
    return written;
  }
  bool wants_bytes(LinkId link) const override { return host.wants_bytes(link); }
  std::size_t on_datagrams(Instant now, const base::DatagramsIn& in) override {
    const std::size_t taken = host.on_datagrams(now, in);
    pump(now);
    return taken;
  }
  base::DatagramsOut poll_datagrams(Instant now, ByteSpan room) override {
    const base::DatagramsOut out = host.poll_datagrams(now, room);
    pump(now);
    return out;
  }

  void tell(Instant now, HostInput input) {
    host.on_input(now, std::move(input));
    pump(now);
  }
  PeerId id() const { return host.self(); }
  std::optional<Result<PeerId>> dial_done(std::uint64_t token) const {
    const auto found = dials.find(Token{token});
    if (found == dials.end()) return std::nullopt;
    return found->second;
  }

  crypto::KeyPair key;
  SeededRng rng;
  Host host;
  std::set<PeerId> up;                    // by PeerUp and PeerDown
  std::map<StreamId, PeerId> streams;     // by StreamUp and StreamDown
  std::map<Token, Result<PeerId>> dials;  // by DialDone
  std::vector<PeerId> ups, downs;
  std::vector<Error> open_failed;
  std::map<StreamId, Bytes> received;
  std::vector<std::tuple<PeerId, std::string, Bytes>> messages, datagrams;  // with the protocol
  std::map<Token, MessageDone> answers;                                     // by MessageDone
  std::size_t stopped = 0;

 private:
  void pump(Instant now) {
    while (auto output = host.poll_output(now)) {
      std::visit(Overload{[&](WorldOutput& world) { outputs_.push_back(std::move(world)); },
                          [&](Routed& routed) { on_event(now, routed.event); },
                          [&](Broadcast& b) { on_event(now, b.event); },
                          [&](DialDone& done) {
                            const bool is_first = dials.emplace(done.token, done.peer).second;
                            ASSERT(is_first);
                          },
                          [&](Stopped&) { ++stopped; }, [](auto&) {}},
                 *output);
    }
  }
  void on_event(Instant now, ServiceEvent& event) {
    std::visit(Overload{[&](PeerUp& e) {
                          ASSERT(up.insert(e.peer).second);
                          ups.push_back(e.peer);
                        },
                        [&](PeerDown& e) {
                          ASSERT(up.erase(e.peer) == 1);
                          downs.push_back(e.peer);
                          for (const auto& [stream, peer] : streams) ASSERT(peer != e.peer);
                        },
                        [&](PeerIdentified& e) { ASSERT(up.contains(e.peer)); },
                        [&](StreamUp& e) {
                          ASSERT(up.contains(e.peer));
                          ASSERT(streams.emplace(e.stream, e.peer).second);
                        },
                        [&](StreamOpenFailed& e) { open_failed.push_back(e.error); },
                        [&](StreamData& e) {
                          ASSERT(streams.contains(e.stream));
                          base::append(received[e.stream], e.data);
                          const Consume consume{e.stream, e.data.size()};
                          host.on_input(now, FromService{1, consume});
                        },
                        [&](StreamRoom& e) { ASSERT(streams.contains(e.stream)); },
                        [&](StreamEnd& e) {
                          ASSERT(streams.contains(e.stream));
                          host.on_input(now, FromService{1, Finish{e.stream}});
                        },
                        [&](StreamDown& e) { ASSERT(streams.erase(e.stream) == 1); },
                        [&](MessageReceived& e) {
                          ASSERT(up.contains(e.peer));
                          messages.emplace_back(e.peer, std::string(e.protocol),
                                                base::to_bytes(e.data.view()));
                        },
                        [&](DatagramReceived& e) {
                          ASSERT(up.contains(e.peer));
                          datagrams.emplace_back(e.peer, std::string(e.protocol),
                                                 Bytes(e.data.begin(), e.data.end()));
                        },
                        [&](MessageDone& e) { ASSERT(answers.emplace(e.token, e).second); }},
               event);
  }
  base::Queue<WorldOutput> outputs_;
};

/// Hosts 0, 1, 2, … in one world, each listening at 127.0.0.1:1000+i.
class HostWorld {
 public:
  static HostConfig quiet() {
    HostConfig config;
    config.listen = {*codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/0")};
    config.peers_min = 0;
    return config;
  }
  static codec::Multiaddr address(std::size_t index) {
    return *codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/" + std::to_string(1000 + index));
  }

  TestHost& add(const HostConfig& config = quiet()) {
    const std::size_t index = hosts.size();
    hosts.push_back(std::make_unique<TestHost>(static_cast<std::uint8_t>(index + 1), config));
    world.add(*hosts.back());
    world.input(index, WallClock{{1'700'000'000'000}});
    hosts.back()->host.start(world.now());
    world.turn(index);
    world.run_for(1ms);
    return *hosts.back();
  }
  void tell(std::size_t index, HostInput input) {
    hosts[index]->tell(world.now(), std::move(input));
    world.turn(index);
  }
  void dial(std::size_t from, std::size_t to, std::uint64_t token) {
    tell(from, Dial{Token{token}, hosts[to]->id(), {address(to)}});
  }
  bool are_connected(std::size_t a, std::size_t b) const {
    return hosts[a]->up.contains(hosts[b]->id()) && hosts[b]->up.contains(hosts[a]->id());
  }

  TestWorld world;
  std::vector<std::unique_ptr<TestHost>> hosts;
};

}  // namespace kith::host
