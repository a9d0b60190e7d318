#include "rt/compute_work.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/format.h"
#include "rt/compute_journal.h"
#include "rt/compute_pace.h"
#include "rt/compute_work_state.h"

namespace kith::rt {
namespace {

using namespace compute;
using Clock = std::chrono::steady_clock;

constexpr auto watch_interval = std::chrono::seconds(1);

double cpu_seconds() {
  double total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      total += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    }
  }
  return total;
}

Result<TaskShape> shape_of(const WorkOptions& options, const Workload& workload) {
  const TaskShape shape = TRY(workload.shape(options.params));
  if (options.tasks < 1 || options.first_task >= shape.tasks ||
      options.tasks > shape.tasks - options.first_task) {
    return fail(Code::usage, base::format("tasks {} to {} of {}", options.first_task,
                                          options.first_task + options.tasks, shape.tasks));
  }
  const std::uint64_t a_task = std::uint64_t{shape.units} * shape.slices;
  if (options.tasks > work_tasks_max || options.tasks > work_slices_max / a_task) {
    return fail(Code::limit,
                base::format("{} tasks of {} slices in one run, at most {} and {} slices",
                             options.tasks, a_task, work_tasks_max, work_slices_max));
  }
  return shape;
}

Result<WorkState::UnitOutcome> finish(const Workload& workload, ByteView params,
                                      const WorkState::WholeUnit& whole) {
  const Bytes unit = TRY(workload.unit_of(params, whole.task, whole.unit));
  std::vector<Hash> digests;
  for (std::uint32_t i = 0; i < whole.results.size(); ++i) {
    digests.push_back(workload.digest(unit, i, whole.results[i]));
  }
  return WorkState::UnitOutcome{unit_root(digests), workload.statistics(whole.results),
                                TRY(workload.finds(unit, whole.results))};
}

class Run {
 public:
  Run(const WorkOptions& options, const TaskShape& shape, std::unique_ptr<Workload> workload)
      : options_(options),
        workload_(std::move(workload)),
        pace_(options.is_stopped),
        state_(shape, options.first_task, options.tasks) {}

  Result<void> resume() {
    if (options_.journal.empty()) return {};
    const JournalHeader header{workload_->id(), options_.params, options_.first_task,
                               options_.tasks, workload_->results_version()};
    journal_ = TRY(Journal::open(options_.journal, header));
    for (JournalEntry& entry : journal_->take_entries()) {
      const std::uint64_t index = TRY(state_.index_of({entry.task, entry.unit, entry.slice}));
      TRY_VOID(workload_->check_result(entry.result));
      const auto whole = state_.add(index, std::move(entry.result));
      if (!whole) continue;
      auto outcome = TRY(finish(*workload_, options_.params, *whole));
      TRY_VOID(state_.add_unit(*workload_, *whole, std::move(outcome)));
    }
    resumed_ = state_.slices_done();
    return {};
  }

  Result<WorkOutcome> run(const std::function<void(const WorkProgress&)>& on_progress) {
    const unsigned threads =
        options_.threads > 0 ? options_.threads : std::max(1u, std::thread::hardware_concurrency());
    const auto began = Clock::now();
    const double cpu_began = cpu_seconds();
    look_at_rules();
    if (state_.slices_done() < state_.slices()) {
      std::vector<std::jthread> workers;
      working_ = threads;
      for (unsigned i = 0; i < threads; ++i) workers.emplace_back([this] { work(); });
      watch(began, on_progress);
    }
    if (journal_) {
      if (const auto synced = journal_->sync(); !synced) note_fault(synced.error());
    }
    if (fault_) return fail(*fault_);
    WorkOutcome outcome = TRY(state_.outcome(*workload_));
    outcome.slices_resumed = resumed_;
    outcome.wall_s = std::chrono::duration<double>(Clock::now() - began).count();
    outcome.cpu_s = cpu_seconds() - cpu_began;
    return outcome;
  }

 private:
  void work() {
    if (options_.is_idle_priority) become_idle();
    if (const auto done = take_slices(); !done && done.error().code != Code::canceled) {
      note_fault(done.error());
    }
    const std::scoped_lock lock(mutex_);
    --working_;
    changed_.notify_all();
  }

  Result<void> take_slices() {
    const std::unique_ptr<Workload> workload = TRY(options_.make_workload());
    ComputePace::Ticket ticket(pace_, options_.is_external);
    while (ticket.go_on(0, 1)) {
      const auto index = take();
      if (!index) break;
      const WorkState::Place place = state_.place_of(*index);
      const Bytes unit = TRY(workload->unit_of(options_.params, place.task, place.unit));
      SliceResult result = TRY(workload->run(unit, place.slice, ticket));
      const auto whole = TRY(keep(*index, place, std::move(result)));
      if (whole) {
        auto outcome = TRY(finish(*workload, options_.params, *whole));
        const std::scoped_lock lock(mutex_);
        TRY_VOID(state_.add_unit(*workload, *whole, std::move(outcome)));
      }
    }
    return {};
  }

  /// The next slice that is not done.
  std::optional<std::uint64_t> take() {
    const std::scoped_lock lock(mutex_);
    while (next_ < state_.slices() && state_.is_done(next_)) ++next_;
    if (next_ == state_.slices()) return std::nullopt;
    return next_++;
  }

  Result<std::optional<WorkState::WholeUnit>> keep(std::uint64_t index,
                                                   const WorkState::Place& place,
                                                   SliceResult result) {
    const std::scoped_lock lock(mutex_);
    // Before it counts: what is said to be done must not be lost.
    if (journal_) TRY_VOID(journal_->append({place.task, place.unit, place.slice, result}));
    return state_.add(index, std::move(result));
  }

  void watch(Clock::time_point began, const std::function<void(const WorkProgress&)>& on_progress) {
    auto synced_at = began;
    auto watched_at = began;
    std::unique_lock lock(mutex_);
    while (working_ > 0) {
      // A stop is seen by those who work; here it is enough to see that they have ended.
      changed_.wait_until(lock, watched_at + watch_interval);
      if (Clock::now() - watched_at < watch_interval) continue;
      watched_at = Clock::now();
      const bool is_due = watched_at - synced_at >= journal_sync_interval;
      if (is_due && journal_) {
        // Short, and the only other user of the journal appends once a slice.
        if (const auto synced = journal_->sync(); !synced) end_with(synced.error());
        synced_at = watched_at;
      }
      const WorkProgress progress = progress_since(began);
      lock.unlock();
      look_at_rules();
      on_progress(progress);
      lock.lock();
    }
  }

  WorkProgress progress_since(Clock::time_point began) const {
    WorkProgress progress;
    progress.slices = state_.slices();
    progress.slices_done = state_.slices_done();
    const double wall = std::chrono::duration<double>(Clock::now() - began).count();
    const auto done = static_cast<double>(progress.slices_done - resumed_);
    progress.slices_per_s = done / std::max(wall, 1e-6);
    if (done > 0) {
      progress.left_s =
          static_cast<double>(progress.slices - progress.slices_done) / progress.slices_per_s;
    }
    progress.pause = pace_.pause();
    return progress;
  }

  void look_at_rules() {
    const WorkRules rules = options_.rules();
    if (pace_.look(rules) != WorkPause::memory) return;
    // Waiting would not give any of it back.
    note_fault({Code::limit, base::format("{} bytes of memory are in use, limit {}",
                                          pace_.readings().memory_bytes.value_or(0),
                                          rules.memory_bytes_max.value_or(0))});
  }

  void note_fault(const Error& error) {
    const std::scoped_lock lock(mutex_);
    end_with(error);
  }
  /// Under the mutex. The first fault is the one that is told.
  void end_with(const Error& error) {
    if (!fault_) fault_ = error;
    pace_.end();
    changed_.notify_all();
  }

  const WorkOptions& options_;
  const std::unique_ptr<Workload> workload_;  // the calling thread's
  ComputePace pace_;
  std::uint64_t resumed_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex.
  WorkState state_;
  std::unique_ptr<Journal> journal_;
  std::uint64_t next_ = 0;
  unsigned working_ = 0;
  std::optional<Error> fault_;
};

}  // namespace

Result<WorkOutcome> do_work(const WorkOptions& options,
                            const std::function<void(const WorkProgress&)>& on_progress) {
  auto workload = TRY(options.make_workload());
  const TaskShape shape = TRY(shape_of(options, *workload));
  Run run(options, shape, std::move(workload));
  TRY_VOID(run.resume());
  return run.run(on_progress);
}

}  // namespace kith::rt
