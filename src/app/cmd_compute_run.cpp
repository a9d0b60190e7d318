// kith compute run and merge: no node, no home; workloads of compute/ on this machine.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "app/cmd.h"
#include "app/compute_job.h"
#include "base/format.h"
#include "rt/compute_work.h"
#include "rt/files.h"

namespace kith::app {
namespace {

using namespace compute;

constexpr std::size_t report_bytes_max = std::size_t{128} << 20;
/// Without a terminal, a line of progress so often (seconds).
constexpr int line_interval = 10;

/// Workers read them, so that a signal handler's own type would not do.
std::atomic<bool> is_stop_asked = false;
std::atomic<bool> is_pause_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
  switch (number) {
    case SIGUSR1: is_pause_asked = true; break;
    case SIGUSR2: is_pause_asked = false; break;
    default: is_stop_asked = true;
  }
}

void watch_signals() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    ::sigaction(number, &action, nullptr);
  }
}

std::int64_t unix_ms_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Result<WorkRules> read_rules(const cli::ComputeRunArgs& args, bool is_external) {
  WorkRules rules;
  rules.cpu_percent = static_cast<unsigned>(args.cpu_percent);
  if (!args.hours.empty()) rules.hours = TRY(parse_work_hours(args.hours));
  rules.only_on_ac = args.only_on_ac;
  if (args.others_percent_max) {
    rules.others_percent_max = static_cast<unsigned>(*args.others_percent_max);
  }
  if (args.celsius_max) rules.celsius_max = static_cast<int>(*args.celsius_max);
  if (!is_external) rules.memory_bytes_max = args.memory_bytes_max;
  if (args.snooze) rules.snooze_until = WallTime{unix_ms_now() + base::to_ms(*args.snooze)};
  return rules;
}

/// A bar that is drawn over and over, or lines now and then.
class Shown {
 public:
  explicit Shown(const cli::Globals& globals)
      : globals_(globals), is_bar_(::isatty(STDERR_FILENO) != 0 && !globals.quiet) {}
  ~Shown() {
    if (is_bar_ && count_ > 0) std::fputc('\n', stderr);
  }
  void show(const rt::WorkProgress& progress) {
    const bool rests = progress.pause != WorkPause::none;
    const std::string text = cli::progress_bar(
        static_cast<double>(progress.slices_done) / static_cast<double>(progress.slices),
        progress.slices_per_s, progress.left_s,
        rests ? name_of(progress.pause) : std::string_view());
    if (is_bar_) {
      std::fprintf(stderr, "\r%s\033[K", text.c_str());
      std::fflush(stderr);
    } else if (count_ % line_interval == 0) {
      say(globals_, text);
    }
    ++count_;
  }

 private:
  const cli::Globals& globals_;
  const bool is_bar_;
  int count_ = 0;
};

Result<void> fill(cli::WorkReport& report, const rt::WorkOutcome& outcome,
                  const Workload& workload) {
  report.is_complete = outcome.is_complete;
  report.slices_done = outcome.slices_done;
  report.wall_s = outcome.wall_s;
  report.cpu_s = outcome.cpu_s;
  report.task_roots.assign(report.tasks, std::nullopt);
  std::vector<Hash> roots;
  for (const rt::TaskOutcome& task : outcome.tasks) {
    report.task_roots[task.task.value - report.first_task] = base::to_hex(task.root);
    roots.push_back(task.root);
  }
  if (outcome.is_complete) report.root = base::to_hex(task_root(roots));
  report.statistics = base::to_hex(outcome.statistics);
  if (!outcome.tasks.empty()) {
    for (const Figure& figure : TRY(workload.figures(outcome.statistics))) {
      report.figures.emplace_back(figure.name, figure.value);
    }
  }
  for (const Find& find : outcome.finds) {
    report.finds.push_back({std::string(name_of(find.kind)), find.number, find.value});
  }
  return {};
}

Result<cli::WorkReport> run_range(const cli::Globals& globals, const cli::ComputeRunArgs& args) {
  const ComputeJob job = TRY(make_compute_job(args));
  const TaskRange range = TRY(tasks_of_part(args.part, job.shape.tasks));
  const WorkRules rules = TRY(read_rules(args, job.is_external));
  cli::WorkReport report;
  report.workload = job.name;
  report.from = job.from;
  report.to = job.to;
  report.params = base::to_hex(job.params);
  report.job_tasks = job.shape.tasks;
  report.first_task = range.first;
  report.tasks = range.count;
  report.slices = range.count * job.shape.units * job.shape.slices;
  if (range.count == 0) {  // more parts than tasks
    report.is_complete = true;
    return report;
  }
  rt::WorkOptions options;
  options.make_workload = job.make_workload;
  options.params = job.params;
  options.first_task = range.first;
  options.tasks = range.count;
  options.threads = static_cast<unsigned>(args.threads);
  options.journal = args.journal;
  options.is_idle_priority = !args.normal_priority;
  options.is_external = job.is_external;
  options.is_stopped = [] { return is_stop_asked.load(); };
  options.rules = [&rules] {
    WorkRules now = rules;
    now.is_paused = is_pause_asked;
    return now;
  };
  Shown shown(globals);
  const auto outcome =
      TRY(rt::do_work(options, [&](const rt::WorkProgress& progress) { shown.show(progress); }));
  const auto workload = TRY(job.make_workload());
  TRY_VOID(fill(report, outcome, *workload));
  return report;
}

int finish_report(const cli::Globals& globals, const Result<cli::WorkReport>& report) {
  if (!report) return fail_with(globals, report.error());
  print(globals.json ? to_json(*report) : to_text(*report));
  for (const cli::WorkReport::Find& find : report->finds) {
    if (find.kind == name_of(Find::Kind::counterexample)) return cli::exit_found_false;
  }
  return report->is_complete ? cli::exit_done : cli::exit_failed;
}

Result<cli::WorkReport> merged(const cli::ComputeMergeArgs& args) {
  std::vector<cli::WorkReport> reports;
  for (const std::string& path : args.files) {
    const Bytes bytes = TRY(rt::read_file(path, report_bytes_max));
    auto report = cli::parse_work_report(base::as_text(bytes));
    if (!report) return fail(report.error().code, path + ": " + report.error().message);
    reports.push_back(*std::move(report));
  }
  return merge_reports(std::move(reports));
}

}  // namespace

int run_compute(const cli::Globals& globals, const cli::ComputeArgs& args) {
  return std::visit(
      Overload{
          [&](const cli::ComputeRunArgs& run) {
            watch_signals();
            return finish_report(globals, run_range(globals, run));
          },
          [&](const cli::ComputeMergeArgs& merge) { return finish_report(globals, merged(merge)); },
          [&](const cli::ComputeWorkArgs& work) { return run_compute_work(globals, work); }},
      args);
}

}  // namespace kith::app
