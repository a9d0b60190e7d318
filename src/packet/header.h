// The 32 bytes before every packet (docs/design/packet.md, "The header"), big-endian:
//
//   0 magic BE EF | 2 version | 3 type | 4 flags | 5 epoch | 6 window u16 | 8 connection id u32
//   12 number u32 | 16 ack u32 | 20 checksum u32 | 24 payload length u16
//   26 fragment id u16 | 28 fragment index u16 | 30 fragment total u16
//
// One value has one encoding: what a packet does not use is 0, and a packet where it is not is
// refused. The checksum is CRC-32C over the header, its own field 0, and over the payload while
// nothing is sealed. It finds accidents; forgers are kept out by the AEAD, whose associated data
// these 32 bytes are.
//
// A refusal is a HeaderFault and no Error: whoever floods a port gets no sentence composed.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace kith::packet {

/// Names a connection to the side that chose it. 0 is "not known yet".
using ConnectionId = base::Id<struct ConnectionIdTag, std::uint32_t>;

inline constexpr std::size_t header_bytes = 32;
inline constexpr std::uint16_t header_magic = 0xbeef;
inline constexpr std::uint8_t packet_version = 1;
/// What the AEAD puts at the end of a sealed payload.
inline constexpr std::size_t tag_bytes = 16;
/// UDP over IPv4 carries 65,507; the header's length field is not the limit.
inline constexpr std::size_t packet_bytes_max = 65'507;
inline constexpr std::size_t payload_bytes_max = packet_bytes_max - header_bytes;
/// A handshake message in pieces has at most so many (an RSA identity).
inline constexpr std::uint16_t handshake_fragments_max = 4;

/// On the wire; never renumber.
enum class PacketType : std::uint8_t {
  data = 1,
  ack = 2,
  syn = 3,
  syn_ack = 4,
  fin = 5,
  fin_ack = 6,
  ping = 7,
  pong = 8,
  fragment = 9,
  retransmit = 10,
  flow_control = 11,
  error = 12,
};
inline constexpr std::size_t packet_types = 12;
std::string_view name_of(PacketType type);

/// Bits of Header::flags.
inline constexpr std::uint8_t flag_compressed = 0x01;     // this fragment's message is zstd
inline constexpr std::uint8_t flag_sealed = 0x02;         // under the AEAD
inline constexpr std::uint8_t flag_reliable = 0x04;       // acknowledge me
inline constexpr std::uint8_t flag_ack_now = 0x08;        // …at once
inline constexpr std::uint8_t flag_fragmented = 0x10;     // the fragment fields count
inline constexpr std::uint8_t flag_ack = 0x20;            // the field ack counts
inline constexpr std::uint8_t flag_last_fragment = 0x40;  // index + 1 is the total
inline constexpr std::uint8_t flags_known = 0x7f;

struct Header {
  PacketType type = PacketType::data;
  std::uint8_t flags = 0;
  std::uint8_t epoch = 0;    // low 8 bits of the keys' epoch
  std::uint16_t window = 0;  // packet_number.h, credit_from_wire()
  ConnectionId id;           // the receiver's
  std::uint32_t number = 0;  // packet_number.h, number_from_wire()
  std::uint32_t ack = 0;
  std::uint16_t payload_bytes = 0;  // all behind the header, the tag too
  std::uint16_t fragment_id = 0;
  std::uint16_t fragment_index = 0;
  std::uint16_t fragment_total = 0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  friend bool operator==(const Header&, const Header&) = default;
};

/// Why bytes are no packet. Counted by kind (HeaderFault is an index), never answered, but for
/// `version` in a SYN.
enum class HeaderFault : std::uint8_t {
  none,
  truncated,  // fewer than 32 bytes
  magic,
  version,
  length,    // not exactly what stands behind the header, or too short for a tag
  checksum,  // a bit was turned
  type,      // unknown
  flags,     // an unknown one, or some that contradict each other
  sealed,    // a type that must be sealed and is not, or the reverse
  unused,    // a field that this packet does not use is not 0
  fragment,  // index, total and flags contradict each other
};
inline constexpr std::size_t header_faults = 11;
std::string_view name_of(HeaderFault fault);

/// Whether packets of `type` are sealed always, never, or both (error).
enum class Sealing : std::uint8_t { never, always, either };
Sealing sealing_of(PacketType type);

/// Reads the header of `packet`, which is one whole packet. `header` is set when the answer is
/// `none`, and else left alone.
HeaderFault decode_header(ByteView packet, Header& header);

/// What is wrong with the fields, checksum and length aside: `none` when it may be sent.
HeaderFault fault_of(const Header& header);

/// Writes the header with its checksum to the front of `packet`. While it is not sealed the payload
/// must stand behind it already. REQUIRES: fault_of(header) is none, and `packet` is the header and
/// payload_bytes long.
void encode_header(const Header& header, ByteSpan packet);

/// The header without the checks of decode_header: for an answer to a packet of another version,
/// of which nothing but the connection id is believed. REQUIRES: 32 bytes.
ConnectionId peek_connection_id(ByteView packet);

}  // namespace kith::packet
