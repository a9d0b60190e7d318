// Messages from the peer: numbers that were had and those that are awaited, the parts of those in
// assembly, and whose bytes the application has not consumed. A message that comes in one packet is
// a view into it; others are put together in blocks.
//
// Limits: `messages_assembled_max` at once; when nothing came for `assembly_timeout`, they are
// dropped, and a part of one that comes later is a fault, so none is lost in silence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "packet/frame.h"
#include "packet/range_set.h"
#include "packet/services.h"
#include "packet/stream_blocks.h"

namespace kith::packet {

class MessagesIn {
 public:
  explicit MessagesIn(const ServicesConfig& config);

  /// A message or a part of it; `fragments` is the header's total, 0 for frames.
  struct Part {
    MessageNumber number;
    std::uint64_t total;
    std::uint64_t offset;
    ByteView data;
    bool is_compressed;
    std::uint16_t fragments = 0;
  };
  enum class Taken : std::uint8_t { old, kept, complete };

  /// Number below the credit, sizes within limits, not expired: else `protocol`.
  Result<void> check(MessageNumber number, std::uint64_t total) const;
  /// Neither had nor begun: its bytes do not count yet.
  bool is_new(MessageNumber number) const {
    return !is_done(number) && find(number) == nullptr && !is_expired(number);
  }
  bool is_assembling(MessageNumber number) const { return find(number) != nullptr; }
  bool is_done(MessageNumber number) const { return done_.contains(number); }

  /// REQUIRES: check() said yes. `complete`: its views are appended to `pieces`.
  Result<Taken> take(const Part& part, BlockPool& pool, std::vector<ByteView>& pieces);
  /// The sender gave it up. `total` is 0 where nothing of it was sent.
  Result<void> give_up(const MessageGoneFrame& gone, BlockPool& pool);
  /// The application has it, and holds `total` bytes of the window until consume().
  void hold(MessageNumber number, std::uint64_t total) { held_.push_back({number, total}); }
  /// How many bytes are free now.
  std::uint64_t consume(MessageNumber number);

  /// Something came that is sent by importance, of whatever stream or message: those that wait are
  /// not forgotten but less important.
  void on_progress(Instant now) { progress_at_ = now; }
  /// Drops those in assembly when nothing came for too long; how many bytes are free now.
  std::uint64_t expire(Instant now, BlockPool& pool);
  std::optional<Instant> next_deadline() const;

  /// Number below which the peer may send. raise(): true when it is half a window higher now.
  std::uint64_t limit() const { return limit_; }
  bool raise();
  /// One more than the highest number heard of.
  MessageNumber expected() const { return expected_; }
  std::size_t assembled() const { return assemblies_.size(); }
  std::size_t held() const { return held_.size() - held_head_; }
  void clear(BlockPool& pool);

 private:
  struct Assembly {
    Assembly(const Part& part, std::size_t gaps_max)
        : number(part.number),
          total(part.total),
          is_compressed(part.is_compressed),
          got(runs_max(gaps_max, part.total)) {}
    MessageNumber number;
    std::uint64_t total;
    std::uint16_t fragments = 0;  // 0: none came yet
    bool is_compressed;
    RangeSet got;
    ByteBlocks blocks;
  };
  struct Held {
    MessageNumber number;
    std::uint64_t total;
  };
  Assembly* find(MessageNumber number) const;
  bool is_expired(MessageNumber number) const {
    return std::ranges::find(expired_, number) != expired_.end();
  }
  void drop(MessageNumber number, BlockPool& pool);
  void finish(MessageNumber number);

  const ServicesConfig& config_;
  std::uint64_t limit_;
  std::uint64_t returned_ = 0;  // numbers that are done and consumed
  MessageNumber expected_ = 0;
  Instant progress_at_{};
  RangeSet done_;
  std::vector<MessageNumber> expired_;
  std::vector<std::unique_ptr<Assembly>> assemblies_;  // by number
  std::vector<Held> held_;                             // from held_head_ on; total 0: consumed
  std::size_t held_head_ = 0;
};

}  // namespace kith::packet
