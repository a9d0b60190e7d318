// Votes, certificates and sets of validators: what decodes encodes to the same bytes, nothing is
// taken for a quorum that is none, and nobody's signature is guessed.
#include <algorithm>
#include <cstdint>

#include "codec/chain_vote.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  using namespace kith::codec;
  const ByteView bytes{data, size};
  // Keys that somebody made: of a key of small order ZIP-215 takes a signature that anybody can
  // write down, and this target found one in 20 seconds.
  static const ValidatorSet four = [] {
    std::vector<Validator> all;
    for (std::uint8_t i = 1; i <= 4; ++i) {
      Validator validator{{}, i == 1 ? 3U : i == 2 ? 2U : 1U};  // a quorum is 5
      const auto key = crypto::KeyPair::from_seed(std::array<std::uint8_t, 32>{i});
      std::ranges::copy(key.public_key().data, validator.key.begin());
      all.push_back(validator);
    }
    return *ValidatorSet::make(std::move(all));
  }();
  Reader reader(bytes);
  if (const auto vote = decode_vote(reader)) {
    Bytes again;
    Writer writer(again);
    encode(writer, *vote);
    ASSERT(base::equal(again, bytes.first(reader.offset())));
    ASSERT(again.size() <= vote_bytes_max);
    ASSERT(!verify(*vote, Hash{}, four));
  }
  if (const auto certificate = decode_certificate(bytes)) {
    ASSERT(size <= certificate_bytes_max);
    ASSERT(base::equal(encode(*certificate), bytes));
    if (check_form(*certificate, four)) ASSERT(weight_of(*certificate, four) >= 5);
    ASSERT(!verify(*certificate, Hash{}, four));
  }
  if (const auto set = ValidatorSet::decode(bytes)) {
    ASSERT(base::equal(set->encode(), bytes));
    ASSERT(set->size() <= validators_in_set_max && set->total() <= weight_sum_max);
    ASSERT(set->total() - set->fault_bound() >= set->quorum());
  }
  return 0;
}
