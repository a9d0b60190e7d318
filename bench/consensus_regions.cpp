// Block time and finality of many validators over the eight regions of sim/topology.h, in virtual
// time: real engines, links with 0 to 2 ms of jitter, 1 ms at most for a durable write and for a
// block. Signatures cost nothing here; with 50 us each and 134 of them a certificate, add 7 ms on a
// core at 200 validators.
//
//   consensus_regions [VALIDATORS [SECONDS]]       prints JSON
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/format.h"
#include "sim/engine_cluster.h"
#include "sim/topology.h"

int main(int count, char** words) {
  using namespace kith;
  const std::size_t validators = count > 1 ? std::strtoul(words[1], nullptr, 10) : 50;
  const long seconds = count > 2 ? std::strtol(words[2], nullptr, 10) : 30;
  sim::ClusterConfig config;
  config.weights.assign(validators, 1);
  config.is_really_signed = false;
  config.engine.block_interval = 0ms;
  config.delay_min = 0ms;
  config.delay_max = 2ms;
  config.disk_max = config.check_max = 1ms;
  config.distance = [](std::uint32_t from, std::uint32_t to) {
    const auto region = [](std::uint32_t node) {
      return static_cast<sim::Region>(node % sim::regions_count);
    };
    return sim::region_latency(region(from), region(to));
  };
  sim::EngineCluster cluster(config);
  cluster.start();
  cluster.run_for(std::chrono::seconds(seconds));

  std::vector<double> finality = cluster.finality_ms();
  std::ranges::sort(finality);
  const auto share = [&](double part) {
    return finality[static_cast<std::size_t>(part * static_cast<double>(finality.size() - 1))];
  };
  const auto& at = cluster.final_at();
  const Duration span = at.rbegin()->second - at.begin()->second;
  const double block_ms =
      static_cast<double>(base::to_ms(span)) / static_cast<double>(at.size() - 1);
  fmt::print(
      "{{\"validators\":{},\"heights\":{},\"block_ms\":{:.1f},\"finality_p50_ms\":{:.1f},"
      "\"finality_p99_ms\":{:.1f},\"violations\":{}}}\n",
      validators, at.size(), block_ms, share(0.5), share(0.99), cluster.violations().size());
  return cluster.violations().empty() ? 0 : 1;
}
