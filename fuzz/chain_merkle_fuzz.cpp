// Merkle lists: a proof that decodes encodes to the same bytes and proves nothing about a root that
// it was not made for; so does the state of a mountain range, which can go on.
#include <cstdint>

#include "codec/chain_mmr.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  const codec::Hash hash = crypto::sha256(bytes);
  if (const auto proof = codec::decode_merkle_proof(bytes)) {
    ASSERT(bytes.size() <= codec::merkle_proof_bytes_max);
    ASSERT(base::equal(codec::encode_merkle_proof(*proof), bytes));
    ASSERT(!codec::verify_merkle_proof(hash, hash, *proof));
  }
  if (auto mmr = codec::Mmr::decode(bytes)) {
    ASSERT(base::equal(mmr->encode(), bytes));
    const std::uint64_t count = mmr->count();
    if (count < codec::merkle_count_max) {
      mmr->append(hash);
      ASSERT(mmr->count() == count + 1);
      ASSERT(*codec::Mmr::decode(mmr->encode()) == *mmr);
    }
  }
  return 0;
}
