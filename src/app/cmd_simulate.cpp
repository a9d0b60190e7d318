// kith simulate: a scenario of whole nodes in virtual time.
#include <sys/resource.h>

#include <chrono>

#include "app/cmd.h"
#include "base/format.h"
#include "cli/reports.h"
#include "sim/scenario.h"

namespace kith::app {
namespace {

double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // KiB on Linux
}

}  // namespace

int run_simulate(const cli::Globals& globals, const cli::SimulateArgs& args) {
  if (args.nodes > sim::scenario_nodes_max) {
    return fail_with(globals, {Code::usage, base::format("--nodes {}: at most {}", args.nodes,
                                                         sim::scenario_nodes_max)});
  }
  sim::ScenarioOptions options;
  options.name = args.scenario;
  options.nodes = static_cast<std::uint32_t>(args.nodes);
  options.seed = args.seed;
  options.duration = args.run_for;
  for (const std::string& setting : args.settings) {
    const std::size_t at = setting.find('=');
    if (at == std::string::npos) {
      return fail_with(globals, {Code::usage, base::format("--with {}: NAME=VALUE", setting)});
    }
    options.settings.emplace_back(setting.substr(0, at), setting.substr(at + 1));
  }
  say(globals, base::format("simulating {} nodes for {} s, seed {}", options.nodes,
                            base::to_ms(options.duration) / 1000, options.seed));
  const auto start = std::chrono::steady_clock::now();
  const auto result = sim::run_scenario(options);
  if (!result) return fail_with(globals, result.error());
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;

  cli::SimulateReport report{options.name,    options.seed,   options.nodes,      0,
                             wall.count(),    result->events, result->trace_hash, {},
                             result->figures, peak_rss_mib()};
  report.virtual_s = std::chrono::duration<double>(options.duration).count();
  for (const auto& violation : result->violations) {
    report.violations.push_back(sim::to_string(violation));
  }
  print(globals.json ? to_json(report) : to_text(report));
  return report.violations.empty() ? 0 : 1;
}

}  // namespace kith::app
