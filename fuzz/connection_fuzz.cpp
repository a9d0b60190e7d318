// A whole connection. The first byte chooses:
//   0  raw bytes into a fresh connection of either role
//   1  yamux bytes, sealed by a peer that has shaken hands; the input cuts them into frames and
//      mixes in whole frames made of its bytes, so that streams are opened and negotiated
//   2  two honest connections whose services do what the input says, on a wire that it cuts and,
//      late, bends
#include <cstdint>

#include "host/test_raw_peer.h"
#include "input.h"

namespace {

using namespace kith;
using host::ConnectionEnd;

using fuzz::Input;

void hear_raw(Input input) {
  const bool listens = (input.byte() & 1) != 0;
  ConnectionEnd victim(listens ? Direction::inbound : Direction::outbound, 2, {});
  while (!input.rest.empty() && !victim.fault) {
    victim.hear({}, input.bytes(1 + input.byte()));
    victim.transmit({});
  }
  ASSERT(victim.ups == 0);
  victim.deadline(Instant{10s});
  ASSERT(victim.fault.has_value());
}

const char* const protocols[] = {"/echo", "/unknown", "ls", "/multistream/1.0.0"};

void hear_streams(Input input) {
  host::Attack attack((input.byte() & 1) != 0);
  attack.victim.echoes = true;
  while (!input.rest.empty() && !attack.victim.fault) {
    const std::uint8_t what = input.byte();
    if ((what & 3) == 0) {
      attack.send(input.bytes(1 + (what >> 2)));  // raw plaintext
    } else if ((what & 3) == 1) {
      Bytes text;
      codec::append_multistream(text, codec::multistream_header);
      codec::append_multistream(text, protocols[what >> 2 & 3]);
      base::append(text, input.bytes(what >> 4));
      attack.send(host::yamux_data(input.byte() & 15, input.byte(), text));
    } else if ((what & 3) == 2) {
      const auto type = static_cast<mux::FrameType>(what >> 2 & 3);
      const Bytes payload =
          base::to_bytes(input.bytes(type == mux::FrameType::data ? what >> 4 : 0));
      const auto length = static_cast<std::uint32_t>(
          type == mux::FrameType::data ? payload.size() : std::size_t{input.byte()} << (what >> 3));
      attack.send(host::yamux_frame(type, input.byte() & 15, input.byte(), length, payload));
    } else {
      attack.now += Duration(1s) * (what >> 2);
      attack.victim.deadline(attack.now);
      attack.read();
    }
    ASSERT(attack.victim.connection->stream_count() <= 2048);
    ASSERT(attack.victim.connection->deadlines_kept() <= 64 + 2 * 256 + 256);
  }
  attack.victim.connection->shut_down(attack.now, {Code::closed, "the end"});
  attack.victim.deadline(attack.now);
  for (const auto& [id, stream] : attack.victim.streams) ASSERT(!stream.up || stream.is_down);
}

void live(Input input) {
  host::ConnectionPair::Options dialer, listener;
  const std::uint8_t choice = input.byte();
  if ((choice & 1) != 0) dialer.network_key = listener.network_key = secure::PresharedKey{5};
  if ((choice & 2) != 0) dialer.muxers.clear();
  if ((choice & 4) != 0) listener.muxers.clear();
  host::ConnectionPair pair(dialer, listener, choice);
  pair.piece_max = 1 + std::size_t{input.byte()} * 4;
  pair.listener.echoes = true;
  bool is_bent = false;
  for (std::uint64_t token = 1; !input.rest.empty(); ++token) {
    const std::uint8_t what = input.byte();
    ConnectionEnd& end = (what & 1) != 0 ? pair.dialer : pair.listener;
    StreamId stream{0};
    for (const auto& [id, seen] : end.streams) {
      if (seen.up && !seen.is_down && !seen.has_ended && stream.value == 0) stream = id;
    }
    switch (what >> 1 & 7) {
      case 0: end.open(pair.now, token, {protocols[what >> 4 & 1]}); break;
      case 1: end.open(pair.now, token, {"/unknown", "/echo"}); break;
      case 2:
      case 3: {
        const Bytes bytes(std::size_t{input.byte()} * 64);
        const bool has_room = stream.value != 0 && end.streams[stream].room >= bytes.size();
        if (&end == &pair.dialer && has_room) end.write(pair.now, stream, bytes);
        break;
      }
      case 4: end.input(pair.now, host::Reset{stream}); break;
      case 5: pair.settle(); break;
      case 6:
        pair.settle();  // nobody stalls: no deadline may strike
        pair.wait(Duration(1s) * (what >> 4));
        break;
      case 7:
        if ((what >> 4) != 15) break;
        is_bent = true;
        pair.on_wire = [](ConnectionEnd&, Bytes& wire) { wire.back() ^= 1; };
        break;
    }
  }
  pair.settle();
  ASSERT(is_bent || (!pair.dialer.fault && !pair.listener.fault));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input{{data, std::min<size_t>(size, 4096)}};
  switch (input.byte() % 3) {
    case 0: hear_raw(input); break;
    case 1: hear_streams(input); break;
    default: live(input); break;
  }
  return 0;
}
