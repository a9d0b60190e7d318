// check() and verify() over any key of any type and any signature: no crash, and the two agree on
// which keys are bad. Bytes: key type, key size (two bytes), key, signature.
#include "crypto/key.h"

using namespace kith;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const ByteView rest(data + 3, size - 3);
  const std::size_t key_bytes =
      std::min<std::size_t>(rest.size(), (std::size_t{data[1]} << 8) | data[2]);
  const crypto::PublicKey key{static_cast<crypto::KeyType>(data[0] % 5),
                              base::to_bytes(rest.first(key_bytes))};
  const auto checked = crypto::check(key);
  const auto verified = crypto::verify(key, base::as_bytes("message"), rest.subspan(key_bytes));
  ASSERT(checked || checked.error().code == Code::bad_key);
  ASSERT(verified || !checked == (verified.error().code == Code::bad_key));
  ASSERT(!verified || checked);
  return 0;
}
