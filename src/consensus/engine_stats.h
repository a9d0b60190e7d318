// What an engine counts and how much it remembers (consensus/engine.h). Source:
// docs/protocol/consensus.md, whose rules the numbers are of. Limits: none; counters are of 64
// bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kith::consensus {

struct EngineStats {
  std::uint64_t proposals = 0;                                              // of this node
  std::uint64_t notarize_votes = 0, nullify_votes = 0, finalize_votes = 0;  // of this node
  std::uint64_t views_entered = 0, views_nullified = 0;
  std::uint64_t blocks_final = 0;
  std::uint64_t evidence = 0;
  std::uint64_t dropped = 0;  // messages: out of range, or too many
  std::uint64_t useless = 0;  // messages that told nothing new
  std::uint64_t standstills = 0;
  std::uint64_t signatures_checked = 0;
  std::uint64_t stale = 0;  // epochs in which the log was found older than what was said
};

/// What an engine remembers, in numbers.
struct EngineSizes {
  std::size_t views = 0, votes = 0, pending = 0, blocks = 0, block_bytes = 0, fetches = 0,
              own_votes = 0;
};

}  // namespace kith::consensus
