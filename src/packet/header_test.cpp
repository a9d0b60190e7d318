#include "packet/header.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/endian.h"

namespace kith::packet {
namespace {

constexpr PacketType all_types[packet_types] = {
    PacketType::data,     PacketType::ack,        PacketType::syn,          PacketType::syn_ack,
    PacketType::fin,      PacketType::fin_ack,    PacketType::ping,         PacketType::pong,
    PacketType::fragment, PacketType::retransmit, PacketType::flow_control, PacketType::error};

Bytes packet_of(const Header& header, ByteView payload) {
  Bytes packet(header_bytes);
  base::append(packet, payload);
  encode_header(header, packet);
  return packet;
}

/// A header of that type that may be sent, with a payload of 20 bytes.
Header sample(PacketType type) {
  Header header{.type = type, .id = {0x01020304}, .number = 0xa1b2c3d4, .payload_bytes = 20};
  if (sealing_of(type) != Sealing::never) {
    header.flags = flag_sealed | flag_ack | flag_reliable;
    header.epoch = 7;
    header.window = 256;
    header.ack = 0x11223344;
  }
  if (type == PacketType::fragment) {
    header.flags |= flag_fragmented;
    header.fragment_id = 9;
    header.fragment_index = 1;
    header.fragment_total = 3;
  }
  return header;
}

/// Mends the checksum, as a forger would.
void seal_checksum(ByteSpan packet) {
  Bytes copy = base::to_bytes(packet.first(header_bytes));
  base::store_big_endian<std::uint32_t>(copy, 20, 0);
  std::uint32_t sum = crc32c(copy);
  if ((packet[4] & flag_sealed) == 0) sum = crc32c(packet.subspan(header_bytes), sum);
  base::store_big_endian<std::uint32_t>(packet, 20, sum);
}

HeaderFault decode(ByteView packet) {
  Header header;
  return decode_header(packet, header);
}

TEST(Header, EveryTypeComesBack) {
  const Bytes payload(20, 0x5a);
  for (const PacketType type : all_types) {
    SCOPED_TRACE(name_of(type));
    const Header header = sample(type);
    ASSERT_EQ(fault_of(header), HeaderFault::none);
    const Bytes packet = packet_of(header, payload);
    Header read;
    ASSERT_EQ(decode_header(packet, read), HeaderFault::none);
    EXPECT_EQ(read, header);
    EXPECT_EQ(peek_connection_id(packet), header.id);
  }
}

// name, type, flags, epoch, window, id, number, ack, fragment id, index, total, payload, packet
TEST(Header, GoldenVectors) {
  std::ifstream in(std::string(KITH_SOURCE_DIR) + "/tests/golden/packet_header.txt");
  ASSERT_TRUE(in.good());
  std::size_t lines = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    SCOPED_TRACE(line);
    ++lines;
    std::istringstream words(line);
    std::string name, payload_hex, packet_hex;
    std::uint64_t fields[10];
    words >> name;
    for (std::uint64_t& field : fields) words >> field;
    words >> payload_hex >> packet_hex;
    const Bytes payload = payload_hex == "-" ? Bytes() : base::from_hex(payload_hex).value();
    const Header header{.type = static_cast<PacketType>(fields[0]),
                        .flags = static_cast<std::uint8_t>(fields[1]),
                        .epoch = static_cast<std::uint8_t>(fields[2]),
                        .window = static_cast<std::uint16_t>(fields[3]),
                        .id = {static_cast<std::uint32_t>(fields[4])},
                        .number = static_cast<std::uint32_t>(fields[5]),
                        .ack = static_cast<std::uint32_t>(fields[6]),
                        .payload_bytes = static_cast<std::uint16_t>(payload.size()),
                        .fragment_id = static_cast<std::uint16_t>(fields[7]),
                        .fragment_index = static_cast<std::uint16_t>(fields[8]),
                        .fragment_total = static_cast<std::uint16_t>(fields[9])};
    EXPECT_EQ(base::to_hex(packet_of(header, payload)), packet_hex);
    Header read;
    ASSERT_EQ(decode_header(base::from_hex(packet_hex).value(), read), HeaderFault::none);
    EXPECT_EQ(read, header);
  }
  EXPECT_GE(lines, packet_types);
}

TEST(Header, ATurnedBitIsFound) {
  for (const PacketType type : all_types) {
    SCOPED_TRACE(name_of(type));
    const Bytes whole = packet_of(sample(type), Bytes(20, 0x5a));
    // Of a sealed packet the payload is the AEAD's.
    const bool is_sealed = sealing_of(type) != Sealing::never;
    const std::size_t covered = is_sealed ? header_bytes : whole.size();
    for (std::size_t bit = 0; bit < covered * 8; ++bit) {
      Bytes packet = whole;
      packet[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      EXPECT_NE(decode(packet), HeaderFault::none) << "bit " << bit;
    }
  }
}

TEST(Header, EveryCutIsRefused) {
  const Bytes whole = packet_of(sample(PacketType::data), Bytes(20, 1));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(decode(ByteView(whole).first(size)),
              size < header_bytes ? HeaderFault::truncated : HeaderFault::length);
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_EQ(decode(longer), HeaderFault::length);
}

struct Lie {
  const char* what;
  PacketType type;
  std::size_t at;
  std::uint8_t byte;
  HeaderFault fault;
};
constexpr Lie lies[] = {
    {"another magic", PacketType::data, 1, 0xee, HeaderFault::magic},
    {"version 2", PacketType::data, 2, 2, HeaderFault::version},
    {"type 0", PacketType::data, 3, 0, HeaderFault::type},
    {"type 13", PacketType::data, 3, 13, HeaderFault::type},
    {"an unknown flag", PacketType::data, 4, 0x80 | flag_sealed, HeaderFault::flags},
    {"at once, but not wanted", PacketType::data, 4, flag_sealed | flag_ack_now,
     HeaderFault::flags},
    {"compressed frames", PacketType::data, 4, flag_sealed | flag_ack | flag_compressed,
     HeaderFault::flags},
    {"data in the clear", PacketType::data, 4, 0, HeaderFault::sealed},
    {"a sealed SYN", PacketType::syn, 4, flag_sealed, HeaderFault::sealed},
    {"a SYN that wants an acknowledgement", PacketType::syn, 4, flag_reliable, HeaderFault::flags},
    {"an epoch without keys", PacketType::syn, 5, 1, HeaderFault::unused},
    {"a window without keys", PacketType::syn, 7, 1, HeaderFault::unused},
    {"an ack that does not count", PacketType::data, 4, flag_sealed, HeaderFault::unused},
    {"a fragment id in data", PacketType::data, 27, 1, HeaderFault::unused},
    {"fragmented data", PacketType::data, 4, flag_sealed | flag_ack | flag_fragmented,
     HeaderFault::fragment},
    {"a fragment that is none", PacketType::fragment, 4, flag_sealed | flag_ack,
     HeaderFault::fragment},
    {"one fragment in all", PacketType::fragment, 31, 1, HeaderFault::fragment},
    {"an index beyond the total", PacketType::fragment, 29, 3, HeaderFault::fragment},
    {"the last one unsaid", PacketType::fragment, 29, 2, HeaderFault::fragment},
    {"the last one too early", PacketType::fragment, 4,
     flag_sealed | flag_ack | flag_fragmented | flag_last_fragment, HeaderFault::fragment},
};

TEST(Header, LiesWithAGoodChecksum) {
  for (const Lie& lie : lies) {
    SCOPED_TRACE(lie.what);
    Bytes packet = packet_of(sample(lie.type), Bytes(20, 0));
    packet[lie.at] = lie.byte;
    seal_checksum(packet);
    EXPECT_EQ(decode(packet), lie.fault);
  }
}

TEST(Header, SealedNeedsRoomForItsTag) {
  Header header = sample(PacketType::data);
  header.payload_bytes = tag_bytes - 1;
  EXPECT_EQ(fault_of(header), HeaderFault::length);
  header.payload_bytes = tag_bytes;
  EXPECT_EQ(fault_of(header), HeaderFault::none);
}

TEST(Header, HandshakeInFourPiecesAtMost) {
  Header header = sample(PacketType::syn_ack);
  header.flags = flag_fragmented;
  header.fragment_total = handshake_fragments_max;
  EXPECT_EQ(fault_of(header), HeaderFault::none);
  header.fragment_total = handshake_fragments_max + 1;
  EXPECT_EQ(fault_of(header), HeaderFault::fragment);
}

TEST(Header, TheChecksumCoversAPayloadInTheClear) {
  Bytes packet = packet_of(sample(PacketType::syn), Bytes(20, 0));
  packet.back() ^= 1;
  EXPECT_EQ(decode(packet), HeaderFault::checksum);
  // Of a sealed one it does not: what was altered there does not open.
  Bytes sealed = packet_of(sample(PacketType::data), Bytes(20, 0));
  sealed.back() ^= 1;
  EXPECT_EQ(decode(sealed), HeaderFault::none);
}

/// Whatever decodes is what it would be encoded as.
TEST(Header, OneEncodingForEachValue) {
  ASSERT_TRUE(rc::check([](Bytes bytes) {
    if (bytes.size() < header_bytes) bytes.resize(header_bytes);
    base::store_big_endian(bytes, 0, header_magic);
    bytes[2] = packet_version;
    bytes[3] = static_cast<std::uint8_t>(bytes[3] % packet_types + 1);
    bytes[4] = *rc::gen::element<std::uint8_t>(0, flag_sealed, flag_sealed | flag_reliable,
                                               flag_sealed | flag_fragmented);
    const auto size = static_cast<std::uint16_t>(bytes.size() - header_bytes);
    base::store_big_endian(bytes, 24, size);
    if (*rc::gen::arbitrary<bool>()) std::fill(bytes.begin() + 26, bytes.begin() + 32, 0);
    if (*rc::gen::arbitrary<bool>()) std::fill(bytes.begin() + 16, bytes.begin() + 20, 0);
    seal_checksum(bytes);
    Header header;
    if (decode_header(bytes, header) != HeaderFault::none) return;
    Bytes again = bytes;
    encode_header(header, again);
    RC_ASSERT(again == bytes);
  }));
}

TEST(Header, NamesAreAllDifferent) {
  std::set<std::string_view> names;
  for (const PacketType type : all_types) names.insert(name_of(type));
  for (std::size_t i = 0; i < header_faults; ++i) {
    names.insert(name_of(static_cast<HeaderFault>(i)));
  }
  EXPECT_EQ(names.size(), packet_types + header_faults);
}

}  // namespace
}  // namespace kith::packet
