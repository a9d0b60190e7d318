// decode_noise_payload on any bytes: within its limits, and read again what it writes.
#include <cstdint>

#include "codec/noise_payload.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const auto payload = codec::decode_noise_payload({data, size});
  if (!payload) return 0;
  ASSERT(size <= codec::noise_payload_bytes_max);
  ASSERT(payload->stream_muxers.size() <= codec::noise_muxers_max);
  const auto again = codec::decode_noise_payload(codec::encode_noise_payload(*payload));
  ASSERT(again && *again == *payload);
  return 0;
}
