// What the tests of EngineCluster share: a quick cluster, its violations as text, and waiting.
#pragma once

#include <functional>
#include <string>

#include "sim/engine_cluster.h"

namespace kith::sim {

/// As fast as the network goes, timeouts of some 100 ms.
inline ClusterConfig quick_cluster(std::uint64_t seed = 1) {
  ClusterConfig config;
  config.seed = seed;
  config.is_really_signed = false;
  config.engine.block_interval = 0ms;
  config.engine.delta = 200ms;
  config.engine.delta_max = 2s;
  config.engine.standstill = 1s;
  config.engine.standstill_max = 4s;
  config.engine.skip_after = 4s;
  config.engine.missing_after = 4s;
  return config;
}

inline std::string violations_of(const EngineCluster& cluster) {
  std::string text;
  for (const std::string& violation : cluster.violations()) text += violation + "\n";
  return text;
}

/// How long it took; `limit` when it never came.
inline Duration run_until(EngineCluster& cluster, Duration limit, const std::function<bool()>& is) {
  const Instant start = cluster.now();
  while (!is() && cluster.now() - start < limit) cluster.run_for(10ms);
  return cluster.now() - start;
}

/// All honest nodes that are up finalize something that nobody had.
inline bool goes_on(EngineCluster& cluster, Duration within) {
  const std::uint64_t height = cluster.height_max();
  return run_until(cluster, within, [&] { return cluster.height_min() > height; }) < within;
}

}  // namespace kith::sim
