// SHA-256, HMAC and HKDF over it (FIPS 180-4, RFC 2104, RFC 5869), by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "base/bytes.h"

namespace kith::crypto {

using Hash256 = std::array<std::uint8_t, 32>;

Hash256 sha256(ByteView data);
/// Hash of the parts one after the other.
Hash256 sha256(std::initializer_list<ByteView> parts);
Hash256 sha256(std::span<const ByteView> parts);

Hash256 hmac_sha256(ByteView key, std::initializer_list<ByteView> parts);

/// RFC 5869 extract-and-expand; `out` of at most 255 * 32 bytes.
void hkdf_sha256(ByteView salt, ByteView input_key, ByteView info, ByteSpan out);

}  // namespace kith::crypto
