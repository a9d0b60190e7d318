// Noise's CipherState (Noise Protocol Framework r34, section 5.1) over ChaCha20-Poly1305: one key
// and its counter. A message that does not open does not move the counter; the last number, 2^64 -
// 1, is never used, so that no nonce comes twice.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/aead.h"

namespace kith::secure {

class CipherState {
 public:
  /// `first_nonce` is 0 but in tests of the counter's end.
  explicit CipherState(const crypto::AeadKey& key, std::uint64_t first_nonce = 0)
      : cipher_(key), nonce_(first_nonce) {}

  /// False when every nonce has been used.
  bool has_nonce() const { return nonce_ != nonce_reserved; }

  /// Encrypts all but the last 16 bytes in place and writes the tag there. REQUIRES: has_nonce().
  void seal(ByteView associated, ByteSpan text_and_tag);
  /// Decrypts in place. `bad_signature` when the tag does not verify, `limit` without a nonce; the
  /// bytes are then garbage.
  Result<ByteSpan> open(ByteView associated, ByteSpan text_and_tag);

 private:
  static constexpr std::uint64_t nonce_reserved = ~std::uint64_t{0};

  crypto::AeadNonce nonce_bytes() const;

  crypto::ChaChaPoly cipher_;
  std::uint64_t nonce_;
};

}  // namespace kith::secure
