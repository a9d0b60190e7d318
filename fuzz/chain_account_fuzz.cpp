// Accounts, their names, workers and orders, and the beacon: what decodes encodes to the same
// bytes, is within its limits, and a name has a skeleton that is its own.
#include <cstdint>

#include "codec/account_name.h"
#include "codec/chain_account.h"
#include "codec/chain_beacon.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  const ByteView bytes{data, size};
  if (const auto account = decode_account(bytes)) {
    ASSERT(base::equal(encode_account(*account), bytes));
    ASSERT(account->owned() <= amount_max && account->held <= account->bond);
    ASSERT(account->workers.size() <= account_workers_max);
    ASSERT(size <= entry_bytes_max);
  }
  if (const auto name = decode_name(bytes)) ASSERT(base::equal(encode_name(*name), bytes));
  if (const auto worker = decode_worker(bytes)) {
    ASSERT(base::equal(encode_worker(*worker), bytes));
  }
  if (const auto beacon = decode_beacon(bytes)) {
    ASSERT(base::equal(encode_beacon(*beacon), bytes));
  }
  if (const auto order = decode_account_order(bytes)) {
    ASSERT(base::equal(encode_account_order(*order), bytes));
  }
  const std::string folded = fold_name(base::as_text(bytes));
  ASSERT(fold_name(folded) == folded);
  if (const auto skeleton = skeleton_of(folded)) {
    ASSERT(!skeleton->empty() && skeleton->size() <= folded.size());
    const auto again = skeleton_of(*skeleton);
    ASSERT(!again || *again == *skeleton);
  }
  return 0;
}
