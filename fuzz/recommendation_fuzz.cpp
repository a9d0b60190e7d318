// Recommendations: an envelope of arbitrary bytes is refused or read, and a payload that is read
// encodes to the very same bytes.
#include <cstdint>

#include "codec/recommendation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto payload = codec::decode_recommendation_payload(bytes)) {
    ASSERT(payload->endorsements.size() <= codec::endorsements_max);
    ASSERT(base::equal(codec::encode_recommendation_payload(*payload), bytes));
  }
  const auto claimed = codec::peek_recommendation(bytes);
  const auto opened = codec::open_recommendation(bytes);
  if (opened) ASSERT(claimed && *claimed == *opened);
  return 0;
}
