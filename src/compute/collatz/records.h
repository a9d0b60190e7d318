// All records from 1 on, each found by trying every number and named with what it reached: path
// records (the highest number visited), delay records (the most steps to 1) and glide records (the
// most steps until an orbit is below where it began). Steps count each 3n + 1 and each n / 2.
//
// Whole blocks are looked at by ExactWalker (exact.h), and cut in halves only where one holds a
// record. Glides have no such short cut: every number that is 3 mod 4 is followed, for all others
// are below themselves within three steps.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compute/collatz/exact.h"

namespace kith::compute::collatz {

enum class RecordKind : std::uint8_t { path, delay, glide };
std::string_view name_of(RecordKind kind);

struct CollatzRecord {
  RecordKind kind = RecordKind::path;
  U128 number = 0;
  std::uint64_t steps = 0;  // of a path record and a delay record to 1, of a glide
  Big peak;                 // the highest number that the orbit visits
};

class RecordFinder {
 public:
  static constexpr unsigned number_bits_max = 44;  // days of a core

  RecordFinder() = default;
  /// Records of the numbers behind those before, up to `to`: in the order of their numbers, of one
  /// number a path record before a delay record before a glide record.
  /// REQUIRES: to is below 2^number_bits_max.
  std::vector<CollatzRecord> go_on(std::uint64_t to);
  /// All up to here are looked at.
  std::uint64_t looked_at() const { return next_ - 1; }

 private:
  void look(std::uint64_t from, std::uint64_t to, std::vector<CollatzRecord>& found);
  void look_at_number(std::uint64_t n, std::vector<CollatzRecord>& found);
  void look_at_glides(std::uint64_t from, std::uint64_t to, std::vector<CollatzRecord>& found);

  ExactWalker walker_;
  std::uint64_t next_ = 1;
  Big peak_;  // the highest so far
  std::uint64_t steps_ = 0;
  std::uint64_t glide_ = 0;
};

}  // namespace kith::compute::collatz
