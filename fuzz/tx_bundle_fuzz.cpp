// Bundles of transactions: what decodes encodes to the same bytes.
#include <cstdint>

#include "base/assert.h"
#include "codec/tx_bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto txs = codec::decode_tx_bundle(bytes)) {
    ASSERT(size <= codec::bundle_bytes_max && txs->size() <= codec::bundle_txs_max);
    ASSERT(base::equal(codec::encode_tx_bundle(*txs), bytes));
  }
  return 0;
}
