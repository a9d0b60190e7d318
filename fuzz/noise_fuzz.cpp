// A Noise machine against three kinds of peer. The first byte chooses:
//   bit 0  the machine under test is the listener, else the dialler
//   1, 2   the peer is: 0 garbage from the first byte on; 1 an honest one on a wire that the input
//          bends; 2 one that does the handshake right and sends the input as its payload and frames
#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/rng.h"
#include "codec/peer_id.h"
#include "crypto/key.h"
#include "input.h"
#include "secure/noise.h"
#include "secure/noise_xx.h"

namespace {

using namespace kith;
using secure::Noise;

constexpr Instant now{};

crypto::KeyPair identity_key(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}

struct Machine {
  Noise noise;
  Bytes inbox;
  bool established = false;
  bool failed = false;

  // Offers all that has come, as a connection would.
  void hear(ByteView bytes) {
    base::append(inbox, bytes);
    const std::size_t used = noise.on_bytes(now, inbox);
    ASSERT(used <= inbox.size());
    while (auto output = noise.poll_output(now)) {
      ASSERT(!failed);  // nothing follows a fault
      std::visit(Overload{[this](const secure::Established&) { established = true; },
                          [this](const secure::Plaintext& text) {
                            ASSERT(established && !text.data.empty());
                          },
                          [this](const secure::PeerFault&) { failed = true; }},
                 *output);
    }
    inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(used));
    if (failed) {
      Bytes more(64);
      ASSERT(noise.on_bytes(now, more) == 0 && !noise.is_established());
      ASSERT(noise.poll_transmit(now, more) == 0);
    }
  }

  Bytes transmit() {
    Bytes out(8192);
    out.resize(noise.poll_transmit(now, out));
    return out;
  }
};

using fuzz::Input;

Machine machine(Direction direction, const secure::NoiseIdentity& identity, Rng& rng) {
  return {Noise(direction, identity, std::nullopt, rng), {}, false, false};
}

void hear_garbage(Machine& victim, Input input) {
  while (!input.rest.empty()) victim.hear(input.bytes(1 + input.byte()));
  ASSERT(!victim.established);  // nobody guesses a key
}

// Turns over bits of what two honest machines say; each input byte pair is (distance, bits).
void bend(Bytes& wire, Input& input) {
  for (std::size_t at = input.byte(); at < wire.size() && !input.rest.empty();
       at += 1u + input.byte()) {
    wire[at] ^= input.byte();
  }
}

void hear_bent(Machine& victim, Machine& peer, Input input) {
  for (int turn = 0; turn < 8; ++turn) {
    Machine& from = turn % 2 == 0 ? peer : victim;
    Machine& to = turn % 2 == 0 ? victim : peer;
    Bytes wire = from.transmit();
    if (from.noise.is_established()) {
      Bytes frame(input.byte() + secure::noise_overhead_bytes);
      from.noise.seal_frame(frame, frame.size() - secure::noise_overhead_bytes);
      base::append(wire, frame);
    }
    bend(wire, input);
    to.hear(wire);
  }
}

Bytes framed(ByteView message) {
  Bytes frame{static_cast<std::uint8_t>(message.size() >> 8),
              static_cast<std::uint8_t>(message.size())};
  base::append(frame, message);
  return frame;
}

void hear_payload(Machine& listener, Rng& rng, Input input) {
  const auto key = crypto::X25519KeyPair::generate(rng);
  secure::NoiseXx dialler(Direction::outbound, key);
  Bytes message;
  ASSERT(dialler.write_message(rng, {}, message).has_value());
  listener.hear(framed(message));
  Bytes second = listener.transmit();
  ASSERT(dialler.read_message(ByteSpan(second).subspan(2)).has_value());
  message.clear();
  ASSERT(dialler.write_message(rng, input.rest, message).has_value());
  if (message.size() <= secure::noise_message_bytes_max) listener.hear(framed(message));
  ASSERT(!listener.established);  // the input cannot hold a signature of this static key
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const crypto::KeyPair keys[] = {identity_key(1), identity_key(2)};
  static SeededRng setup(1);
  static const secure::NoiseIdentity identities[] = {
      secure::make_noise_identity(keys[0], {"/yamux/1.0.0"}, setup),
      secure::make_noise_identity(keys[1], {"/yamux/1.0.0", "/mplex/6.7.0"}, setup)};

  Input input{{data, size}};
  const std::uint8_t choice = input.byte();
  const bool listens = (choice & 1) != 0;
  const int kind = choice >> 1 & 3;
  SeededRng rng(7);
  Machine victim =
      machine(kind == 2 || listens ? Direction::inbound : Direction::outbound, identities[0], rng);
  if (kind == 1) {
    Machine peer = machine(listens ? Direction::outbound : Direction::inbound, identities[1], rng);
    hear_bent(victim, peer, input);
  } else if (kind == 2) {
    hear_payload(victim, rng, input);
  } else {
    hear_garbage(victim, input);
  }
  return 0;
}
