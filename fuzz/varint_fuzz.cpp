// Unsigned varints: what is accepted is the only encoding of its number.
#include "codec/varint.h"

using namespace kith;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto peeked = codec::peek_varint(bytes);
  const auto read = codec::read_varint(bytes);
  ASSERT(read.has_value() == (peeked.has_value() && peeked->has_value()));
  if (!read) return 0;
  Bytes again;
  codec::append_varint(again, read->value);
  ASSERT(base::equal(again, bytes.first(read->size)));
  ASSERT(codec::varint_size(read->value) == read->size);
  return 0;
}
