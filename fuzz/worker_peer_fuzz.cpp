// Which peer answers for a worker: arbitrary bytes are refused, or encode to the very same bytes.
#include "codec/worker_peer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  const auto said = codec::decode_worker_peer(bytes);
  if (!said) return 0;
  ASSERT(bytes.size() <= codec::worker_peer_bytes_max);
  ASSERT(base::equal(codec::encode(*said), bytes));
  return 0;
}
