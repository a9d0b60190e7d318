// What a side tells the other of itself inside the handshake: a list of (key, value), both varints,
// keys ascending, each at most once (docs/protocol/packet.md, "Parameters"). Unknown keys are
// skipped, so that later versions may say more; what is not said has its default.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"

namespace kith::packet {

struct Parameters {
  std::uint64_t window = 0;               // 1: bytes of the whole connection that the peer may send
  std::uint64_t stream_window = 0;        // 2: of each stream
  std::uint64_t streams = 0;              // 3: that the peer may open
  std::uint64_t messages = 0;             // 4: that the peer may send
  std::uint64_t packet_bytes_max = 1200;  // 5: UDP payload that this side takes, at least 1,200
  Duration idle_timeout = 60s;            // 6: milliseconds on the wire
  Duration ack_delay_max = 25ms;          // 7: microseconds
  bool compresses = false;                // 8: takes zstd
  friend bool operator==(const Parameters&, const Parameters&) = default;
};

inline constexpr std::size_t parameters_bytes_max = 512;

Bytes encode(const Parameters& parameters);
/// `malformed` for bytes that are no such list, `too_large` over parameters_bytes_max, `protocol`
/// for a value that no peer may have.
Result<Parameters> decode_parameters(ByteView bytes);

}  // namespace kith::packet
