// Whether what codec/chain_proof.h writes down holds: signatures, quorums and hashes, against
// validators and headers that the caller trusts. No state and no clock: what may be trusted, and
// for how long, is light/client.h's. Source: docs/protocol/light.md. Limits: some 50 us a
// signature, as many as the set has members.
#pragma once

#include "codec/chain_proof.h"

namespace kith::codec {

/// A header that is known to be final, whole again, and its digest.
struct FinalHeader {
  BlockHeader header;
  Hash digest{};
  friend bool operator==(const FinalHeader&, const FinalHeader&) = default;
};

/// That a quorum of `validators` finalized the header, which then commits to this very set.
Result<FinalHeader> verify(const FinalityProof& proof, const Hash& genesis,
                           const ValidatorSet& validators);
/// How much weight in `trusted` signed, of those who are validators there.
Weight weight_in(const FinalityProof& proof, const ValidatorSet& validators,
                 const ValidatorSet& trusted);
/// Whether somebody honest is among a weight, if less than a third of `trusted` lies.
bool has_honest(Weight weight, const ValidatorSet& trusted);

/// The digest of the block that the claim shows to be on the chain beneath `under`.
Result<Hash> verify(const BlockClaim& claim, const BlockHeader& under);
/// The header of the block that the transaction is in.
Result<BlockHeader> verify(const TxClaim& claim, const BlockHeader& under);
/// Whether the output is unspent.
Result<bool> verify(const OutputClaim& claim, const BlockHeader& under);
Result<void> verify(const ValidatorClaim& claim, const BlockHeader& under);
Result<void> verify(const EntryClaim& claim, const BlockHeader& under);

/// That the two cannot both be, and that a quorum stands under each.
Result<void> verify(const ForkProof& proof);

/// Where a validator stands in the registry's tree.
Hash registry_key(const ChainKey& validator);
/// What a stake weighs; 0 below the minimum.
Weight stake_weight(const ChainParams& params, Amount stake);
/// The validators of the first epoch. `genesis` has passed check().
Result<ValidatorSet> first_validators(const Genesis& genesis);

}  // namespace kith::codec
