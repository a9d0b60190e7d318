#include "rt/compute_slices.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <thread>

#include "base/format.h"
#include "compute/workload_external.h"
#include "rt/compute_journal.h"
#include "rt/compute_work.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

using namespace compute;
using Clock = std::chrono::steady_clock;
using Place = std::pair<std::uint32_t, std::uint32_t>;  // unit, slice
using TaskName = std::pair<std::uint64_t, std::uint64_t>;

constexpr auto look_interval = std::chrono::seconds(1);
/// Of a thread: as many as there are jobs at work.
constexpr std::size_t workloads_max = 8;
constexpr mode_t folder_mode = 0700;

bool is_external(std::uint8_t workload) {
  return workload >= static_cast<std::uint8_t>(WorkloadId::external);
}

WorkloadId id_of(std::uint8_t workload) {
  return is_external(workload) ? WorkloadId::external : static_cast<WorkloadId>(workload);
}

void remove_old(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto written = entry.last_write_time(error);
    if (error || entry.path().extension() != ".slices") continue;
    const auto age = std::filesystem::file_time_type::clock::now() - written;
    if (age > SlicePool::journal_age_max) std::filesystem::remove(entry.path(), error);
  }
}

}  // namespace

struct SlicePool::Inside {
  struct TaskJournal {
    std::unique_ptr<Journal> file;  // null: it cannot be written
    std::map<Place, SliceResult> results;
    Clock::time_point used;
  };

  Inside(Options given, Log& to) : options(std::move(given)), log(to) {}

  void start() {
    pace.look(options.rules());
    for (unsigned i = 0; i < options.threads; ++i) threads.emplace_back([this] { work(); });
    watcher = std::thread([this] { watch(); });
  }

  void end() {
    {
      const std::scoped_lock lock(mutex);
      is_ending = true;
    }
    changed.notify_all();
    pace.end();
    for (std::thread& thread : threads) thread.join();
    watcher.join();
  }

  std::optional<node::ComputeSlice> take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_ending || !waiting.empty(); });
    if (is_ending) return std::nullopt;
    auto slice = std::move(waiting.front());
    waiting.pop_front();
    return slice;
  }

  void work() {
    become_idle();
    std::map<Bytes, std::unique_ptr<Workload>> workloads;  // by kind and parameters
    while (auto slice = take()) {
      ComputePace::Ticket ticket(pace, is_external(slice->workload));
      if (!ticket.go_on(0, 1)) return;
      auto result = compute(*slice, workloads, ticket);
      if (!result && result.error().code == Code::canceled) return;
      if (!result) log.warn("compute", "a slice failed: {}", result.error().message);
      options.done(slice->token, std::move(result));
    }
  }

  Result<SliceResult> compute(const node::ComputeSlice& slice,
                              std::map<Bytes, std::unique_ptr<Workload>>& workloads,
                              ComputePace::Ticket& ticket) {
    if (!slice.is_fresh) {
      if (auto known = find(slice)) return *std::move(known);
    }
    Bytes name{slice.workload};
    base::append(name, *slice.params);
    // Jobs end and others come: what is not at work any more is not kept for ever.
    if (!workloads.contains(name) && workloads.size() >= workloads_max) workloads.clear();
    auto& workload = workloads[name];
    if (!workload) workload = TRY(options.make_workload(slice.workload, *slice.params));
    const Bytes unit = TRY(workload->unit_of(*slice.params, {slice.task.value}, slice.unit));
    SliceResult result = TRY(workload->run(unit, slice.slice, ticket));
    if (!slice.is_fresh) keep(slice, result);
    return result;
  }

  std::string path_of(const TaskName& name) const {
    return base::format("{}/{}-{}.slices", options.folder, name.first, name.second);
  }

  /// Under the journals' mutex.
  TaskJournal& journal_of(const node::ComputeSlice& slice) {
    const TaskName name{slice.job.value, slice.task.value};
    const auto [at, is_new] = journals.try_emplace(name);
    at->second.used = Clock::now();
    if (!is_new) return at->second;
    close_oldest(name);
    const JournalHeader header{id_of(slice.workload), *slice.params, slice.task.value, 1};
    auto file = Journal::open(path_of(name), header);
    if (!file && file.error().code != Code::locked) {
      log.warn("compute", "{}; begun anew", file.error().message);
      std::error_code error;
      std::filesystem::remove(path_of(name), error);
      file = Journal::open(path_of(name), header);
    }
    if (!file) {
      log.error("compute", "{}", file.error().message);
      return at->second;
    }
    at->second.file = *std::move(file);
    for (JournalEntry& entry : at->second.file->take_entries()) {
      at->second.results.insert_or_assign({entry.unit, entry.slice}, std::move(entry.result));
    }
    return at->second;
  }

  void close_oldest(const TaskName& but) {
    if (journals.size() <= journals_max) return;
    auto oldest = journals.end();
    for (auto at = journals.begin(); at != journals.end(); ++at) {
      if (at->first == but) continue;
      if (oldest == journals.end() || at->second.used < oldest->second.used) oldest = at;
    }
    sync(oldest->second);
    journals.erase(oldest);
  }

  std::optional<SliceResult> find(const node::ComputeSlice& slice) {
    const std::scoped_lock lock(journals_mutex);
    const TaskJournal& journal = journal_of(slice);
    const auto at = journal.results.find({slice.unit, slice.slice});
    if (at == journal.results.end()) return std::nullopt;
    return at->second;
  }

  void keep(const node::ComputeSlice& slice, const SliceResult& result) {
    const std::scoped_lock lock(journals_mutex);
    TaskJournal& journal = journal_of(slice);
    journal.results.insert_or_assign({slice.unit, slice.slice}, result);
    if (!journal.file) return;
    const auto kept = journal.file->append({{slice.task.value}, slice.unit, slice.slice, result});
    if (!kept) log.error("compute", "{}", kept.error().message);
  }

  void sync(TaskJournal& journal) const {
    if (!journal.file) return;
    if (const auto synced = journal.file->sync(); !synced) {
      log.error("compute", "{}", synced.error().message);
    }
  }

  void watch() {
    auto synced = Clock::now();
    std::unique_lock lock(mutex);
    while (!is_ending) {
      changed.wait_for(lock, look_interval, [this] { return is_ending.load(); });
      lock.unlock();
      pace.look(options.rules());
      if (Clock::now() - synced >= journal_sync_interval || is_ending) {
        synced = Clock::now();
        const std::scoped_lock held(journals_mutex);
        for (auto& [name, journal] : journals) sync(journal);
      }
      lock.lock();
    }
  }

  const Options options;
  Log& log;
  ComputePace pace;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<node::ComputeSlice> waiting;  // under the mutex
  std::atomic<bool> is_ending = false;
  std::mutex journals_mutex;
  std::map<TaskName, TaskJournal> journals;  // under it
  std::vector<std::thread> threads;
  std::thread watcher;
};

Result<std::unique_ptr<SlicePool>> SlicePool::make(Options options, Log& log) {
  TRY_VOID(make_dirs(options.folder, folder_mode));
  remove_old(options.folder);
  auto inside = std::make_unique<Inside>(std::move(options), log);
  inside->start();
  return std::unique_ptr<SlicePool>(new SlicePool(std::move(inside)));
}

SlicePool::SlicePool(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

SlicePool::~SlicePool() { inside_->end(); }

void SlicePool::compute(node::ComputeSlice slice) {
  {
    const std::scoped_lock lock(inside_->mutex);
    inside_->waiting.push_back(std::move(slice));
  }
  inside_->changed.notify_one();
}

void SlicePool::forget(node::ForgetTask task) {
  const TaskName name{task.job.value, task.task.value};
  const std::scoped_lock lock(inside_->journals_mutex);
  inside_->journals.erase(name);
  std::error_code error;
  std::filesystem::remove(inside_->path_of(name), error);
}

compute::WorkPause SlicePool::pause() const { return inside_->pace.pause(); }

}  // namespace kith::rt
