// The thread that owns the file of an SQLite store, and what waits to be written there. For
// store_*.cpp alone.
//
// Changes are gathered in a `Batch` and reach the disk in one transaction: `flush_after` later, at
// once when one is urgent or half of `changes_max` wait, and when the store ends. A batch that a
// damaged file refuses is written again into a new one; the damaged one is moved aside.
// `Batch` has size(), the number of changes; `Read` is what one load gives.
// The table may outgrow its limit by `stores_between_prunes` while it is open; the end prunes too.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/time.h"
#include "rt/store_sqlite.h"

namespace kith::rt {

struct StoreFile {
  std::string path;
  int schema_version = 1;
  const char* schema_sql = "";
  std::string_view what_it_is;  // in the log
};

struct StoreLimits {
  std::size_t changes_max = 4096;
  Duration flush_after = 1s;
};

template <class Batch, class Read>
class StoreThread {
 public:
  /// What the thread does with the open file. `write` and `prune` run inside one transaction.
  struct Steps {
    std::function<DbResult(Database&, const Batch&)> write;
    std::function<DbResult(Database&)> prune;
    std::function<DbResult(Database&, Read&)> read;
  };
  using Loaded = std::function<void(Read)>;
  /// What became of a change.
  struct Outcome {
    std::size_t dropped = 0;
    bool is_urgent = false;
  };

  StoreThread(StoreFile file, StoreLimits limits, Steps steps, Log& log)
      : file_(std::move(file)), limits_(limits), steps_(std::move(steps)), log_(log) {}
  /// Writes what waits, then closes.
  ~StoreThread() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  /// Opens the file, then starts; once, and before anything else.
  Result<void> start() {
    TRY_VOID(db_.open_or_replace(file_.path, file_.schema_version, file_.schema_sql,
                                 file_.what_it_is, log_));
    thread_ = std::thread([this] { work(); });
    return {};
  }

  // Any thread, and none of them blocks on the disk but flush().

  void load(Loaded loaded) {
    {
      const std::lock_guard lock(mutex_);
      loads_.push_back(std::move(loaded));
    }
    changed_.notify_all();
  }

  /// `change` is called at once, with what waits: Outcome(Batch&).
  template <class Change>
  void change(Change change) {
    bool is_complaint_due = false;
    bool is_sooner = false;  // otherwise the thread knows when to wake
    {
      const std::lock_guard lock(mutex_);
      const auto now = Clock::now();
      is_sooner = waiting_.size() == 0;
      const Outcome outcome = change(waiting_);
      if (is_sooner) flush_at_ = now + limits_.flush_after;
      // Half full: the writer need not wait for its time to pass.
      if (outcome.is_urgent || waiting_.size() * 2 >= limits_.changes_max) {
        is_sooner = is_sooner || flush_at_ > now;
        flush_at_ = std::min(flush_at_, now);
      }
      if (outcome.dropped > 0) {
        dropped_.fetch_add(outcome.dropped);
        is_complaint_due = now >= next_complaint_;
        if (is_complaint_due) next_complaint_ = now + complaint_interval;
      }
    }
    if (is_sooner) changed_.notify_all();
    if (is_complaint_due) {
      log_.warn("store", "the disk is too slow for the {}: {} changes wait, dropping more",
                file_.what_it_is, limits_.changes_max);
    }
  }

  /// Blocks until all that was changed before is on the disk.
  void flush() {
    std::unique_lock lock(mutex_);
    const std::uint64_t ticket = ++asked_;
    changed_.notify_all();
    flushed_.wait(lock, [&] { return done_ >= ticket; });
  }

  /// Changes that found no room.
  std::uint64_t dropped() const { return dropped_.load(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Duration complaint_interval = 10s;
  /// Pruning sorts the whole table, so it is done once for so many writes.
  static constexpr std::size_t stores_between_prunes = 1000;

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wait_until_due(lock);
      const bool is_last = is_ending_;
      const std::uint64_t tickets = asked_;
      const Batch batch = std::exchange(waiting_, {});
      const auto readers = is_last ? std::deque<Loaded>() : std::exchange(loads_, {});
      lock.unlock();
      const bool is_prune_due = is_last && stores_since_prune_ + batch.size() > 0;
      if (is_prune_due) stores_since_prune_ = stores_between_prunes;
      if (batch.size() > 0 || is_prune_due) write(batch);
      for (const Loaded& loaded : readers) {
        Read all;
        if (const auto failed = read(all)) {
          log_.error("store", "reading {}: {}", file_.path, failed->message);
        }
        loaded(std::move(all));
      }
      lock.lock();
      done_ = tickets;
      flushed_.notify_all();
      if (is_last) return;
    }
  }

  void wait_until_due(std::unique_lock<std::mutex>& lock) {
    for (;;) {
      const bool anything_waits = waiting_.size() > 0;
      if (is_ending_ || !loads_.empty() || asked_ > done_) return;
      if (anything_waits && Clock::now() >= flush_at_) return;
      if (anything_waits) {
        changed_.wait_until(lock, flush_at_);
      } else {
        changed_.wait(lock);
      }
    }
  }

  void write(const Batch& batch) {
    auto failed = write_all(batch);
    if (!failed) return;
    if (db_.is_open()) db_.execute("ROLLBACK");
    if (failed->is_damage()) {
      db_.move_aside(file_.path, file_.what_it_is, failed->message, log_);
      failed = write_all(batch);
    }
    if (failed) {
      log_.error("store", "{} changes of {} are lost: {}", batch.size(), file_.path,
                 failed->message);
    }
  }

  DbResult write_all(const Batch& batch) {
    if (!db_.is_open()) {
      if (auto failed = db_.open(file_.path, file_.schema_version, file_.schema_sql)) return failed;
    }
    if (auto failed = db_.execute("BEGIN IMMEDIATE")) return failed;
    if (auto failed = steps_.write(db_, batch)) return failed;
    stores_since_prune_ += batch.size();
    if (stores_since_prune_ >= stores_between_prunes) {
      stores_since_prune_ = 0;
      if (auto failed = steps_.prune(db_)) return failed;
    }
    return db_.execute("COMMIT");
  }

  DbResult read(Read& all) {
    if (!db_.is_open()) return DbError{0, "not open"};
    return steps_.read(db_, all);
  }

  const StoreFile file_;
  const StoreLimits limits_;
  const Steps steps_;
  Log& log_;

  // The thread's, once it runs.
  Database db_;
  std::size_t stores_since_prune_ = stores_between_prunes;  // the first write prunes

  // Both sides', under the mutex.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable flushed_;
  Batch waiting_;
  std::deque<Loaded> loads_;
  Clock::time_point flush_at_{};
  Clock::time_point next_complaint_{};
  std::uint64_t asked_ = 0;  // flushes asked for, and done
  std::uint64_t done_ = 0;
  bool is_ending_ = false;

  std::atomic<std::uint64_t> dropped_ = 0;
  std::thread thread_;
};

}  // namespace kith::rt
