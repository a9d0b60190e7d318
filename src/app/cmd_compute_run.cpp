// kith compute run and merge: no node, no home; workloads of compute/ on this machine.
#include "app/cmd.h"
#include "app/compute_job.h"
#include "app/own_work.h"
#include "base/format.h"
#include "rt/compute_work.h"
#include "rt/files.h"

namespace kith::app {
namespace {

using namespace compute;

constexpr std::size_t report_bytes_max = std::size_t{128} << 20;
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
  WorkRules rules = TRY(read_work_rules(args.rules));
  if (job.is_external) rules.memory_bytes_max.reset();  // it is the program's
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
  options.is_idle_priority = !args.rules.normal_priority;
  options.is_external = job.is_external;
  options.is_stopped = is_work_stopped;
  options.rules = [&rules] { return with_signals(rules); };
  WorkLine line(globals);
  const auto outcome = TRY(rt::do_work(options, [&](const rt::WorkProgress& progress) {
    line.show(static_cast<double>(progress.slices_done) / static_cast<double>(progress.slices),
              progress.slices_per_s, "slices", progress.left_s, words_of(progress.pause));
  }));
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
            watch_work_signals();
            return finish_report(globals, run_range(globals, run));
          },
          [&](const cli::ComputeMergeArgs& merge) { return finish_report(globals, merged(merge)); },
          [&](const cli::ComputeWorkArgs& work) { return run_compute_work(globals, work); }},
      args);
}

}  // namespace kith::app
