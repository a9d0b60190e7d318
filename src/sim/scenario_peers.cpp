#include "sim/scenario_peers.h"

#include <algorithm>
#include <cmath>

#include "sim/scenario_swarm.h"

namespace kith::sim {
namespace {

constexpr Duration crash_mean = 20min;  // of one node's life
constexpr Duration down_for = 20s;

void plan_crash(Swarm& swarm, std::uint32_t node) {
  World& world = swarm.world();
  // Exponentially distributed lives: the sum of many small chances.
  const double unit = std::max(world.rng().unit(), 1e-9);
  const auto life =
      static_cast<std::int64_t>(-std::log(unit) * static_cast<double>(crash_mean.count()));
  world.after(Duration(life), [&swarm, node] {
    swarm.crash(node, CrashKind::process);
    swarm.world().after(down_for, [&swarm, node] {
      swarm.start(node);
      plan_crash(swarm, node);
    });
  });
}

}  // namespace

ScenarioResult run_peers(const ScenarioOptions& options) {
  SwarmConfig config = usual_swarm(options);
  Swarm* crashing = nullptr;  // it starts nobody before it runs
  config.on_started = [&crashing](std::uint32_t node) {
    if (!crashing->is_bootstrap(node)) plan_crash(*crashing, node);
  };
  Swarm swarm(options, std::move(config));
  crashing = &swarm;
  swarm.run();
  return swarm.summarise();
}

ScenarioResult run_calm(const ScenarioOptions& options) {
  SwarmConfig config = usual_swarm(options);
  config.world.link.loss = 0;
  config.node.host.feeler_interval = {};  // nobody gives up one peer for another
  const Duration settled_after = config.settled_after;
  Swarm swarm(options, std::move(config));
  std::uint64_t before = 0;
  swarm.world().at(Instant{} + settled_after, [&] { before = swarm.world().events(); });
  swarm.run();
  ScenarioResult result = swarm.summarise();
  // What happens once everybody has found the network: pings, exchange, looks at the peer count.
  if (options.duration > settled_after) {
    const double seconds = std::chrono::duration<double>(options.duration - settled_after).count();
    result.figures.emplace_back("steady_events_per_virtual_s",
                                static_cast<double>(result.events - before) / seconds);
  }
  return result;
}

}  // namespace kith::sim
