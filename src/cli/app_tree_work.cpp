#include "cli/rule_options.h"
#include "cli/verbs.h"

namespace kith::cli {
namespace {

constexpr std::uint64_t threads_max = 4096;
constexpr std::uint64_t celsius_limit_max = 150;

void add_node_work_verb(CLI::App& compute, Draft& draft) {
  const auto work = add_verb<ComputeWorkArgs>(compute, draft, "work",
                                              "Run a node that works for the chain's jobs",
                                              "kith compute work --slots 2 --hours 22:00-06:30");
  ComputeWorkArgs& args = *work.args;
  CLI::App& to = *work.app;
  add_count(to, "--job", args.job, "Work for this one alone (compute.jobs takes several)", 1,
            UINT64_MAX);
  add_count(to, "--slots", args.slots, "Places in each job, about one a core; 0 leaves", 0, 256);
  add_count(to, "--threads", args.threads, "How many (one a processor)", 0, 4096);
  add_count(to, "--cpu-percent", args.cpu_percent, "Of each thread's time", 1, 100);
  to.add_option("--hours", args.hours, "When to compute, such as 22:00-06:30")->type_name("HOURS");
  to.add_flag("--only-on-ac", args.only_on_ac, "Not on batteries");
}

}  // namespace

void add_rule_options(CLI::App& to, WorkRuleArgs& args, const std::string& memory) {
  add_count(to, "--cpu-percent", args.cpu_percent, "Of each thread's time (100)", 1, 100);
  to.add_option("--hours", args.hours, "Local time within which it works (all day)")
      ->type_name("HH:MM-HH:MM");
  to.add_flag("--only-on-ac", args.only_on_ac, "Rest while on battery");
  add_count(to, "--others-max", args.others_percent_max,
            "Rest while other programs use more than this percentage of the machine", 0, 100);
  add_count(to, "--celsius-max", args.celsius_max, "Rest while the machine is hotter", 1,
            celsius_limit_max);
  add_parsed(to, "--memory", args.memory_bytes_max, memory, "SIZE", node::parse_size);
  add_parsed(to, "--snooze", args.snooze, "Begin so much later", "DURATION", node::parse_duration);
  to.add_flag("--normal-priority", args.normal_priority, "Not only when nobody else wants to work");
}

void add_work_verbs(CLI::App& app, Draft& draft) {
  CLI::App* compute = group_of(app, "compute", "Compute for others, or for oneself",
                               "kith compute run --workload goldbach --from 4 --to 1e9");
  add_node_work_verb(*compute, draft);
  const auto run = add_verb<ComputeRunArgs>(
      *compute, draft, "run", "Compute a range of a workload on this machine, without a node",
      "kith compute run --workload goldbach --from 4 --to 1e10 --journal goldbach.journal");
  ComputeRunArgs& args = *run.args;
  CLI::App& to = *run.app;
  to.add_option("--workload", args.workload, "goldbach, collatz, or external:PROGRAM")
      ->type_name("NAME")
      ->required();
  to.add_option("--from", args.from, "The first number: 1000000, 1e6, 2^71 or 2^71+5")
      ->type_name("NUMBER")
      ->required();
  to.add_option("--to", args.to, "The last number")->type_name("NUMBER")->required();
  to.add_option("--step", args.step, "Of an external program: numbers a task (all)")
      ->type_name("NUMBER");
  to.add_option("--part", args.part, "Only the I-th of N parts of the range (1/1)")
      ->type_name("I/N");
  to.add_option("--journal", args.journal,
                "Keep finished slices here, and go on from them when it is there")
      ->type_name("FILE");
  add_count(to, "--threads", args.threads, "How many (one a processor)", 1, threads_max);
  add_rule_options(to, args.rules,
                   "End when more is used; of an external program: what it may have (1GiB)");

  const auto merge =
      add_verb<ComputeMergeArgs>(*compute, draft, "merge", "Join what the parts of a range came to",
                                 "kith compute merge part-1.json part-2.json");
  merge.app->add_option("FILE", merge.args->files, "What `kith --json compute run` printed")
      ->required();
}

}  // namespace kith::cli
