#include "rt/worker_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace kith::rt {

struct WorkerPool::Inside {
  explicit Inside(Reactor& to, std::size_t limit) : reactor(to), jobs_max(limit) {}

  void work();
  void deliver(WorkerPool::Result result);

  Reactor& reactor;
  std::size_t jobs_max;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  bool ending = false;
  /// Looked at and ended on the reactor's thread only.
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  std::vector<std::thread> threads;
};

WorkerPool::WorkerPool(Reactor& reactor, WorkerPoolConfig config)
    : inside_(std::make_unique<Inside>(reactor, config.jobs_max)) {
  ASSERT(config.threads > 0);
  for (std::size_t i = 0; i < config.threads; ++i) {
    inside_->threads.emplace_back([inside = inside_.get()] { inside->work(); });
  }
}

WorkerPool::~WorkerPool() {
  *inside_->alive = false;
  {
    const std::lock_guard lock(inside_->mutex);
    inside_->ending = true;
    inside_->jobs.clear();
  }
  inside_->changed.notify_all();
  for (std::thread& thread : inside_->threads) thread.join();
}

base::Result<void> WorkerPool::submit(Job job) {
  {
    const std::lock_guard lock(inside_->mutex);
    if (inside_->jobs.size() >= inside_->jobs_max) {
      return fail(Code::limit, "the worker queue is full: " + std::to_string(inside_->jobs.size()) +
                                   " jobs wait");
    }
    inside_->jobs.push_back(std::move(job));
  }
  inside_->changed.notify_one();
  return {};
}

std::size_t WorkerPool::queued() const {
  const std::lock_guard lock(inside_->mutex);
  return inside_->jobs.size();
}

void WorkerPool::Inside::work() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return ending || !jobs.empty(); });
      if (ending) return;
      job = std::move(jobs.front());
      jobs.pop_front();
    }
    if (WorkerPool::Result result = job()) deliver(std::move(result));
  }
}

void WorkerPool::Inside::deliver(WorkerPool::Result result) {
  reactor.post([pool_alive = alive, result = std::move(result)] {
    if (*pool_alive) result();
  });
}

}  // namespace kith::rt
