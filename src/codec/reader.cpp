#include "codec/reader.h"

#include "base/format.h"
#include "codec/varint.h"

namespace kith::codec {

Result<std::uint8_t> Reader::u8() { return big_endian<std::uint8_t>(); }
Result<std::uint16_t> Reader::u16() { return big_endian<std::uint16_t>(); }
Result<std::uint32_t> Reader::u32() { return big_endian<std::uint32_t>(); }
Result<std::uint64_t> Reader::u64() { return big_endian<std::uint64_t>(); }

Result<std::uint64_t> Reader::varint() {
  const Varint varint = TRY(read_varint(bytes_.subspan(offset_)));
  offset_ += varint.size;
  return varint.value;
}

Result<ByteView> Reader::bytes(std::size_t size) {
  if (size > remaining()) {
    return fail(Code::truncated,
                base::format("{} bytes needed at offset {}, {} left", size, offset_, remaining()));
  }
  const ByteView view = bytes_.subspan(offset_, size);
  offset_ += size;
  return view;
}

Result<ByteView> Reader::sized(std::size_t size_max) {
  const Varint size = TRY(read_varint(bytes_.subspan(offset_)));
  if (size.value > size_max) {
    return fail(Code::too_large,
                base::format("length {} at offset {}, limit {}", size.value, offset_, size_max));
  }
  const std::size_t left = remaining() - size.size;
  if (size.value > left) {
    return fail(Code::truncated, base::format("{} bytes needed at offset {}, {} left", size.value,
                                              offset_ + size.size, left));
  }
  const ByteView view = bytes_.subspan(offset_ + size.size, static_cast<std::size_t>(size.value));
  offset_ += size.size + view.size();
  return view;
}

ByteView Reader::rest() {
  const ByteView view = bytes_.subspan(offset_);
  offset_ = bytes_.size();
  return view;
}

Result<void> Reader::finish() const {
  if (at_end()) return {};
  return fail(Code::malformed,
              base::format("{} bytes too many at offset {}", remaining(), offset_));
}

template <class T>
Result<T> Reader::big_endian() {
  const ByteView view = TRY(bytes(sizeof(T)));
  std::uint64_t value = 0;
  for (const std::uint8_t byte : view) value = value << 8 | byte;
  return static_cast<T>(value);
}

}  // namespace kith::codec
