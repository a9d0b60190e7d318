#include "sim/scenario_compute.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "sim/scenario_compute_net.h"
#include "sim/share_bound.h"

namespace kith::sim {
namespace {

constexpr Duration block_time = 60s;
constexpr std::uint64_t round_blocks = 64;
/// Fewer would see nothing mature.
constexpr std::uint64_t rounds_min = 30;
/// Of all rounds, the last part, in which what is counted is the steady state.
constexpr double steady_share = 1.0 / 3;
/// What the chain reckons with (codec/chain_compute.h), whatever the setting says.
constexpr double cheats_reckoned = 0.3;
/// Coins are added up this often.
constexpr std::uint64_t audit_blocks = 256;

Result<double> parse_number(const std::string& name, std::string_view text, double least,
                            double most) {
  double value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || !(value >= least && value <= most)) {
    return fail(Code::usage,
                base::format("{}={}: a number from {} to {}", name, text, least, most));
  }
  return value;
}

Result<std::optional<ComputeLie>> parse_lie(std::string_view text) {
  if (text == "all") return std::optional<ComputeLie>();
  for (std::size_t i = 1; i < compute_lies; ++i) {
    const auto lie = static_cast<ComputeLie>(i);
    if (name_of(lie) == text) return std::optional<ComputeLie>(lie);
  }
  return fail(Code::usage, base::format("lie {}: there is no such one", text));
}

Result<std::optional<ComputeContest>> parse_contest(std::string_view text) {
  if (text == "all") return std::optional<ComputeContest>();
  for (std::size_t i = 0; i < compute_contests; ++i) {
    const auto contest = static_cast<ComputeContest>(i);
    if (name_of(contest) == text) return std::optional<ComputeContest>(contest);
  }
  return fail(Code::usage, base::format("contest {}: there is no such one", text));
}

Result<ComputeSettings> settings_of(const ScenarioOptions& options) {
  ComputeSettings settings;
  settings.slots = options.nodes;
  for (const auto& [name, value] : options.settings) {
    if (name == "cheats") {
      settings.cheats = TRY(parse_number(name, value, 0, 0.49));
    } else if (name == "lie") {
      settings.only = TRY(parse_lie(value));
    } else if (name == "contest") {
      settings.contest = TRY(parse_contest(value));
    } else if (name == "failures") {
      if (value != "on" && value != "off") return fail(Code::usage, "failures: on or off");
      settings.has_failures = value == "on";
    } else if (name == "eps") {
      settings.eps_ppm = static_cast<std::uint32_t>(TRY(parse_number(name, value, 20, 100'000)));
    } else if (name == "after") {
      settings.lies_after = static_cast<std::uint32_t>(TRY(parse_number(name, value, 0, 10'000)));
    } else {
      return fail(Code::usage, base::format("the scenario compute has no setting {}", name));
    }
  }
  return settings;
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

double wrong_share(const ComputeNet& net, const PassCount& pass) {
  return share(static_cast<double>(pass.wrong_units),
               static_cast<double>(pass.tasks) * net.units());
}

/// With 95 % confidence. Units of one task are false together, tasks are not: so it is tasks that
/// are counted, each as if it had as many wrong units as the worst one that was accepted.
double wrong_share_at_most(const ComputeNet& net, const ComputeCount& ever, const PassCount& pass) {
  const auto worst =
      std::max({ever.passes[0].most_wrong, ever.passes[1].most_wrong, std::uint64_t{1}});
  return upper_share(pass.wrong_tasks, pass.tasks) * static_cast<double>(worst) / net.units();
}

class ComputeRun {
 public:
  ComputeRun(const ComputeSettings& settings, const ScenarioOptions& options)
      : options_(options), net_(settings, options.seed) {}

  ScenarioResult run(std::uint64_t blocks) {
    const auto steady_from =
        blocks - static_cast<std::uint64_t>(static_cast<double>(blocks) * steady_share);
    for (std::uint64_t i = 0; i < blocks; ++i) {
      if (i == steady_from) {
        before_ = net_.count();
        net_.start_counting();
      }
      net_.block();
      if (i % audit_blocks == audit_blocks - 1 && !net_.is_conserved()) {
        violate("conservation", "accounts and jobs have another sum than was paid in", i);
      }
    }
    judge(blocks);
    result_.events = blocks;
    result_.trace_hash = net_.trace_hash();
    report();
    return std::move(result_);
  }

 private:
  void violate(const std::string& rule, std::string what, std::uint64_t block) {
    const Instant at{block_time * static_cast<std::int64_t>(block)};
    result_.violations.push_back({rule, std::move(what), at, block, options_.seed});
  }

  double bound_second() const { return net_.bound() * cheats_reckoned; }

  void judge(std::uint64_t blocks) {
    const ComputeCount& ever = net_.ever();
    const double first = wrong_share(net_, ever.passes[0]);
    if (first > net_.bound()) {
      violate("first acceptance",
              base::format("{:.2e} of units are wrong, bound {:.2e}", first, net_.bound()), blocks);
    }
    const double second = wrong_share(net_, ever.passes[1]);
    if (second > bound_second()) {
      violate("second pass",
              base::format("{:.2e} of units are wrong, bound {:.2e}", second, bound_second()),
              blocks);
    }
    if (net_.honest_faults() > 0) {
      violate("the honest lose nothing",
              base::format("{} honest slots were fined", net_.honest_faults()), blocks);
    }
  }

  void figure(std::string name, double value) {
    result_.figures.emplace_back(std::move(name), value);
  }
  void figure(std::string name, std::uint64_t value) {
    figure(std::move(name), static_cast<double>(value));
  }

  void report() {
    const ComputeCount& ever = net_.ever();
    const ComputeCount& steady = net_.count();
    figure("rounds", net_.rounds());
    figure("passes_to_mature", std::uint64_t{net_.mature()});
    figure("wrong_units_first", wrong_share(net_, ever.passes[0]));
    figure("wrong_units_first_at_most", wrong_share_at_most(net_, ever, ever.passes[0]));
    figure("bound_first", net_.bound());
    figure("wrong_units_second", wrong_share(net_, ever.passes[1]));
    figure("wrong_units_second_at_most", wrong_share_at_most(net_, ever, ever.passes[1]));
    figure("bound_second", bound_second());
    figure("tasks_first", ever.passes[0].tasks);
    figure("tasks_second", ever.passes[1].tasks);
    figure("wrong_first", ever.passes[0].wrong_units);
    figure("wrong_second", ever.passes[1].wrong_units);
    figure("wrong_tasks_first", ever.passes[0].wrong_tasks);
    figure("wrong_tasks_second", ever.passes[1].wrong_tasks);
    figure("honest_slots", net_.honest_slots());
    figure("honest_fined", net_.honest_faults());
    for (std::size_t i = 1; i < compute_lies; ++i) {
      const std::string name(name_of(static_cast<ComputeLie>(i)));
      figure("wrong_by_" + name, ever.wrong_by[i]);
      figure("fined_" + name, ever.faults_by[i]);
    }
    // Shares of what honest slots could have computed, in the last third.
    const double accepted = static_cast<double>(steady.honest_tasks) * net_.units();
    figure("steady_accepted", share(accepted, steady.capacity));
    figure("steady_accepted_when_there", share(accepted, steady.capacity - steady.lost));
    figure("steady_computed", share(steady.computed, steady.capacity));
    figure("steady_redone", share(steady.redone, steady.capacity));
    figure("steady_throughput", share(steady.computed - steady.redone, steady.capacity));
    figure("steady_checks", share(steady.checked, steady.capacity));
    figure("steady_failures", share(steady.lost, steady.capacity));
    figure("steady_idle",
           1 - share(steady.computed + steady.checked + steady.lost, steady.capacity));
    figure("steady_resting", share(steady.resting, steady.capacity));
    figure("steady_unleased", share(steady.unleased, steady.capacity));
    figure("checks_per_unit", share(steady.checked, steady.computed));
    figure("honest_withdrawn", before_.withdrawn + steady.withdrawn);
    figure("disputes", before_.disputes + steady.disputes);
    figure("verdicts", before_.verdicts + steady.verdicts);
    figure("moves_refused", before_.refused_moves + steady.refused_moves);
    figure("dispute_bytes", share(static_cast<double>(before_.dispute_bytes + steady.dispute_bytes),
                                  static_cast<double>(before_.disputes + steady.disputes)));
    figure("steady_dispute_block_bytes",
           share(static_cast<double>(steady.dispute_bytes), static_cast<double>(steady.blocks)));
    figure("statement_bytes", share(static_cast<double>(steady.statement_bytes),
                                    static_cast<double>(steady.statements)));
    figure("block_bytes",
           share(static_cast<double>(steady.statement_bytes), static_cast<double>(steady.blocks)));
    figure("block_ms", 1e3 * share(steady.block_s, static_cast<double>(steady.blocks)));
    figure("state_mb", static_cast<double>(net_.state_bytes()) / 1e6);
  }

  const ScenarioOptions& options_;
  ComputeNet net_;
  ComputeCount before_;
  ScenarioResult result_;
};

}  // namespace

Result<ScenarioResult> run_compute(const ScenarioOptions& options) {
  const ComputeSettings settings = TRY(settings_of(options));
  const auto blocks = static_cast<std::uint64_t>(options.duration / block_time);
  if (blocks < rounds_min * round_blocks) {
    return fail(Code::usage, base::format("compute for {} h at least: {} rounds of 64 minutes",
                                          rounds_min * round_blocks / 60 + 1, rounds_min));
  }
  ComputeRun run(settings, options);
  return run.run(blocks);
}

}  // namespace kith::sim
