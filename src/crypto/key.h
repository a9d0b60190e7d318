// Keys and signatures of peers. Kith signs with Ed25519 only; it verifies every key kind that
// libp2p's peer-ids specification names, because foreign peers use them. The protobuf form of a
// key and the PeerId made from it are codec/public_key.h and codec/peer_id.h.
//
// Limits: RSA keys of 2048 to 8192 bits, checked before any arithmetic on them (CVE-2023-39533);
// ECDSA on P-256, P-384 and P-521. Signatures over what consensus sees follow ZIP-215 instead
// (crypto/ed25519_zip215.h); this is the network's strict rule.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"

namespace kith::crypto {

/// On the wire (libp2p peer-ids, KeyType): never renumber.
enum class KeyType : std::uint8_t { rsa = 0, ed25519 = 1, secp256k1 = 2, ecdsa = 3 };

inline constexpr std::size_t ed25519_public_key_bytes = 32;
inline constexpr std::size_t ed25519_signature_bytes = 64;
inline constexpr std::size_t rsa_key_bits_min = 2048;
inline constexpr std::size_t rsa_key_bits_max = 8192;
/// DER of an 8192-bit RSA key is about 1,060 bytes.
inline constexpr std::size_t public_key_bytes_max = 1200;
/// An 8192-bit RSA signature.
inline constexpr std::size_t signature_bytes_max = 1024;

/// A public key as libp2p carries it: `data` is the raw 32 bytes (Ed25519), the 33-byte compressed
/// point (secp256k1), or PKIX DER (RSA, ECDSA).
struct PublicKey {
  KeyType type = KeyType::ed25519;
  Bytes data;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

/// Checks form, size and curve; `bad_key` says what is wrong. Cheap: no signature arithmetic.
Result<void> check(const PublicKey& key);

/// Verifies `signature` over `message`: Ed25519 by RFC 8032 as libsodium is strict about it, RSA
/// PKCS#1 v1.5 with SHA-256, ECDSA (DER) and secp256k1 (DER, low or high S) with SHA-256.
/// `bad_key` for a key that check() refuses, `bad_signature` for everything else.
Result<void> verify(const PublicKey& key, ByteView message, ByteView signature);

using Signature = std::array<std::uint8_t, ed25519_signature_bytes>;

/// An Ed25519 key pair. The secret is wiped when the object ends; copies are explicit (`clone`).
class KeyPair {
 public:
  static KeyPair generate(Rng& rng);
  /// RFC 8032's 32-byte private key.
  static KeyPair from_seed(std::span<const std::uint8_t, 32> seed);

  KeyPair(KeyPair&& other) noexcept;
  KeyPair& operator=(KeyPair&& other) noexcept;
  KeyPair(const KeyPair&) = delete;
  KeyPair& operator=(const KeyPair&) = delete;
  ~KeyPair();

  KeyPair clone() const;
  Signature sign(ByteView message) const;
  PublicKey public_key() const;
  /// The seed from_seed() takes. For the keystore only.
  std::span<const std::uint8_t, 32> seed() const;

 private:
  KeyPair() = default;
  std::array<std::uint8_t, 64> secret_{};  // libsodium's form: seed, then public key
};

}  // namespace kith::crypto
