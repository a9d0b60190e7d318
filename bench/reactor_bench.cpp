// What the real shell adds to a socket: raw loopback through two Reactors in two threads, with a
// WorldMachine that only counts. `Stream` is one direction at full speed, `Echo` the round trip of
// one small message, `Plain` the same stream by blocking send and recv, as the mark to reach.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "rt/os.h"
#include "rt/reactor.h"

namespace {

using namespace kith;

/// Sends `to_send` bytes of nothing in particular, counts what arrives, echoes when asked.
class CountingWorld final : public host::WorldMachine {
 public:
  void on_input(Instant, host::WorldInput input) override {
    if (const auto* listening = std::get_if<host::Listening>(&input)) {
      port = codec::as_tcp(listening->bound)->port;
      port.notify_all();
    } else if (const auto* opened = std::get_if<host::LinkOpened>(&input)) {
      link = opened->link;
      if (to_send > 0) output = host::TransmitReady{link};
    }
  }
  void on_deadline(Instant) override {}
  std::optional<host::WorldOutput> poll_output(Instant) override {
    return std::exchange(output, std::nullopt);
  }
  std::optional<Instant> next_deadline() override { return std::nullopt; }
  std::size_t on_bytes(Instant, LinkId from, ByteSpan bytes) override {
    received += bytes.size();
    if (echoes || round_trips_left > 0) {
      if (!echoes) --round_trips_left;
      if (echoes || round_trips_left > 0) {
        to_send += bytes.size();
        output = host::TransmitReady{from};
      }
    }
    return bytes.size();
  }
  std::size_t poll_transmit(Instant, LinkId, ByteSpan room) override {
    // A Noise frame's size, so that a send gathers several.
    const std::size_t count = std::min({to_send, room.size(), std::size_t{65535}});
    to_send -= count;
    return count;
  }
  bool wants_bytes(LinkId) const override { return true; }

  std::optional<host::WorldOutput> output;
  LinkId link{};
  std::size_t to_send = 0;
  std::size_t received = 0;
  std::size_t round_trips_left = 0;
  bool echoes = false;
  std::atomic<int> port = 0;
};

/// A listening reactor in a thread of its own.
class Server {
 public:
  explicit Server(bool echoes) : reactor_(world_, {}, base::null_log(), nullptr) {
    world_.echoes = echoes;
    world_.output = host::Listen{codec::Multiaddr::parse("/ip4/127.0.0.1/tcp/0").value()};
    reactor_.set_after_turn([this] {
      rt::Reactor* client = client_.load(std::memory_order_acquire);
      if (client != nullptr && world_.received >= goal_) {
        client_.store(nullptr);
        client->stop();
      }
    });
    thread_ = std::thread([this] { reactor_.run(); });
    world_.port.wait(0);
  }
  ~Server() {
    reactor_.stop();
    thread_.join();
  }
  codec::Multiaddr address() const {
    const std::uint8_t ip[] = {127, 0, 0, 1};
    return codec::Multiaddr::tcp(ip, static_cast<std::uint16_t>(world_.port.load()));
  }
  /// Ends `client`'s run when so many bytes have come.
  void stop_at(std::size_t bytes, rt::Reactor& client) {
    goal_ = bytes;
    client_.store(&client, std::memory_order_release);
  }

 private:
  CountingWorld world_;
  rt::Reactor reactor_;
  std::size_t goal_ = 0;
  std::atomic<rt::Reactor*> client_ = nullptr;
  std::thread thread_;
};

void reactor_stream(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0)) << 20;
  for (auto iteration : state) {
    state.PauseTiming();
    CountingWorld world;
    world.to_send = bytes;
    rt::Reactor reactor(world, {}, base::null_log(), nullptr);
    Server server(false);  // ends first: its thread calls stop() on `reactor`
    world.output = host::DialLink{LinkId{2}, server.address(), 5s};
    server.stop_at(bytes, reactor);
    state.ResumeTiming();
    reactor.run();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(reactor_stream)
    ->Name("rt/Stream")
    ->Arg(1024)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void reactor_echo(benchmark::State& state) {
  constexpr std::size_t round_trips = 20'000;
  for (auto iteration : state) {
    Server server(true);
    CountingWorld world;
    world.to_send = static_cast<std::size_t>(state.range(0));
    world.round_trips_left = round_trips;
    rt::Reactor reactor(world, {}, base::null_log(), nullptr);
    world.output = host::DialLink{LinkId{2}, server.address(), 5s};
    reactor.set_after_turn([&] {
      if (world.round_trips_left == 0) reactor.stop();
    });
    reactor.run();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(round_trips));
}
BENCHMARK(reactor_echo)->Name("rt/Echo")->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

void plain_stream(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0)) << 20;
  constexpr std::size_t chunk = 256 * 1024;
  for (auto iteration : state) {
    rt::Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener.get(), generic, size) != 0 || ::listen(listener.get(), 1) != 0 ||
        ::getsockname(listener.get(), generic, &size) != 0) {
      return state.SkipWithError("no loopback");
    }
    std::thread reader([&] {
      rt::Fd accepted(::accept(listener.get(), nullptr, nullptr));
      std::vector<std::uint8_t> buffer(chunk);
      while (::recv(accepted.get(), buffer.data(), chunk, 0) > 0) {
      }
    });
    {
      rt::Fd client(::socket(AF_INET, SOCK_STREAM, 0));
      std::vector<std::uint8_t> buffer(chunk);
      if (::connect(client.get(), generic, size) != 0) std::abort();
      for (std::size_t left = bytes; left > 0;) {
        const ssize_t sent = ::send(client.get(), buffer.data(), std::min(left, chunk), 0);
        if (sent <= 0) std::abort();
        left -= static_cast<std::size_t>(sent);
      }
    }
    reader.join();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(plain_stream)->Name("rt/Plain")->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
