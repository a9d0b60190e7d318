// A remote signer's frames, both ways: arbitrary bytes are refused, or encode to the very same
// bytes again.
#include "codec/signer_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto request = codec::decode_signer_request(bytes)) {
    ASSERT(bytes.size() <= codec::signer_frame_bytes_max);
    ASSERT(base::equal(codec::encode(*request), bytes));
    ASSERT(!codec::decode_signer_answer(bytes));
  }
  if (const auto answer = codec::decode_signer_answer(bytes)) {
    ASSERT(bytes.size() <= codec::signer_frame_bytes_max);
    ASSERT(base::equal(codec::encode(*answer), bytes));
  }
  return 0;
}
