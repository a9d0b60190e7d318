// For the tests of this folder: a pair of Noise machines over byte queues, and a peer that says
// what it is told to.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "codec/noise_payload.h"
#include "codec/pb_wire.h"
#include "codec/peer_id.h"
#include "secure/noise.h"
#include "secure/noise_xx.h"

namespace kith::secure::testing {

inline constexpr Instant now{};

inline Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

/// Gives the bytes it was made with, then fails the test's process.
class ScriptedRng final : public Rng {
 public:
  explicit ScriptedRng(Bytes script) : script_(std::move(script)) {}
  void fill(ByteSpan out) override {
    ASSERT(script_.size() >= out.size());
    std::copy_n(script_.begin(), out.size(), out.begin());
    script_.erase(script_.begin(), script_.begin() + static_cast<std::ptrdiff_t>(out.size()));
  }

 private:
  Bytes script_;
};

inline crypto::KeyPair identity_key(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}

/// One machine with what it has said.
struct Side {
  Noise machine;
  Bytes inbox;  // on its way to the machine
  std::optional<Established> established;
  Bytes received;
  std::optional<Error> fault;

  void drain() {
    while (auto output = machine.poll_output(now)) {
      std::visit(Overload{[this](Established& value) {
                            ASSERT(!established && received.empty());
                            established = std::move(value);
                          },
                          [this](Plaintext& value) {
                            ASSERT(established && !value.data.empty());
                            base::append(received, value.data);
                          },
                          [this](PeerFault& value) {
                            ASSERT(!fault);
                            fault = std::move(value.error);
                          }},
                 *output);
    }
  }

  /// Offers the first `count` bytes of the inbox.
  void take(std::size_t count) {
    const std::size_t used = machine.on_bytes(now, ByteSpan(inbox).first(count));
    drain();
    inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(used));
  }
  void take_all() { take(inbox.size()); }
  void hear(ByteView bytes) {
    base::append(inbox, bytes);
    take_all();
  }

  /// All that poll_transmit has, asked for in pieces of `room` bytes.
  Bytes transmit(std::size_t room = 65536) {
    Bytes out;
    Bytes piece(room);
    while (const std::size_t size = machine.poll_transmit(now, piece)) {
      base::append(out, ByteView(piece).first(size));
    }
    return out;
  }

  Bytes seal(ByteView text) {
    Bytes frame(text.size() + noise_overhead_bytes);
    std::copy(text.begin(), text.end(), frame.begin() + noise_frame_header_bytes);
    EXPECT_EQ(machine.seal_frame(frame, text.size()), frame.size());
    return frame;
  }
};

inline Bytes framed(ByteView message) {
  Bytes frame{static_cast<std::uint8_t>(message.size() >> 8),
              static_cast<std::uint8_t>(message.size())};
  base::append(frame, message);
  return frame;
}

/// Dialler (key 1) and listener (key 2), which know each other's id.
struct Pair {
  explicit Pair(std::vector<std::string> dialler_muxers = {},
                std::vector<std::string> listener_muxers = {}, std::uint64_t seed = 1)
      : rng(seed),
        dialler{Noise(Direction::outbound,
                      make_noise_identity(dialler_key, std::move(dialler_muxers), rng),
                      codec::peer_id_of(listener_key.public_key()), rng),
                {},
                {},
                {},
                {}},
        listener{Noise(Direction::inbound,
                       make_noise_identity(listener_key, std::move(listener_muxers), rng),
                       std::nullopt, rng),
                 {},
                 {},
                 {},
                 {}} {}

  /// The three messages, whole.
  void shake_hands() {
    listener.hear(dialler.transmit());
    dialler.hear(listener.transmit());
    listener.hear(dialler.transmit());
  }

  SeededRng rng;
  crypto::KeyPair dialler_key = identity_key(1);
  crypto::KeyPair listener_key = identity_key(2);
  Side dialler;
  Side listener;
};

/// What a listener made of a handshake.
struct Listened {
  std::optional<Established> established;
  std::optional<Error> fault;
};

/// Shakes hands as a dialler made of the bare pattern, which sends any payload.
inline Listened listen_to(const crypto::X25519KeyPair& static_key, ByteView payload) {
  Pair pair;
  NoiseXx dialler(Direction::outbound, static_key);
  Bytes message;
  EXPECT_TRUE(dialler.write_message(pair.rng, {}, message).has_value());
  pair.listener.hear(framed(message));
  Bytes second = pair.listener.transmit();
  EXPECT_TRUE(dialler.read_message(ByteSpan(second).subspan(noise_frame_header_bytes)).has_value());
  message.clear();
  EXPECT_TRUE(dialler.write_message(pair.rng, payload, message).has_value());
  pair.listener.hear(framed(message));
  return {std::move(pair.listener.established), std::move(pair.listener.fault)};
}

inline crypto::X25519KeyPair vector_static() {
  const Bytes secret = hex("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20");
  return crypto::X25519KeyPair::from_secret(std::span<const std::uint8_t, 32>(secret));
}

/// A handshake payload of the two fields that count, whatever stands in them.
inline Bytes payload_of(ByteView key, ByteView signature) {
  Bytes bytes;
  codec::append_pb_bytes(bytes, 1, key);
  codec::append_pb_bytes(bytes, 2, signature);
  return bytes;
}

}  // namespace kith::secure::testing
