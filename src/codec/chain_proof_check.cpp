#include "codec/chain_proof_check.h"

#include "base/format.h"

namespace kith::codec {

Result<FinalHeader> verify(const FinalityProof& proof, const Hash& genesis,
                           const ValidatorSet& validators) {
  FinalHeader final{proof.header, {}};
  final.header.validators_root = validators.root();
  final.digest = digest_of(final.header);
  const Certificate certificate{
      {final.header.epoch, VoteKind::finalize, {proof.view, proof.parent, final.digest}},
      proof.signers,
      proof.signatures};
  TRY_VOID(verify(certificate, genesis, validators));
  return final;
}

Weight weight_in(const FinalityProof& proof, const ValidatorSet& validators,
                 const ValidatorSet& trusted) {
  ASSERT(proof.signers.size() == validators.size());
  Weight weight = 0;
  for (std::size_t i = 0; i < validators.size(); ++i) {
    if (!proof.signers[i]) continue;
    const auto there = trusted.index_of(validators.at(static_cast<ValidatorIndex>(i)).key);
    if (there) weight += trusted.at(*there).weight;
  }
  return weight;
}

bool has_honest(Weight weight, const ValidatorSet& trusted) {
  return weight > trusted.fault_bound();
}

Result<Hash> verify(const BlockClaim& claim, const BlockHeader& under) {
  const Hash digest = digest_of(claim.header);
  if (claim.history.index != claim.header.height.value ||
      claim.history.count != under.height.value) {
    return fail(Code::malformed, base::format("block {} shown as entry {} of {} beneath block {}",
                                              claim.header.height.value, claim.history.index,
                                              claim.history.count, under.height.value));
  }
  TRY_VOID(verify_merkle_proof(under.history_root, digest, claim.history));
  return digest;
}

Result<BlockHeader> verify(const TxClaim& claim, const BlockHeader& under) {
  if (claim.block) TRY(verify(*claim.block, under));
  const BlockHeader& in = claim.block ? claim.block->header : under;
  TRY_VOID(verify_merkle_proof(in.tx_root, wtxid_of(claim.tx), claim.place));
  return in;
}

Result<bool> verify(const OutputClaim& claim, const BlockHeader& under) {
  if (claim.utxo.height > under.height) {
    return fail(Code::malformed, base::format("an output of block {} shown beneath block {}",
                                              claim.utxo.height.value, under.height.value));
  }
  return verify_txo_proof(under.utxo_root, claim.utxo.position,
                          txo_leaf(claim.outpoint, claim.utxo), claim.proof);
}

Result<void> verify(const ValidatorClaim& claim, const BlockHeader& under) {
  const auto value =
      TRY(verify_sparse_proof(under.registry_root, registry_key(claim.key), claim.proof));
  if (value.has_value() != claim.entry.has_value()) {
    return fail(
        Code::malformed,
        base::format("validator {} {} an entry, the proof shows {}", base::to_hex(claim.key),
                     claim.entry ? "with" : "without", value ? "one" : "none"));
  }
  if (!claim.entry) return {};
  if (claim.entry->key != claim.key || validator_hash(*claim.entry) != *value) {
    return fail(Code::bad_signature, base::format("another entry of validator {} than the registry",
                                                  base::to_hex(claim.key)));
  }
  return {};
}

Result<void> verify(const EntryClaim& claim, const BlockHeader& under) {
  const auto value =
      TRY(verify_sparse_proof(under.registry_root, entry_key(claim.kind, claim.id), claim.proof));
  if (value.has_value() != claim.entry.has_value()) {
    return fail(Code::malformed,
                base::format("entry {} of kind {} {} bytes, the proof shows {}",
                             base::to_hex(claim.id), static_cast<unsigned>(claim.kind),
                             claim.entry ? "with" : "without", value ? "some" : "none"));
  }
  if (claim.entry && entry_hash(claim.kind, *claim.entry) != *value) {
    return fail(Code::bad_signature,
                base::format("another entry {} of kind {} than the registry has",
                             base::to_hex(claim.id), static_cast<unsigned>(claim.kind)));
  }
  return {};
}

Result<void> verify(const ForkProof& proof) {
  const ValidatorSet set = TRY(ValidatorSet::make(proof.validators));
  const FinalHeader first = TRY(verify(proof.first, proof.genesis, set));
  const FinalHeader second = TRY(verify(proof.second, proof.genesis, set));
  if (first.header.epoch != second.header.epoch) {
    return fail(Code::malformed, base::format("blocks of epochs {} and {} are no fork of one set",
                                              first.header.epoch.value, second.header.epoch.value));
  }
  Hash other = second.digest;
  Height height = second.header.height;
  if (proof.beneath) {
    other = TRY(verify(*proof.beneath, second.header));
    height = proof.beneath->header.height;
  }
  if (height != first.header.height || other == first.digest) {
    return fail(Code::malformed, base::format("blocks {} and {} can both be",
                                              first.header.height.value, height.value));
  }
  return {};
}

Hash registry_key(const ChainKey& validator) {
  return tagged_hash("kith/registry-key/1", {validator});
}

Weight stake_weight(const ChainParams& params, Amount stake) {
  if (stake < params.min_stake) return 0;
  if (params.tiers.empty()) return stake / units_per_coin;
  Weight weight = 0;
  for (const StakeTier& tier : params.tiers) {
    if (stake >= tier.stake) weight = tier.weight;
  }
  return weight;
}

Result<ValidatorSet> first_validators(const Genesis& genesis) {
  std::vector<Validator> validators;
  for (const GenesisValidator& each : genesis.validators) {
    const Weight weight = stake_weight(genesis.params, each.stake);
    if (weight > 0) validators.push_back({each.key, weight});
  }
  return ValidatorSet::make(std::move(validators));
}

}  // namespace kith::codec
