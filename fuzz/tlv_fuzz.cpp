// TLV: what is accepted is the only encoding of its value, under the standard limits and tight
// ones.
#include "codec/tlv.h"

using namespace kith;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(data, size);
  const auto value = codec::decode_tlv(bytes);
  const codec::TlvLimits tight{.depth_max = 2, .bytes_max = 64, .items_max = 8};
  const auto small = codec::decode_tlv(bytes, tight);
  ASSERT(!small || (value && *value == *small));
  if (!value) return 0;
  const auto again = codec::encode_tlv(*value);
  ASSERT(again.has_value() && base::equal(*again, bytes));
  ASSERT(codec::encode_tlv(*value, tight).has_value() == small.has_value());
  return 0;
}
