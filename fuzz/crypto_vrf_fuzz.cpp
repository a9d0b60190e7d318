// vrf_verify() over any key and proof: no crash, and a good proof is good until a bit of it
// changes. Bytes: key, proof, alpha.
#include "crypto/vrf.h"
#include "input.h"

using namespace kith;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input{{data, size}};
  Bytes key = base::to_bytes(input.bytes(32));
  key.resize(32);
  const ByteView proof = input.bytes(crypto::vrf_proof_bytes);
  const ByteView alpha = input.rest;
  (void)crypto::vrf_verify(ByteView(key).first<32>(), alpha, proof);

  const crypto::KeyPair pair = crypto::KeyPair::from_seed(ByteView(key).first<32>());
  const Bytes good_key = pair.public_key().data;
  crypto::VrfProof good = crypto::vrf_prove(pair, alpha);
  ASSERT(crypto::vrf_verify(ByteView(good_key).first<32>(), alpha, good));
  if (proof.empty()) return 0;
  good[proof[0] % crypto::vrf_proof_bytes] ^= static_cast<std::uint8_t>(1u << (proof.back() % 8));
  ASSERT(!crypto::vrf_verify(ByteView(good_key).first<32>(), alpha, good));
  return 0;
}
