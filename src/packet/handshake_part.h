// What SYN and SYN_ACK carry: a message of the session's handshake, or a piece of it, the sender's
// connection id, and a cookie that was asked for (docs/protocol/packet.md, "Handshake packets"):
//
//   u8 message (0 to 3, 255 cookie) · u32 sender's id · u8 n · n bytes of cookie (0 or 20)
//   · u16 m · m bytes · zeros to the end
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "packet/cookie.h"
#include "packet/header.h"

namespace kith::packet {

inline constexpr std::uint8_t handshake_messages = 4;
inline constexpr std::uint8_t cookie_message = 255;
inline constexpr std::size_t handshake_message_bytes_max = 4800;  // of one piece, and of all
/// Every SYN is padded to it, so that an answer is never three times as long; a SYN that is
/// shorter is dropped.
inline constexpr std::size_t syn_bytes = 1200;
inline constexpr std::size_t handshake_front_bytes = 1 + 4 + 1 + 2;  // without cookie
/// What fits in as many packets as a message may have, whether or not with a cookie.
inline constexpr std::size_t handshake_sent_bytes_max =
    handshake_fragments_max * (syn_bytes - header_bytes - handshake_front_bytes - cookie_bytes);

struct HandshakePart {
  std::uint8_t message = 0;
  ConnectionId sender;
  ByteView cookie;  // none, or cookie_bytes
  ByteSpan bytes;   // views of the payload
};

/// Nothing for bytes that are no such payload.
std::optional<HandshakePart> decode_handshake(ByteSpan payload);

/// A message in packets of at most `packet_bytes`.
struct HandshakeOut {
  PacketType type = PacketType::syn;
  ConnectionId to = {}, own = {};
  std::uint8_t message = 0;
  ByteView cookie = {};
  ByteView bytes = {};

  /// How many packets of that size it takes; over handshake_fragments_max it cannot be said.
  std::size_t packets(std::size_t packet_bytes) const;
  /// Writes the packet `index` of them; returns its size, exactly `packet_bytes` for a SYN.
  std::size_t write(std::size_t index, std::size_t packet_bytes, ByteSpan room) const;
};

/// Puts pieces of one message together. Of two pieces for one place the first counts: whoever
/// forges one stops this try, and not the handshake.
class HandshakeAssembly {
 public:
  /// Gives the whole message when this was its last piece; the view lives until the next call.
  std::optional<ByteSpan> take(const Header& header, const HandshakePart& part);
  void clear();

 private:
  std::uint8_t message_ = 0;
  std::uint16_t total_ = 0;
  std::array<Bytes, handshake_fragments_max> pieces_;
  std::uint16_t have_ = 0;  // a bit each
  Bytes whole_;
};

}  // namespace kith::packet
