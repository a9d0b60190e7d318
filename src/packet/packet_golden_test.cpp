// tests/golden/packet_handshake.txt: what a second implementation, in Python, made of
// docs/protocol/packet.md is what is written here, byte for byte, and is read.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

/// The lines of one kind, as words.
std::vector<std::vector<std::string>> golden_lines(const std::string& kind) {
  std::ifstream in(std::string(KITH_SOURCE_DIR) + "/tests/golden/packet_handshake.txt");
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(in, line);) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (!words.empty() && words[0] == kind) lines.push_back({words.begin() + 1, words.end()});
  }
  EXPECT_FALSE(lines.empty()) << kind;
  return lines;
}
Bytes golden_bytes(const std::string& word) {
  return word == "-" ? Bytes() : base::from_hex(word).value();
}
template <class T>
T golden_number(const std::string& word) {
  return static_cast<T>(std::stoull(word));
}

TEST(PacketGolden, HandshakePackets) {
  for (const auto& words : golden_lines("handshake")) {
    SCOPED_TRACE(words[0]);
    const Bytes cookie = golden_bytes(words[5]), said = golden_bytes(words[6]);
    const HandshakeOut out{.type = static_cast<PacketType>(std::stoul(words[1])),
                           .to = {golden_number<std::uint32_t>(words[2])},
                           .own = {golden_number<std::uint32_t>(words[3])},
                           .message = golden_number<std::uint8_t>(words[4]),
                           .cookie = cookie,
                           .bytes = said};
    std::istringstream stream(words[7]);
    HandshakeAssembly assembly;
    Bytes whole;
    std::size_t index = 0;
    for (std::string hex; std::getline(stream, hex, ','); ++index) {
      Bytes packet(syn_bytes);
      packet.resize(out.write(index, syn_bytes, packet));
      EXPECT_EQ(base::to_hex(packet), hex);
      Header header;
      ASSERT_EQ(decode_header(packet, header), HeaderFault::none);
      const auto part = decode_handshake(ByteSpan(packet).subspan(header_bytes));
      ASSERT_TRUE(part);
      EXPECT_EQ(part->message, out.message);
      EXPECT_EQ(part->sender, out.own);
      EXPECT_TRUE(base::equal(part->cookie, cookie));
      if (const auto taken = assembly.take(header, *part)) whole = base::to_bytes(*taken);
    }
    EXPECT_EQ(index, out.packets(syn_bytes));
    EXPECT_TRUE(base::equal(whole, said));
  }
}

TEST(PacketGolden, ParametersOfBothBounds) {
  for (const auto& words : golden_lines("parameters")) {
    SCOPED_TRACE(words[0]);
    const auto value = [&](std::size_t key) { return golden_number<std::uint64_t>(words[key]); };
    const Parameters said{.window = value(1),
                          .stream_window = value(2),
                          .streams = value(3),
                          .messages = value(4),
                          .packet_bytes_max = value(5),
                          .idle_timeout = std::chrono::milliseconds(value(6)),
                          .ack_delay_max = std::chrono::microseconds(value(7)),
                          .compresses = value(8) == 1};
    EXPECT_EQ(base::to_hex(encode(said)), words[9]);
    const auto read = decode_parameters(golden_bytes(words[9]));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, said);
  }
}

/// The 32 bytes of a key that is given in hex.
template <class Key>
Key golden_key(const std::string& word) {
  Key key;
  const Bytes bytes = golden_bytes(word);
  EXPECT_EQ(bytes.size(), key.size());
  std::ranges::copy(bytes, key.begin());
  return key;
}

TEST(PacketGolden, ALiveConnectionOpensWhatWasSealedAndSealsTheSame) {
  std::size_t same = 0;
  for (const auto& words : golden_lines("sealed")) {
    SCOPED_TRACE(words[0]);
    const auto id = static_cast<crypto::CipherId>(std::stoul(words[1]));
    const auto key = golden_key<crypto::AeadKey>(words[2]);
    const auto iv = golden_key<crypto::AeadNonce>(words[3]);
    const std::uint64_t number = std::stoull(words[6]);
    Bytes packet = golden_bytes(words[13]);
    Header header;
    ASSERT_EQ(decode_header(packet, header), HeaderFault::none);
    EXPECT_EQ(header.id.value, std::stoul(words[5]));
    EXPECT_EQ(static_cast<unsigned>(header.type), std::stoul(words[7]));
    EXPECT_EQ(header.flags, std::stoul(words[8]));
    EXPECT_EQ(header.epoch, std::stoull(words[9]) & 255);
    EXPECT_EQ(header.window, std::stoul(words[10]));
    const std::array<std::uint8_t, 4> bytes = {0x00, 0x20, 0x40, 0x03};
    const auto offset = base::load_big_endian<std::uint32_t>(
        crypto::hmac_sha256(golden_bytes(words[4]), {ByteView(bytes)}), 0);
    EXPECT_EQ(number_from_wire(header.number, offset, number + 1), number);
    if (header.has(flag_ack)) EXPECT_EQ(header.ack, wire_number(std::stoull(words[11]), offset));
    crypto::PacketCipher cipher(id, key, iv, test_schedules());
    Bytes opened = packet;
    ASSERT_TRUE(cipher.open(number, ByteView(opened).first(header_bytes),
                            ByteSpan(opened).subspan(header_bytes)));
    const Bytes plain = golden_bytes(words[12]);
    EXPECT_TRUE(base::equal(
        ByteView(opened).subspan(header_bytes, opened.size() - header_bytes - tag_bytes), plain));
    cipher.seal(number, ByteView(opened).first(header_bytes),
                ByteSpan(opened).subspan(header_bytes));
    EXPECT_TRUE(base::equal(opened, packet));
    same += base::equal(opened, packet) ? 1 : 0;

    // And a connection whose keys these are takes it, where its number is near enough.
    if (number >= 1'000'000 || std::stoull(words[9]) > 0) continue;
    SeededRng rng(1);
    const PacketConfig config;
    const Instant now = Instant{} + 1h;
    const Path path{{1}, TestPair::address(2)};
    Connection connection(config, Carrier::datagrams, Direction::inbound, path, header.id, rng, now,
                          nullptr, {}, {5});
    connection.on_input(
        now, SealKeys{.epoch = 0,
                      .receive = crypto::PacketCipher(id, key, iv, test_schedules()),
                      .send = test_cipher(2, 0),
                      .receive_offset_key = crypto::SecretBytes::copy_of(golden_bytes(words[4])),
                      .send_offset_key = crypto::SecretBytes::copy_of(golden_bytes(words[4]))});
    connection.on_packet(now, path, header, packet, base::Ecn::none);
    EXPECT_EQ(connection.stats().packets_dropped, 0U);
  }
  EXPECT_GE(same, 6U);
}

TEST(PacketGolden, AnOffsetIsOfItsKeyAndId) {
  // A connection's own: it says in its first packet where numbers begin.
  for (const auto& words : golden_lines("offset")) {
    const ConnectionId peer{golden_number<std::uint32_t>(words[1])};
    SeededRng rng(1);
    const PacketConfig config;
    const Instant now = Instant{} + 1h;
    Connection connection(config, Carrier::ordered, Direction::inbound, {}, {7}, rng, now, nullptr,
                          {}, peer);
    SealKeys keys = test_keys(false, 0);
    keys.send_offset_key = crypto::SecretBytes::copy_of(golden_bytes(words[0]));
    connection.on_input(now, std::move(keys));
    connection.on_input(now, SessionBytes{Bytes(5)});
    Bytes room(65'536);
    const auto out = connection.poll_packets(now, room);
    Header header;
    ASSERT_EQ(decode_header(ByteView(room).first(out.bytes), header), HeaderFault::none);
    EXPECT_EQ(header.number, std::stoul(words[2]));
  }
}

TEST(PacketGolden, AnEndpointSaysTheResetOfAnIdThatItDoesNotKnow) {
  for (const auto& words : golden_lines("reset")) {
    EndpointConfig config;
    config.reset_key = golden_key<crypto::Hash256>(words[0]);
    SeededRng rng(1);
    const Instant now = Instant{} + 1h;
    Endpoint endpoint(config, rng, now);
    Bytes question(header_bytes + 60);
    encode_header({.type = PacketType::data,
                   .flags = flag_sealed,
                   .id = {golden_number<std::uint32_t>(words[1])},
                   .payload_bytes = 60},
                  question);
    endpoint.on_datagrams(now,
                          {base::SocketId{1}, TestPair::address(1), question, question.size(), {}});
    Bytes room(65'536);
    const auto out = endpoint.poll_datagrams(now, room);
    EXPECT_EQ(base::to_hex(ByteView(room).first(out.bytes)), words[3]);
  }
}

}  // namespace
}  // namespace kith::packet
