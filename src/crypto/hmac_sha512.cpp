#include "crypto/hmac_sha512.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "crypto/secret.h"

namespace kith::crypto {
namespace {

constexpr std::size_t message_bytes_max = 256;

}  // namespace

Hash512 hmac_sha512(ByteView key, std::initializer_list<ByteView> parts) {
  std::array<std::uint8_t, message_bytes_max> message;
  std::size_t size = 0;
  for (const ByteView part : parts) {
    ASSERT(part.size() <= message.size() - size);
    std::ranges::copy(part, message.begin() + static_cast<std::ptrdiff_t>(size));
    size += part.size();
  }
  Hash512 digest;
  ASSERT(HMAC(EVP_sha512(), key.data(), static_cast<int>(key.size()), message.data(), size,
              digest.data(), nullptr) != nullptr);
  wipe(ByteSpan(message).first(size));
  return digest;
}

void pbkdf2_sha512(ByteView password, ByteView salt, std::uint32_t rounds, ByteSpan out) {
  ASSERT(rounds > 0);
  const std::string_view text = base::as_text(password);
  ASSERT(PKCS5_PBKDF2_HMAC(text.data(), static_cast<int>(text.size()), salt.data(),
                           static_cast<int>(salt.size()), static_cast<int>(rounds), EVP_sha512(),
                           static_cast<int>(out.size()), out.data()) == 1);
}

}  // namespace kith::crypto
