// Evidence: what decodes encodes to the same bytes, says of two votes of one view what
// offence_of() says, and is believed by nobody without signatures.
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
  const auto alone = ValidatorSet::make({{evidence->key, 1}});
  ASSERT(alone && !verify(*evidence, Hash{}, *alone));
  return 0;
}
