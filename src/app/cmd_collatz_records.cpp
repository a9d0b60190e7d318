// kith collatz records and barina: no node, no home; records by trying every number, and units of
// David Barina's project.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "app/cmd.h"
#include "app/own_work.h"
#include "base/format.h"
#include "cli/reports_compute.h"
#include "compute/collatz/barina.h"
#include "compute/collatz/records.h"
#include "rt/compute_pace.h"

namespace kith::app {
namespace {

using namespace compute::collatz;
using Clock = std::chrono::steady_clock;

constexpr auto look_interval = std::chrono::seconds(1);
constexpr std::uint64_t record_stride = std::uint64_t{1} << 22;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

/// Parts of one work, done by threads that keep to the owner's rules; the calling one looks at them
/// and shows how far it is.
class PartsAtWork {
 public:
  PartsAtWork(const cli::Globals& globals, const cli::WorkRuleArgs& args, compute::WorkRules rules,
              std::string_view unit)
      : line_(globals), rules_(rules), is_idle_(!args.normal_priority), unit_(unit) {}

  /// Calls `part` with each number below `parts`, in order, from `threads` threads. Whether all are
  /// done; `limit` when the rules' memory is used up.
  template <typename Part>
  Result<bool> run(std::uint64_t parts, unsigned threads, Part part) {
    const auto began = Clock::now();
    look();
    std::atomic<std::uint64_t> next = 0, done = 0;
    std::atomic<unsigned> working = threads;
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        if (is_idle_) rt::become_idle();
        rt::ComputePace::Ticket ticket(pace_, /*is_external=*/false);
        while (ticket.go_on(0, 1)) {
          const std::uint64_t number = next++;
          if (number >= parts) break;
          part(number);
          ++done;
        }
        const std::scoped_lock lock(mutex_);
        --working;
        changed_.notify_all();
      });
    }
    while (!wait_for_end(working)) {
      look();
      show(done, parts, seconds_since(began));
    }
    workers.clear();
    if (is_full_) return fail(Code::limit, "the memory that the rules allow is used up");
    return done == parts;
  }

 private:
  void look() {
    if (pace_.look(with_signals(rules_)) != compute::WorkPause::memory) return;
    is_full_ = true;  // waiting would not give any of it back
    pace_.end();
  }
  bool wait_for_end(const std::atomic<unsigned>& working) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, look_interval, [&] { return working == 0; });
  }
  void show(std::uint64_t done, std::uint64_t parts, double wall_s) {
    const double rate = static_cast<double>(done) / wall_s;
    std::optional<double> left_s;
    if (done > 0) left_s = static_cast<double>(parts - done) / rate;
    line_.show(static_cast<double>(done) / static_cast<double>(parts), rate, unit_, left_s,
               words_of(pace_.pause()));
  }

  WorkLine line_;
  const compute::WorkRules rules_;
  const bool is_idle_;
  const std::string_view unit_;
  rt::ComputePace pace_{is_work_stopped};
  bool is_full_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

Result<cli::CollatzRecordsReport> find_records(const cli::Globals& globals,
                                               const cli::CollatzRecordsArgs& args) {
  const U128 to = TRY(parse_number(args.to));
  if (to >> RecordFinder::number_bits_max != 0) {
    return fail(Code::limit, base::format("{}: records are looked for below 2^{}", args.to,
                                          RecordFinder::number_bits_max));
  }
  const auto last = static_cast<std::uint64_t>(to);
  const auto began = Clock::now();
  cli::CollatzRecordsReport report;
  RecordFinder finder;
  PartsAtWork work(globals, args.rules, TRY(read_work_rules(args.rules)), "parts");
  // One thread: whether a number holds a record depends on all before it.
  const std::uint64_t parts = last / record_stride + 1;
  report.is_complete = TRY(work.run(parts, 1, [&](std::uint64_t part) {
    const std::uint64_t end = std::min(last, part * record_stride + (record_stride - 1));
    for (const CollatzRecord& record : finder.go_on(end)) {
      const std::string kind(name_of(record.kind));
      if (args.kind != "all" && args.kind != kind) continue;
      report.records.push_back(
          {kind, to_decimal(record.number), record.steps, to_decimal(record.peak)});
    }
  }));
  report.to = std::to_string(finder.looked_at());
  report.wall_s = seconds_since(began);
  return report;
}

Result<cli::BarinaReport> run_unit(const cli::Globals& globals,
                                   const cli::CollatzBarinaArgs& args) {
  const compute::WorkRules rules = TRY(read_work_rules(args.rules));
  const auto began = Clock::now();
  const unsigned threads = args.threads > 0 ? static_cast<unsigned>(args.threads)
                                            : std::max(1u, std::thread::hardware_concurrency());
  const BarinaUnit unit(args.unit);
  BarinaResult all;
  std::mutex mutex;
  PartsAtWork work(globals, args.rules, rules, "slices");
  cli::BarinaReport report;
  report.is_complete =
      TRY(work.run(std::uint64_t{1} << BarinaUnit::slice_bits, threads, [&](std::uint64_t slice) {
        const BarinaResult part = unit.run(static_cast<std::uint32_t>(slice));
        const std::scoped_lock lock(mutex);
        BarinaUnit::add_to(all, part);
      }));
  report.unit = args.unit;
  report.candidates = all.candidates;
  report.checksum = all.checksum;
  if (!all.has_overflowed) report.peak = to_decimal(all.peak);
  report.peak_offset = all.peak_offset;
  report.wall_s = seconds_since(began);
  return report;
}

template <typename Report>
int finish(const cli::Globals& globals, const Result<Report>& report) {
  if (!report) return fail_with(globals, report.error());
  print(globals.json ? to_json(*report) : to_text(*report));
  return report->is_complete ? cli::exit_done : cli::exit_failed;
}

}  // namespace

int run_collatz_records(const cli::Globals& globals, const cli::CollatzRecordsArgs& args) {
  watch_work_signals();
  return finish(globals, find_records(globals, args));
}

int run_collatz_barina(const cli::Globals& globals, const cli::CollatzBarinaArgs& args) {
  watch_work_signals();
  return finish(globals, run_unit(globals, args));
}

}  // namespace kith::app
