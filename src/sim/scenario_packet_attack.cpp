#include "sim/scenario_packet_attack.h"

#include <algorithm>

#include "packet/handshake_part.h"
#include "packet/header.h"

namespace kith::sim {

PacketAttacker::PacketAttacker(PacketNet& net) : net_(net), rng_(net.attack_rng()) {
  net_.on_attacker = [this](const Datagram& datagram) { on_answer(datagram); };
}

void PacketAttacker::attack(std::uint32_t packets) {
  for (std::uint32_t i = 0; i < packets; ++i) {
    switch (rng_.below(10)) {
      case 0:
      case 1: repeat(); break;
      case 2:
      case 3: bend(); break;
      case 4: redirect(); break;
      case 5: noise(); break;
      case 6: forge_reset(); break;
      case 7:
        if (rng_.below(10) == 0) open_half();
        break;
      default: flood(); break;
    }
  }
}

void PacketAttacker::send(const base::IpPort& from, std::uint32_t to, ByteView bytes) {
  ++sent_;
  net_.attack(from, to, bytes);
}

base::IpPort PacketAttacker::any_address() {
  base::IpPort at;
  const std::uint64_t bits = rng_.next();
  // Of somebody, or of nobody.
  at.ip[0] = (bits & 1) != 0 ? 10 : 11;
  at.ip[1] = 1;
  at.ip[3] = static_cast<std::uint8_t>(bits >> 8);
  at.port = (bits & 2) != 0 ? PacketNet::port_first : static_cast<std::uint16_t>(bits >> 16);
  return at;
}

const TappedPacket* PacketAttacker::any_tapped() {
  const auto& all = net_.tapped();
  if (all.empty()) return nullptr;
  const TappedPacket& tapped = all[rng_.below(all.size())];
  if (tapped.to >= net_.nodes()) return nullptr;
  packet::Header header;
  if (packet::decode_header(tapped.bytes, header) != packet::HeaderFault::none) return nullptr;
  if (header.type == packet::PacketType::syn) {
    Bytes copy = tapped.bytes;
    const auto part = packet::decode_handshake(ByteSpan(copy).subspan(packet::header_bytes));
    if (part && part->message == 0) hello_ = base::to_bytes(part->bytes);
  }
  return &tapped;
}

void PacketAttacker::repeat() {
  if (const TappedPacket* tapped = any_tapped()) send(tapped->seen_from, tapped->to, tapped->bytes);
}

void PacketAttacker::bend() {
  const TappedPacket* tapped = any_tapped();
  if (tapped == nullptr) return;
  Bytes bytes = tapped->bytes;
  packet::Header header;
  packet::decode_header(bytes, header);
  const std::uint64_t kind = rng_.below(3);
  if (kind == 0) header.number += static_cast<std::uint32_t>(rng_.below(100'000)) + 1;
  if (kind == 1) header.epoch = static_cast<std::uint8_t>(header.epoch + 1);
  if (bytes.size() > packet::header_bytes) {
    bytes[packet::header_bytes + rng_.below(bytes.size() - packet::header_bytes)] ^= 0x40;
  }
  // The checksum fits, as whoever means it makes it fit.
  if (packet::fault_of(header) == packet::HeaderFault::none) packet::encode_header(header, bytes);
  send(tapped->seen_from, tapped->to, bytes);
}

void PacketAttacker::redirect() {
  if (const TappedPacket* tapped = any_tapped()) send(any_address(), tapped->to, tapped->bytes);
}

void PacketAttacker::noise() {
  Bytes bytes(rng_.below(1400) + 1);
  rng_.fill(bytes);
  send(any_address(), any_node(), bytes);
}

/// SYNs that look well, from wherever; cookies for them go to whoever is there.
void PacketAttacker::flood() {
  say_hello(any_address(), any_node(), {}, {static_cast<std::uint32_t>(rng_.next()) | 1});
}

void PacketAttacker::open_half() {
  const std::uint32_t to = any_node();
  say_hello(net_.address_of(net_.attacker(), to), to, {},
            {static_cast<std::uint32_t>(rng_.next()) | 1});
}

void PacketAttacker::say_hello(const base::IpPort& from, std::uint32_t to, ByteView cookie,
                               packet::ConnectionId own) {
  if (hello_.empty()) return;
  const packet::HandshakeOut out{.type = packet::PacketType::syn,
                                 .to = {},
                                 .own = own,
                                 .message = 0,
                                 .cookie = cookie,
                                 .bytes = hello_};
  if (out.packets(packet::syn_bytes) != 1) return;
  Bytes bytes(packet::syn_bytes);
  bytes.resize(out.write(0, packet::syn_bytes, bytes));
  send(from, to, bytes);
}

/// A cookie came: it is brought back, and then nothing follows.
void PacketAttacker::on_answer(const Datagram& datagram) {
  packet::Header header;
  if (packet::decode_header(datagram.bytes, header) != packet::HeaderFault::none) return;
  if (header.type != packet::PacketType::syn_ack) return;
  const auto part = packet::decode_handshake(datagram.bytes.subspan(packet::header_bytes));
  if (!part || part->message != packet::cookie_message) return;
  ++half_open_;
  const Bytes cookie = base::to_bytes(part->cookie);
  say_hello(datagram.sent_to, datagram.from.host, cookie, header.id);
}

void PacketAttacker::forge_reset() {
  const TappedPacket* tapped = any_tapped();
  if (tapped == nullptr) return;
  packet::Header seen;
  packet::decode_header(tapped->bytes, seen);
  std::array<std::uint8_t, packet::header_bytes + 17> bytes{};
  rng_.fill(ByteSpan(bytes).last(16));
  bytes[packet::header_bytes] = 2;  // a reset
  packet::Header header{.type = packet::PacketType::error, .id = seen.id};
  header.payload_bytes = 17;
  packet::encode_header(header, bytes);
  // To whoever sends under that id, from where it sends to.
  send(tapped->sent_to, tapped->from, bytes);
}

}  // namespace kith::sim
