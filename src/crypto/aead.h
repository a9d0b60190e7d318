// ChaCha20-Poly1305 (RFC 8439) in place. Messages of up to aead_small_bytes_max go through
// libsodium, which needs nothing but the key; larger ones through OpenSSL, which is twice as fast
// there and keeps a context of 1 KiB, made when the first such message comes (docs/adr/0011). So an
// idle connection holds two keys and no contexts. Either seals what the other opens.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::crypto {

inline constexpr std::size_t aead_tag_bytes = 16;
inline constexpr std::size_t aead_small_bytes_max = 1024;
using AeadKey = std::array<std::uint8_t, 32>;
using AeadNonce = std::array<std::uint8_t, 12>;

class ChaChaPoly {
 public:
  explicit ChaChaPoly(const AeadKey& key);
  ChaChaPoly(ChaChaPoly&& other) noexcept;
  ChaChaPoly& operator=(ChaChaPoly&& other) noexcept;
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
  Context& context();
  bool opens(const AeadNonce& nonce, ByteView associated, ByteSpan text, ByteSpan tag);

  AeadKey key_;                                // wiped when the object ends
  std::unique_ptr<Context, Release> context_;  // null until a large message
};

}  // namespace kith::crypto
