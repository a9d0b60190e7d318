// The ordered bytes that secure::Session says to its peer inside a connection: SESSION frames, like
// one stream without flow control but for a fixed 64 KiB (docs/protocol/packet.md, "Session
// bytes").
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "packet/frame.h"

namespace kith::packet {

class SessionStream {
 public:
  static constexpr std::size_t bytes_max = 64 * 1024;
  static constexpr std::size_t gaps_max = 64;

  // --- out ---
  std::size_t room() const { return bytes_max - (flow_ ? flow_->out.size() : 0); }
  /// REQUIRES: at most room().
  void write(ByteView bytes);
  bool has_pending() const { return flow_ && (next_ < out_end() || !flow_->lost.empty()); }
  bool is_all_acknowledged() const { return !flow_ || flow_->out.empty(); }
  void fill(FrameWriter& writer, std::vector<FrameNote>& notes);
  void on_acked(const FrameNote& note);
  void on_lost(const FrameNote& note);

  // --- in ---
  /// `protocol` for bytes beyond the 64 KiB, or too many gaps.
  Result<void> on_frame(const SessionFrame& frame);
  bool has_arrived() const { return arrived_ > given_; }
  /// What is there in order and was not given yet; valid until the next mutation.
  ByteView take_arrived();
  /// Gives back memory that nothing is in.
  void release();

 private:
  /// None while nothing is under way: what is said is little, at the beginning and at rotations.
  struct Flow {
    Bytes out;  // from out_base_ on: all that is not acknowledged without a gap
    RangeSet acked{gaps_max};
    RangeSet lost{gaps_max};
    Bytes in;  // from in_base_ on
    RangeSet in_ranges{gaps_max};
  };

  Flow& flow();
  void forget_given();
  std::uint64_t out_end() const { return out_base_ + flow_->out.size(); }
  bool write_from(FrameWriter& writer, std::vector<FrameNote>& notes, std::uint64_t from,
                  std::uint64_t to, std::uint64_t& written);

  std::unique_ptr<Flow> flow_;
  std::uint64_t out_base_ = 0;
  std::uint64_t next_ = 0;  // not sent yet from here
  std::uint64_t in_base_ = 0;
  std::size_t arrived_ = 0;  // bytes of the flow's `in` without a gap
  std::size_t given_ = 0;
};

}  // namespace kith::packet
