// For tests: the other side of one Connection, packet by packet. It seals what a test wants said
// with the keys of TestEnd (test_pair.h), whatever it is, and reads what the connection says.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "base/endian.h"
#include "crypto/hash.h"
#include "packet/test_pair.h"

namespace kith::packet {

/// The offset that hides numbers sent to `id` by `direction` (1 the initiator, 2 the responder).
inline std::uint32_t test_offset(std::uint8_t direction, ConnectionId id) {
  std::array<std::uint8_t, 32> key;
  key.fill(direction);
  std::array<std::uint8_t, 4> bytes;
  base::store_big_endian(ByteSpan(bytes), 0, id.value);
  return base::load_big_endian<std::uint32_t>(crypto::hmac_sha256(key, {ByteView(bytes)}), 0);
}

/// What is to be said in one packet.
struct TestPacket {
  PacketType type = PacketType::data;
  std::vector<Frame> frames = {};
  std::uint8_t flags = 0;
  std::optional<PacketNumber> ack = {};
  std::optional<PacketNumber> number = {};  // else the next
  std::optional<std::uint16_t> window = {};
  Bytes payload = {};  // in place of frames
  std::uint16_t fragment_id = 0, fragment_index = 0, fragment_total = 0;
};

class TestSealer {
 public:
  /// Speaks as `direction` to whoever reads under `to`.
  TestSealer(std::uint8_t direction, ConnectionId to) : direction_(direction), to_(to) {}

  std::uint64_t epoch = 0;
  PacketNumber next = 0;

  Bytes seal(const TestPacket& said) {
    Bytes packet(header_bytes + 2048 + tag_bytes);
    std::size_t plain = said.payload.size();
    std::ranges::copy(said.payload, packet.begin() + header_bytes);
    if (said.payload.empty()) {
      FrameWriter writer(ByteSpan(packet).subspan(header_bytes, 2048));
      for (const Frame& frame : said.frames) {
        if (!writer.write(frame)) ADD_FAILURE() << "a frame did not fit";
      }
      plain = writer.size();
    }
    packet.resize(header_bytes + plain + tag_bytes);
    const PacketNumber number = said.number.value_or(next);
    next = std::max(next, number + 1);
    Header header{.type = said.type,
                  .flags = static_cast<std::uint8_t>(said.flags | flag_sealed),
                  .epoch = static_cast<std::uint8_t>(epoch),
                  .window = said.window.value_or(256),
                  .id = to_,
                  .number = wire_number(number, test_offset(direction_, to_)),
                  .payload_bytes = static_cast<std::uint16_t>(plain + tag_bytes),
                  .fragment_id = said.fragment_id,
                  .fragment_index = said.fragment_index,
                  .fragment_total = said.fragment_total};
    if (said.ack) {
      header.flags |= flag_ack;
      header.ack = wire_number(*said.ack, test_offset(direction_, to_));
    }
    encode_header(header, packet);
    crypto::PacketCipher cipher = test_cipher(direction_, epoch);
    cipher.seal(number, ByteView(packet).first(header_bytes),
                ByteSpan(packet).subspan(header_bytes));
    return packet;
  }

 private:
  std::uint8_t direction_;
  ConnectionId to_;
};

/// A packet that was opened: its header and the plain payload.
struct TestOpened {
  Header header;
  Bytes payload;
};

/// Opens what `direction` sealed for `to`; nothing for what does not open.
inline std::optional<TestOpened> test_open(std::uint8_t direction, ConnectionId to, ByteView bytes,
                                           std::uint64_t epoch = 0) {
  TestOpened opened;
  Bytes packet = base::to_bytes(bytes);
  if (decode_header(packet, opened.header) != HeaderFault::none) return std::nullopt;
  if (!opened.header.has(flag_sealed)) return opened;
  const auto number = number_from_wire(opened.header.number, test_offset(direction, to), 0);
  if (!number) return std::nullopt;
  crypto::PacketCipher cipher = test_cipher(direction, epoch);
  if (!cipher.open(*number, ByteView(packet).first(header_bytes),
                   ByteSpan(packet).subspan(header_bytes))) {
    return std::nullopt;
  }
  opened.payload = base::to_bytes(
      ByteView(packet).subspan(header_bytes, packet.size() - header_bytes - tag_bytes));
  return opened;
}

/// A handshake packet of the other side.
/// An unsealed ERROR that is a hint, or nearly one.
inline Bytes test_hint(ConnectionId to, Code code, std::size_t payload_bytes = hint_payload_bytes) {
  Bytes packet(header_bytes + std::max<std::size_t>(payload_bytes, 3));
  packet[header_bytes] = bare_hint;
  base::store_big_endian<std::uint16_t>(packet, header_bytes + 1, static_cast<std::uint16_t>(code));
  packet.resize(header_bytes + payload_bytes);
  encode_header({.type = PacketType::error,
                 .id = to,
                 .payload_bytes = static_cast<std::uint16_t>(payload_bytes)},
                packet);
  return packet;
}

inline Bytes test_handshake(PacketType type, ConnectionId to, ConnectionId own,
                            std::uint8_t message, std::string_view text, ByteView cookie = {}) {
  Bytes packet(syn_bytes);
  const HandshakeOut out{.type = type,
                         .to = to,
                         .own = own,
                         .message = message,
                         .cookie = cookie,
                         .bytes = base::as_bytes(text)};
  packet.resize(out.write(0, syn_bytes, packet));
  return packet;
}

inline SealKeys test_keys(bool is_initiator, std::uint64_t epoch) {
  const auto offset = [](std::uint8_t direction) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(direction);
    return crypto::SecretBytes::copy_of(bytes);
  };
  const std::uint8_t ours = is_initiator ? 1 : 2, theirs = is_initiator ? 2 : 1;
  SealKeys keys{.epoch = epoch,
                .receive = test_cipher(theirs, epoch),
                .send = test_cipher(ours, epoch),
                .receive_offset_key = {},
                .send_offset_key = {}};
  if (epoch == 0) {
    keys.receive_offset_key = offset(theirs);
    keys.send_offset_key = offset(ours);
  }
  return keys;
}

/// One connection without an endpoint, and what it said.
class LoneConnection {
 public:
  static constexpr ConnectionId own_id{0x00102001}, peer_id{0x00204003};

  explicit LoneConnection(Direction direction, const PacketConfig& packet_config = {},
                          Carrier carrier = Carrier::datagrams)
      : config(packet_config),
        now(Instant{} + 1h),
        is_initiator(direction == Direction::outbound),
        rng_(5),
        connection(config, carrier, direction, path, own_id, rng_, now, nullptr, {},
                   is_initiator ? ConnectionId{} : peer_id),
        sealer(is_initiator ? 2 : 1, own_id) {}

  PacketConfig config;
  Instant now;
  bool is_initiator;
  Path path{{1}, TestPair::address(9)};
  SeededRng rng_;
  Connection connection;
  TestSealer sealer;
  std::vector<Connection::Output> said;
  std::optional<ConnectionEnded> ended;
  Bytes session;
  std::size_t accepted = 0, handshakes = 0, messages = 0;

  void drain() {
    while (auto output = connection.poll_output(now)) {
      if (const auto* end = std::get_if<ConnectionEnded>(&*output)) ended = *end;
      if (std::holds_alternative<HandshakeArrived>(*output)) ++handshakes;
      if (const auto* arrived = std::get_if<SessionArrived>(&*output)) {
        base::append(session, arrived->bytes);
      }
      if (const auto* served = std::get_if<ServicesOutput>(&*output)) {
        if (std::holds_alternative<StreamAccepted>(*served)) ++accepted;
        if (std::holds_alternative<MessageArrived>(*served)) ++messages;
      }
    }
  }
  void input(Connection::Input input) {
    connection.on_input(now, std::move(input));
    drain();
  }
  /// Up to ESTABLISHED, as if hands had been shaken.
  void shake() {
    if (is_initiator) {
      input(HandshakeBytes{0, base::to_bytes("hello")});
      deliver(test_handshake(PacketType::syn_ack, own_id, peer_id, 1, "response"));
    }
    input(test_keys(is_initiator, 0));
    input(PeerParameters{connection.parameters()});
    input(HandshakeBytes{static_cast<std::uint8_t>(is_initiator ? 2 : 3), base::to_bytes("last")});
    flush();
  }
  /// False when the session must answer first.
  bool deliver(Bytes packet, std::optional<Path> from = {}, bool ends_batch = true) {
    Header header;
    if (const HeaderFault fault = decode_header(packet, header); fault != HeaderFault::none) {
      ADD_FAILURE() << "a packet that no endpoint would pass on: " << name_of(fault);
      return true;
    }
    const bool goes_on =
        connection.on_packet(now, from.value_or(path), header, packet, base::Ecn::none);
    if (ends_batch) connection.on_batch_end(now);
    drain();
    return goes_on;
  }
  void say(const TestPacket& packet) { deliver(sealer.seal(packet)); }
  /// Everything that may leave now, packet by packet.
  std::vector<Bytes> flush() {
    std::vector<Bytes> packets;
    Bytes room(65'536);
    while (connection.has_transmit(now) && packets.size() < 10'000) {
      const base::DatagramsOut out = connection.poll_packets(now, room);
      if (out.bytes == 0) {
        ADD_FAILURE() << "has something to send, and does not";
        break;
      }
      for (std::size_t at = 0; at < out.bytes; at += out.segment_bytes) {
        packets.push_back(base::to_bytes(
            ByteView(room).subspan(at, std::min(out.segment_bytes, out.bytes - at))));
      }
      drain();
    }
    return packets;
  }
  /// Types of what may leave now.
  std::vector<PacketType> flush_types() {
    std::vector<PacketType> types;
    for (const Bytes& packet : flush()) {
      Header header;
      EXPECT_EQ(decode_header(packet, header), HeaderFault::none);
      types.push_back(header.type);
    }
    return types;
  }
  void pass(Duration time) {
    const Instant end = now + time;
    for (int turns = 0; turns < 10'000; ++turns) {
      const auto next = connection.next_deadline();
      if (!next || *next > end) break;
      now = std::max(now, *next);
      connection.on_deadline(now);
      drain();
      flush();
    }
    now = end;
  }
};

}  // namespace kith::packet
