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
  if (!lanes_) lanes_ = std::make_unique<Lanes>();
  (*lanes_)[lane].frames.push_back(std::move(frame));
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
  if (!lanes_) return false;
  for (const std::size_t lane : droppable) {
    if (!(*lanes_)[lane].frames.empty()) {
      (void)take(lane);
      count_drop(lane, drops);
      return true;
    }
    if (lane == for_lane) break;
  }
  return false;
}

Buffer SendQueue::take(std::size_t index) {
  Lane& lane = (*lanes_)[index];
  Buffer frame = lane.frames.pop_front();
  bytes_ -= frame.size();
  --frames_;
  if (lane.frames.empty()) lane.let_pass = 0;
  return frame;
}

// The most urgent that has something, or the most urgent of those that have waited enough.
std::optional<std::size_t> SendQueue::next_lane(const SendQueueConfig& config) const {
  std::optional<std::size_t> first;
  if (!lanes_) return first;
  for (std::size_t i = 0; i < lane_count; ++i) {
    const Lane& lane = (*lanes_)[i];
    if (lane.frames.empty()) continue;
    if (i < first_message_lane) return i;
    if (!first) first = i;
    const bool has_waited = lane.let_pass >= config.patience * lane.frames.front().size();
    if (i != *first && has_waited) return i;
  }
  return first;
}

std::optional<SendQueue::Piece> SendQueue::pop(const SendQueueConfig& config, std::size_t room) {
  if (room == 0) return std::nullopt;
  if (begun_.empty()) {
    const auto lane = next_lane(config);
    if (!lane) return std::nullopt;
    Buffer frame = take(*lane);
    (*lanes_)[*lane].let_pass = 0;
    for (std::size_t i = first_message_lane; i < lane_count; ++i) {
      Lane& other = (*lanes_)[i];
      if (i != *lane && !other.frames.empty()) other.let_pass += frame.size();
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
