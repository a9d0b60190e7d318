// What one side of a stream has to say: Buffers in order, kept until they are acknowledged, which
// of their bytes were sent, acknowledged and lost. Copied once, into the packet.
//
// In order, which is nearly always, an acknowledgement moves one number and drops a Buffer now and
// then.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "packet/range_set.h"

namespace kith::packet {

/// Of bytes that were sent: which are acknowledged, which are to be sent again.
class SentRanges {
 public:
  /// All below is acknowledged.
  std::uint64_t acked_end() const { return acked_end_; }
  /// Runs of bytes behind a hole: at least so many gaps the peer knows of.
  std::size_t holes() const { return acked_.ranges().size(); }

  void on_acked(std::uint64_t offset, std::uint64_t bytes);
  void on_lost(std::uint64_t offset, std::uint64_t bytes);
  /// The lowest bytes that are lost and not acknowledged.
  std::optional<NumberRange> next_lost() { return lost_.empty() ? std::nullopt : find_lost(); }
  /// The lowest lost bytes were sent again, up to `end`.
  void on_resent(std::uint64_t end) { lost_.remove_below(end); }
  void clear() {
    acked_.clear();
    lost_.clear();
  }

 private:
  std::optional<NumberRange> find_lost();

  // More than packets in flight: never reached.
  static constexpr std::size_t ranges_max = 1U << 20;
  std::uint64_t acked_end_ = 0;
  RangeSet acked_{ranges_max};  // above acked_end_
  RangeSet lost_{ranges_max};
};

class StreamSend {
 public:
  // --- the application's side ---
  void write(Buffer data);
  void finish() { is_finished_ = true; }
  /// What is queued goes; what was sent is not sent again.
  void reset();

  // --- out ---
  std::uint64_t unsent() const { return end_ - sent_; }
  std::uint64_t sent() const { return sent_; }
  std::optional<NumberRange> next_lost() { return ranges_.next_lost(); }
  /// Fills `out` with what stands at `offset`.
  void copy(std::uint64_t offset, ByteSpan out);
  /// Whether bytes that end at `end` are the last.
  bool is_end(std::uint64_t end) const { return is_finished_ && end == end_; }
  void on_sent(std::uint64_t offset, std::uint64_t bytes, bool with_end);
  bool owes_end() const {
    return is_finished_ && !is_reset_ && sent_ == end_ && (!is_end_sent_ || is_end_lost_);
  }

  // --- what became of it ---
  void on_acked(std::uint64_t offset, std::uint64_t bytes, bool with_end);
  void on_lost(std::uint64_t offset, std::uint64_t bytes, bool with_end);
  void on_reset_acked() { is_over_ = true; }

  bool is_finished() const { return is_finished_; }
  bool is_reset() const { return is_reset_; }
  /// All that was written is acknowledged.
  bool is_settled() const {
    return is_over_ || (!is_reset_ && !is_finished_ && ranges_.acked_end() == end_);
  }
  /// Nothing more will be said: end or reset are acknowledged.
  bool is_over() const { return is_over_; }
  std::size_t holes() const { return ranges_.holes(); }
  /// Buffers held; for tests.
  std::size_t pieces() const { return pieces_.size() - head_; }

 private:
  struct Piece {
    Buffer data;
    std::uint64_t start;
    std::uint64_t end() const { return start + data.size(); }
  };
  std::size_t index_of(std::uint64_t offset) const;
  void drop_acked();

  std::vector<Piece> pieces_;  // from head_ on
  std::size_t head_ = 0;
  std::size_t hint_ = 0;  // where bytes were last taken from
  std::uint64_t sent_ = 0, end_ = 0;
  SentRanges ranges_;
  bool is_finished_ = false, is_end_sent_ = false, is_end_lost_ = false, is_end_acked_ = false;
  bool is_reset_ = false, is_over_ = false;
};

}  // namespace kith::packet
