// Secrets in memory: comparing them without a timing difference, wiping them where the compiler
// may not leave it out, and an owner that wipes itself. By libsodium.
//
// Limits: nothing here locks pages against swapping or forbids core dumps; that is the shell's.
#pragma once

#include <memory>

#include "base/bytes.h"

namespace kith::crypto {

/// Compares in time that depends on the sizes only. Different sizes are unequal.
bool equal_in_constant_time(ByteView a, ByteView b);

/// Overwrites with zeros, for certain.
void wipe(ByteSpan bytes);

/// Owns secret bytes of a fixed size; wiped when the object ends or is assigned to. Move-only.
class SecretBytes {
 public:
  SecretBytes() = default;
  /// `size` zero bytes.
  explicit SecretBytes(std::size_t size);
  static SecretBytes copy_of(ByteView bytes);

  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(span()); }

  ByteView view() const { return {data_.get(), size_}; }
  ByteSpan span() { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::unique_ptr<std::uint8_t[]> data_;
  std::size_t size_ = 0;
};

}  // namespace kith::crypto
