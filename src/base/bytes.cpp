#include "base/bytes.h"

#include <algorithm>
#include <cstring>

namespace kith::base {

bool equal(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

std::string to_hex(ByteView bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 0xf]);
  }
  return text;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Code::malformed, "hex text of odd length");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) {
      return fail(Code::malformed, "not a hex digit at offset " + std::to_string(i));
    }
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

Buffer::Buffer(ByteView copied_from) : size_(copied_from.size()) {
  if (size_ == 0) return;
  auto block = std::make_shared_for_overwrite<std::uint8_t[]>(size_);
  std::memcpy(block.get(), copied_from.data(), size_);
  data_ = std::shared_ptr<const std::uint8_t>(block, block.get());
}

Buffer::Buffer(Bytes&& taken) : size_(taken.size()) {
  if (size_ == 0) return;
  auto owner = std::make_shared<Bytes>(std::move(taken));
  data_ = std::shared_ptr<const std::uint8_t>(owner, owner->data());
}

Buffer::Buffer(std::shared_ptr<const Bytes> shared) : size_(shared->size()) {
  const std::uint8_t* bytes = shared->data();
  data_ = std::shared_ptr<const std::uint8_t>(std::move(shared), bytes);
}

Buffer Buffer::zeros(std::size_t size) { return Buffer(Bytes(size, 0)); }

Buffer Buffer::slice(std::size_t offset, std::size_t count) const {
  ASSERT(offset <= size_);
  Buffer part = *this;
  part.drop_front(offset);
  part.size_ = std::min(part.size_, count);
  return part;
}

}  // namespace kith::base
