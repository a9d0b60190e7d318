// What recording a figure costs: the budget is 10 ns and no allocation.
#include <benchmark/benchmark.h>

#include "base/metrics.h"

namespace {

using namespace kith;

void counter_add(benchmark::State& state) {
  Counter counter;
  for (auto _ : state) counter.add();
  benchmark::DoNotOptimize(counter.value());
}
BENCHMARK(counter_add);

void gauge_set(benchmark::State& state) {
  Gauge gauge;
  std::int64_t value = 0;
  for (auto _ : state) {
    gauge.set(++value);
    benchmark::DoNotOptimize(gauge);
  }
  benchmark::DoNotOptimize(gauge.value());
}
BENCHMARK(gauge_set);

void latency_record(benchmark::State& state) {
  Latency latency;
  std::int64_t value = 1;
  for (auto _ : state) {
    value = (value * 48271) % 2147483647;
    latency.record(Duration(value));
  }
  benchmark::DoNotOptimize(latency.snapshot());
}
BENCHMARK(latency_record);

void histogram_record(benchmark::State& state) {
  Histogram histogram(1024);
  std::uint64_t value = 1;
  for (auto _ : state) {
    value = (value * 48271) % 2147483647;
    histogram.record(value);
  }
  benchmark::DoNotOptimize(histogram.snapshot());
}
BENCHMARK(histogram_record);

}  // namespace
