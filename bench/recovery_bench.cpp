// Recovery alone: what a packet costs from on_sent() to its acknowledgement, 64 packets an
// acknowledgement, with so many in flight; and that it allocates nothing once a flow runs.
// docs/design/packet.md reckons with 15 ns to send and 60 for both.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <new>

#include "base/assert.h"
#include "packet/recovery.h"

namespace {

std::uint64_t allocations = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace kith;
using namespace kith::packet;

constexpr std::uint64_t packets_an_ack = 64;

/// A flow with `in_flight` packets under way, of which each round sends 64 and hears of 64. Of
/// `lost_one_in` packets one never arrives; 0: all do.
class Flow {
 public:
  Flow(CongestionKind kind, std::uint64_t in_flight, std::uint64_t lost_one_in)
      : recovery_({.congestion = kind}, 1400, rng_), lost_one_in_(lost_one_in) {
    while (next_ < in_flight) send();
  }
  void round() {
    now_ += 25us;
    benchmark::DoNotOptimize(recovery_.allowance(now_));
    for (std::uint64_t i = 0; i < packets_an_ack; ++i) send();
    acknowledge();
    benchmark::DoNotOptimize(recovery_.next_deadline());
  }

 private:
  void send() {
    const FrameNote note{
        .kind = FrameNote::Kind::stream, .flags = 0, .bytes = 1300, .id = 1, .offset = next_};
    // One of 16 carries more than a piece of a stream.
    const std::array<FrameNote, 2> notes{note, note};
    next_ = recovery_.next_number(next_ | 1) + 1;
    recovery_.on_sent(now_, {next_ - 1, 1400, true, false},
                      std::span(notes).first(next_ % 16 == 0 ? 2 : 1));
  }
  void acknowledge() {
    AckFrame ack;
    PacketNumber last = acked_ + packets_an_ack - 1;
    const PacketNumber lowest = acked_ > 512 ? acked_ - 512 : 0;  // what the peer repeats
    acked_ += packets_an_ack;
    while (ack.count < ack_ranges_max && last >= lowest) {
      const PacketNumber hole = lost_one_in_ == 0 ? 0 : last / lost_one_in_ * lost_one_in_;
      if (hole < lowest || hole == 0) {
        ack.ranges[ack.count++] = {lowest, last};
        break;
      }
      if (hole < last) ack.ranges[ack.count++] = {hole + 1, last};
      last = hole - 1;
    }
    auto news = recovery_.on_ack(now_, ack, 25ms);
    ASSERT(news.has_value());
    benchmark::DoNotOptimize(news->acked.data());
  }

  SeededRng rng_{1};
  Recovery recovery_;
  std::uint64_t lost_one_in_;
  Instant now_{1s};
  PacketNumber next_ = 0, acked_ = 0;
};

void sent_and_acked(benchmark::State& state, CongestionKind kind, std::uint64_t lost_one_in) {
  const auto in_flight = static_cast<std::uint64_t>(state.range(0));
  Flow flow(kind, in_flight, lost_one_in);
  // Twice around the ring, and what is lost has been for a while.
  for (std::uint64_t sent = 0; sent < 4 * in_flight + 65'536; sent += packets_an_ack) flow.round();
  const std::uint64_t before = allocations;
  for (auto _ : state) flow.round();
  state.counters["allocations"] = static_cast<double>(allocations - before);
  const auto packets = state.iterations() * static_cast<std::int64_t>(packets_an_ack);
  state.SetItemsProcessed(packets);
}

BENCHMARK_CAPTURE(sent_and_acked, bbr, CongestionKind::bbr, 0)->Arg(512)->Arg(4096)->Arg(32'768);
BENCHMARK_CAPTURE(sent_and_acked, cubic, CongestionKind::cubic, 0)->Arg(512);
BENCHMARK_CAPTURE(sent_and_acked, bbr_lossy, CongestionKind::bbr, 100)->Arg(512)->Arg(4096);

}  // namespace
