// Topic data of strangers: refused or read within the limits, whatever it says of itself; what is
// read as it stands encodes to the very same bytes, and what was written is read again.
#include <cstdint>

#include "codec/topic_data.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  if (size == 0) return 0;
  const codec::TopicDataRules rules{(data[0] & 1) != 0, (data[0] & 2) != 0, 4096};
  const ByteView bytes{data + 1, size - 1};
  codec::TopicDataCodec codec;
  if (const auto read = codec::read_topic_data(bytes, rules)) {
    ASSERT(read->payload_bytes <= rules.payload_bytes_max);
    if (read->is_compressed) {
      ASSERT(read->payload_bytes <= codec::TopicData::ratio_max * read->body.size());
      const auto payload = codec.unpack(*read);
      if (payload) ASSERT(payload->size() == read->payload_bytes);
    } else {
      const codec::TopicDataRules plain{rules.has_expiry, false};
      ASSERT(base::equal(codec.write(read->body, read->expires, plain), bytes));
    }
  }
  if (bytes.size() > rules.payload_bytes_max) return 0;
  const auto expires = rules.has_expiry ? std::optional(WallTime{data[0]}) : std::nullopt;
  const Bytes written = codec.write(bytes, expires, rules);
  const auto again = codec::read_topic_data(written, rules);
  ASSERT(again && again->expires == expires && again->payload_bytes == bytes.size());
  if (again->is_compressed) {
    ASSERT(base::equal(codec.unpack(*again).value(), bytes));
  } else {
    ASSERT(base::equal(again->body, bytes));
  }
  return 0;
}
