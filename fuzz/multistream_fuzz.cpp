// multistream-select messages: what is accepted is written the same, and a refusal or a message
// does not depend on how much lies behind it.
#include "codec/multistream.h"

using namespace kith;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto message = codec::peek_multistream(bytes);
  if (!message || !*message) return 0;
  const std::size_t taken = (*message)->size;
  ASSERT(taken <= codec::multistream_message_bytes_max + 2);
  Bytes again;
  codec::append_multistream(again, (*message)->text);
  ASSERT(base::equal(again, bytes.first(taken)));
  const auto part = codec::peek_multistream(bytes.first(taken - 1));
  ASSERT(part.has_value() && !part->has_value());
  return 0;
}
