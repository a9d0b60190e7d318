// Transactions, their orders and the bodies that hold them: what is read encodes to the very same
// bytes, has passed the stateless checks, and its names and signatures can be asked for.
#include <cstdint>

#include "codec/chain_body.h"
#include "codec/chain_validator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto tx = codec::decode_transaction(bytes)) {
    ASSERT(base::equal(codec::encode_transaction(*tx), bytes));
    ASSERT(codec::check_form(*tx).has_value());
    ASSERT(codec::encoded_size(*tx) == size);
    const codec::TxPtr sealed = codec::seal(*tx);
    ASSERT(sealed->txid == codec::txid_of(*tx) && sealed->wtxid == codec::wtxid_of(*tx));
    const std::size_t signatures = codec::signature_jobs(*tx, {}).size();
    ASSERT(signatures >= tx->witnesses.size() && signatures <= codec::signatures_of(*tx));
    ASSERT(codec::signatures_of(*tx) <= codec::tx_bytes_max / crypto::ed25519_signature_bytes);
  }
  if (const auto order = codec::decode_order(bytes)) {
    ASSERT(base::equal(codec::encode_order(*order), bytes));
  }
  if (const auto entry = codec::decode_validator(bytes)) {
    ASSERT(base::equal(codec::encode_validator(*entry), bytes));
    ASSERT(entry->bonded() <= codec::amount_max);
  }
  if (const auto body = codec::decode_body(bytes, 1 << 20)) {
    ASSERT(base::equal(codec::encode_body(*body), bytes));
    ASSERT(codec::encoded_size(*body) == size);
    (void)codec::tx_root(*body);
  }
  return 0;
}
