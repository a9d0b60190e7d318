#include "app/compute_job.h"

#include <algorithm>

#include "base/format.h"
#include "compute/workload_collatz.h"
#include "compute/workload_external.h"
#include "compute/workload_goldbach.h"
#include "node/config_text.h"
#include "rt/compute_external.h"
#include "rt/compute_kernels.h"

namespace kith::app {
namespace {

using namespace compute;
using collatz::U128;

constexpr std::string_view external_prefix = "external:";
constexpr std::uint64_t parts_max = 1'000'000;

Result<std::uint64_t> narrow(const std::string& text, U128 value) {
  if (value <= UINT64_MAX) return static_cast<std::uint64_t>(value);
  return fail(Code::usage, base::format("{} is too large for this workload", text));
}

Result<ComputeJob> goldbach_job(ComputeJob job, U128 from, U128 to) {
  const std::uint64_t first = TRY(narrow(job.from, from));
  const std::uint64_t last = TRY(narrow(job.to, to));
  job.params = encode_params(TRY(goldbach_params_of_range(first, last)));
  job.make_workload = []() -> Result<std::unique_ptr<Workload>> {
    return std::make_unique<GoldbachWorkload>();
  };
  return job;
}

Result<ComputeJob> collatz_job(ComputeJob job, U128 from, U128 to) {
  job.params = encode_params(TRY(collatz_params_of_range(from, to)));
  const collatz::KernelKind kernel = TRY(rt::choose_kernel("auto"));
  job.make_workload = [kernel]() -> Result<std::unique_ptr<Workload>> {
    return std::make_unique<CollatzWorkload>(kernel);
  };
  return job;
}

Result<ComputeJob> external_job(ComputeJob job, U128 from, U128 to,
                                const cli::ComputeRunArgs& args) {
  const auto file = TRY(rt::load_external(args.workload.substr(external_prefix.size())));
  const std::uint64_t first = TRY(narrow(job.from, from));
  const std::uint64_t last = TRY(narrow(job.to, to));
  if (first > last) return fail(Code::usage, base::format("no number from {} to {}", first, last));
  std::uint64_t step = last - first + 1;
  if (!args.step.empty()) {
    const U128 number = TRY(collatz::parse_number(args.step));
    step = TRY(narrow(args.step, number));
  }
  job.params = encode_params(TRY(external_params_of_range(file->hash, first, last, step)));
  job.is_external = true;
  rt::ExternalConfig config;
  if (args.rules.memory_bytes_max) config.limits.memory_bytes = *args.rules.memory_bytes_max;
  job.make_workload = [file, config]() -> Result<std::unique_ptr<Workload>> {
    const auto program = std::make_shared<rt::ExternalProgram>(file, config);
    const auto run_slice = [program](ByteView params, TaskIndex task, std::uint32_t unit,
                                     std::uint32_t slice, Progress& progress) {
      return program->run(params, task, unit, slice, progress);
    };
    return std::make_unique<ExternalWorkload>(file->hash, run_slice);
  };
  return job;
}

/// Only to join and read statistics: nothing is computed.
Result<std::unique_ptr<Workload>> workload_of(const cli::WorkReport& report) {
  if (report.workload == "goldbach") return std::make_unique<GoldbachWorkload>();
  if (report.workload == "collatz") {
    return std::make_unique<CollatzWorkload>(collatz::KernelKind::scalar);
  }
  if (report.workload == "external") {
    const Bytes params = TRY(base::from_hex(report.params));
    const Hash program = TRY(decode_external_params(params)).program;
    return std::make_unique<ExternalWorkload>(program, ExternalWorkload::RunSlice());
  }
  return fail(Code::usage,
              base::format("a report of a workload \"{}\"", report.workload.substr(0, 40)));
}

Result<Hash> hash_of(const std::string& hex) {
  const Bytes bytes = TRY(base::from_hex(hex));
  Hash hash{};
  if (bytes.size() != hash.size()) {
    return fail(Code::malformed, base::format("a root of {} bytes", bytes.size()));
  }
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

/// Over all tasks, which are done.
Result<std::string> root_of(const cli::WorkReport& report) {
  std::vector<Hash> roots;
  for (const auto& root : report.task_roots) {
    if (!root) return fail(Code::malformed, "a complete report without all of its roots");
    roots.push_back(TRY(hash_of(*root)));
  }
  return base::to_hex(task_root(roots));
}

Result<void> check_part(const cli::WorkReport& part, const cli::WorkReport& first) {
  if (part.workload != first.workload || part.params != first.params || part.from != first.from ||
      part.to != first.to || part.job_tasks != first.job_tasks) {
    return fail(Code::usage, base::format("tasks {} on are of other work: {} {} to {}",
                                          part.first_task, part.workload, part.from, part.to));
  }
  if (!part.is_complete) {
    return fail(Code::usage, base::format("tasks {} on are not complete: {} of {} slices",
                                          part.first_task, part.slices_done, part.slices));
  }
  if (part.tasks > 0 && part.root != TRY(root_of(part))) {
    return fail(Code::malformed,
                base::format("tasks {} on: the root is not that of the tasks", part.first_task));
  }
  return {};
}

}  // namespace

Result<ComputeJob> make_compute_job(const cli::ComputeRunArgs& args) {
  const U128 from = TRY(collatz::parse_number(args.from));
  const U128 to = TRY(collatz::parse_number(args.to));
  ComputeJob job;
  job.from = collatz::to_decimal(from);
  job.to = collatz::to_decimal(to);
  const bool is_external = args.workload.starts_with(external_prefix);
  if (!is_external && !args.step.empty()) {
    return fail(Code::usage, "--step is for external programs: others cut the range themselves");
  }
  if (is_external) {
    job.name = "external";
    job = TRY(external_job(std::move(job), from, to, args));
  } else if (args.workload == "goldbach" || args.workload == "collatz") {
    job.name = args.workload;
    job = TRY(args.workload == "goldbach" ? goldbach_job(std::move(job), from, to)
                                          : collatz_job(std::move(job), from, to));
  } else {
    return fail(Code::usage, base::format("\"{}\" is no workload; there are goldbach, collatz and "
                                          "external:PROGRAM",
                                          args.workload.substr(0, 40)));
  }
  const auto workload = TRY(job.make_workload());
  job.shape = TRY(workload->shape(job.params));
  return job;
}

Result<TaskRange> tasks_of_part(std::string_view part, std::uint64_t tasks) {
  const std::size_t slash = part.find('/');
  const auto wrong = [&] {
    return fail(Code::usage, base::format("\"{}\" is no part such as 3/8", part.substr(0, 40)));
  };
  if (slash == std::string_view::npos) return wrong();
  const auto number = node::parse_count(part.substr(0, slash));
  const auto of = node::parse_count(part.substr(slash + 1));
  if (!number || !of || *number < 1 || *number > *of || *of > parts_max) return wrong();
  const auto begin = static_cast<std::uint64_t>(U128{tasks} * (*number - 1) / *of);
  const auto end = static_cast<std::uint64_t>(U128{tasks} * *number / *of);
  return TaskRange{begin, end - begin};
}

Result<cli::WorkReport> merge_reports(std::vector<cli::WorkReport> reports) {
  if (reports.empty()) return fail(Code::usage, "no report to merge");
  std::ranges::sort(reports, {}, [](const cli::WorkReport& report) {
    return std::pair(report.first_task, report.tasks);
  });
  const std::unique_ptr<Workload> workload = TRY(workload_of(reports.front()));
  cli::WorkReport all = reports.front();
  all.tasks = all.slices = all.slices_done = 0;
  all.task_roots.clear();
  all.finds.clear();
  all.figures.clear();
  all.root.reset();
  all.wall_s = all.cpu_s = 0;
  Bytes statistics;
  for (const cli::WorkReport& part : reports) {
    TRY_VOID(check_part(part, reports.front()));
    if (part.tasks > 0 && part.first_task != all.first_task + all.tasks) {
      return fail(Code::usage, base::format("tasks {} to {} are missing, or there twice",
                                            std::min(part.first_task, all.first_task + all.tasks),
                                            std::max(part.first_task, all.first_task + all.tasks)));
    }
    all.wall_s += part.wall_s;
    all.cpu_s += part.cpu_s;
    if (part.tasks == 0) continue;
    const Bytes more = TRY(base::from_hex(part.statistics));
    statistics = all.tasks == 0 ? more : TRY(workload->join(statistics, more));
    all.tasks += part.tasks;
    all.slices += part.slices;
    all.slices_done += part.slices_done;
    all.task_roots.insert(all.task_roots.end(), part.task_roots.begin(), part.task_roots.end());
    all.finds.insert(all.finds.end(), part.finds.begin(), part.finds.end());
  }
  if (all.tasks == 0) return all;
  all.root = TRY(root_of(all));
  all.statistics = base::to_hex(statistics);
  for (const Figure& figure : TRY(workload->figures(statistics))) {
    all.figures.emplace_back(figure.name, figure.value);
  }
  return all;
}

}  // namespace kith::app
