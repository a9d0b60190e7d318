// None of a session's packets is taken twice: a bit for each of the last 8,192 numbers (after RFC
// 6479). What is older than that counts as had: such a packet is dropped and its sender thinks it
// lost. Ask may_take() before a packet is opened, and mark() once its tag has verified, so that a
// forger moves nothing.
//
// 8,192 numbers are two milliseconds of the fastest flow; reordering beyond that costs repetition.
// An idle connection frees the bits (1 KiB) and keeps the highest number, below which then all
// counts as had.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/assert.h"
#include "packet/packet_number.h"

namespace kith::packet {

class ReplayWindow {
 public:
  static constexpr std::size_t numbers = 8192;

  /// Whether `number` is new, as far as one remembers.
  bool may_take(PacketNumber number) const {
    if (number >= end_) return true;
    if (bits_ == nullptr || end_ - number > numbers) return false;
    return ((*bits_)[word_of(number)] & bit_of(number)) == 0;
  }
  /// Takes it. REQUIRES: may_take(number), and below packet_number_end.
  void mark(PacketNumber number) {
    ASSERT(may_take(number) && number < packet_number_end);
    if (bits_ == nullptr) {
      bits_ = std::make_unique<Bits>();
      // All below was had, whatever the bits of a fresh array say.
      bits_->fill(~std::uint64_t{0});
    }
    if (number >= end_) advance(number + 1);
    (*bits_)[word_of(number)] |= bit_of(number);
  }
  /// One more than the highest taken; 0 before the first.
  PacketNumber end() const { return end_; }
  /// Frees the bits: every number below end() counts as had.
  void forget() { bits_.reset(); }
  bool holds_memory() const { return bits_ != nullptr; }

 private:
  static constexpr std::size_t word_bits = 64;
  using Bits = std::array<std::uint64_t, numbers / word_bits>;

  static std::size_t word_of(PacketNumber number) {
    return number / word_bits % (numbers / word_bits);
  }
  static std::uint64_t bit_of(PacketNumber number) {
    return std::uint64_t{1} << (number % word_bits);
  }
  /// Moves the end up; numbers between were not had.
  void advance(PacketNumber end) {
    const PacketNumber gap = end - end_;
    if (gap >= numbers) {
      bits_->fill(0);
    } else {
      clear(end_, end);
    }
    end_ = end;
  }
  void clear(PacketNumber from, PacketNumber to) {
    while (from < to) {
      const PacketNumber word_end = (from / word_bits + 1) * word_bits;
      const PacketNumber stop = word_end < to ? word_end : to;
      const std::uint64_t count = stop - from;
      const std::uint64_t ones =
          count == word_bits ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
      (*bits_)[word_of(from)] &= ~(ones << (from % word_bits));
      from = stop;
    }
  }

  std::unique_ptr<Bits> bits_;
  PacketNumber end_ = 0;
};

}  // namespace kith::packet
