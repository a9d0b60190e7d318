// kith collatz verify: no node, no home; the engine of compute/collatz/ on this machine.
#include "app/cmd.h"
#include "app/own_work.h"
#include "base/format.h"
#include "cli/reports_compute.h"
#include "rt/compute_verify.h"

namespace kith::app {
namespace {

using namespace compute::collatz;

Result<rt::VerifyOptions> read_options(const cli::CollatzVerifyArgs& args) {
  rt::VerifyOptions options;
  options.from = TRY(parse_number(args.from));
  options.to = TRY(parse_number(args.to));
  options.is_fast = args.is_fast;
  options.device = args.device;
  options.threads = static_cast<unsigned>(args.threads);
  options.checkpoint = args.checkpoint;
  options.is_idle_priority = !args.rules.normal_priority;
  const compute::WorkRules rules = TRY(read_work_rules(args.rules));
  options.rules = [rules] { return with_signals(rules); };
  options.is_stopped = is_work_stopped;
  return options;
}

cli::CollatzReport report_of(const rt::VerifyOptions& options, const rt::VerifyOutcome& outcome) {
  const RangeResult& result = outcome.result;
  cli::CollatzReport report;
  report.from = to_decimal(options.from);
  report.to = to_decimal(options.to);
  report.count = to_decimal(options.to - options.from + 1);
  report.verified = to_decimal(result.count);
  if (result.counterexample) report.counterexample = to_decimal(*result.counterexample);
  if (!options.is_fast && result.exact.count > 0) {
    report.max_value = to_decimal(result.exact.peak);
    report.max_value_at = to_decimal(result.exact.peak_at);
    report.max_steps = result.exact.steps;
    report.max_steps_at = to_decimal(result.exact.steps_at);
  }
  report.checksum = base::format("{:016x}", result.checksum);
  report.rate_per_s = outcome.rate_per_s;
  report.wall_s = outcome.wall_s;
  report.cpu_s = outcome.cpu_s;
  report.device = outcome.device;
  report.mode = options.is_fast ? "fast" : "exact";
  report.is_complete = outcome.is_complete;
  return report;
}

void show(WorkLine& line, const rt::VerifyProgress& progress) {
  const auto done = static_cast<double>(progress.done);
  const auto count = static_cast<double>(progress.count);
  std::optional<double> left_s;
  if (progress.rate_per_s > 0) left_s = (count - done) / progress.rate_per_s;
  line.show(done / count, progress.rate_per_s, "numbers", left_s, words_of(progress.pause));
}

int verify(const cli::Globals& globals, const cli::CollatzVerifyArgs& args) {
  const auto options = read_options(args);
  if (!options) return fail_with(globals, options.error());
  watch_work_signals();
  const auto outcome = [&] {
    WorkLine line(globals);
    return rt::verify_range(*options,
                            [&](const rt::VerifyProgress& progress) { show(line, progress); });
  }();
  if (!outcome) return fail_with(globals, outcome.error());
  for (const std::string& note : outcome->notes) say(globals, note);
  const cli::CollatzReport report = report_of(*options, *outcome);
  print(globals.json ? to_json(report) : to_text(report));
  if (report.counterexample) return cli::exit_found_false;
  return outcome->is_complete ? cli::exit_done : cli::exit_failed;
}

}  // namespace

int run_collatz(const cli::Globals& globals, const cli::CollatzArgs& args) {
  return std::visit(
      Overload{[&](const cli::CollatzVerifyArgs& a) { return verify(globals, a); },
               [&](const cli::CollatzRecordsArgs& a) { return run_collatz_records(globals, a); },
               [&](const cli::CollatzBarinaArgs& a) { return run_collatz_barina(globals, a); }},
      args);
}

}  // namespace kith::app
