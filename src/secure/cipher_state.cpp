#include "secure/cipher_state.h"

namespace kith::secure {

void CipherState::seal(ByteView associated, ByteSpan text_and_tag) {
  ASSERT(has_nonce());
  cipher_.seal_in_place(nonce_bytes(), associated, text_and_tag);
  ++nonce_;
}

Result<ByteSpan> CipherState::open(ByteView associated, ByteSpan text_and_tag) {
  if (!has_nonce()) return fail(Code::limit, "every nonce of the connection has been used");
  const ByteSpan text = TRY(cipher_.open_in_place(nonce_bytes(), associated, text_and_tag));
  ++nonce_;
  return text;
}

// 32 zero bits, then the counter, little-endian (section 12.3).
crypto::AeadNonce CipherState::nonce_bytes() const {
  crypto::AeadNonce nonce{};
  for (std::size_t i = 0; i < 8; ++i) {
    nonce[4 + i] = static_cast<std::uint8_t>(nonce_ >> (8 * i));
  }
  return nonce;
}

}  // namespace kith::secure
