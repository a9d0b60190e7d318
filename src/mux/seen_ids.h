// Which stream numbers the peer has used. A number names one stream for the life of the session:
// events and commands about the first stream of a number may still be on their way when a second
// one would begin, and must not meet it. Honest peers count up, with concurrent opens a little out
// of order; so the last `window` numbers are remembered one by one and all below count as used.
#pragma once

#include <bitset>
#include <cstdint>

namespace kith::mux {

class SeenIds {
 public:
  /// As many as a peer may have opened and not yet acknowledged, in one bit each.
  static constexpr std::uint32_t window = 256;

  enum class Verdict : std::uint8_t { fresh, repeated, too_old };

  /// Marks `id`; ids of one parity only.
  Verdict insert(std::uint32_t id) {
    const std::uint32_t index = id / 2 + 1;  // 0 is "none yet"
    if (index > highest_) {
      const std::uint32_t step = index - highest_;
      if (step >= window) {
        seen_.reset();
      } else {
        seen_ <<= step;
      }
      highest_ = index;
      seen_.set(0);
      return Verdict::fresh;
    }
    const std::uint32_t age = highest_ - index;
    if (age >= window) return Verdict::too_old;
    if (seen_.test(age)) return Verdict::repeated;
    seen_.set(age);
    return Verdict::fresh;
  }

 private:
  std::uint32_t highest_ = 0;
  std::bitset<window> seen_;  // bit k: highest_ - k was used
};

}  // namespace kith::mux
