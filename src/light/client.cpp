#include "light/client.h"

#include <algorithm>

#include "base/format.h"

namespace kith::light {

using codec::BlockHeader;
using codec::ChainProof;
using codec::FinalHeader;
using codec::FinalityProof;
using codec::ValidatorSet;

namespace {

constexpr std::uint8_t state_version = 1;
constexpr Hash zero{};

/// What every header of the chain has to be, whoever signed it.
Result<void> check_header(const codec::ChainParams& params, const BlockHeader& header) {
  const auto height = header.height;
  if (height.value == 0 || codec::epoch_of(params, height) != header.epoch) {
    return fail(Code::malformed,
                base::format("block {} dated into epoch {}", height.value, header.epoch.value));
  }
  if (header.params_hash != codec::params_hash(params)) {
    return fail(Code::refused,
                base::format("block {} has other parameters than the chain", height.value));
  }
  const bool is_last = codec::is_last_of_epoch(params, height);
  if (is_last != (header.next_validators_root != zero)) {
    return fail(Code::malformed, base::format("block {} {} the next validators' root", height.value,
                                              is_last ? "lacks" : "has"));
  }
  return {};
}

}  // namespace

Result<LightClient> LightClient::begin(const Trust& trust, const codec::ProofStart& start,
                                       const LightConfig& config) {
  if (trust.checkpoint) {
    const auto* const at = std::get_if<codec::CheckpointStart>(&start);
    if (at == nullptr) {
      return fail(Code::refused, "the proof does not begin with the checkpoint's block");
    }
    return begin_at(trust, *at, config);
  }
  const auto* const genesis = std::get_if<codec::Genesis>(&start);
  if (genesis == nullptr) return fail(Code::refused, "the proof does not begin with the genesis");
  if (const Hash hash = codec::genesis_hash(*genesis); hash != trust.genesis) {
    return fail(Code::refused, base::format("the proof begins with genesis {}, {} is trusted",
                                            base::to_hex(hash), base::to_hex(trust.genesis)));
  }
  TRY_VOID(codec::check(*genesis));
  At at{{0},           TRY(codec::first_validators(*genesis)),        {0},
        trust.genesis, {static_cast<std::int64_t>(genesis->time_ms)}, {}};
  return LightClient(trust.genesis, genesis->params, std::move(at), config);
}

Result<LightClient> LightClient::begin_at(const Trust& trust, const codec::CheckpointStart& start,
                                          const LightConfig& config) {
  const BlockHeader& header = start.header;
  const Hash digest = codec::digest_of(header);
  if (header.height != trust.checkpoint->height || digest != trust.checkpoint->digest) {
    return fail(
        Code::refused,
        base::format("the proof begins with block {} ({}), the checkpoint is {} ({})",
                     header.height.value, base::to_hex(digest), trust.checkpoint->height.value,
                     base::to_hex(trust.checkpoint->digest)));
  }
  TRY_VOID(codec::check(start.params));
  TRY_VOID(check_header(start.params, header));
  ValidatorSet set = TRY(ValidatorSet::make(start.validators));
  if (set.root() != header.validators_root) {
    return fail(Code::refused,
                base::format("other validators than those of block {}", header.height.value));
  }
  At at{header.epoch, std::move(set), header.height, digest, header.time, {}};
  return LightClient(trust.genesis, start.params, std::move(at), config);
}

Result<Duration> LightClient::trusting_period() const {
  if (config_.trusting_period) return *config_.trusting_period;
  if (params_.block_interval_ms == 0) {
    return fail(Code::usage,
                "the chain has no block interval: say how long its validators are trusted");
  }
  // Each is below 2^27, so that the product of three fits; two thirds leave time to notice.
  const std::uint64_t blocks = std::uint64_t{params_.unbonding_epochs} * params_.epoch_blocks;
  const codec::Uint128 ms = codec::Uint128{blocks} * params_.block_interval_ms * 2 / 3;
  constexpr auto longest_ms = std::uint64_t{1} << 43;  // of nanoseconds in a Duration
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::min<codec::Uint128>(ms, longest_ms)));
}

bool LightClient::has_expired(WallTime now) const {
  const auto period = trusting_period();
  return !period || now.unix_ms - at_.time.unix_ms > base::to_ms(*period);
}

/// A header that a quorum of `validators` finalized, and that may follow what has been seen.
Result<FinalHeader> LightClient::check_final(At& at, const FinalityProof& proof,
                                             const ValidatorSet& validators, WallTime now,
                                             Verdict& verdict) {
  FinalHeader final = TRY(codec::verify(proof, genesis_, validators));
  const BlockHeader& header = final.header;
  TRY_VOID(check_header(params_, header));
  if (header.time.unix_ms - now.unix_ms > base::to_ms(config_.drift_max)) {
    return fail(Code::refused,
                base::format("block {} is dated {} ms ahead of our clock", header.height.value,
                             header.time.unix_ms - now.unix_ms));
  }
  if (header.height == at.height && final.digest != at.digest && at.by) {
    note_fork(at, proof, std::nullopt);
    return fail(Code::protocol, base::format("a fork: two final blocks of height {}, {} and {}",
                                             header.height.value, base::to_hex(at.digest),
                                             base::to_hex(final.digest)));
  }
  const bool is_later = header.height > at.height && header.time > at.time;
  if (!is_later && final.digest != at.digest) {
    return fail(Code::refused, base::format("block {} of {} ms does not follow block {} of {} ms, "
                                            "which has been seen",
                                            header.height.value, header.time.unix_ms,
                                            at.height.value, at.time.unix_ms));
  }
  at.height = header.height;
  at.digest = final.digest;
  at.time = header.time;
  at.by = proof;
  verdict.signed_by = codec::weight_in(proof, validators, validators);
  verdict.weight = validators.total();
  return final;
}

Result<FinalHeader> LightClient::follow(At& at, const codec::EpochStep& step, WallTime now,
                                        Verdict& verdict) {
  const Epoch epoch = step.finality.header.epoch;
  if (epoch < at.epoch) {
    return fail(Code::refused,
                base::format("a step of epoch {}, where {} is known", epoch.value, at.epoch.value));
  }
  ValidatorSet set = TRY(codec::apply(step.validators, at.validators));
  ++verdict.steps;
  if (epoch == at.epoch) {
    const FinalHeader final = TRY(check_final(at, step.finality, at.validators, now, verdict));
    if (!codec::is_last_of_epoch(params_, final.header.height)) {
      return fail(Code::malformed,
                  base::format("block {} ends no epoch", final.header.height.value));
    }
    if (set.root() != final.header.next_validators_root) {
      return fail(Code::refused, base::format("other validators of epoch {} than block {} names",
                                              epoch.value + 1, final.header.height.value));
    }
    at.epoch = codec::next(epoch);
    at.validators = std::move(set);
    at.by.reset();  // its signers are not of this epoch
    return final;
  }
  if (epoch.value - at.epoch.value > params_.unbonding_epochs) {
    return fail(Code::refused,
                base::format("a step from epoch {} to {}: at most {}, while stakes are bonded",
                             at.epoch.value, epoch.value, params_.unbonding_epochs));
  }
  const ValidatorSet trusted = at.validators;
  at.by.reset();
  const FinalHeader final = TRY(check_final(at, step.finality, set, now, verdict));
  const codec::Weight weight = codec::weight_in(step.finality, set, trusted);
  if (!codec::has_honest(weight, trusted)) {
    return fail(Code::refused,
                base::format("of epoch {} only a weight of {} stands by block {} of epoch {}: more "
                             "than {} is needed",
                             at.epoch.value, weight, final.header.height.value, epoch.value,
                             trusted.fault_bound()));
  }
  ++verdict.skips;
  at.epoch = epoch;
  at.validators = std::move(set);
  return final;
}

Result<Fact> LightClient::fact_of(const codec::Claim& claim, const FinalHeader& under,
                                  const FinalityProof& by) {
  const BlockHeader& header = under.header;
  if (const auto* block = std::get_if<codec::BlockClaim>(&claim)) {
    const Hash digest = TRY(codec::verify(*block, header));
    if (block->header.height == at_.height && at_.height.value > 0 && digest != at_.digest) {
      if (at_.by && at_.epoch == header.epoch) note_fork(at_, by, *block);
      return fail(Code::protocol,
                  base::format("a fork: block {} stands on {} at height {}, {} was final there",
                               header.height.value, base::to_hex(digest), at_.height.value,
                               base::to_hex(at_.digest)));
    }
    return Fact(BlockFact{block->header, digest});
  }
  if (const auto* tx = std::get_if<codec::TxClaim>(&claim)) {
    const BlockHeader in = TRY(codec::verify(*tx, header));
    return Fact(TxFact{tx->tx, codec::txid_of(tx->tx), in});
  }
  if (const auto* output = std::get_if<codec::OutputClaim>(&claim)) {
    const bool is_unspent = TRY(codec::verify(*output, header));
    return Fact(OutputFact{output->outpoint, output->utxo, is_unspent});
  }
  if (const auto* entry = std::get_if<codec::EntryClaim>(&claim)) {
    TRY_VOID(codec::verify(*entry, under.header));
    return Fact(EntryFact{entry->kind, entry->id, entry->entry});
  }
  const auto& validator = std::get<codec::ValidatorClaim>(claim);
  TRY_VOID(codec::verify(validator, header));
  return Fact(ValidatorFact{validator.key, validator.entry});
}

Result<Verdict> LightClient::verify(const ChainProof& proof, WallTime now) {
  if (fork_) return fail(Code::protocol, "this chain has forked: nothing on it can be trusted");
  if (!config_.trusts_old_keys) TRY(trusting_period());
  Verdict verdict;
  verdict.is_old_trust = has_expired(now);
  if (verdict.is_old_trust && !config_.trusts_old_keys) {
    return fail(Code::refused,
                base::format("what is trusted, block {} of {} ms, is older than the trusting "
                             "period: a newer checkpoint is needed",
                             at_.height.value, at_.time.unix_ms));
  }
  At at = at_;
  std::optional<FinalHeader> final;
  const FinalityProof* by = nullptr;
  for (const codec::EpochStep& step : proof.steps) {
    final = TRY(follow(at, step, now, verdict));
    by = &step.finality;
  }
  if (proof.last) {
    if (proof.last->header.epoch != at.epoch) {
      return fail(Code::refused, base::format("a block of epoch {} by the validators of epoch {}",
                                              proof.last->header.epoch.value, at.epoch.value));
    }
    final = TRY(check_final(at, *proof.last, at.validators, now, verdict));
    by = &*proof.last;
  }
  if (!final) return fail(Code::malformed, "a proof without a final block");
  verdict.block = *final;
  for (const codec::Claim& claim : proof.claims) {
    verdict.facts.push_back(TRY(fact_of(claim, *final, *by)));
  }
  at_ = std::move(at);
  return verdict;
}

void LightClient::note_fork(const At& at, const FinalityProof& second,
                            std::optional<codec::BlockClaim> beneath) {
  ASSERT(at.by);
  fork_ = codec::ForkProof{genesis_, at.validators.all(), *at.by, second, std::move(beneath)};
}

Bytes LightClient::encode() const {
  Bytes bytes;
  codec::Writer writer(bytes);
  writer.u8(state_version);
  writer.bytes(genesis_);
  writer.sized(codec::encode_params(params_));
  writer.u64(at_.epoch.value);
  codec::encode_set(writer, at_.validators.all());
  writer.u64(at_.height.value);
  writer.bytes(at_.digest);
  writer.u64(static_cast<std::uint64_t>(at_.time.unix_ms));
  writer.u8(at_.by ? 1 : 0);
  if (at_.by) codec::encode(writer, *at_.by);
  writer.u8(fork_ ? 1 : 0);
  if (fork_) writer.sized(codec::encode_fork_proof(*fork_));
  return bytes;
}

Result<LightClient> LightClient::decode(ByteView bytes, const LightConfig& config) {
  codec::Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != state_version) {
    return fail(Code::unsupported, base::format("a light client's state of version {}", version));
  }
  const auto read_hash = [&]() -> Result<Hash> {
    Hash hash;
    std::ranges::copy(TRY(reader.bytes(hash.size())), hash.begin());
    return hash;
  };
  const Hash genesis = TRY(read_hash());
  const ByteView params_bytes = TRY(reader.sized(codec::params_bytes_max));
  codec::ChainParams params = TRY(codec::decode_params(params_bytes));
  TRY_VOID(codec::check(params));
  const Epoch epoch{TRY(reader.u64())};
  std::vector<codec::Validator> validators = TRY(codec::read_set(reader));
  At at{epoch, TRY(ValidatorSet::make(std::move(validators))), {}, {}, {}, {}};
  at.height = {TRY(reader.u64())};
  at.digest = TRY(read_hash());
  const std::uint64_t time = TRY(reader.u64());
  constexpr std::uint64_t time_ms_max = std::uint64_t{1} << 53;
  if (time > time_ms_max) return fail(Code::malformed, base::format("a date of {} ms", time));
  at.time = {static_cast<std::int64_t>(time)};
  const auto has = [&]() -> Result<bool> {
    const std::uint8_t flag = TRY(reader.u8());
    if (flag > 1) return fail(Code::malformed, base::format("{} for yes or no", flag));
    return flag == 1;
  };
  if (TRY(has())) at.by = TRY(codec::read_finality(reader));
  LightClient client(genesis, std::move(params), std::move(at), config);
  constexpr std::size_t fork_bytes_max = 1024 * 1024;
  if (TRY(has())) {
    const ByteView fork = TRY(reader.sized(fork_bytes_max));
    client.fork_ = TRY(codec::decode_fork_proof(fork));
  }
  TRY_VOID(reader.finish());
  return client;
}

}  // namespace kith::light
