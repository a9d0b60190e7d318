// Numbers of sync (node/sync_service.h, node/sync_answers.h).
#pragma once

#include <string_view>

#include "base/time.h"
#include "base/token_bucket.h"
#include "codec/chain_sync.h"

namespace kith::node {

inline constexpr std::string_view sync_protocol = "/kith/sync/1.1.0";

struct SyncConfig {
  // Answering.
  base::TokenRate per_peer{20, 40};  // requests
  std::size_t answers_per_peer_max = 4;
  std::size_t answers_bytes_max = 64 * 1024 * 1024;
  Duration answer_time = 60s;
  std::uint64_t serve_rate = 0;  // bytes a second to all; 0: any
  /// An answer ends with the block that fills it.
  std::size_t bytes_max = 4 * 1024 * 1024;

  // Asking.
  Duration idle_after = 2s;       // without a new block: is anybody ahead?
  Duration idle_after_max = 30s;  // doubles up to this while nobody is
  Duration stall_after = 3s;      // without a byte
  Duration timeout = 10s;         // from the request to the end of the answer
  Duration hedge_after = 2s;      // then another peer is asked for the run that all others wait for
  Duration rest = 2s;             // of a peer after a failure, doubled by each further one
  Duration rest_max = 60s;
  std::size_t tips_at_once = 3;
  std::uint16_t run_blocks = 64;
  std::size_t runs_per_peer = 2;
  std::uint64_t window_blocks = 2048;  // ahead of the chain
  std::size_t window_bytes = 64 * 1024 * 1024;
  std::size_t given_blocks_max = 128;  // to the chain, and not final there yet
  std::size_t given_bytes_max = 16 * 1024 * 1024;
  Duration given_timeout = 15s;  // the chain did nothing with them: ask anew
  /// A peer so far ahead is followed by sync; who is nearer only when no block comes otherwise.
  std::uint64_t lead_min = 16;
  std::size_t frame_bytes_max = codec::sync_answer_bytes_max;
};

}  // namespace kith::node
