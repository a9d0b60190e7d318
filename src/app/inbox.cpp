#include "app/inbox.h"

#include <utility>

namespace kith::app {
namespace {

/// A turn answers the network too: so many pieces of work, then its other events.
constexpr std::size_t drained_at_once_max = 256;

}  // namespace

void Inbox::open() {
  const std::lock_guard lock(mutex_);
  thread_ = std::this_thread::get_id();
}

bool Inbox::post(Work work) { return post(std::move(work), When::now); }

bool Inbox::post_behind(Work work) { return post(std::move(work), When::in_order); }

bool Inbox::post_later(Work work) { return post(std::move(work), When::later); }

bool Inbox::post(Work work, When when) {
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return false;
    const bool is_here = std::this_thread::get_id() == thread_;
    const bool waits = when == When::later || (when == When::in_order && !waiting_.empty());
    if (!is_here || waits) {
      waiting_.push_back(std::move(work));
      if (waiting_.size() == 1) wake_();  // under the lock: close() must not overtake it
      return true;
    }
  }
  run_now_(work);
  return true;
}

void Inbox::drain() {
  for (std::size_t i = 0; i < drained_at_once_max; ++i) {
    Work work;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    run_now_(work);
  }
  const std::lock_guard lock(mutex_);
  if (!waiting_.empty()) wake_();
}

void Inbox::close() {
  for (;;) {
    Work work;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) {
        is_closed_ = true;
        thread_ = {};
        return;
      }
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    run_now_(work);
  }
}

}  // namespace kith::app
