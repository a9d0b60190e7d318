// What waits to be sent to one peer, by priority, in bounded memory. A frame that does not fit
// makes room for itself by dropping: the oldest gossip first, then announcements, then the oldest
// messages, never control (A36); what is dropped is counted. Control alone is bounded by what a
// mesh can say, and a peer that reads nothing is reported and cut off by the router.
#pragma once

#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/queue.h"

namespace kith::gossip {

/// What goes first. Messages between peers of one mesh are `message`; `urgent` is small and about
/// messages on their way (IDONTWANT, IWANT, the announcements on choked links); `gossip` is the
/// heartbeat's.
enum class Priority : std::uint8_t { control, urgent, message, gossip };
inline constexpr std::size_t priorities = 4;

struct SendQueueConfig {
  std::size_t frames_max = 5000;
  std::size_t bytes_max = 8 << 20;  // eight of the largest messages
};

class SendQueue {
 public:
  struct Piece {
    Buffer bytes;
    Priority priority;
    bool is_whole;  // a frame; otherwise a part of one, whose other parts were or will be sent
  };

  /// Gives the number of frames dropped for it, itself among them if it was the least of all.
  std::size_t push(const SendQueueConfig& config, Buffer frame, Priority priority);
  /// The next bytes of the stream, at most `room`. A frame larger than that is sent in parts, and
  /// once begun it is finished before any other.
  std::optional<Piece> pop(std::size_t room);

  bool empty() const { return frames_ == 0 && begun_.empty(); }
  std::size_t frames() const { return frames_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t frames_of(Priority priority) const {
    return lanes_[static_cast<std::size_t>(priority)].size();
  }

 private:
  bool drop_one(Priority for_whom);

  std::array<base::Queue<Buffer>, priorities> lanes_;
  Buffer begun_;  // what is left of a frame that is sent in parts
  Priority begun_priority_ = Priority::control;
  std::size_t frames_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace kith::gossip
