// One gossip router with many connected peers: what it holds beyond an empty one, and what a
// heartbeat takes. Peers are of one topic and know the extension; messages come in between, so that
// caches, scores and pairs are filled as in a network. Goals at 1,000 peers: 50 MB, 5 ms.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "gossip/test_router.h"

namespace {

using namespace kith;
using namespace kith::gossip;
using namespace kith::gossip::test;

constexpr std::string_view topic = "blocks";
constexpr std::uint64_t messages = 600;

std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Frames are counted and dropped, as a shell would after writing them.
class Peers {
 public:
  explicit Peers(std::uint32_t count) : count_(count) {
    for (std::uint32_t n = 1; n <= count; ++n) (void)identity(n);  // not the router's memory
    (void)identity(0);
    const std::size_t before = heap_bytes();
    router_ = std::make_unique<Router>(config_, identity(0).id, identity(0).key, 1, rng_,
                                       base::null_log(), now_);
    empty_bytes_ = heap_bytes() - before;
    router_->on_input(now_, Subscribe{std::string(topic), {}});
    for (std::uint32_t n = 1; n <= count; ++n) join(n);
    for (std::uint64_t seqno = 1; seqno <= messages; ++seqno) {
      hear(seqno);
      if (seqno % 10 == 0) beat();
    }
    held_bytes_ = heap_bytes() - before;
  }

  void beat() {
    now_ = std::max(now_, *router_->next_deadline());
    router_->on_deadline(now_);
    drain();
  }
  /// A message as a busy network brings it: three of the mesh send it, others announce.
  void hear(std::uint64_t seqno) {
    const Bytes data(1024, 1);
    const auto author = static_cast<std::uint32_t>(1 + seqno % count_);
    const Bytes body = signed_message(author, seqno, topic, base::as_text(data));
    const Bytes id = id_of(author, seqno);
    for (std::uint32_t i = 0; i < 3; ++i) {
      router_->on_rpc(now_, identity(static_cast<std::uint32_t>(1 + (seqno * 7 + i) % count_)).id,
                      body);
      drain();
    }
    codec::GossipRpc rpc;
    const ByteView view = id;
    rpc.ihave.push_back({base::as_bytes(topic), rpc.add_ids({&view, 1})});
    const Bytes ihave = body_of(rpc);
    for (std::uint32_t i = 0; i < 8; ++i) {
      router_->on_rpc(now_, identity(static_cast<std::uint32_t>(1 + (seqno * 11 + i) % count_)).id,
                      ihave);
      drain();
    }
    now_ += 20ms;
  }

  std::size_t empty_bytes() const { return empty_bytes_; }
  std::size_t held_bytes() const { return held_bytes_; }
  std::size_t frames() const { return frames_; }

 private:
  void join(std::uint32_t n) {
    PeerAdded added{identity(n).id, Version::v1_3};
    added.direction = n % 2 == 0 ? Direction::outbound : Direction::inbound;
    added.room = std::size_t{1} << 30;
    router_->on_input(now_, added);
    codec::GossipRpc hello;
    hello.extensions.emplace(true);
    hello.subscriptions.push_back({true, base::as_bytes(topic)});
    router_->on_rpc(now_, identity(n).id, body_of(hello));
    router_->on_input(now_, RttMeasured{identity(n).id, 50ms});
    drain();
  }
  void drain() {
    while (auto output = router_->poll_output(now_)) {
      if (const auto* send = std::get_if<SendRpc>(&*output)) {
        ++frames_;
        router_->on_input(now_, Room{send->peer, std::size_t{1} << 30});
      } else if (const auto* check = std::get_if<CheckSignatures>(&*output)) {
        router_->on_input(
            now_, SignaturesChecked{check->token, std::vector<bool>(check->batch.size(), true)});
      }
    }
  }

  const std::uint32_t count_;
  const Config config_;
  SeededRng rng_{1};
  Instant now_ = start;
  std::unique_ptr<Router> router_;
  std::size_t empty_bytes_ = 0;
  std::size_t held_bytes_ = 0;
  std::size_t frames_ = 0;
};

void heartbeat(benchmark::State& state) {
  Peers peers(static_cast<std::uint32_t>(state.range(0)));
  std::uint64_t seqno = messages;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 10; ++i) peers.hear(++seqno);
    state.ResumeTiming();
    peers.beat();
  }
  state.counters["empty_bytes"] = static_cast<double>(peers.empty_bytes());
  state.counters["held_bytes"] = static_cast<double>(peers.held_bytes());
  state.counters["bytes_per_peer"] = static_cast<double>(peers.held_bytes() - peers.empty_bytes()) /
                                     static_cast<double>(state.range(0));
}
BENCHMARK(heartbeat)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond)->Iterations(200);

}  // namespace
