#include "packet/handshake_part.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/endian.h"

namespace kith::packet {

std::optional<HandshakePart> decode_handshake(ByteSpan payload) {
  if (payload.size() < handshake_front_bytes) return std::nullopt;
  HandshakePart part;
  part.message = payload[0];
  if (part.message >= handshake_messages && part.message != cookie_message) return std::nullopt;
  part.sender = {base::load_big_endian<std::uint32_t>(payload, 1)};
  const std::size_t cookie = payload[5];
  if (cookie != 0 && cookie != cookie_bytes) return std::nullopt;
  if (payload.size() < handshake_front_bytes + cookie) return std::nullopt;
  part.cookie = payload.subspan(6, cookie);
  const std::size_t size = base::load_big_endian<std::uint16_t>(payload, 6 + cookie);
  const std::size_t front = handshake_front_bytes + cookie;
  if (size > payload.size() - front || size > handshake_message_bytes_max) return std::nullopt;
  part.bytes = payload.subspan(front, size);
  const ByteView padding = payload.subspan(front + size);
  if (std::ranges::any_of(padding, [](std::uint8_t byte) { return byte != 0; })) {
    return std::nullopt;
  }
  return part;
}

std::size_t HandshakeOut::packets(std::size_t packet_bytes) const {
  const std::size_t room = packet_bytes - header_bytes - handshake_front_bytes - cookie.size();
  return bytes.empty() ? 1 : (bytes.size() + room - 1) / room;
}

std::size_t HandshakeOut::write(std::size_t index, std::size_t packet_bytes, ByteSpan room) const {
  const std::size_t total = packets(packet_bytes);
  ASSERT(index < total && total <= handshake_fragments_max);
  const std::size_t each = (bytes.size() + total - 1) / total;
  const ByteView piece = bytes.subspan(index * each, std::min(each, bytes.size() - index * each));
  const std::size_t said = header_bytes + handshake_front_bytes + cookie.size() + piece.size();
  const std::size_t size = type == PacketType::syn ? packet_bytes : said;
  ASSERT(size <= room.size());
  const ByteSpan payload = room.subspan(header_bytes, size - header_bytes);
  payload[0] = message;
  base::store_big_endian(payload, 1, own.value);
  payload[5] = static_cast<std::uint8_t>(cookie.size());
  std::ranges::copy(cookie, payload.begin() + 6);
  base::store_big_endian(payload, 6 + cookie.size(), static_cast<std::uint16_t>(piece.size()));
  const std::size_t front = handshake_front_bytes + cookie.size();
  std::ranges::copy(piece, payload.begin() + static_cast<std::ptrdiff_t>(front));
  std::ranges::fill(payload.subspan(front + piece.size()), std::uint8_t{0});
  Header header{
      .type = type, .id = to, .payload_bytes = static_cast<std::uint16_t>(payload.size())};
  if (total > 1) {
    header.flags = flag_fragmented;
    if (index + 1 == total) header.flags |= flag_last_fragment;
    header.fragment_id = message;
    header.fragment_index = static_cast<std::uint16_t>(index);
    header.fragment_total = static_cast<std::uint16_t>(total);
  }
  encode_header(header, room.first(size));
  return size;
}

std::optional<ByteSpan> HandshakeAssembly::take(const Header& header, const HandshakePart& part) {
  if (!header.has(flag_fragmented)) return part.bytes;
  if (header.fragment_total > handshake_fragments_max || header.fragment_id != part.message) {
    return std::nullopt;
  }
  if (have_ == 0 || message_ != part.message || total_ != header.fragment_total) {
    clear();
    message_ = part.message;
    total_ = header.fragment_total;
  }
  const auto bit = static_cast<std::uint16_t>(1U << header.fragment_index);
  if ((have_ & bit) != 0) return std::nullopt;
  have_ |= bit;
  pieces_[header.fragment_index] = base::to_bytes(part.bytes);
  if (have_ != (1U << total_) - 1) return std::nullopt;
  Bytes whole;
  for (const Bytes& piece : pieces_) base::append(whole, piece);
  clear();
  if (whole.size() > handshake_message_bytes_max) return std::nullopt;
  whole_ = std::move(whole);
  return ByteSpan(whole_);
}

void HandshakeAssembly::clear() {
  have_ = 0;
  for (Bytes& piece : pieces_) piece.clear();
}

}  // namespace kith::packet
