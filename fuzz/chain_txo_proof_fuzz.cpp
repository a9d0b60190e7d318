// Proofs of outputs: what decodes encodes to the same bytes, and proves nothing about a root that
// it was not made for.
#include <cstdint>

#include "codec/chain_txo_proof.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  const auto proof = codec::decode_txo_proof(bytes);
  if (!proof) return 0;
  ASSERT(bytes.size() <= codec::txo_proof_bytes_max);
  ASSERT(base::equal(codec::encode_txo_proof(*proof), bytes));
  const codec::Hash root = crypto::sha256(bytes);
  ASSERT(!codec::verify_txo_proof(root, data[size - 1], root, *proof));
  return 0;
}
