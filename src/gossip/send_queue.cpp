#include "gossip/send_queue.h"

#include <numeric>

namespace kith::gossip {
std::uint64_t SendDrops::total() const {
  return std::accumulate(messages.begin(), messages.end(), urgent + gossip);
}

std::size_t SendQueue::lane_of(FrameKind kind, Priority priority) {
  switch (kind) {
    case FrameKind::control: return 0;
    case FrameKind::urgent: return urgent_lane;
    case FrameKind::message: return message_lane(priority);
    case FrameKind::gossip: return gossip_lane;
  }
  UNREACHABLE();
}

FrameKind SendQueue::kind_of(std::size_t lane) {
  if (lane < first_message_lane) return lane == 0 ? FrameKind::control : FrameKind::urgent;
  return lane == gossip_lane ? FrameKind::gossip : FrameKind::message;
}

void SendQueue::count_drop(std::size_t lane, SendDrops& drops) {
  if (lane == gossip_lane) {
    ++drops.gossip;
  } else if (lane == urgent_lane) {
    ++drops.urgent;
  } else {
    ++drops.messages[lane - first_message_lane];
  }
}

void SendQueue::push(const SendQueueConfig& config, Buffer frame, FrameKind kind, Priority priority,
                     SendDrops& drops) {
  const std::size_t lane = lane_of(kind, priority);
  const bool is_control = kind == FrameKind::control;
  if (frame.size() > config.bytes_max && !is_control) return count_drop(lane, drops);
  while (frames_ + 1 > config.frames_max || bytes_ + frame.size() > config.bytes_max) {
    if (drop_one(lane, drops)) continue;
    // Nothing less than it is left. Control goes in nevertheless.
    if (!is_control) return count_drop(lane, drops);
    break;
  }
  bytes_ += frame.size();
  ++frames_;
  lanes_[lane].push_back(std::move(frame));
}

// Drops the oldest frame of the least worth, which is not above that of whom it makes room for.
bool SendQueue::drop_one(std::size_t for_lane, SendDrops& drops) {
  // From the least to the most worth keeping: a lost announcement costs less than a lost message,
  // but a flood in bulk topics must not cost the others their announcements.
  static constexpr std::size_t droppable[] = {gossip_lane,
                                              message_lane(Priority::bulk),
                                              urgent_lane,
                                              message_lane(Priority::application),
                                              message_lane(Priority::transactions),
                                              message_lane(Priority::blocks),
                                              message_lane(Priority::consensus)};
  for (const std::size_t lane : droppable) {
    if (!lanes_[lane].empty()) {
      (void)take(lane);
      count_drop(lane, drops);
      return true;
    }
    if (lane == for_lane) break;
  }
  return false;
}

Buffer SendQueue::take(std::size_t lane) {
  Buffer frame = lanes_[lane].pop_front();
  bytes_ -= frame.size();
  --frames_;
  if (lanes_[lane].empty()) let_pass_[lane] = 0;
  return frame;
}

// The most urgent that has something, or the most urgent of those that have waited enough.
std::optional<std::size_t> SendQueue::next_lane(const SendQueueConfig& config) const {
  std::optional<std::size_t> first;
  for (std::size_t lane = 0; lane < lane_count; ++lane) {
    if (lanes_[lane].empty()) continue;
    if (lane < first_message_lane) return lane;
    if (!first) first = lane;
    const bool has_waited = let_pass_[lane] >= config.patience * lanes_[lane].front().size();
    if (lane != *first && has_waited) return lane;
  }
  return first;
}

std::optional<SendQueue::Piece> SendQueue::pop(const SendQueueConfig& config, std::size_t room) {
  if (room == 0) return std::nullopt;
  if (begun_.empty()) {
    const auto lane = next_lane(config);
    if (!lane) return std::nullopt;
    Buffer frame = take(*lane);
    let_pass_[*lane] = 0;
    for (std::size_t other = first_message_lane; other < lane_count; ++other) {
      if (other != *lane && !lanes_[other].empty()) let_pass_[other] += frame.size();
    }
    if (frame.size() <= room) return Piece{std::move(frame), kind_of(*lane), true};
    begun_ = std::move(frame);
    begun_kind_ = kind_of(*lane);
  }
  Buffer part = begun_.slice(0, room);
  begun_.drop_front(part.size());
  if (begun_.empty()) begun_ = {};
  return Piece{std::move(part), begun_kind_, false};
}

}  // namespace kith::gossip
