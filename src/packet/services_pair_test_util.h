// For tests: two Services joined by a carrier that loses, mixes and repeats packets and says later
// what became of each, as a connection would, without numbers, keys or sockets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/endian.h"
#include "base/rng.h"
#include "packet/services.h"

namespace kith::packet::testing {

inline Header header_of(PacketType type) {
  Header header;
  header.type = type;
  header.flags = flag_sealed | flag_ack | flag_reliable;
  return header;
}

struct CarrierFaults {
  std::uint32_t lost = 0, mixed = 0, repeated = 0, late_acks = 0;  // of 1,000
};

struct Packet {
  Header header;
  Bytes payload;
  std::vector<FrameNote> notes;
  std::size_t from = 0;
};

class ServicesPair {
 public:
  ServicesPair(const ServicesConfig& initiator, const ServicesConfig& responder,
               std::uint64_t seed = 1)
      : configs_{initiator, responder}, rng_(seed) {
    for (std::size_t side = 0; side < 2; ++side) {
      sides_[side] = std::make_unique<Services>(
          configs_[side], side == 0 ? Direction::outbound : Direction::inbound);
    }
    for (std::size_t side = 0; side < 2; ++side) {
      const ServicesConfig& peer = configs_[1 - side];
      sides_[side]->on_parameters(peer.window_initial, peer.stream_window_initial, peer.streams_max,
                                  peer.messages_sent_max, room - 16, peer.compresses);
    }
  }
  explicit ServicesPair(const ServicesConfig& both = {}) : ServicesPair(both, both) {}

  Services& operator[](std::size_t side) { return *sides_[side]; }

  /// The next packet of `side`; without payload: it has nothing to send.
  Packet make(std::size_t side) { return make(side, room); }
  /// `room_now` bytes long at most, as behind a shorter one of a batch.
  Packet make(std::size_t side, std::size_t room_now) {
    Services& services = *sides_[side];
    Packet packet{.header = header_of(PacketType::data), .payload = {}, .notes = {}, .from = side};
    packet.header.window = services.window();
    if (!services.has_pending()) return packet;
    if (const auto fragment = services.next_fragment(now, room_now, room)) {
      packet.header.type = PacketType::fragment;
      packet.header.fragment_id = static_cast<std::uint16_t>(fragment->message);
      packet.header.fragment_index = fragment->index;
      packet.header.fragment_total = fragment->total;
      packet.header.flags |= flag_fragmented;
      if (fragment->is_compressed) packet.header.flags |= flag_compressed;
      packet.payload.resize(4);
      base::store_big_endian<std::uint32_t>(packet.payload, 0, fragment->message_bytes);
      base::append(packet.payload, fragment->data);
      packet.notes.push_back(fragment->note);
      EXPECT_LE(packet.payload.size(), room_now);
      return packet;
    }
    packet.payload.resize(room_now);
    FrameWriter writer(packet.payload);
    services.fill(now, writer, room, packet.notes);
    packet.payload.resize(writer.size());
    return packet;
  }

  /// To the other side; its outputs are to be drained before the packet goes.
  Result<void> deliver(const Packet& packet) {
    Services& to = *sides_[1 - packet.from];
    to.on_window(packet.header.window);
    if (packet.header.type == PacketType::fragment) {
      return to.on_fragment(now, packet.header, packet.payload);
    }
    FrameCursor cursor(packet.header, 0, packet.payload);
    while (true) {
      const Frame* frame = TRY(cursor.next());
      if (frame == nullptr) return {};
      TRY_VOID(to.on_frame(now, *frame));
    }
  }
  void acked(const Packet& packet) { sides_[packet.from]->on_acked(now, packet.notes); }
  void lost(const Packet& packet) { sides_[packet.from]->on_lost(now, packet.notes); }

  /// Sends what both sides have, loses and mixes, delivers; `drain(side)` takes outputs. False when
  /// nothing was under way.
  template <class Drain>
  bool turn(const CarrierFaults& faults, Drain&& drain) {
    now += 1ms;
    for (std::size_t side = 0; side < 2; ++side) {
      sides_[side]->on_deadline(now);
      drain(side);
      for (std::size_t i = 0; i < packets_a_turn; ++i) {
        Packet packet = make(side, room);
        drain(side);
        if (packet.payload.empty()) break;
        flying_.push_back(std::move(packet));
      }
    }
    if (flying_.empty() && late_.empty()) return false;
    std::vector<Packet> going = std::exchange(flying_, {});
    for (Packet& packet : std::exchange(late_, {})) {
      lost(packet);
      drain(packet.from);
    }
    while (!going.empty()) {
      const std::size_t at = hits(faults.mixed) ? rng_.below(going.size()) : 0;
      Packet packet = std::move(going[at]);
      going.erase(going.begin() + static_cast<std::ptrdiff_t>(at));
      arrive(std::move(packet), faults, drain);
    }
    return true;
  }
  bool is_quiet() const { return flying_.empty() && late_.empty(); }

  std::size_t room = 1200;  // of a payload
  std::size_t packets_a_turn = 16;
  Instant now{};

 private:
  bool hits(std::uint32_t per_mille) { return per_mille > 0 && rng_.below(1000) < per_mille; }

  template <class Drain>
  void arrive(Packet packet, const CarrierFaults& faults, Drain&& drain) {
    if (hits(faults.lost)) {
      lost(packet);
      return drain(packet.from);
    }
    for (std::size_t times = hits(faults.repeated) ? 2 : 1; times > 0; --times) {
      const auto result = deliver(packet);
      ASSERT_TRUE(result) << to_string(result.error());
      drain(1 - packet.from);
    }
    // Its acknowledgement is lost: it counts as lost too.
    if (hits(faults.late_acks)) return late_.push_back(std::move(packet));
    acked(packet);
    drain(packet.from);
  }

  ServicesConfig configs_[2];
  std::unique_ptr<Services> sides_[2];
  SeededRng rng_;
  std::vector<Packet> flying_, late_;
};

}  // namespace kith::packet::testing
