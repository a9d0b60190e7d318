// Heartbeats and attestations: arbitrary bytes are refused, or encode to the very same bytes again.
#include "codec/chain_heartbeat.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  const auto message = codec::decode_heartbeat_message(bytes);
  if (!message) return 0;
  ASSERT(bytes.size() <= codec::heartbeat_message_bytes_max);
  ASSERT(base::equal(codec::encode(*message), bytes));
  return 0;
}
