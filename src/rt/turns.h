// The law of turns (base/machine.h, law 1), as the one place that mutates the machine: mutate,
// drain, transmit, and arm one timer for the soonest deadline. Internal to rt.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "host/world.h"
#include "rt/asio.h"
#include "rt/reactor.h"

namespace kith::rt {

/// What a turn asks of the rest of the shell.
class TurnWorld {
 public:
  virtual ~TurnWorld() = default;
  virtual void perform(host::WorldOutput output) = 0;
  /// Sends for every link that asked, and datagrams; false when nobody did.
  virtual bool transmit(Instant now) = 0;
  /// The shell's own deadlines: dials, flushes, stalled writes.
  virtual std::optional<Instant> next_deadline() = 0;
  virtual void on_deadline(Instant now) = 0;
};

class Turns {
 public:
  Turns(asio::io_context& io, host::WorldMachine& machine, TurnWorld& world, ReactorStats& stats)
      : machine_(machine), world_(world), stats_(stats), timer_(io) {}

  host::WorldMachine& machine() { return machine_; }
  Instant now() const { return now_; }

  /// Tells the machine, in the turn in progress or in one of its own.
  void input(host::WorldInput input);

  /// One turn: `mutate(now)` and all that follows from it. Inside a turn it joins that one.
  template <class Mutate>
  void run(Mutate&& mutate) {
    now_ = steady_now();
    if (in_turn_) {
      mutate(now_);
      return;
    }
    in_turn_ = true;
    mutate(now_);
    finish();
    in_turn_ = false;
  }
  /// A turn without a mutation, for bytes that were left over.
  void run() {
    run([](Instant) {});
  }

  /// Performs the machine's outputs in the middle of a turn, before it is mutated again; nothing is
  /// sent.
  void drain();

  void set_after_turn(std::function<void()> after_turn) { after_turn_ = std::move(after_turn); }
  /// Forgets the timer: for the end.
  void cancel();

 private:
  void finish();
  bool settle();
  void arm();
  void on_timer();

  host::WorldMachine& machine_;
  TurnWorld& world_;
  ReactorStats& stats_;
  Timer timer_;
  std::optional<Instant> armed_;
  std::deque<host::WorldInput> inbox_;
  std::function<void()> after_turn_;
  Instant now_{};
  bool in_turn_ = false;
};

}  // namespace kith::rt
