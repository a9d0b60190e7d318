// Peer-supplied text as it may stand in an error or a log: quoted, printable ASCII as it is, every
// other byte as \xNN, cut after `bytes_max` bytes. A terminal or a JSON writer is thus never
// handed control characters or broken UTF-8 by a stranger.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kith::codec {

inline constexpr std::size_t printable_bytes_max = 64;  // enough to recognise, short in a log line

std::string printable(std::string_view text, std::size_t bytes_max = printable_bytes_max);

}  // namespace kith::codec
