// Codes of frames on the wire, and which packet types may have each. Internal to frame.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "packet/header.h"

namespace kith::packet {

// On the wire; never renumber.
enum FrameCode : std::uint8_t {
  code_padding = 0x00,
  code_ack = 0x01,
  code_ack_ecn = 0x02,
  code_stream = 0x08,  // to 0x0b: bit 0 end, bit 1 length
  code_reset_stream = 0x0c,
  code_stop_sending = 0x0d,
  code_message = 0x10,       // 0x11: zstd
  code_message_part = 0x12,  // 0x13: zstd
  code_message_gone = 0x14,
  code_datagram = 0x18,
  code_stream_credit = 0x20,
  code_streams_credit = 0x21,
  code_messages_credit = 0x22,
  code_blocked = 0x23,
  code_session = 0x28,
  code_new_id = 0x30,
  code_retire_id = 0x31,
  code_ping = 0x38,
  code_pong = 0x39,
  code_fin = 0x3c,
  code_close = 0x3d,
};
inline constexpr std::uint8_t stream_end_bit = 0x01;
inline constexpr std::uint8_t stream_length_bit = 0x02;
inline constexpr std::uint8_t message_zstd_bit = 0x01;
inline constexpr std::size_t frame_codes = 0x40;

constexpr std::uint16_t type_bit(PacketType type) {
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(type));
}
template <class... Types>
constexpr std::uint16_t type_bits(Types... types) {
  return static_cast<std::uint16_t>((0U | ... | type_bit(types)));
}

/// Which packet types may have a frame of each code; none: it is unknown.
inline constexpr auto types_of_code = [] {
  using enum PacketType;
  constexpr std::uint16_t all =
      type_bits(data, PacketType::ack, fin, fin_ack, ping, pong, retransmit, flow_control, error);
  constexpr std::uint16_t content = type_bits(data, retransmit);
  constexpr std::uint16_t credit = type_bits(data, retransmit, flow_control, PacketType::ack);
  std::array<std::uint16_t, frame_codes> types{};
  types[code_padding] = types[code_ack] = types[code_ack_ecn] = all;
  for (std::size_t i = 0; i < 4; ++i) types[code_stream + i] = types[code_message + i] = content;
  for (const FrameCode code : {code_reset_stream, code_stop_sending, code_message_gone,
                               code_datagram, code_session, code_new_id, code_retire_id}) {
    types[code] = content;
  }
  for (std::size_t i = 0; i < 4; ++i) types[code_stream_credit + i] = credit;
  types[code_ping] = type_bits(data, retransmit, ping);
  types[code_pong] = type_bits(data, retransmit, ping, pong);
  types[code_fin] = type_bits(fin, fin_ack);
  types[code_close] = type_bits(error);
  return types;
}();

inline std::string_view name_of_code(std::uint8_t code) {
  if ((code & ~3U) == code_stream) return "STREAM";
  switch (code) {
    case code_padding: return "PADDING";
    case code_ack:
    case code_ack_ecn: return "ACK";
    case code_reset_stream: return "RESET_STREAM";
    case code_stop_sending: return "STOP_SENDING";
    case code_message:
    case code_message + 1: return "MESSAGE";
    case code_message_part:
    case code_message_part + 1: return "MESSAGE_PART";
    case code_message_gone: return "MESSAGE_GONE";
    case code_datagram: return "DATAGRAM";
    case code_stream_credit: return "STREAM_CREDIT";
    case code_streams_credit: return "STREAMS_CREDIT";
    case code_messages_credit: return "MESSAGES_CREDIT";
    case code_blocked: return "BLOCKED";
    case code_session: return "SESSION";
    case code_new_id: return "NEW_ID";
    case code_retire_id: return "RETIRE_ID";
    case code_ping: return "PING";
    case code_pong: return "PONG";
    case code_fin: return "FIN";
    case code_close: return "CLOSE";
    default: return "unknown";
  }
}

}  // namespace kith::packet
