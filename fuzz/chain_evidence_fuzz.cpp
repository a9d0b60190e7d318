// Evidence: what decodes encodes to the same bytes, says of two votes of one view what
// offence_of() says, and is believed by nobody without signatures.
#include <algorithm>
#include <cstdint>

#include "codec/chain_evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  const ByteView bytes{data, size};
  const auto evidence = decode_evidence(bytes);
  if (!evidence) return 0;
  ASSERT(size <= double_vote_bytes_max);
  ASSERT(base::equal(encode(*evidence), bytes));
  ASSERT(evidence->first.statement.view() == evidence->second.statement.view());
  ASSERT(offence_of(evidence->second.statement, evidence->first.statement) == evidence->offence());
  const Evidence turned = make_evidence(evidence->key, evidence->second, evidence->first);
  ASSERT(turned == *evidence && id_of(turned) == id_of(*evidence));
  // With the key of somebody who never signed anything (one of small order anybody signs for).
  static const ValidatorSet alone = [] {
    Validator validator{{}, 1};
    const auto key = crypto::KeyPair::from_seed(std::array<std::uint8_t, 32>{1});
    std::ranges::copy(key.public_key().data, validator.key.begin());
    return *ValidatorSet::make({validator});
  }();
  ASSERT(!verify(*evidence, Hash{}, alone));
  Evidence framing = *evidence;
  framing.key = alone.at(0).key;
  ASSERT(!verify(framing, Hash{}, alone));
  return 0;
}
