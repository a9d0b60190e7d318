// The handshakes of a session: Noise_XX, Noise_XXpsk3 and Noise_NNpsk0, each _25519_ChaChaPoly_
// SHA256 (Noise Protocol Framework r34, sections 5.2, 5.3, 7.4, 7.5 and 9), by one interpreter of
// their tokens. noise_xx.h is libp2p's XX by itself.
//
//   XX      -> e        <- e, ee, s, es   -> s, se
//   XXpsk3  -> e        <- e, ee, s, es   -> s, se, psk
//   NNpsk0  -> psk, e   <- e, ee
//
// Messages are written and read strictly in turn. A message that does not open changes nothing:
// the true one may still come. Deviation: a Diffie-Hellman result of zero is an error.
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/rng.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/x25519.h"

namespace kith::secure {

/// On the wire, second byte of HELLO.
enum class NoisePattern : std::uint8_t { xx = 1, xx_psk3 = 2, nn_psk0 = 3 };

inline constexpr std::size_t noise_psk_bytes = 32;
/// 3, or 2 for NNpsk0.
std::size_t noise_messages(NoisePattern pattern);
/// What message `step` has beside its payload: keys and tags.
std::size_t noise_overhead(NoisePattern pattern, std::size_t step);

class NoiseHandshake {
 public:
  /// `static_key` outlives the object and is null for NNpsk0, `psk` is empty for XX; else 32 bytes.
  /// Outbound is the initiator.
  NoiseHandshake(NoisePattern pattern, Direction direction, const crypto::X25519KeyPair* static_key,
                 ByteView psk, ByteView prologue);
  NoiseHandshake(NoiseHandshake&&) noexcept = default;
  NoiseHandshake& operator=(NoiseHandshake&&) noexcept = default;

  NoisePattern pattern() const { return pattern_; }
  /// The message that comes next.
  std::size_t step() const { return step_; }
  bool is_done() const { return step_ == noise_messages(pattern_); }
  bool is_our_turn() const;

  /// Appends the next message to `out`. `bad_key` when a key of the peer's has a low order; the
  /// handshake is dead then. REQUIRES: is_our_turn().
  Result<void> write_message(Rng& rng, ByteView payload, Bytes& out);
  /// Reads the next message in place; the payload is a view into it. After an error the bytes are
  /// garbage and the handshake is as it was. REQUIRES: not is_done() and not is_our_turn().
  Result<ByteView> read_message(ByteSpan message);

  /// REQUIRES: the peer's static key has been read.
  const crypto::X25519Public& remote_static() const;
  /// Of what was said so far.
  const crypto::Hash256& handshake_hash() const { return state_.hash; }
  /// REQUIRES: is_done().
  ByteView chaining_key() const;

  struct Secrets {
    crypto::SecretBytes from_initiator, from_responder;
  };
  /// REQUIRES: is_done().
  Secrets split() const;

 private:
  /// All that a message changes; copied before one is read.
  struct State {
    crypto::Hash256 hash{};
    crypto::Hash256 chaining_key{};
    crypto::Hash256 key{};  // of the cipher
    std::uint64_t nonce = 0;
    bool has_key = false;  // none before the first MixKey
    std::optional<crypto::X25519Public> remote_ephemeral, remote_static;

    State() = default;
    State(const State&) = default;
    State& operator=(const State&) = default;
    ~State();

    void mix_hash(ByteView data);
    void mix_key(ByteView input);
    void mix_key_and_hash(ByteView input);
    void encrypt_and_hash(ByteView text, Bytes& out);
    Result<ByteSpan> decrypt_and_hash(ByteSpan bytes);
  };

  Result<void> mix_shared(State& state, std::uint8_t token) const;
  Result<void> write_token(Rng& rng, std::uint8_t token, Bytes& out);
  Result<ByteSpan> read_token(State& state, std::uint8_t token, ByteSpan message) const;
  bool has_psk() const { return pattern_ != NoisePattern::xx; }

  NoisePattern pattern_;
  Direction direction_;
  std::size_t step_ = 0;
  const crypto::X25519KeyPair* static_;
  crypto::SecretBytes psk_;
  std::optional<crypto::X25519KeyPair> ephemeral_;
  State state_;
};

}  // namespace kith::secure
