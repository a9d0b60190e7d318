// A checkpoint of `kith collatz verify`: arbitrary bytes are refused, or encode to the very same
// bytes again; and so do those whose hash has been made to fit, since what a fuzzer changes has
// none otherwise.
#include "crypto/hash.h"
#include "rt/compute_checkpoint.h"

namespace {

void check(kith::ByteView bytes) {
  using namespace kith;
  const auto checkpoint = rt::decode_checkpoint(bytes);
  if (!checkpoint) return;
  ASSERT(checkpoint->done.size() <= compute::collatz::pieces_max);
  ASSERT(base::equal(rt::encode_checkpoint(*checkpoint), bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  check({data, size});
  Bytes hashed(data, data + size);
  const auto hash = crypto::sha256(hashed);
  base::append(hashed, hash);
  check(hashed);
  return 0;
}
