// Engines by the million heights: swarms and twins over a range of seeds, for `./run sim ledger`,
// `./run sim twins` and tools/mutants.py.
//
//   cluster_check swarm FROM TO [SECONDS]       seeds [FROM, TO), or until so much wall time is
//   over cluster_check hours N SEED STRIDE           seeds SEED, SEED + STRIDE, … for N virtual
//   hours cluster_check twins VIEWS PART PARTS        every scenario of four, this part of them
//   cluster_check sample VIEWS FROM TO          seven validators, two pairs of twins
//
// Prints a line for each violation, with what shows it again, and a sum. Exit code 1 for
// violations.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/format.h"
#include "sim/cluster_swarm.h"
#include "sim/cluster_twins.h"

namespace kith::sim {
namespace {

struct Sum {
  std::uint64_t runs = 0, heights = 0, events = 0, broken = 0, caught = 0;
  double hours = 0;
};

void print(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void swarm(Sum& sum, std::uint64_t seed) {
  const SwarmResult result = run_cluster_swarm(seed);
  ++sum.runs;
  sum.heights += result.heights;
  sum.events += result.events;
  sum.hours += std::chrono::duration<double, std::ratio<3600>>(result.lasted).count();
  if (result.violations.empty()) return;
  ++sum.broken;
  print(base::format("seed {}: {}\n  {}", seed, result.weather,
                     fmt::join(result.violations, "\n  ")));
}

void note(Sum& sum, const TwinsResult& result, const std::string& name) {
  ++sum.runs;
  sum.events += result.events;
  sum.caught += result.is_caught ? 1 : 0;
  if (result.violations.empty()) return;
  ++sum.broken;
  print(base::format("{}\n  {}", name, fmt::join(result.violations, "\n  ")));
}

int run(const std::vector<std::string>& words) {
  constexpr std::uint64_t broken_max = 10;
  const auto number = [&](std::size_t at, std::uint64_t otherwise = 0) {
    return at < words.size() ? std::strtoull(words[at].c_str(), nullptr, 10) : otherwise;
  };
  const auto start = std::chrono::steady_clock::now();
  const auto wall = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Sum sum;
  const std::string what = words.empty() ? "" : words[0];
  if (what == "swarm") {
    const auto limit = static_cast<double>(number(3, 1'000'000'000));
    for (std::uint64_t seed = number(1); seed < number(2) && wall() < limit; ++seed) {
      swarm(sum, seed);
      if (sum.broken >= broken_max) break;
    }
  } else if (what == "hours") {
    const auto hours = static_cast<double>(number(1));
    for (std::uint64_t seed = number(2); sum.hours < hours; seed += number(3, 1)) {
      swarm(sum, seed);
      if (sum.broken >= broken_max) break;
    }
  } else if (what == "twins") {
    const auto views = static_cast<std::uint32_t>(number(1));
    for (std::uint64_t id = number(2); id < twins_count(views); id += number(3, 1)) {
      if (!is_twins_canonical(id, views)) continue;
      note(sum, run_twins(id, views), base::format("scenario {} of {} views", id, views));
      if (sum.broken >= broken_max) break;
    }
  } else if (what == "sample") {
    const auto views = static_cast<std::uint32_t>(number(1));
    for (std::uint64_t seed = number(2); seed < number(3); ++seed) {
      note(sum, run_twins_sample(seed, 7, views), base::format("sample {}", seed));
      if (sum.broken >= broken_max) break;
    }
  } else {
    std::fputs("cluster_check: swarm, hours, twins or sample; see the head of its source\n",
               stderr);
    return 2;
  }
  print(
      base::format("{} runs, {:.1f} virtual hours, {} heights, {} events, {} with twins caught, {} "
                   "broken, {:.1f} s",
                   sum.runs, sum.hours, sum.heights, sum.events, sum.caught, sum.broken, wall()));
  return sum.broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace kith::sim

int main(int count, char** words) {
  return kith::sim::run(std::vector<std::string>(words + 1, words + count));
}
