// How fast threads compute for others: at idle priority, a share of each thread's time, and not at
// all while one of the owner's rules (compute/work_rules.h) holds. Shared by whoever has threads
// that run slices. Threads: all of it on any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "compute/work_rules.h"
#include "compute/workload.h"
#include "rt/compute_sensors.h"

namespace kith::rt {

/// Of the calling thread; what it starts inherits it.
void become_idle();

class ComputePace {
 public:
  /// `is_stopped`: asked by all who wait, ten times a second, so that a signal may end it.
  explicit ComputePace(std::function<bool()> is_stopped = [] { return false; })
      : is_stopped_(std::move(is_stopped)) {}

  /// Reads the sensors and decides anew: once a second, by one thread.
  compute::WorkPause look(const compute::WorkRules& rules);
  /// What the last look() read.
  const compute::WorkReadings& readings() const { return readings_; }
  compute::WorkPause pause() const { return pause_.load(); }
  /// Whoever waits is told that it is over.
  void end();
  /// False: it is over.
  bool wait_while_paused();

  /// What a slice that is being computed asks: waits out a pause, and keeps to the thread's share.
  class Ticket final : public compute::Progress {
   public:
    /// `is_external`: the work is another process', whose time this thread's clock does not count.
    Ticket(ComputePace& pace, bool is_external);
    bool go_on(std::uint64_t done, std::uint64_t of) override;

   private:
    void rest();

    ComputePace& pace_;
    const bool is_external_;
    Duration worked_since_;
  };

 private:
  void sleep_for(Duration span);
  bool is_over() const { return is_ending_ || is_stopped_(); }

  const std::function<bool()> is_stopped_;
  ComputeSensors sensors_;
  compute::WorkReadings readings_;
  std::atomic<compute::WorkPause> pause_ = compute::WorkPause::none;
  std::atomic<unsigned> cpu_percent_ = 100;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_ending_ = false;
};

}  // namespace kith::rt
