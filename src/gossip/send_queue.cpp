#include "gossip/send_queue.h"

#include <algorithm>

namespace kith::gossip {

std::size_t SendQueue::push(const SendQueueConfig& config, Buffer frame, Priority priority) {
  if (frame.size() > config.bytes_max && priority != Priority::control) return 1;
  std::size_t dropped = 0;
  while (frames_ + 1 > config.frames_max || bytes_ + frame.size() > config.bytes_max) {
    if (drop_one(priority)) {
      ++dropped;
      continue;
    }
    // Nothing less than it is left. Control goes in nevertheless.
    if (priority != Priority::control) return dropped + 1;
    break;
  }
  bytes_ += frame.size();
  ++frames_;
  lanes_[static_cast<std::size_t>(priority)].push_back(std::move(frame));
  return dropped;
}

// From the least to the most worth keeping: a lost announcement costs less than a lost message.
static constexpr Priority droppable[] = {Priority::gossip, Priority::urgent, Priority::message};

// Drops the oldest frame of the least worth, which is not above that of whom it makes room for.
bool SendQueue::drop_one(Priority for_whom) {
  for (const Priority lane : droppable) {
    auto& frames = lanes_[static_cast<std::size_t>(lane)];
    if (!frames.empty()) {
      bytes_ -= frames.pop_front().size();
      --frames_;
      return true;
    }
    if (lane == for_whom) break;
  }
  return false;
}

std::optional<SendQueue::Piece> SendQueue::pop(std::size_t room) {
  if (room == 0) return std::nullopt;
  if (begun_.empty()) {
    const auto lane =
        std::find_if(lanes_.begin(), lanes_.end(), [](const auto& each) { return !each.empty(); });
    if (lane == lanes_.end()) return std::nullopt;
    const auto priority = static_cast<Priority>(lane - lanes_.begin());
    Buffer frame = lane->pop_front();
    --frames_;
    bytes_ -= frame.size();
    if (frame.size() <= room) return Piece{std::move(frame), priority, true};
    begun_ = std::move(frame);
    begun_priority_ = priority;
  }
  Buffer part = begun_.slice(0, room);
  begun_.drop_front(part.size());
  if (begun_.empty()) begun_ = {};
  return Piece{std::move(part), begun_priority_, false};
}

}  // namespace kith::gossip
