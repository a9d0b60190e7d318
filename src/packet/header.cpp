#include "packet/header.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/endian.h"

namespace kith::packet {
namespace {

using base::load_big_endian;
using base::store_big_endian;

constexpr std::size_t magic_at = 0;
constexpr std::size_t version_at = 2;
constexpr std::size_t type_at = 3;
constexpr std::size_t flags_at = 4;
constexpr std::size_t epoch_at = 5;
constexpr std::size_t window_at = 6;
constexpr std::size_t id_at = 8;
constexpr std::size_t number_at = 12;
constexpr std::size_t ack_at = 16;
constexpr std::size_t checksum_at = 20;
constexpr std::size_t payload_bytes_at = 24;
constexpr std::size_t fragment_id_at = 26;
constexpr std::size_t fragment_index_at = 28;
constexpr std::size_t fragment_total_at = 30;
static_assert(fragment_total_at + sizeof(Header::fragment_total) == header_bytes);

/// Of a whole packet. The checksum's own field counts as 0.
std::uint32_t checksum_of(ByteView packet, bool is_sealed) {
  std::array<std::uint8_t, header_bytes> front;
  std::copy_n(packet.begin(), header_bytes, front.begin());
  store_big_endian<std::uint32_t>(front, checksum_at, 0);
  const std::uint32_t sum = crc32c(front);
  return is_sealed ? sum : crc32c(packet.subspan(header_bytes), sum);
}

bool is_known(std::uint8_t type) { return type >= 1 && type <= packet_types; }

HeaderFault fault_of_fragment(const Header& header) {
  const bool is_fragment = header.type == PacketType::fragment;
  const bool is_handshake = header.type == PacketType::syn || header.type == PacketType::syn_ack;
  if (!header.has(flag_fragmented)) {
    if (is_fragment || header.has(flag_last_fragment)) return HeaderFault::fragment;
    const bool unused =
        header.fragment_id == 0 && header.fragment_index == 0 && header.fragment_total == 0;
    return unused ? HeaderFault::none : HeaderFault::unused;
  }
  if (!is_fragment && !is_handshake) return HeaderFault::fragment;
  if (header.fragment_total < 2) return HeaderFault::fragment;
  if (is_handshake && header.fragment_total > handshake_fragments_max) return HeaderFault::fragment;
  if (header.fragment_index >= header.fragment_total) return HeaderFault::fragment;
  const bool is_last = header.fragment_index + 1 == header.fragment_total;
  return is_last == header.has(flag_last_fragment) ? HeaderFault::none : HeaderFault::fragment;
}

}  // namespace

std::string_view name_of(PacketType type) {
  switch (type) {
    case PacketType::data: return "DATA";
    case PacketType::ack: return "ACK";
    case PacketType::syn: return "SYN";
    case PacketType::syn_ack: return "SYN_ACK";
    case PacketType::fin: return "FIN";
    case PacketType::fin_ack: return "FIN_ACK";
    case PacketType::ping: return "PING";
    case PacketType::pong: return "PONG";
    case PacketType::fragment: return "FRAGMENT";
    case PacketType::retransmit: return "RETRANSMIT";
    case PacketType::flow_control: return "FLOW_CONTROL";
    case PacketType::error: return "ERROR";
  }
  UNREACHABLE();
}

std::string_view name_of(HeaderFault fault) {
  switch (fault) {
    case HeaderFault::none: return "none";
    case HeaderFault::truncated: return "truncated";
    case HeaderFault::magic: return "magic";
    case HeaderFault::version: return "version";
    case HeaderFault::length: return "length";
    case HeaderFault::checksum: return "checksum";
    case HeaderFault::type: return "type";
    case HeaderFault::flags: return "flags";
    case HeaderFault::sealed: return "sealed";
    case HeaderFault::unused: return "unused";
    case HeaderFault::fragment: return "fragment";
  }
  UNREACHABLE();
}

Sealing sealing_of(PacketType type) {
  switch (type) {
    case PacketType::syn:
    case PacketType::syn_ack: return Sealing::never;
    case PacketType::error: return Sealing::either;
    case PacketType::data:
    case PacketType::ack:
    case PacketType::fin:
    case PacketType::fin_ack:
    case PacketType::ping:
    case PacketType::pong:
    case PacketType::fragment:
    case PacketType::retransmit:
    case PacketType::flow_control: return Sealing::always;
  }
  UNREACHABLE();
}

HeaderFault fault_of(const Header& header) {
  if (!is_known(static_cast<std::uint8_t>(header.type))) return HeaderFault::type;
  if ((header.flags & ~flags_known) != 0) return HeaderFault::flags;
  // Asking for an answer at once is asking for an answer; a fragment alone is compressed as such.
  if (header.has(flag_ack_now) && !header.has(flag_reliable)) return HeaderFault::flags;
  if (header.has(flag_compressed) && header.type != PacketType::fragment) return HeaderFault::flags;

  const bool is_sealed = header.has(flag_sealed);
  const Sealing sealing = sealing_of(header.type);
  if (sealing != Sealing::either && is_sealed != (sealing == Sealing::always)) {
    return HeaderFault::sealed;
  }
  if (is_sealed && header.payload_bytes < tag_bytes) return HeaderFault::length;
  if (!is_sealed) {
    if ((header.flags & (flag_reliable | flag_ack)) != 0) return HeaderFault::flags;
    if (header.epoch != 0 || header.window != 0) return HeaderFault::unused;
  }
  if (!header.has(flag_ack) && header.ack != 0) return HeaderFault::unused;
  return fault_of_fragment(header);
}

HeaderFault decode_header(ByteView packet, Header& header) {
  if (packet.size() < header_bytes) return HeaderFault::truncated;
  if (load_big_endian<std::uint16_t>(packet, magic_at) != header_magic) return HeaderFault::magic;
  if (packet[version_at] != packet_version) return HeaderFault::version;
  const auto payload_bytes = load_big_endian<std::uint16_t>(packet, payload_bytes_at);
  if (packet.size() - header_bytes != payload_bytes) return HeaderFault::length;
  const bool is_sealed = (packet[flags_at] & flag_sealed) != 0;
  if (load_big_endian<std::uint32_t>(packet, checksum_at) != checksum_of(packet, is_sealed)) {
    return HeaderFault::checksum;
  }
  if (!is_known(packet[type_at])) return HeaderFault::type;
  const Header read{.type = static_cast<PacketType>(packet[type_at]),
                    .flags = packet[flags_at],
                    .epoch = packet[epoch_at],
                    .window = load_big_endian<std::uint16_t>(packet, window_at),
                    .id = {load_big_endian<std::uint32_t>(packet, id_at)},
                    .number = load_big_endian<std::uint32_t>(packet, number_at),
                    .ack = load_big_endian<std::uint32_t>(packet, ack_at),
                    .payload_bytes = payload_bytes,
                    .fragment_id = load_big_endian<std::uint16_t>(packet, fragment_id_at),
                    .fragment_index = load_big_endian<std::uint16_t>(packet, fragment_index_at),
                    .fragment_total = load_big_endian<std::uint16_t>(packet, fragment_total_at)};
  const HeaderFault fault = fault_of(read);
  if (fault == HeaderFault::none) header = read;
  return fault;
}

void encode_header(const Header& header, ByteSpan packet) {
  ASSERT(packet.size() == header_bytes + header.payload_bytes);
  ASSERT(fault_of(header) == HeaderFault::none);
  store_big_endian(packet, magic_at, header_magic);
  packet[version_at] = packet_version;
  packet[type_at] = static_cast<std::uint8_t>(header.type);
  packet[flags_at] = header.flags;
  packet[epoch_at] = header.epoch;
  store_big_endian(packet, window_at, header.window);
  store_big_endian(packet, id_at, header.id.value);
  store_big_endian(packet, number_at, header.number);
  store_big_endian(packet, ack_at, header.ack);
  store_big_endian(packet, payload_bytes_at, header.payload_bytes);
  store_big_endian(packet, fragment_id_at, header.fragment_id);
  store_big_endian(packet, fragment_index_at, header.fragment_index);
  store_big_endian(packet, fragment_total_at, header.fragment_total);
  store_big_endian(packet, checksum_at, checksum_of(packet, header.has(flag_sealed)));
}

ConnectionId peek_connection_id(ByteView packet) {
  return {load_big_endian<std::uint32_t>(packet, id_at)};
}

}  // namespace kith::packet
