// Records of the consensus log: what decodes encodes to the same bytes.
#include <cstdint>

#include "consensus/log_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto record = consensus::decode_log_record(bytes)) {
    ASSERT(base::equal(consensus::encode(*record), bytes));
  }
  return 0;
}
