// The way from any thread to the reactor's: work that waits its turn there, and a clear answer when
// there is no such thread any more. Whoever holds the Inbox may outlive the host.
//
// Threads: post() on any; the rest on the thread that called open().
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace kith::app {

class Inbox {
 public:
  using Work = std::function<void()>;

  /// `wake` makes drain() be called soon, from any thread; `run_now` runs work as a turn, or inside
  /// the turn that is in progress. Neither is called after close().
  Inbox(std::function<void(const Work&)> run_now, std::function<void()> wake)
      : run_now_(std::move(run_now)), wake_(std::move(wake)) {}

  /// Makes the calling thread the one that work runs on.
  void open();
  /// Runs `work` on the inbox's thread, at once when called there. False once it is closed: `work`
  /// never runs.
  bool post(Work work);
  /// The same, but never before what other threads have posted already.
  bool post_behind(Work work);
  /// The same, but never at once: for what must not happen inside the work that is running.
  bool post_later(Work work);
  /// Runs some of what waits; wakes again for the rest.
  void drain();
  /// Runs all that waits, and refuses from now on.
  void close();

 private:
  enum class When : std::uint8_t { now, in_order, later };
  bool post(Work work, When when);

  const std::function<void(const Work&)> run_now_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::deque<Work> waiting_;  // bounded by its callers: a stream by its room
  std::thread::id thread_;
  bool is_closed_ = false;
};

}  // namespace kith::app
