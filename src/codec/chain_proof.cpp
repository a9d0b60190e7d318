#include "codec/chain_proof.h"

#include <algorithm>

#include "base/format.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t proof_version = 1;
constexpr std::uint8_t fork_version = 1;
constexpr Hash zero{};

constexpr std::uint8_t start_none = 0;
constexpr std::uint8_t start_genesis = 1;
constexpr std::uint8_t start_checkpoint = 2;

constexpr std::uint8_t claim_block = 1;
constexpr std::uint8_t claim_tx = 2;
constexpr std::uint8_t claim_output = 3;
constexpr std::uint8_t claim_validator = 4;
constexpr std::uint8_t claim_entry = 5;

constexpr std::size_t validator_bytes_max = 1024;

// Of the header's encoding what is written in a finality proof: all but version and shard, the
// validators' root, and the next one's where there is none.
constexpr std::size_t head_at = 3;
constexpr std::size_t validators_at = 3 + 24 + 32 + 8 + 64;
constexpr std::size_t next_at = validators_at + 32;
constexpr std::size_t tail_at = next_at + 32;

Result<bool> read_flag(Reader& reader, std::string_view what) {
  const std::uint8_t flag = TRY(reader.u8());
  if (flag > 1) return fail(Code::malformed, base::format("{} of {}: 0 or 1", what, flag));
  return flag == 1;
}

Result<BlockHeader> read_header(Reader& reader) {
  const ByteView bytes = TRY(reader.bytes(header_bytes));
  return decode_header(bytes);
}

void encode(Writer& writer, const MerkleProof& proof) { writer.sized(encode_merkle_proof(proof)); }
Result<MerkleProof> read_merkle(Reader& reader) {
  const ByteView bytes = TRY(reader.sized(merkle_proof_bytes_max));
  return decode_merkle_proof(bytes);
}

void encode_members(Writer& writer, const std::vector<Validator>& validators) {
  writer.u16(static_cast<std::uint16_t>(validators.size()));
  for (const Validator& validator : validators) {
    writer.bytes(validator.key);
    writer.u64(validator.weight);
  }
}

/// Ascending by key, each with a weight.
Result<std::vector<Validator>> read_members(Reader& reader) {
  const std::uint16_t count = TRY(reader.u16());
  if (count > validators_in_set_max) {
    return fail(Code::too_large,
                base::format("{} validators, limit {}", count, validators_in_set_max));
  }
  std::vector<Validator> validators(count);
  for (std::size_t i = 0; i < count; ++i) {
    Validator& validator = validators[i];
    std::ranges::copy(TRY(reader.bytes(validator.key.size())), validator.key.begin());
    validator.weight = TRY(reader.u64());
    if (validator.weight == 0 || (i > 0 && !(validators[i - 1].key < validator.key))) {
      return fail(Code::malformed, base::format("validator {} without weight or out of order",
                                                base::to_hex(validator.key)));
    }
  }
  return validators;
}

void encode(Writer& writer, const SetChange& change) {
  ASSERT(!change.is_whole || change.removed.empty());
  writer.u8(change.is_whole ? 0 : 1);
  if (!change.is_whole) {
    writer.u16(static_cast<std::uint16_t>(change.removed.size()));
    for (const ValidatorIndex index : change.removed) writer.u16(index);
  }
  encode_members(writer, change.put);
}

Result<SetChange> read_change(Reader& reader) {
  SetChange change;
  change.is_whole = !TRY(read_flag(reader, "a change of validators"));
  if (!change.is_whole) {
    const std::uint16_t count = TRY(reader.u16());
    if (count > validators_in_set_max) {
      return fail(Code::too_large,
                  base::format("{} validators removed, limit {}", count, validators_in_set_max));
    }
    for (std::uint16_t i = 0; i < count; ++i) {
      const ValidatorIndex index = TRY(reader.u16());
      if (i > 0 && index <= change.removed.back()) {
        return fail(Code::malformed, base::format("validator {} removed out of order", index));
      }
      change.removed.push_back(index);
    }
  }
  change.put = TRY(read_members(reader));
  return change;
}

void encode(Writer& writer, const BlockClaim& claim) {
  writer.bytes(encode(claim.header));
  encode(writer, claim.history);
}
Result<BlockClaim> read_block_claim(Reader& reader) {
  BlockClaim claim;
  claim.header = TRY(read_header(reader));
  claim.history = TRY(read_merkle(reader));
  return claim;
}

void encode(Writer& writer, const TxClaim& claim) {
  writer.u8(claim.block ? 1 : 0);
  if (claim.block) encode(writer, *claim.block);
  writer.bytes(encode_transaction(claim.tx));
  encode(writer, claim.place);
}
Result<TxClaim> read_tx_claim(Reader& reader) {
  TxClaim claim;
  if (TRY(read_flag(reader, "a block of a transaction"))) {
    claim.block = TRY(read_block_claim(reader));
  }
  claim.tx = TRY(read_transaction(reader));
  claim.place = TRY(read_merkle(reader));
  return claim;
}

void encode(Writer& writer, const OutputClaim& claim) {
  writer.bytes(encode(claim.outpoint));
  writer.u64(claim.utxo.position);
  writer.bytes(encode(claim.utxo.output));
  writer.u64(claim.utxo.height.value);
  writer.sized(encode_txo_proof(claim.proof));
}
Result<OutputClaim> read_output_claim(Reader& reader) {
  OutputClaim claim;
  std::ranges::copy(TRY(reader.bytes(claim.outpoint.txid.size())), claim.outpoint.txid.begin());
  claim.outpoint.index = TRY(reader.u32());
  claim.utxo.position = TRY(reader.u64());
  claim.utxo.output = TRY(read_output(reader));
  claim.utxo.height = {TRY(reader.u64())};
  const ByteView proof = TRY(reader.sized(txo_proof_bytes_max));
  claim.proof = TRY(decode_txo_proof(proof));
  return claim;
}

void encode(Writer& writer, const ValidatorClaim& claim) {
  writer.bytes(claim.key);
  writer.u8(claim.entry ? 1 : 0);
  if (claim.entry) writer.sized(encode_validator(*claim.entry));
  writer.sized(encode_sparse_proof(claim.proof));
}
Result<ValidatorClaim> read_validator_claim(Reader& reader) {
  ValidatorClaim claim;
  std::ranges::copy(TRY(reader.bytes(claim.key.size())), claim.key.begin());
  if (TRY(read_flag(reader, "a validator's entry"))) {
    const ByteView entry = TRY(reader.sized(validator_bytes_max));
    claim.entry = TRY(decode_validator(entry));
  }
  const ByteView proof = TRY(reader.sized(sparse_proof_bytes_max));
  claim.proof = TRY(decode_sparse_proof(proof));
  return claim;
}

void encode(Writer& writer, const EntryClaim& claim) {
  ASSERT(claim.id.size() == entry_id_bytes(claim.kind));
  writer.u8(static_cast<std::uint8_t>(claim.kind));
  writer.bytes(claim.id);
  writer.u8(claim.entry ? 1 : 0);
  if (claim.entry) writer.sized(*claim.entry);
  writer.sized(encode_sparse_proof(claim.proof));
}
Result<EntryClaim> read_entry_claim(Reader& reader) {
  EntryClaim claim;
  const std::uint8_t kind = TRY(reader.u8());
  if (kind == 0 || kind > entry_kind_max) {
    return fail(Code::unsupported, base::format("an entry of kind {}", kind));
  }
  claim.kind = static_cast<EntryKind>(kind);
  claim.id = base::to_bytes(TRY(reader.bytes(entry_id_bytes(claim.kind))));
  if (TRY(read_flag(reader, "an entry"))) {
    claim.entry = base::to_bytes(TRY(reader.sized(entry_bytes_max)));
    if (claim.entry->empty()) return fail(Code::malformed, "an entry of no bytes");
  }
  const ByteView proof = TRY(reader.sized(sparse_proof_bytes_max));
  claim.proof = TRY(decode_sparse_proof(proof));
  return claim;
}

void encode(Writer& writer, const Claim& claim) {
  writer.u8(static_cast<std::uint8_t>(claim.index() + 1));
  std::visit([&](const auto& each) { encode(writer, each); }, claim);
}
Result<Claim> read_claim(Reader& reader) {
  const std::uint8_t kind = TRY(reader.u8());
  switch (kind) {
    case claim_block: return Claim(TRY(read_block_claim(reader)));
    case claim_tx: return Claim(TRY(read_tx_claim(reader)));
    case claim_output: return Claim(TRY(read_output_claim(reader)));
    case claim_validator: return Claim(TRY(read_validator_claim(reader)));
    case claim_entry: return Claim(TRY(read_entry_claim(reader)));
    default: return fail(Code::unsupported, base::format("a claim of kind {}", kind));
  }
}

void encode(Writer& writer, const ProofStart& start) {
  writer.u8(static_cast<std::uint8_t>(start.index()));
  if (const auto* genesis = std::get_if<Genesis>(&start)) {
    const Bytes bytes = encode_genesis(*genesis);
    writer.u32(static_cast<std::uint32_t>(bytes.size()));
    writer.bytes(bytes);
  } else if (const auto* checkpoint = std::get_if<CheckpointStart>(&start)) {
    writer.bytes(encode(checkpoint->header));
    writer.sized(encode_params(checkpoint->params));
    encode_set(writer, checkpoint->validators);
  }
}
Result<ProofStart> read_start(Reader& reader) {
  const std::uint8_t kind = TRY(reader.u8());
  if (kind == start_none) return ProofStart();
  if (kind == start_genesis) {
    const std::uint32_t size = TRY(reader.u32());
    if (size > genesis_bytes_max) {
      return fail(Code::too_large,
                  base::format("a genesis of {} bytes, limit {}", size, genesis_bytes_max));
    }
    const ByteView bytes = TRY(reader.bytes(size));
    return ProofStart(TRY(decode_genesis(bytes)));
  }
  if (kind != start_checkpoint) {
    return fail(Code::unsupported, base::format("a proof that begins with {}", kind));
  }
  CheckpointStart start;
  start.header = TRY(read_header(reader));
  const ByteView params = TRY(reader.sized(params_bytes_max));
  start.params = TRY(decode_params(params));
  start.validators = TRY(read_set(reader));
  return ProofStart(std::move(start));
}

}  // namespace

FinalityProof finality_proof_of(const BlockHeader& header, const Certificate& finalization) {
  ASSERT(finalization.statement.kind == VoteKind::finalize);
  FinalityProof proof{header, finalization.statement.subject.view,
                      finalization.statement.subject.parent, finalization.signers,
                      finalization.signatures};
  proof.header.validators_root = zero;
  return proof;
}

void encode(Writer& writer, const FinalityProof& proof) {
  const Bytes header = encode(proof.header);
  const bool has_next = proof.header.next_validators_root != zero;
  writer.u8(has_next ? 1 : 0);
  writer.bytes(ByteView(header).subspan(head_at, validators_at - head_at));
  writer.bytes(ByteView(header).subspan(has_next ? next_at : tail_at));
  writer.u64(proof.view.value);
  writer.u64(proof.parent.value);
  writer.u16(static_cast<std::uint16_t>(proof.signers.size()));
  std::uint8_t byte = 0;
  for (std::size_t i = 0; i < proof.signers.size(); ++i) {
    if (proof.signers[i]) byte |= static_cast<std::uint8_t>(0x80 >> (i % 8));
    if (i % 8 == 7 || i + 1 == proof.signers.size()) writer.u8(std::exchange(byte, 0));
  }
  for (const crypto::Signature& signature : proof.signatures) writer.bytes(signature);
}

Result<FinalityProof> read_finality(Reader& reader) {
  FinalityProof proof;
  const bool has_next = TRY(read_flag(reader, "a next validators' root"));
  Bytes header{1, 0, 0};
  base::append(header, TRY(reader.bytes(validators_at - head_at)));
  base::append(header, zero);
  base::append(header, has_next ? TRY(reader.bytes(32)) : ByteView(zero));
  base::append(header, TRY(reader.bytes(header_bytes - tail_at)));
  proof.header = TRY(decode_header(header));
  if (has_next && proof.header.next_validators_root == zero) {
    return fail(Code::malformed, "a next validators' root that is written out as zero");
  }
  proof.view = {TRY(reader.u64())};
  proof.parent = {TRY(reader.u64())};
  if (proof.parent >= proof.view) {
    return fail(Code::malformed, base::format("view {} with a parent of view {}", proof.view.value,
                                              proof.parent.value));
  }
  const std::uint16_t count = TRY(reader.u16());
  if (count == 0 || count > validators_in_set_max) {
    return fail(Code::too_large, base::format("a certificate of {} validators: 1 to {}", count,
                                              validators_in_set_max));
  }
  const ByteView bits = TRY(reader.bytes((count + 7U) / 8U));
  if (count % 8 != 0 && (bits.back() & (0xffU >> (count % 8))) != 0) {
    return fail(Code::malformed, base::format("a signer beyond the {} validators", count));
  }
  proof.signers.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    proof.signers[i] = (bits[i / 8] & (0x80U >> (i % 8))) != 0;
    if (!proof.signers[i]) continue;
    std::ranges::copy(TRY(reader.bytes(sizeof(crypto::Signature))),
                      proof.signatures.emplace_back().begin());
  }
  return proof;
}

void encode_set(Writer& writer, const std::vector<Validator>& validators) {
  encode_members(writer, validators);
}
Result<std::vector<Validator>> read_set(Reader& reader) {
  auto validators = TRY(read_members(reader));
  TRY(ValidatorSet::make(validators));
  return validators;
}

SetChange set_change_of(const ValidatorSet& before, const ValidatorSet& after) {
  SetChange change{false, {}, {}};
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto index = static_cast<ValidatorIndex>(i);
    if (!after.index_of(before.at(index).key)) change.removed.push_back(index);
  }
  for (const Validator& validator : after.all()) {
    const auto index = before.index_of(validator.key);
    if (!index || before.at(*index).weight != validator.weight) change.put.push_back(validator);
  }
  constexpr std::size_t member_bytes = 40;
  const std::size_t bytes = 2 + 2 * change.removed.size() + member_bytes * change.put.size();
  if (bytes < member_bytes * after.size()) return change;
  return {true, after.all(), {}};
}

Result<ValidatorSet> apply(const SetChange& change, const ValidatorSet& before) {
  if (change.is_whole) return ValidatorSet::make(change.put);
  std::vector<Validator> validators = before.all();
  for (const Validator& validator : change.put) {
    const auto index = before.index_of(validator.key);
    if (!index) {
      validators.push_back(validator);
      continue;
    }
    if (before.at(*index).weight == validator.weight ||
        std::ranges::binary_search(change.removed, *index)) {
      return fail(Code::malformed, base::format("a change that does not change validator {}",
                                                base::to_hex(validator.key)));
    }
    validators[*index] = validator;
  }
  for (auto index = change.removed.rbegin(); index != change.removed.rend(); ++index) {
    if (*index >= before.size()) {
      return fail(Code::malformed,
                  base::format("validator {} of {} removed", *index, before.size()));
    }
    validators.erase(validators.begin() + *index);
  }
  return ValidatorSet::make(std::move(validators));
}

Bytes encode_chain_proof(const ChainProof& proof) {
  ASSERT(proof.steps.size() <= proof_steps_max && proof.claims.size() <= proof_claims_max);
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(proof_version);
  encode(writer, proof.start);
  writer.u16(static_cast<std::uint16_t>(proof.steps.size()));
  for (const EpochStep& step : proof.steps) {
    encode(writer, step.finality);
    encode(writer, step.validators);
  }
  writer.u8(proof.last ? 1 : 0);
  if (proof.last) encode(writer, *proof.last);
  writer.u8(static_cast<std::uint8_t>(proof.claims.size()));
  for (const Claim& claim : proof.claims) encode(writer, claim);
  return bytes;
}

Result<ChainProof> decode_chain_proof(ByteView bytes) {
  if (bytes.size() > chain_proof_bytes_max) {
    return fail(Code::too_large,
                base::format("a proof of {} bytes, limit {}", bytes.size(), chain_proof_bytes_max));
  }
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != proof_version) {
    return fail(Code::unsupported, base::format("a proof of version {}", version));
  }
  ChainProof proof;
  proof.start = TRY(read_start(reader));
  const std::uint16_t steps = TRY(reader.u16());
  if (steps > proof_steps_max) {
    return fail(Code::too_large,
                base::format("a proof of {} steps, limit {}", steps, proof_steps_max));
  }
  for (std::uint16_t i = 0; i < steps; ++i) {
    EpochStep& step = proof.steps.emplace_back();
    step.finality = TRY(read_finality(reader));
    step.validators = TRY(read_change(reader));
  }
  if (TRY(read_flag(reader, "a last block"))) proof.last = TRY(read_finality(reader));
  const std::uint8_t claims = TRY(reader.u8());
  if (claims > proof_claims_max) {
    return fail(Code::too_large,
                base::format("a proof of {} claims, limit {}", claims, proof_claims_max));
  }
  for (std::uint8_t i = 0; i < claims; ++i) proof.claims.push_back(TRY(read_claim(reader)));
  TRY_VOID(reader.finish());
  return proof;
}

Bytes encode_fork_proof(const ForkProof& proof) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(fork_version);
  writer.bytes(proof.genesis);
  encode_set(writer, proof.validators);
  encode(writer, proof.first);
  encode(writer, proof.second);
  writer.u8(proof.beneath ? 1 : 0);
  if (proof.beneath) encode(writer, *proof.beneath);
  return bytes;
}

Result<ForkProof> decode_fork_proof(ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != fork_version) {
    return fail(Code::unsupported, base::format("a proof of a fork of version {}", version));
  }
  ForkProof proof;
  std::ranges::copy(TRY(reader.bytes(proof.genesis.size())), proof.genesis.begin());
  proof.validators = TRY(read_set(reader));
  proof.first = TRY(read_finality(reader));
  proof.second = TRY(read_finality(reader));
  if (TRY(read_flag(reader, "a block beneath"))) proof.beneath = TRY(read_block_claim(reader));
  TRY_VOID(reader.finish());
  return proof;
}

}  // namespace kith::codec
