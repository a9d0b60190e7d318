// Evidence: two votes of one validator in one view that no honest one gives together, so that
// whoever holds both can prove the lie. There is no other kind, and no accusation without the two
// signatures (consensus.md 1.3, E1 to E4).
//
//   E1 two notarizations of different proposals      E3 a nullification and a finalization
//   E2 two finalizations of different proposals      E4 a notarization of one proposal and a
//                                                       finalization of another
// A nullification beside a notarization is legal, and so is silence. Encoding: 01, key, the two
// votes in ascending order of their statements. Within a set, `signer` is the index of `key`.
#pragma once

#include <array>
#include <cstdint>

#include "base/error.h"
#include "codec/chain_vote.h"

namespace kith::codec {

enum class Offence : std::uint8_t {
  double_notarize = 1,
  double_finalize = 2,
  nullify_and_finalize = 3,
  notarize_and_finalize = 4,
};
std::string_view name_of(Offence offence);

/// What two statements of one signer prove of him; empty when both may be honest.
std::optional<Offence> offence_of(const Statement& a, const Statement& b);

struct Evidence {
  ValidatorKey key{};
  Vote first;  // in ascending order of statements
  Vote second;
  friend bool operator==(const Evidence&, const Evidence&) = default;

  Offence offence() const { return *offence_of(first.statement, second.statement); }
};

/// Of two votes that offence_of() condemns.
Evidence make_evidence(const ValidatorKey& key, const Vote& a, const Vote& b);

inline constexpr std::size_t double_vote_bytes_max = 1 + 32 + 2 * vote_bytes_max;
Bytes encode(const Evidence& evidence);
Result<Evidence> decode_evidence(ByteView bytes);

/// Whether it proves what it says, of a member of `validators`, the set of the votes' epoch.
Result<void> verify(const Evidence& evidence, const Hash& genesis, const ValidatorSet& validators);
/// Two reports of one lie are one: equal for equal signer, epoch, view and offence.
Hash id_of(const Evidence& evidence);

}  // namespace kith::codec
