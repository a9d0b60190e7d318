// Threads for work that blocks or takes long. A job runs on a worker and returns what to do with
// its result; that runs on the reactor's thread, as a turn.
//
// Lifetimes: the pool joins its workers when it ends, and results not delivered by then are
// dropped. So declare it BEHIND whatever its jobs use (it is destroyed first), and end it on the
// reactor's thread or after run(). The reactor outlives the pool.
#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "rt/reactor.h"

namespace kith::rt {

struct WorkerPoolConfig {
  std::size_t threads = 1;
  std::size_t jobs_max = 256;  // queued; those running not counted
};

class WorkerPool {
 public:
  using Result = std::function<void()>;
  using Job = std::function<Result()>;  // may return an empty one

  WorkerPool(Reactor& reactor, WorkerPoolConfig config = {});
  /// Drops what is queued, waits for what runs.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Any thread. `limit` when the queue is full.
  base::Result<void> submit(Job job);
  std::size_t queued() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace kith::rt
