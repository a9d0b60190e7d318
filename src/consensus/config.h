// How fast the engine goes and how long it waits. Safety depends on none of it.
#pragma once

#include "base/time.h"

namespace kith::consensus {

struct EngineConfig {
  Duration block_interval = 60s;  // 0: as fast as the network goes
  /// Delta: within it a message arrives. A view without its leader takes two of them.
  Duration delta = 1s;
  /// Delta grows by this factor with each view since the last final one (R10), up to delta_max.
  double delta_growth = 1.25;
  Duration delta_max = 60s;
  /// A leader that has said nothing for so long, beyond two block intervals, while a quorum has, is
  /// not waited for (R1).
  Duration skip_after = 10s;
  /// Without a new final block for so long, beyond the block interval, what is known is sent again;
  /// twice as long after each time, up to standstill_max (R8).
  Duration standstill = 5s;
  Duration standstill_max = 60s;
  /// A certified block that nobody gives us for so long is let go (R11).
  Duration missing_after = 30s;
  Duration drift_max = 30s;  // a block's date may be so far ahead of our clock
  /// The log is begun anew when so much was appended.
  std::size_t log_bytes_max = 32 * 1024 * 1024;
};

}  // namespace kith::consensus
