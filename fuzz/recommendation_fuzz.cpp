// Recommendations: an envelope of arbitrary bytes is refused or read, a payload that is read
// encodes to the very same bytes, and so it does under a good signature, which random bytes never
// have.
#include <cstdint>

#include "codec/envelope.h"
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
  static const crypto::KeyPair key =
      crypto::KeyPair::from_seed(std::array<std::uint8_t, 32>{1, 2, 3});
  if (size > codec::recommendation_bytes_max / 2) return 0;
  const Bytes sealed = codec::seal_envelope(
      key, codec::recommendation_domain, base::as_bytes(codec::recommendation_payload_type), bytes);
  if (const auto signed_one = codec::open_recommendation(sealed)) {
    ASSERT(codec::seal_recommendation(key, *signed_one) == sealed);
  }
  return 0;
}
