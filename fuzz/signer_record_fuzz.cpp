// Records of a remote signer's log: arbitrary bytes are refused, or encode to the very same bytes
// again.
#include "consensus/signer_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  const auto record = consensus::decode_signer_record(bytes);
  if (record) ASSERT(base::equal(consensus::encode(*record), bytes));
  return 0;
}
