#include "compute/collatz/records.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "compute/collatz/orbit.h"

namespace kith::compute::collatz {
namespace {

constexpr std::uint64_t by_number_below = 64;
/// 3n + 1 of what is below it fits into 64 bits.
constexpr std::uint64_t narrow_max = std::uint64_t{1} << 62;

/// Steps until the orbit of n is below n; n is odd and above 1.
std::uint64_t glide_of(std::uint64_t n) {
  std::uint64_t at = n;
  std::uint64_t steps = 0;
  while (at >= n) {
    if (at >= narrow_max) return walk_orbit(n, n).steps;
    const bool is_odd = (at & 1) != 0;
    at = is_odd ? at + (at >> 1) + 1 : at >> 1;
    steps += is_odd ? 2 : 1;
  }
  return steps;
}

}  // namespace

std::string_view name_of(RecordKind kind) {
  static constexpr std::array names = {"path", "delay", "glide"};
  return names[static_cast<std::size_t>(kind)];
}

std::vector<CollatzRecord> RecordFinder::go_on(std::uint64_t to) {
  ASSERT(to >> number_bits_max == 0);
  std::vector<CollatzRecord> found;
  if (to < next_) return found;
  look(next_, to, found);
  look_at_glides(next_, to, found);
  next_ = to + 1;
  std::ranges::sort(
      found, {}, [](const CollatzRecord& record) { return std::pair(record.number, record.kind); });
  return found;
}

void RecordFinder::look(std::uint64_t from, std::uint64_t to, std::vector<CollatzRecord>& found) {
  if (to - from < by_number_below) {
    for (std::uint64_t n = from; n <= to; ++n) look_at_number(n, found);
    return;
  }
  const ExactResult all = walker_.walk(from, to);
  if (all.peak <= peak_ && all.steps <= steps_) return;
  const std::uint64_t middle = from + (to - from) / 2;
  look(from, middle, found);
  look(middle + 1, to, found);
}

void RecordFinder::look_at_number(std::uint64_t n, std::vector<CollatzRecord>& found) {
  const Orbit orbit = walk_orbit(n);
  if (orbit.peak > peak_) {
    peak_ = orbit.peak;
    found.push_back({RecordKind::path, n, orbit.steps, orbit.peak});
  }
  if (orbit.steps > steps_) {
    steps_ = orbit.steps;
    found.push_back({RecordKind::delay, n, orbit.steps, orbit.peak});
  }
}

void RecordFinder::look_at_glides(std::uint64_t from, std::uint64_t to,
                                  std::vector<CollatzRecord>& found) {
  const std::uint64_t first = from + (3 - from % 4);
  for (std::uint64_t n = first; n <= to; n += 4) {
    const std::uint64_t steps = glide_of(n);
    if (steps <= glide_) continue;
    glide_ = steps;
    found.push_back({RecordKind::glide, n, steps, walk_orbit(n).peak});
  }
}

}  // namespace kith::compute::collatz
