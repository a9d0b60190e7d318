// The protobuf of a public key has one form: what decodes is what encoding gives. And check() takes
// whatever data it holds.
#include <cstdint>

#include "codec/public_key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes(data, size);
  const auto key = codec::decode_public_key(bytes);
  if (!key) return 0;
  ASSERT(key->data.size() <= crypto::public_key_bytes_max);
  ASSERT(base::equal(codec::encode_public_key(*key), bytes));
  (void)crypto::check(*key);
  return 0;
}
