// Bytes: views, owners and one shared, immutable slice.
//
//   ByteView   looks at bytes that somebody else keeps alive.
//   ByteSpan   the same, writable.
//   Bytes      owns; for small and cold things.
//   Buffer     a reference-counted immutable slice; what streams queue, so that a megabyte handed
//              to ten peers exists once and is copied once, into the socket's buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/error.h"

namespace kith::base {

using ByteView = std::span<const std::uint8_t>;
using ByteSpan = std::span<std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }
inline Bytes to_bytes(std::string_view text) { return to_bytes(as_bytes(text)); }
inline void append(Bytes& to, ByteView from) { to.insert(to.end(), from.begin(), from.end()); }

/// Byte-wise equality; not constant-time (crypto/secret.h has that).
bool equal(ByteView a, ByteView b);

/// Lower-case hexadecimal, two characters a byte.
std::string to_hex(ByteView bytes);
/// Accepts upper and lower case; an odd length or another character is `malformed`.
Result<Bytes> from_hex(std::string_view text);

/// A shared immutable slice. Copies share the block; the block's count is atomic, so a Buffer may
/// be handed from one thread to another.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(ByteView copied_from);
  explicit Buffer(std::string_view copied_from) : Buffer(as_bytes(copied_from)) {}
  explicit Buffer(Bytes&& taken);
  /// All of `shared`, which must not change any more.
  explicit Buffer(std::shared_ptr<const Bytes> shared);
  /// `size` zero bytes, for benchmarks and padding.
  static Buffer zeros(std::size_t size);

  ByteView view() const { return {data_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// The part that starts at `offset`, at most `count` bytes; shares the block.
  Buffer slice(std::size_t offset, std::size_t count) const;
  /// Forgets the first `count` bytes.
  void drop_front(std::size_t count) {
    ASSERT(count <= size_);
    data_ = std::shared_ptr<const std::uint8_t>(data_, data_.get() + count);
    size_ -= count;
  }

 private:
  std::shared_ptr<const std::uint8_t> data_;
  std::size_t size_ = 0;
};

}  // namespace kith::base

namespace kith {
using base::Buffer;
using base::Bytes;
using base::ByteSpan;
using base::ByteView;
}  // namespace kith
