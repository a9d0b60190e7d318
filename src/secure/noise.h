// libp2p's Noise (specs/noise r5): Noise_XX_25519_ChaChaPoly_SHA256 with an identity payload, then
// a record layer. Frames are a 2-byte big-endian length and a Noise message of at most 65,535
// bytes. One object is one side of one connection, a ByteMachine.
//
// Bytes in: on_bytes() takes whole frames from the front, opens them in place, and hands each
// plaintext on as a Plaintext view. Bytes out: poll_transmit() gives handshake frames; once
// Established, the parent writes plaintext behind room for the header and calls seal_frame().
//
// Early muxer negotiation (specs/connections/inlined-muxer-negotiation): both sides send their
// list in the payload; the muxer is the first of the initiator's list that the responder has.
//
// A peer's fault (bad frame, tag, key, signature, wrong peer, low-order point) is a PeerFault,
// after which the machine takes and gives nothing. It never says more to the peer than closing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/machine.h"
#include "base/rng.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/x25519.h"
#include "secure/cipher_state.h"

namespace kith::secure {

inline constexpr std::size_t noise_frame_header_bytes = 2;
inline constexpr std::size_t noise_message_bytes_max = 65535;
inline constexpr std::size_t noise_plaintext_bytes_max = noise_message_bytes_max - 16;
/// What a frame adds to its plaintext: the length before it and the tag behind it.
inline constexpr std::size_t noise_overhead_bytes = noise_frame_header_bytes + 16;

/// A Noise static key with the signed payload that vouches for it. Made once by a node and shared
/// by all its connections (the specification allows it), it spares each of them a key generation
/// and a signature.
struct NoiseStatic {
  crypto::X25519KeyPair key;
  std::vector<std::string> muxers;
  Bytes payload;  // an encoded codec::NoisePayload
};
/// `muxers` in order of preference, at most codec::noise_muxers_max.
std::shared_ptr<const NoiseStatic> make_noise_static(const crypto::KeyPair& identity,
                                                     const std::vector<std::string>& muxers,
                                                     crypto::X25519KeyPair key);

/// What does not change between the connections of one node.
struct NoiseIdentity {
  const crypto::KeyPair* key = nullptr;  // outlives every machine made with it
  std::vector<std::string> muxers;       // in order of preference; empty: no early negotiation
  std::shared_ptr<const NoiseStatic> shared_static = nullptr;  // empty: each machine makes its own
};
/// With a shared static key.
NoiseIdentity make_noise_identity(const crypto::KeyPair& key, std::vector<std::string> muxers,
                                  Rng& rng);

struct Established {
  PeerId peer;
  crypto::PublicKey key;
  std::string muxer;          // agreed early; empty when it must be negotiated
  crypto::Hash256 handshake;  // channel binding: the handshake hash
};
struct Plaintext {
  ByteView data;  // valid until the next mutation
};
struct PeerFault {
  Error error;
};

class Noise {
 public:
  using Input = std::monostate;  // all that enters are bytes
  using Output = std::variant<Established, Plaintext, PeerFault>;

  /// `expected`: whom an initiator dialled; another identity is a `wrong_peer` fault. `rng`
  /// outlives the handshake.
  Noise(Direction direction, const NoiseIdentity& identity, std::optional<PeerId> expected,
        Rng& rng);
  ~Noise();
  Noise(Noise&&) noexcept;
  Noise& operator=(Noise&&) noexcept;

  void on_input(Instant, Input) {}
  void on_deadline(Instant) {}
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const { return std::nullopt; }

  /// Takes the whole frames at the front of `wire` and returns their bytes; the rest is offered
  /// again. The bytes taken must stay where they are until poll_output() is drained.
  std::size_t on_bytes(Instant now, ByteSpan wire);
  /// Handshake frames, in pieces where `wire` is short.
  std::size_t poll_transmit(Instant now, ByteSpan wire);
  /// Whether poll_transmit() has something to give.
  bool has_transmit() const;

  /// True when frames may be sealed: the peer is known (Established may still wait in
  /// poll_output) and poll_transmit has given all of the handshake, which must go out first.
  bool is_established() const { return send_.has_value() && handshake_ == nullptr; }
  /// Seals frame[2, 2 + size) in place: writes the length in front and the tag behind, and returns
  /// size + noise_overhead_bytes. REQUIRES: is_established(), `frame` that long, size at most
  /// noise_plaintext_bytes_max.
  std::size_t seal_frame(ByteSpan frame, std::size_t size);

 private:
  struct Handshake;  // gone once established, so that idle costs little

  std::size_t take_handshake_frame(ByteSpan wire);
  std::size_t take_transport_frames(ByteSpan wire);
  Result<void> on_handshake_message(ByteSpan message);
  Result<Established> check_payload(ByteView payload) const;
  void start_transport();
  void fault(Error error);

  std::unique_ptr<Handshake> handshake_;
  std::optional<CipherState> send_;
  std::optional<CipherState> receive_;
  bool failed_ = false;

  // What poll_output() gives next, in this order. The plaintexts are no queue but the frames
  // themselves, opened and still in the caller's bytes: [frame_, frames_end_).
  std::unique_ptr<Established> established_;
  const std::uint8_t* frame_ = nullptr;
  const std::uint8_t* frames_end_ = nullptr;
  std::unique_ptr<Error> fault_;
};

}  // namespace kith::secure
