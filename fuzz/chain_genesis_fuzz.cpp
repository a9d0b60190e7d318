// Genesis, parameters, addresses and the small records of the state: what is read encodes to the
// very same bytes and is fit to be run.
#include <cstdint>

#include "codec/chain_address.h"
#include "codec/chain_params.h"
#include "codec/chain_receipt.h"
#include "codec/chain_utxo.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto genesis = codec::decode_genesis(bytes)) {
    ASSERT(base::equal(codec::encode_genesis(*genesis), bytes));
    ASSERT(codec::check(*genesis).has_value());
  }
  if (const auto params = codec::decode_params(bytes)) {
    ASSERT(base::equal(codec::encode_params(*params), bytes));
    ASSERT(codec::block_reward(*params, codec::Height{1}) <= codec::amount_max);
    (void)codec::epoch_of(*params, codec::Height{UINT64_MAX});
    (void)codec::min_fee(*params, params->tx_bytes_max);
  }
  if (const auto utxo = codec::decode_utxo(bytes)) {
    ASSERT(base::equal(codec::encode(*utxo), bytes));
  }
  if (const auto receipt = codec::decode_receipt(bytes)) {
    ASSERT(base::equal(codec::encode_receipt(*receipt), bytes));
  }
  if (const auto lock = codec::decode_address("kith", base::as_text(bytes))) {
    std::string lower(base::as_text(bytes));
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    ASSERT(codec::encode_address("kith", *lock) == lower);
  }
  return 0;
}
