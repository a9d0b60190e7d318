// XSalsa20 (Bernstein, "Extending the Salsa20 nonce") as one long stream that is applied in pieces
// of any size, by libsodium. Encrypting and decrypting are the same. It authenticates nothing.
//
// libsodium starts a stream at 64-byte blocks only, so the rest of a block begun is kept here. The
// subkey (HSalsa20) is derived once, not at every call.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace kith::crypto {

class XSalsa20 {
 public:
  XSalsa20(std::span<const std::uint8_t, 32> key, std::span<const std::uint8_t, 24> nonce);
  XSalsa20(const XSalsa20&) = delete;
  XSalsa20& operator=(const XSalsa20&) = delete;
  ~XSalsa20();

  /// XORs the next bytes.size() bytes of the stream into `bytes`.
  void apply(ByteSpan bytes);

 private:
  static constexpr std::size_t block_bytes = 64;

  std::array<std::uint8_t, 32> subkey_;
  std::array<std::uint8_t, 8> nonce_;
  std::uint64_t next_block_ = 0;
  std::array<std::uint8_t, block_bytes> begun_{};  // the key stream of the last block begun
  std::uint8_t begun_used_ = block_bytes;          // how much of it is spent
};

}  // namespace kith::crypto
