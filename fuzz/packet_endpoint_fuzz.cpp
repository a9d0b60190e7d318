// Raw batches into an endpoint that has a live connection and one that shakes hands: whatever the
// bytes are, of any cut and from any address, nothing crashes, connections, answers and timers stay
// bounded, nothing is answered more than threefold, and the live connection goes on. The first byte
// of each batch says whether checksums are made right and known ids put in, so that more gets in.
#include <cstdint>

#include "base/endian.h"
#include "input.h"
#include "packet/test_pair.h"

namespace {

using namespace kith;
using namespace kith::packet;
using fuzz::Input;

constexpr std::size_t connections_max = 8, handshakes_max = 4;

/// One packet out of the input: raw, or with a header that is right as far as it can be.
Bytes packet_of(Input& input, const TestPair& pair) {
  const std::uint8_t how = input.byte();
  const ByteView raw = input.bytes(std::size_t{input.byte()} * (how % 4 == 3 ? 8 : 1));
  Bytes packet = base::to_bytes(raw);
  if (how % 8 == 0 || packet.size() < header_bytes) return packet;
  if (how % 16 >= 8) packet.resize(std::max(packet.size(), syn_bytes));
  Header header;
  header.type = static_cast<PacketType>(1 + packet[3] % packet_types);
  header.flags = packet[4] & flags_known;
  if (sealing_of(header.type) == Sealing::always) header.flags |= flag_sealed;
  if (sealing_of(header.type) == Sealing::never)
    header.flags &= flag_fragmented | flag_last_fragment;
  if (header.has(flag_sealed)) {
    header.epoch = packet[5] % 4;
    header.number = base::load_big_endian<std::uint32_t>(packet, 12);
    if (header.has(flag_ack)) header.ack = base::load_big_endian<std::uint32_t>(packet, 16);
  }
  if (header.has(flag_fragmented)) {
    header.fragment_id = packet[27];
    header.fragment_index = packet[29] % 4;
    header.fragment_total = packet[31];
  }
  const Connection* live = pair.b.connection();
  header.id = {base::load_big_endian<std::uint32_t>(packet, 8)};
  if (how % 32 >= 16 && live != nullptr) header.id = live->own_ids().front();
  if (header.type == PacketType::syn && how % 64 >= 32) header.id = {};
  header.payload_bytes = static_cast<std::uint16_t>(packet.size() - header_bytes);
  if (fault_of(header) == HeaderFault::none) encode_header(header, packet);
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16'384) return 0;
  Input input{{data, size}};
  EndpointConfig config;
  config.connections_max = connections_max;
  config.handshakes_max = handshakes_max;
  TestPair pair(1, config);
  if (!pair.connect()) return 0;
  const ConnectionSlot live = *pair.b.slot;
  pair.pass(100ms);
  std::uint64_t bytes_in = 0, bytes_out = 0;
  Bytes room(65'536);
  const auto flush = [&] {
    while (true) {
      const auto out = pair.b.endpoint.poll_datagrams(pair.now, room);
      if (out.bytes == 0) break;
      if (out.to != TestPair::address(1)) bytes_out += out.bytes;
      pair.b.drain(pair.now);
      pair.b.slot = live;
    }
    ASSERT(!pair.b.endpoint.has_transmit());
  };
  while (!input.rest.empty()) {
    // A batch: up to four packets, of one size but the last, as the kernel gives them.
    Bytes batch = packet_of(input, pair);
    const std::size_t segment = std::max<std::size_t>(batch.size(), 1);
    for (std::uint8_t more = input.byte() % 4; more > 0; --more) {
      Bytes next = packet_of(input, pair);
      next.resize(segment);
      base::append(batch, next);
    }
    const std::uint8_t host = input.byte();
    const base::IpPort from = TestPair::address(host % 4 == 0 ? 1 : 20 + host % 8);
    if (from != TestPair::address(1)) bytes_in += batch.size();
    ByteSpan rest = batch;
    while (!rest.empty()) {
      const std::size_t taken = pair.b.endpoint.on_datagrams(
          pair.now, {base::SocketId{1}, from, rest, segment, base::Ecn::none});
      ASSERT(taken > 0 && taken <= rest.size());
      pair.b.drain(pair.now);
      pair.b.slot = live;  // others are let in too, and say nothing
      rest = rest.subspan(taken);
    }
    flush();
    ASSERT(pair.b.endpoint.connection_count() <= connections_max);
    ASSERT(bytes_out <= 3 * bytes_in);
    if (input.byte() % 8 == 0) {
      pair.now += Duration(1ms) * input.byte();
      const auto at = pair.b.endpoint.next_deadline();
      if (at && *at <= pair.now) pair.b.endpoint.on_deadline(pair.now);
      pair.b.drain(pair.now);
      flush();
    }
  }
  // Nobody had its keys, so it is as it was; the handshakes of strangers end in time.
  pair.b.slot = live;
  ASSERT(pair.b.endpoint.look_at(live) != nullptr && !pair.b.seen.has_ended);
  ASSERT(pair.b.connection()->state() == State::established);
  pair.a.endpoint.on_deadline(pair.now);
  pair.pass(31s);
  ASSERT(pair.b.endpoint.connection_count() == 1);
  return 0;
}
