// Records of sent packets by number: 64 bytes each, a cache line, in a power of two of places. What
// is open (no news of it yet), lost (but may still come) or skipped (never sent) are three bits
// beside them, so that an acknowledgement that repeats ranges costs a word for 64 packets.
//
// A packet's frames are kept as notes: the first in its record, further ones in a chain of a slab
// that grows to what was ever needed at once. Nothing is allocated while neither ring nor slab
// grow.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/assert.h"
#include "base/time.h"
#include "packet/frame.h"
#include "packet/packet_number.h"

namespace kith::packet {

/// A bit for each number of a window of them.
class NumberBits {
 public:
  /// REQUIRES: `places` is a power of two.
  explicit NumberBits(std::size_t places)
      : words_(std::max(places, word_bits) / word_bits), mask_(std::max(places, word_bits) - 1) {}

  bool has(PacketNumber number) const {
    return (words_[word_of(number)] >> (number % 64) & 1) != 0;
  }
  void set(PacketNumber number) { words_[word_of(number)] |= std::uint64_t{1} << (number % 64); }
  void clear(PacketNumber number) {
    words_[word_of(number)] &= ~(std::uint64_t{1} << (number % 64));
  }
  /// The first that is set of [from, end), or `end`. REQUIRES: all of it is in the window.
  PacketNumber next(PacketNumber from, PacketNumber end) const {
    while (from < end) {
      const std::uint64_t word = words_[word_of(from)] >> (from % 64);
      if (word != 0) {
        const PacketNumber found = from + static_cast<unsigned>(std::countr_zero(word));
        return found < end ? found : end;
      }
      from = (from / 64 + 1) * 64;
    }
    return end;
  }

 private:
  static constexpr std::size_t word_bits = 64;
  std::size_t word_of(PacketNumber number) const { return (number & mask_) / word_bits; }

  std::vector<std::uint64_t> words_;
  std::size_t mask_;
};

enum class SentState : std::uint8_t { skipped, sent, acked, lost };

struct SentRecord {
  static constexpr std::uint8_t reliable = 1, mtu_probe = 2, application_limited = 4, ect = 8,
                                noted = 16;
  static constexpr std::uint32_t no_more = ~std::uint32_t{0};

  Instant sent_at;
  Instant first_sent_at;  // when the stretch began over which its delivery rate is taken
  /// Sent: when the last delivery was, as it left. Acked: sent_at and the round trip that its
  /// acknowledgement showed. Lost: when that was found.
  Instant marked_at;
  std::uint64_t delivered = 0;  // in all, as it left
  FrameNote note{};
  std::uint32_t more = no_more;  // notes: place in the slab
  std::uint32_t in_flight = 0;   // with it
  std::uint16_t bytes = 0;
  SentState state = SentState::skipped;
  std::uint8_t flags = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};
static_assert(sizeof(SentRecord) == 64);

class SentRing {
 public:
  /// Enough for a handshake and a keep-alive: 1 KiB.
  static constexpr std::size_t places_min = 16;

  explicit SentRing(PacketNumber begin)
      : begin_(begin),
        end_(begin),
        records_(std::make_unique<SentRecord[]>(places_min)),
        open_(places_min),
        lost_(places_min),
        skipped_(places_min) {}

  /// Numbers of which something is known: [begin, end).
  PacketNumber begin() const { return begin_; }
  PacketNumber end() const { return end_; }
  std::size_t places() const { return places_; }
  bool has_place_for(PacketNumber number) const { return number - begin_ < places_; }
  /// Twice the places.
  void grow();

  SentRecord& at(PacketNumber number) { return records_[number & (places_ - 1)]; }
  const SentRecord& at(PacketNumber number) const { return records_[number & (places_ - 1)]; }

  /// A record for a packet that is open from now on; numbers between the last one and it were
  /// skipped. REQUIRES: number >= end(), has_place_for(number).
  SentRecord& push(PacketNumber number);
  /// Arrived, or is not waited for: no longer open.
  void close(PacketNumber number) { open_.clear(number); }
  /// No longer open, but it would be known if it came.
  void lose(PacketNumber number) {
    open_.clear(number);
    lost_.set(number);
    ++lost_count_;
  }
  void forget_lost(PacketNumber number) {
    lost_.clear(number);
    --lost_count_;
  }

  bool is_open(PacketNumber number) const { return open_.has(number); }
  bool is_lost(PacketNumber number) const { return lost_.has(number); }
  /// The first open one at or above `from`, or `end`. Both are brought within the ring.
  PacketNumber next_open(PacketNumber from, PacketNumber end) {
    first_open_ = open_.next(first_open_, end_);
    return open_.next(std::max(from, first_open_), std::min(end, end_));
  }
  PacketNumber next_lost(PacketNumber from, PacketNumber end) const {
    end = std::min(end, end_);
    return lost_count_ == 0 ? end : lost_.next(std::max(from, begin_), end);
  }
  PacketNumber next_skipped(PacketNumber from, PacketNumber end) const {
    end = std::min(end, end_);
    return skipped_count_ == 0 ? end : skipped_.next(std::max(from, begin_), end);
  }
  /// Everything below `front` is forgotten, but skipped numbers right below it, until what was sent
  /// after them is. REQUIRES: none of it is open or lost.
  void trim(PacketNumber front);

  /// Keeps what the packet carried.
  void note(SentRecord& record, std::span<const FrameNote> notes);
  /// Gives it out, behind what is there.
  void take_notes(SentRecord& record, std::vector<FrameNote>& out) {
    if (!record.has(SentRecord::noted)) return;
    out.push_back(record.note);
    record.flags &= static_cast<std::uint8_t>(~SentRecord::noted);
    if (record.more != SentRecord::no_more) take_more(record, &out);
  }
  void drop_notes(SentRecord& record) {
    record.flags &= static_cast<std::uint8_t>(~SentRecord::noted);
    if (record.more != SentRecord::no_more) take_more(record, nullptr);
  }
  /// Of further notes, for tests: places there are, and how many are free.
  std::size_t slab_places() const { return slab_.size(); }
  std::size_t slab_free() const;

 private:
  struct Place {
    FrameNote note;
    std::uint32_t next;
  };
  void take_more(SentRecord& record, std::vector<FrameNote>* out);

  PacketNumber begin_, end_;
  std::size_t places_ = places_min;
  std::unique_ptr<SentRecord[]> records_;
  NumberBits open_, lost_, skipped_;
  PacketNumber first_open_ = begin_;  // none is open below
  std::size_t lost_count_ = 0, skipped_count_ = 0;
  std::vector<Place> slab_;
  std::uint32_t free_ = SentRecord::no_more;
};

}  // namespace kith::packet
