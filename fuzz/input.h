// The bytes of a fuzzer as choices: each is taken from the front, and there are zeros behind the
// end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace kith::fuzz {

struct Input {
  ByteView rest;

  std::uint8_t byte() {
    if (rest.empty()) return 0;
    const std::uint8_t value = rest.front();
    rest = rest.subspan(1);
    return value;
  }
  /// At most `size` of them.
  ByteView bytes(std::size_t size) {
    const ByteView taken = rest.first(std::min(size, rest.size()));
    rest = rest.subspan(taken.size());
    return taken;
  }
};

}  // namespace kith::fuzz
