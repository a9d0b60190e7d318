#include "rt/turns.h"

#include "base/assert.h"

namespace kith::rt {
void Turns::input(host::WorldInput input) {
  inbox_.push_back(std::move(input));
  if (!in_turn_) run();
}

void Turns::finish() {
  ++stats_.turns;
  settle();
  if (after_turn_) {
    do {
      after_turn_();
    } while (settle());
  }
  arm();
}

void Turns::drain() {
  ASSERT(in_turn_);
  std::size_t steps = 0;
  while (auto output = machine_.poll_output(now_)) {
    ASSERT(++steps <= base::turn_outputs_max);
    world_.perform(std::move(*output));
  }
}

// Performs until the machine is quiet; true when there was something to do.
bool Turns::settle() {
  bool worked = false;
  std::size_t steps = 0;
  for (;;) {
    while (auto output = machine_.poll_output(now_)) {
      ASSERT(++steps <= base::turn_outputs_max);
      worked = true;
      world_.perform(std::move(*output));
    }
    if (world_.transmit(now_)) {
      worked = true;
      continue;  // room in a connection may have made outputs
    }
    if (inbox_.empty()) return worked;
    ASSERT(++steps <= base::turn_outputs_max);
    host::WorldInput input = std::move(inbox_.front());
    inbox_.pop_front();
    now_ = steady_now();
    machine_.on_input(now_, std::move(input));
    worked = true;
  }
}

// A timer that is set too early fires once for nothing, which is cheaper than moving it each time
// that a deadline moves away; so only an earlier deadline sets it anew.
void Turns::arm() {
  const auto due = base::soonest(machine_.next_deadline(), world_.next_deadline());
  if (!due || (armed_ && *armed_ <= *due)) return;
  armed_ = *due;
  ++stats_.timer_arms;
  timer_.expires_at(to_steady(*due));
  timer_.async_wait([this](ErrorCode error) {
    if (!error) on_timer();
  });
}

void Turns::on_timer() {
  armed_.reset();
  run([this](Instant now) {
    if (const auto due = world_.next_deadline(); due && *due <= now) world_.on_deadline(now);
    if (const auto due = machine_.next_deadline(); due && *due <= now) machine_.on_deadline(now);
  });
}

void Turns::cancel() {
  timer_.cancel();
  armed_.reset();
}

}  // namespace kith::rt
