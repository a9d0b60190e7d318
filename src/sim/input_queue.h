// WorldInputs on their way to nodes: the events of the calendar are small plain values, what they
// carry waits here under a handle.
#pragma once

#include <utility>
#include <vector>

#include "host/world.h"
#include "sim/event_queue.h"

namespace kith::sim {

class InputQueue {
 public:
  explicit InputQueue(EventQueue& queue) : queue_(queue) {}

  /// Gives `input` to the node at `at`, unless the node has crashed by then: an incarnation never
  /// sees what was meant for the one before.
  void post(Instant at, std::uint32_t node, std::uint32_t incarnation, host::WorldInput input) {
    std::uint32_t handle = 0;
    if (free_.empty()) {
      handle = static_cast<std::uint32_t>(slots_.size());
      slots_.push_back(std::move(input));
    } else {
      handle = free_.back();
      free_.pop_back();
      slots_[handle] = std::move(input);
    }
    queue_.push({at, node, incarnation, handle, EventKind::input});
  }

  host::WorldInput take(std::uint32_t handle) {
    free_.push_back(handle);
    return std::exchange(slots_[handle], host::WallClock{});
  }

 private:
  EventQueue& queue_;
  std::vector<host::WorldInput> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace kith::sim
