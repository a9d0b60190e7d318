// ChaCha20-Poly1305 (RFC 8439) in place, by OpenSSL. One object holds one key and its expanded
// context, so that sealing a message neither allocates nor looks an algorithm up.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::crypto {

inline constexpr std::size_t aead_tag_bytes = 16;
using AeadKey = std::array<std::uint8_t, 32>;
using AeadNonce = std::array<std::uint8_t, 12>;

class ChaChaPoly {
 public:
  explicit ChaChaPoly(const AeadKey& key);
  ChaChaPoly(ChaChaPoly&&) noexcept;
  ChaChaPoly& operator=(ChaChaPoly&&) noexcept;
  ~ChaChaPoly();

  /// Encrypts text[0, size - 16) in place and writes the tag into the last 16 bytes.
  void seal_in_place(const AeadNonce& nonce, ByteView associated, ByteSpan text_and_tag);

  /// Checks the tag in the last 16 bytes and decrypts the rest in place; the plaintext is a view of
  /// the front. On `bad_signature` the bytes are garbage and must not be looked at.
  Result<ByteSpan> open_in_place(const AeadNonce& nonce, ByteView associated,
                                 ByteSpan text_and_tag);

 private:
  struct Context;  // OpenSSL's; wiped on destruction
  std::unique_ptr<Context> context_;
};

}  // namespace kith::crypto
