// Sealing a secret with a passphrase: Argon2id (RFC 9106) makes a key of passphrase and salt, and
// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) seals with it. The formats that hold the result
// are keystore.h (identities) and wallet/wallet_file.h; each says what is its associated data.
//
// Limits: whoever reads a file bounds its cost, so that a planted one cannot stop us.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/secret.h"

namespace kith::crypto {

/// What opening a passphrase costs, and thus each guess at it.
struct KdfCost {
  std::uint32_t ops = 3;
  std::uint32_t mem_kib = 64 * 1024;  // RFC 9106's second recommendation, some 0.2 s
  friend bool operator==(const KdfCost&, const KdfCost&) = default;
};
inline constexpr KdfCost kdf_cost_min = {1, 8};
inline constexpr KdfCost kdf_cost_max = {10, 1024 * 1024};

using KdfSalt = std::array<std::uint8_t, 16>;
using SealNonce = std::array<std::uint8_t, 24>;
/// How much longer what is sealed is than what it holds.
inline constexpr std::size_t seal_tag_bytes = 16;

/// `internal` when there is no memory for it. REQUIRES: `cost` within kdf_cost_min and
/// kdf_cost_max.
Result<SecretBytes> stretch_passphrase(std::string_view passphrase, const KdfSalt& salt,
                                       KdfCost cost);

/// `key` is what stretch_passphrase() gave.
Bytes seal_secret(const SecretBytes& key, const SealNonce& nonce, ByteView associated,
                  ByteView secret);
/// `passphrase` when the key, the sealed bytes or `associated` are not those of the sealing.
Result<SecretBytes> open_secret(const SecretBytes& key, const SealNonce& nonce, ByteView associated,
                                ByteView sealed);

}  // namespace kith::crypto
