// SHA-256 (FIPS 180-4) of what comes piece by piece and is too long to be held: files. Short inputs
// are crypto/hash.h's.
#pragma once

#include <cstddef>

#include "crypto/hash.h"

namespace kith::crypto {

/// Copies go on from the same bytes.
class Sha256 {
 public:
  Sha256();
  void update(ByteView data);
  /// Of all that came so far; more may come.
  Hash256 digest() const;

 private:
  // OpenSSL's context: its header stays behind the .cpp.
  static constexpr std::size_t context_bytes = 112;
  alignas(8) std::array<std::uint8_t, context_bytes> context_{};
};

}  // namespace kith::crypto
