// X25519 (RFC 7748) by libsodium (docs/adr/0010): a Noise XX side is one generate() and three
// agree(), which take 119 us on an AMD EPYC core where OpenSSL 3.0 takes 150 us, and 148 us on an
// Intel Xeon core where OpenSSL takes 144 us (bench/crypto_bench).
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"
#include "crypto/secret.h"

namespace kith::crypto {

using X25519Public = std::array<std::uint8_t, 32>;
using X25519Shared = std::array<std::uint8_t, 32>;

/// A key pair; the secret is wiped when the object ends. Move-only; one that was moved from may
/// only be assigned to or destroyed.
class X25519KeyPair {
 public:
  static X25519KeyPair generate(Rng& rng);
  static X25519KeyPair from_secret(std::span<const std::uint8_t, 32> secret);

  X25519KeyPair(X25519KeyPair&& other) noexcept = default;
  X25519KeyPair& operator=(X25519KeyPair&& other) noexcept = default;
  X25519KeyPair(const X25519KeyPair&) = delete;
  X25519KeyPair& operator=(const X25519KeyPair&) = delete;
  ~X25519KeyPair() = default;

  const X25519Public& public_key() const { return public_; }
  /// `bad_key` when the result is all zero, that is when `theirs` has a low order.
  Result<X25519Shared> agree(const X25519Public& theirs) const;

 private:
  X25519KeyPair() = default;

  SecretBytes secret_;  // 32 bytes; empty when moved from
  X25519Public public_{};
};

}  // namespace kith::crypto
