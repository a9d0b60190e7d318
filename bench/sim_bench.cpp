// The simulator without a protocol: what the calendar, the links and the shell cost by themselves.
#include <benchmark/benchmark.h>

#include "base/rng.h"
#include "sim/event_queue.h"
#include "sim/test_machine.h"
#include "sim/trace_hash.h"

namespace kith::sim {
namespace {

// The hold model: pop one event, push one a random time later, with a constant number queued.
void event_queue_hold(benchmark::State& state) {
  EventQueue queue;
  SeededRng rng(1);
  const auto event_at = [&](Instant base) {
    return Event{base + Duration(static_cast<std::int64_t>(rng.next() % 100'000'000)), 0, 0, 0,
                 EventKind::action};
  };
  for (std::int64_t i = 0; i < state.range(0); ++i) queue.push(event_at(Instant{}));
  for (auto _ : state) {
    const auto event = queue.pop();
    queue.push(event_at(event->at));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(event_queue_hold)->Arg(1'000)->Arg(10'000)->Arg(100'000)->Arg(1'000'000);

void trace_of_payload(benchmark::State& state) {
  Bytes bytes(static_cast<std::size_t>(state.range(0)), 7);
  TraceHash trace(1);
  for (auto _ : state) trace.add(bytes);
  benchmark::DoNotOptimize(trace.value());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(trace_of_payload)->Arg(64)->Arg(1'024)->Arg(65'536);

// Nodes that keep a ball going on each of their links; four links a node. Items are events.
void world_chatter(benchmark::State& state) {
  World world({.seed = 1, .link = {.latency = 25ms, .jitter = 5ms}});
  add_chatter(world, static_cast<std::uint32_t>(state.range(0)), 4,
              static_cast<std::size_t>(state.range(1)));
  world.run_for(1s);
  const std::uint64_t before = world.events();
  for (auto _ : state) world.run_for(100ms);
  state.SetItemsProcessed(static_cast<std::int64_t>(world.events() - before));
}
BENCHMARK(world_chatter)
    ->Args({10, 64})
    ->Args({1'000, 64})
    ->Args({1'000, 1'024})
    ->Args({10'000, 64})
    ->Unit(benchmark::kMillisecond);

// One link that is always full: bytes a second of wall time.
void world_bulk(benchmark::State& state) {
  World world({.seed = 1, .link = {.latency = 1ms}});
  add_chatter(world, 2, 1, 60'000);
  world.run_for(1s);
  const std::uint64_t before = world.report().network.bytes_delivered;
  for (auto _ : state) world.run_for(100ms);
  state.SetBytesProcessed(
      static_cast<std::int64_t>(world.report().network.bytes_delivered - before));
}
BENCHMARK(world_bulk)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::sim
