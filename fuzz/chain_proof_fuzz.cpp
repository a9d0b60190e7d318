// Proofs for light clients: what decodes encodes to the same bytes, and no client believes it.
#include <cstdint>

#include "codec/chain_proof.h"
#include "light/client.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto fork = codec::decode_fork_proof(bytes)) {
    ASSERT(base::equal(codec::encode_fork_proof(*fork), bytes));
    (void)codec::verify(*fork);
  }
  light::LightConfig config;
  config.trusting_period = 1h;
  if (const auto state = light::LightClient::decode(bytes, config)) {
    ASSERT(base::equal(state->encode(), bytes));
  }
  const auto proof = codec::decode_chain_proof(bytes);
  if (!proof) return 0;
  ASSERT(base::equal(codec::encode_chain_proof(*proof), bytes));
  // Whoever trusts what the bytes themselves begin with: the checks behind it run.
  light::Trust trust;
  if (const auto* genesis = std::get_if<codec::Genesis>(&proof->start)) {
    trust.genesis = codec::genesis_hash(*genesis);
  } else if (const auto* at = std::get_if<codec::CheckpointStart>(&proof->start)) {
    trust.checkpoint = {at->header.height, codec::digest_of(at->header)};
  }
  config.trusts_old_keys = true;
  auto client = light::LightClient::begin(trust, proof->start, config);
  if (client) (void)client->verify(*proof, {std::int64_t{1} << 50});
  return 0;
}
