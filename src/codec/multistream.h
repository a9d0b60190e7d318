// multistream-select 1.0 messages (libp2p specs/connections): varint length, text, newline; the
// length counts the newline. The negotiation itself is host/negotiate.h.
//
// Limit: a message has at most 1024 bytes; go and js read no more either.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::codec {

inline constexpr std::string_view multistream_header = "/multistream/1.0.0";
inline constexpr std::string_view multistream_na = "na";
inline constexpr std::string_view multistream_ls = "ls";
inline constexpr std::size_t multistream_message_bytes_max = 1024;

/// `text` without its newline.
void append_multistream(Bytes& to, std::string_view text);

struct MultistreamMessage {
  std::string_view text;  // into the given bytes, without newline
  std::size_t size = 0;   // bytes it takes in all
};

/// Reads one message from the front: empty when more bytes are needed; `malformed` or `too_large`
/// as soon as that is certain, without waiting for the rest.
Result<std::optional<MultistreamMessage>> peek_multistream(ByteView bytes);

}  // namespace kith::codec
