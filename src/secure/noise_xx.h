// The handshake Noise_XX_25519_ChaChaPoly_SHA256 (Noise Protocol Framework r34, sections 5.2, 5.3
// and 7.5), without libp2p's framing and payloads, which are noise.h:
//
//   -> e            <- e, ee, s, es            -> s, se
//
// Messages are written and read strictly in turn. Deviation: a Diffie-Hellman result of zero (a
// key of low order) is an error, where Noise leaves the choice.
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/rng.h"
#include "crypto/hash.h"
#include "crypto/x25519.h"
#include "secure/cipher_state.h"

namespace kith::secure {

inline constexpr std::size_t noise_xx_messages = 3;
/// What message `step` (0, 1, 2) has beside its payload: keys and tags.
inline constexpr std::size_t noise_xx_overhead_bytes[noise_xx_messages] = {32, 32 + 48 + 16,
                                                                           48 + 16};

class NoiseXx {
 public:
  /// `static_key` outlives the object. Outbound is the initiator.
  NoiseXx(Direction direction, const crypto::X25519KeyPair& static_key, ByteView prologue = {});
  ~NoiseXx();
  NoiseXx(NoiseXx&&) noexcept = default;

  /// The message that comes next, 3 when the handshake is done.
  std::size_t step() const { return step_; }
  bool is_done() const { return step_ == noise_xx_messages; }
  bool is_our_turn() const;

  /// Appends the next message to `out`. `bad_key` when the peer's ephemeral key has a low order.
  /// REQUIRES: is_our_turn().
  Result<void> write_message(Rng& rng, ByteView payload, Bytes& out);
  /// Reads the next message in place; the payload is a view into it. After an error the handshake
  /// is dead. REQUIRES: not is_done() and not is_our_turn().
  Result<ByteView> read_message(ByteSpan message);

  /// REQUIRES: the peer's static key has been read.
  const crypto::X25519Public& remote_static() const;
  /// The hash of all that was said: both sides have the same, and nobody else (channel binding).
  const crypto::Hash256& handshake_hash() const { return hash_; }

  struct Transport {
    CipherState send;
    CipherState receive;
  };
  /// The keys of the connection. REQUIRES: is_done().
  Transport split() const;

 private:
  void mix_hash(ByteView data);
  Result<void> mix_shared(const crypto::X25519KeyPair& ours, const crypto::X25519Public& theirs);
  void encrypt_and_hash(ByteView text, Bytes& out);
  Result<ByteSpan> decrypt_and_hash(ByteSpan bytes);
  Result<ByteSpan> take_remote_static(ByteSpan message);

  Direction direction_;
  std::size_t step_ = 0;
  const crypto::X25519KeyPair* static_;
  std::optional<crypto::X25519KeyPair> ephemeral_;
  std::optional<crypto::X25519Public> remote_ephemeral_;
  std::optional<crypto::X25519Public> remote_static_;
  crypto::Hash256 hash_;
  crypto::Hash256 chaining_key_;
  std::optional<CipherState> cipher_;  // none before the first Diffie-Hellman
};

}  // namespace kith::secure
