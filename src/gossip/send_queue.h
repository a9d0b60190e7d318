// What waits to be sent to one peer, in lanes and in bounded memory. Control goes first, then what
// is small and about messages on their way, then messages by the priority of their topics, then the
// heartbeat's gossip. Order within a lane stays.
//
// Nobody starves: behind control and urgent frames, a lane that has let others pass with `patience`
// times the bytes of its own next frame is served next. So a lane with something to send has at
// least about one byte in `patience` + 1 (fewer where several wait), however much comes ahead of
// it.
//
// A frame that does not fit makes room for itself by dropping the oldest of what is worth least:
// gossip, messages of bulk topics, announcements, other messages from the least urgent on; never
// what is worth more than itself, and never control (A36). What is dropped is counted. Control
// alone is bounded by what a mesh can say, and a peer that reads nothing is reported and cut off by
// the router.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/peer_event.h"
#include "base/queue.h"

namespace kith::gossip {

/// What a frame is. `urgent` is small and about messages on their way (IDONTWANT, IWANT, the
/// announcements on choked links); `gossip` is the heartbeat's.
enum class FrameKind : std::uint8_t { control, urgent, message, gossip };

struct SendQueueConfig {
  std::size_t frames_max = 5000;
  std::size_t bytes_max = 8 << 20;  // eight of the largest messages
  std::size_t patience = 16;        // 0: as often as anybody
};

/// Frames that were dropped, each counted once.
struct SendDrops {
  std::uint64_t urgent = 0;
  std::uint64_t gossip = 0;
  std::array<std::uint64_t, base::priorities> messages{};  // by their topics' priority
  std::uint64_t total() const;
};

class SendQueue {
 public:
  struct Piece {
    Buffer bytes;
    FrameKind kind;
    bool is_whole;  // a frame; otherwise a part of one, whose other parts were or will be sent
  };

  /// `priority` is that of a message's topic, and means nothing for other frames. What is dropped
  /// for the frame, or the frame itself if it is worth least, is added to `drops`.
  void push(const SendQueueConfig& config, Buffer frame, FrameKind kind, Priority priority,
            SendDrops& drops);
  /// The next bytes of the stream, at most `room`. A frame larger than that is sent in parts, and
  /// once begun it is finished before any other.
  std::optional<Piece> pop(const SendQueueConfig& config, std::size_t room);

  /// Gives back the memory of lanes in which nothing waits: for a peer that has been quiet.
  void rest() {
    if (frames_ == 0) lanes_.reset();
  }

  bool empty() const { return frames_ == 0 && begun_.empty(); }
  std::size_t frames() const { return frames_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t frames_of(FrameKind kind, Priority priority = Priority::application) const {
    return lanes_ ? lanes_->at(lane_of(kind, priority)).frames.size() : 0;
  }

 private:
  static constexpr std::size_t urgent_lane = 1;
  static constexpr std::size_t first_message_lane = 2;
  static constexpr std::size_t gossip_lane = first_message_lane + base::priorities;
  static constexpr std::size_t lane_count = gossip_lane + 1;
  static constexpr std::size_t message_lane(Priority priority) {
    return first_message_lane + static_cast<std::size_t>(priority);
  }
  static std::size_t lane_of(FrameKind kind, Priority priority);
  static FrameKind kind_of(std::size_t lane);
  static void count_drop(std::size_t lane, SendDrops& drops);

  bool drop_one(std::size_t for_lane, SendDrops& drops);
  std::optional<std::size_t> next_lane(const SendQueueConfig& config) const;
  Buffer take(std::size_t index);

  struct Lane {
    base::Queue<Buffer> frames;
    std::uint64_t let_pass = 0;  // bytes, while it waited
  };
  using Lanes = std::array<Lane, lane_count>;  // the most urgent first
  std::unique_ptr<Lanes> lanes_;               // null while nothing waits and nothing did lately
  Buffer begun_;                               // what is left of a frame that is sent in parts
  FrameKind begun_kind_ = FrameKind::control;
  std::size_t frames_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace kith::gossip
