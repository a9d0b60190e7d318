// Messages of sync: what decodes encodes to the same bytes.
#include <cstdint>

#include "base/assert.h"
#include "base/machine.h"
#include "codec/chain_sync.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  const ByteView bytes{data, size};
  if (const auto request = decode_sync_request(bytes)) {
    ASSERT(size <= sync_request_bytes_max);
    ASSERT(base::equal(encode(*request), bytes));
  }
  if (const auto answer = decode_sync_answer(bytes)) {
    const Bytes again = std::visit(Overload{[](const GivenBlock& given) {
                                              return encode_given(*given.block, given.certificate);
                                            },
                                            [](const auto& other) { return encode(other); }},
                                   *answer);
    ASSERT(base::equal(again, bytes));
  }
  return 0;
}
