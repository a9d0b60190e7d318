#include "crypto/xsalsa20.h"

#include <sodium.h>

#include "crypto/secret.h"
#include "crypto/sodium_ready.h"

namespace kith::crypto {

XSalsa20::XSalsa20(std::span<const std::uint8_t, 32> key, std::span<const std::uint8_t, 24> nonce) {
  sodium_ready();
  crypto_core_hsalsa20(subkey_.data(), nonce.data(), key.data(), nullptr);
  std::copy(nonce.begin() + 16, nonce.end(), nonce_.begin());
}

XSalsa20::~XSalsa20() {
  wipe(subkey_);
  wipe(begun_);
}

void XSalsa20::apply(ByteSpan bytes) {
  const std::size_t rest = std::min(bytes.size(), block_bytes - begun_used_);
  for (std::size_t i = 0; i < rest; ++i) bytes[i] ^= begun_[begun_used_ + i];
  begun_used_ = static_cast<std::uint8_t>(begun_used_ + rest);
  bytes = bytes.subspan(rest);

  const std::size_t whole = bytes.size() / block_bytes;
  if (whole > 0) {
    crypto_stream_salsa20_xor_ic(bytes.data(), bytes.data(), whole * block_bytes, nonce_.data(),
                                 next_block_, subkey_.data());
    next_block_ += whole;
    bytes = bytes.subspan(whole * block_bytes);
  }
  if (bytes.empty()) return;

  begun_.fill(0);
  crypto_stream_salsa20_xor_ic(begun_.data(), begun_.data(), block_bytes, nonce_.data(),
                               next_block_++, subkey_.data());
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] ^= begun_[i];
  begun_used_ = static_cast<std::uint8_t>(bytes.size());
}

}  // namespace kith::crypto
