// Proofs of forks: what decodes encodes to the same bytes, and random bytes prove nothing.
#include <cstdint>

#include "base/assert.h"
#include "codec/chain_fork.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  const ByteView bytes{data, size};
  if (const auto proof = decode_fork_record(bytes)) {
    ASSERT(base::equal(encode(*proof), bytes));
    (void)verify(*proof);
  }
  return 0;
}
