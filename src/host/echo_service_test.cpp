// How a protocol is written: a Service, the smallest whole one, and its test through two hosts.
// Echo sends back what it gets, at the pace at which the other side reads. ARCHITECTURE.md ("Adding
// a protocol") points here, and says where a service of the product stands.
#include <gtest/gtest.h>

#include <map>

#include "host/test_host.h"

namespace kith::host {
namespace {

/// /example/echo/1.0.0: every byte comes back, then the end.
/// Limit: what cannot be sent yet stays with the peer, because it is not consumed; so a stream
/// holds at most its receive window, which grows up to receive_window_max.
class ExampleEcho final : public Service {
 public:
  static constexpr std::string_view protocol = "/example/echo/1.0.0";

  std::vector<std::string> protocols() const override { return {std::string(protocol)}; }

  void on_input(Instant, ServiceEvent event) override {
    std::visit(Overload{[](PeerUp&) {}, [](PeerDown&) {}, [](PeerIdentified&) {},
                        [&](StreamUp& up) { streams_[up.stream].room = up.room; },
                        [](StreamOpenFailed&) {},
                        [&](StreamData& data) {
                          const auto found = streams_.find(data.stream);
                          if (found == streams_.end()) return;
                          base::append(found->second.held, data.data);  // the view ends here
                          send(data.stream, found->second);
                        },
                        [&](StreamRoom& room) {
                          const auto found = streams_.find(room.stream);
                          if (found == streams_.end()) return;
                          found->second.room = room.room;
                          send(room.stream, found->second);
                        },
                        [&](StreamEnd& end) {
                          const auto found = streams_.find(end.stream);
                          if (found == streams_.end()) return;
                          found->second.has_ended = true;
                          send(end.stream, found->second);
                        },
                        [&](StreamDown& down) { streams_.erase(down.stream); }, WithoutMessages{}},
               event);
  }

 private:
  struct Stream {
    Bytes held;            // received, not yet consumed: at most the stream's window
    std::size_t sent = 0;  // of it, from the front: written and consumed
    std::size_t room = 0;  // bytes that Write may queue
    bool has_ended = false;
    bool is_finished = false;
  };

  void send(StreamId id, Stream& stream) {
    const std::size_t size = std::min(stream.held.size() - stream.sent, stream.room);
    if (size > 0) {
      say(Write{id, Buffer(ByteView(stream.held).subspan(stream.sent, size))});
      say(Consume{id, size});  // only now may the peer send as many more
      stream.room -= size;
      stream.sent += size;
      if (stream.sent == stream.held.size()) stream.held.clear(), stream.sent = 0;
    }
    if (stream.has_ended && stream.held.empty() && !std::exchange(stream.is_finished, true)) {
      say(Finish{id});
    }
  }

  std::map<StreamId, Stream> streams_;  // yamux's streams_inbound_max bounds it
};

/// A WorldMachine of one Host and one Service: what node::Node does for all of them.
class EchoHost final : public WorldMachine {
 public:
  EchoHost(std::uint8_t number, const HostConfig& config)
      : key_(test_key(number)), rng_(number), host(config, key_, rng_, base::null_log()) {
    for (const auto& protocol : echo.protocols()) host.add_protocol({}, 1, protocol);
  }
  void on_input(Instant now, WorldInput input) override {
    host.on_input(now, std::move(input));
    route(now);
  }
  void on_deadline(Instant now) override {
    host.on_deadline(now);
    route(now);
  }
  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes) override {
    const std::size_t taken = host.on_bytes(now, link, bytes);
    route(now);  // before the bytes go: StreamData's view is into them
    return taken;
  }
  std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room) override {
    const std::size_t written = host.poll_transmit(now, link, room);
    route(now);
    return written;
  }
  std::optional<WorldOutput> poll_output(Instant) override {
    if (outputs_.empty()) return std::nullopt;
    return outputs_.pop_front();
  }
  std::optional<Instant> next_deadline() override { return host.next_deadline(); }
  bool wants_bytes(LinkId link) const override { return host.wants_bytes(link); }

 private:
  void route(Instant now) {
    for (bool is_busy = true; is_busy;) {
      is_busy = false;
      while (auto output = host.poll_output(now)) {
        if (auto* world = std::get_if<WorldOutput>(&*output)) outputs_.push_back(std::move(*world));
        if (auto* routed = std::get_if<Routed>(&*output)) echo.on_input(now, routed->event);
        if (auto* all = std::get_if<Broadcast>(&*output)) echo.on_input(now, all->event);
      }
      while (auto command = echo.poll_output(now)) {
        host.on_input(now, FromService{1, std::move(*command)});
        is_busy = true;
      }
    }
  }

  crypto::KeyPair key_;
  SeededRng rng_;
  base::Queue<WorldOutput> outputs_;

 public:
  ExampleEcho echo;
  Host host;
};

TEST(EchoService, WhatIsSentComesBack) {
  HostWorld w;
  TestHost& client = w.add();
  EchoHost server(9, HostWorld::quiet());
  w.world.add(server);
  w.world.input(1, WallClock{{1}});
  server.host.start(w.world.now());
  w.world.turn(1);
  w.world.run_for(1ms);

  w.tell(0, Dial{Token{1}, test_peer(9), {HostWorld::address(1)}});
  w.world.run_for(1s);
  w.tell(0, FromService{1, Open{Token{2}, test_peer(9), {std::string(ExampleEcho::protocol)}}});
  ASSERT_EQ(client.streams.size(), 1U) << "one protocol: usable at once";
  const StreamId stream = client.streams.begin()->first;
  const Bytes sent(200'000, 7);
  w.tell(0, FromService{1, Write{stream, Buffer(ByteView(sent))}});
  w.tell(0, FromService{1, Finish{stream}});
  w.world.run_for(1s);
  EXPECT_EQ(client.received[stream], sent);
  EXPECT_TRUE(client.streams.empty()) << "both sides have finished";
}

}  // namespace
}  // namespace kith::host
