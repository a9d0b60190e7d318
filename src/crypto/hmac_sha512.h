// HMAC-SHA-512 and PBKDF2 over it (FIPS 180-4, RFC 2104, RFC 8018), by OpenSSL: what wallets of
// words are made with (BIP-39, SLIP-0010).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"

namespace kith::crypto {

using Hash512 = std::array<std::uint8_t, 64>;

/// Of the parts one after the other, 256 bytes at most. Wipes what it copies.
Hash512 hmac_sha512(ByteView key, std::initializer_list<ByteView> parts);

/// Fills `out`, of any size; `rounds` is 1 at least.
void pbkdf2_sha512(ByteView password, ByteView salt, std::uint32_t rounds, ByteSpan out);

}  // namespace kith::crypto
