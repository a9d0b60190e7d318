// A thread that takes what it is given in order, all that waits at once: one sync of a disk then
// does for many. For shell work of this folder.
//
// What waits is not bounded here: whoever asks waits for answers before asking for much more.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace kith::rt {

template <class Ask>
class WriteThread {
 public:
  /// Called on the thread, with at least one.
  using Work = std::function<void(std::vector<Ask>)>;

  explicit WriteThread(Work work) : work_(std::move(work)), thread_([this] { run(); }) {}
  /// Does what waits first.
  ~WriteThread() {
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  WriteThread(const WriteThread&) = delete;
  WriteThread& operator=(const WriteThread&) = delete;

  /// Any thread.
  void push(Ask ask) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(ask));
    }
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::vector<Ask> asks = std::exchange(waiting_, {});
      lock.unlock();
      work_(std::move(asks));
      lock.lock();
    }
  }

  const Work work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Ask> waiting_;
  bool is_ending_ = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace kith::rt
