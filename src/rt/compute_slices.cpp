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

  void start(std::vector<Hand> hands) {
    pace.look(options.rules());
    for (Hand& hand : hands) add(std::move(hand));
    watcher = std::thread([this] { watch(); });
  }

  void add(Hand hand) {
    const std::scoped_lock lock(mutex);
    if (is_ending) return;
    threads.emplace_back([this, hand = std::move(hand)] { work(hand); });
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

  /// What a thread does next: names finds, or computes slices of one unit, in order.
  struct Turn {
    std::optional<node::NameFinds> finds;
    std::vector<node::ComputeSlice> slices;
  };

  std::optional<Turn> take() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_ending || !waiting.empty() || !naming.empty(); });
    if (is_ending) return std::nullopt;
    Turn turn;
    if (!naming.empty()) {
      turn.finds = std::move(naming.front());
      naming.pop_front();
      return turn;
    }
    turn.slices.push_back(std::move(waiting.front()));
    waiting.pop_front();
    return turn;
  }

  /// Those that follow on the last one in its unit, and wait behind it.
  void take_more(std::vector<node::ComputeSlice>& slices, std::uint32_t at_once) {
    const std::scoped_lock lock(mutex);
    while (slices.size() < at_once && !waiting.empty() && follows(slices.back(), waiting.front())) {
      slices.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
  }

  static bool follows(const node::ComputeSlice& last, const node::ComputeSlice& next) {
    return next.job == last.job && next.task == last.task && next.unit == last.unit &&
           next.slice == last.slice + 1 && next.is_fresh == last.is_fresh &&
           next.params == last.params;
  }

  using Workloads = std::map<Bytes, std::unique_ptr<Workload>>;  // by kind and parameters

  void work(const Hand& hand) {
    if (!hand.feeds_gpu) become_idle();
    Workloads workloads;
    while (auto turn = take()) {
      if (turn->finds) {
        options.named(turn->finds->token, name(hand, *turn->finds, workloads));
      } else if (!compute(hand, std::move(turn->slices), workloads)) {
        return;
      }
    }
  }

  static Result<Workload*> workload_of(const Hand& hand, std::uint8_t kind, const Bytes& params,
                                       Workloads& workloads) {
    Bytes name{kind};
    base::append(name, params);
    // Jobs end and others come: what is not at work any more is not kept for ever.
    if (!workloads.contains(name) && workloads.size() >= workloads_max) workloads.clear();
    auto& workload = workloads[name];
    if (!workload) workload = TRY(hand.make_workload(kind, params));
    return workload.get();
  }

  static Result<std::vector<Find>> name(const Hand& hand, const node::NameFinds& of,
                                        Workloads& workloads) {
    const Workload* const workload = TRY(workload_of(hand, of.workload, *of.params, workloads));
    const Bytes unit = TRY(workload->unit_of(*of.params, {of.task.value}, of.unit));
    return workload->finds(unit, of.results);
  }

  /// Whether there is more to do: false when all of it is called off.
  bool compute(const Hand& hand, std::vector<node::ComputeSlice> slices, Workloads& workloads) {
    ComputePace::Ticket ticket(pace, is_external(slices.front().workload));
    if (!ticket.go_on(0, 1)) return false;
    if (tell_known(slices.front())) return true;
    const node::ComputeSlice& first = slices.front();
    const auto workload = workload_of(hand, first.workload, *first.params, workloads);
    if (workload) take_more(slices, (*workload)->slices_at_once());
    // Those of an earlier life are not computed again: what is in front of the first one is done
    // together, the rest one by one, which is rare.
    const auto known = std::find_if(slices.begin() + 1, slices.end(),
                                    [this](const auto& slice) { return tell_known(slice); });
    std::vector<node::ComputeSlice> rest;
    if (known != slices.end()) rest.assign(known + 1, slices.end());
    slices.erase(known, slices.end());
    auto results = workload ? run(**workload, slices, ticket)
                            : Result<std::vector<SliceResult>>(fail(workload.error()));
    if (!results && results.error().code == Code::canceled) return false;
    if (!results) log.warn("compute", "a slice failed: {}", results.error().message);
    for (std::size_t i = 0; i < slices.size(); ++i) {
      auto result = results ? Result<SliceResult>(std::move((*results)[i]))
                            : Result<SliceResult>(fail(results.error()));
      if (result && !slices[i].is_fresh) keep(slices[i], *result);
      options.done(slices[i].token, std::move(result));
    }
    for (node::ComputeSlice& slice : rest) {
      if (!compute(hand, {std::move(slice)}, workloads)) return false;
    }
    return true;
  }

  /// One that an earlier life has computed.
  bool tell_known(const node::ComputeSlice& slice) {
    if (slice.is_fresh) return false;
    auto known = find(slice);
    if (!known) return false;
    options.done(slice.token, *std::move(known));
    return true;
  }

  static Result<std::vector<SliceResult>> run(const Workload& workload,
                                              const std::vector<node::ComputeSlice>& slices,
                                              ComputePace::Ticket& ticket) {
    const node::ComputeSlice& first = slices.front();
    const Bytes unit = TRY(workload.unit_of(*first.params, {first.task.value}, first.unit));
    return workload.run_some(unit, first.slice, static_cast<std::uint32_t>(slices.size()), ticket);
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
    const JournalHeader header{id_of(slice.workload), *slice.params, slice.task.value, 1,
                               slice.results};
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
  // Under the mutex.
  std::deque<node::ComputeSlice> waiting;
  std::deque<node::NameFinds> naming;
  std::vector<std::thread> threads;
  std::atomic<bool> is_ending = false;
  std::mutex journals_mutex;
  std::map<TaskName, TaskJournal> journals;  // under it
  std::thread watcher;
};

Result<std::unique_ptr<SlicePool>> SlicePool::make(Options options, Log& log) {
  TRY_VOID(make_dirs(options.folder, folder_mode));
  remove_old(options.folder);
  ASSERT(!options.hands.empty());
  std::vector<Hand> hands = std::move(options.hands);
  auto inside = std::make_unique<Inside>(std::move(options), log);
  inside->start(std::move(hands));
  return std::unique_ptr<SlicePool>(new SlicePool(std::move(inside)));
}

SlicePool::SlicePool(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

SlicePool::~SlicePool() { inside_->end(); }

void SlicePool::compute(std::vector<node::ComputeSlice> slices) {
  {
    const std::scoped_lock lock(inside_->mutex);
    for (node::ComputeSlice& slice : slices) inside_->waiting.push_back(std::move(slice));
  }
  inside_->changed.notify_all();
}

void SlicePool::name(node::NameFinds finds) {
  {
    const std::scoped_lock lock(inside_->mutex);
    inside_->naming.push_back(std::move(finds));
  }
  inside_->changed.notify_all();
}

void SlicePool::add(Hand hand) { inside_->add(std::move(hand)); }

void SlicePool::forget(node::ForgetTask task) {
  const TaskName name{task.job.value, task.task.value};
  const std::scoped_lock lock(inside_->journals_mutex);
  inside_->journals.erase(name);
  std::error_code error;
  std::filesystem::remove(inside_->path_of(name), error);
}

compute::WorkPause SlicePool::pause() const { return inside_->pace.pause(); }

}  // namespace kith::rt
