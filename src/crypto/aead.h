// ChaCha20-Poly1305 (RFC 8439) in place, by OpenSSL. One object holds one key and its context, so
// that sealing a message neither allocates nor looks an algorithm up.
//
// Cost: sizeof(ChaChaPoly) is one pointer; OpenSSL's context behind it is 184 + 848 bytes in two
// blocks of the heap (3.0), wiped when freed. A message costs about 0.35 us beyond its bytes.
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
  /// REQUIRES: at least 16 bytes and less than 2 GiB.
  void seal_in_place(const AeadNonce& nonce, ByteView associated, ByteSpan text_and_tag);

  /// Checks the tag in the last 16 bytes and decrypts the rest in place; the plaintext is a view of
  /// the front. On `bad_signature` (fewer than 16 bytes are one too) the bytes are garbage and must
  /// not be looked at.
  Result<ByteSpan> open_in_place(const AeadNonce& nonce, ByteView associated,
                                 ByteSpan text_and_tag);

 private:
  struct Context;  // never defined: it is OpenSSL's EVP_CIPHER_CTX, wiped by OpenSSL when freed
  struct Release {
    void operator()(Context* context) const;
  };
  std::unique_ptr<Context, Release> context_;
};

}  // namespace kith::crypto
