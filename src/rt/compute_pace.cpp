#include "rt/compute_pace.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace kith::rt {
namespace {

using namespace compute;
using Clock = std::chrono::steady_clock;

/// Whoever waits looks this often whether it was stopped by a signal, which wakes nobody.
constexpr auto stop_interval = std::chrono::milliseconds(100);
/// A thread rests after so much work at the earliest, so that the clock's grain does not matter.
constexpr auto rest_interval = std::chrono::milliseconds(50);

Duration now_of(bool is_external) {
  if (is_external) return Clock::now().time_since_epoch();
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

void become_idle() {
  const sched_param none{};
  if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0) ::setpriority(PRIO_PROCESS, 0, 19);
}

WorkPause ComputePace::look(const WorkRules& rules) {
  readings_ = sensors_.read();
  const WorkPause pause = decide(rules, readings_, pause_.load());
  {
    const std::scoped_lock lock(mutex_);
    cpu_percent_ = std::clamp(rules.cpu_percent, 1u, 100u);
    pause_ = pause;
  }
  changed_.notify_all();
  return pause;
}

void ComputePace::end() {
  {
    const std::scoped_lock lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
}

bool ComputePace::wait_while_paused() {
  std::unique_lock lock(mutex_);
  while (!is_over()) {
    if (pause_ == WorkPause::none) return true;
    changed_.wait_for(lock, stop_interval);
  }
  return false;
}

void ComputePace::sleep_for(Duration span) {
  const auto until = Clock::now() + span;
  std::unique_lock lock(mutex_);
  while (!is_over() && Clock::now() < until) {
    changed_.wait_for(lock, std::min<Duration>(stop_interval, until - Clock::now()));
  }
}

ComputePace::Ticket::Ticket(ComputePace& pace, bool is_external)
    : pace_(pace), is_external_(is_external), worked_since_(now_of(is_external)) {}

bool ComputePace::Ticket::go_on(std::uint64_t, std::uint64_t) {
  rest();
  const bool goes_on = pace_.wait_while_paused();
  if (is_external_) worked_since_ = now_of(true);
  return goes_on;
}

void ComputePace::Ticket::rest() {
  const Duration now = now_of(is_external_);
  const Duration worked = now - worked_since_;
  if (worked < rest_interval) return;
  pace_.sleep_for(rest_after(worked, pace_.cpu_percent_.load()));
  worked_since_ = now;
}

}  // namespace kith::rt
