#include "codec/chain_params.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_body.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t params_version = 1;
constexpr std::uint8_t params_version_compute = 2;
constexpr std::uint8_t genesis_version = 1;
constexpr std::uint32_t block_bytes_most = 64 * 1024 * 1024;
/// Dates beyond are nonsense, and would not survive arithmetic.
constexpr std::uint64_t time_ms_max = 1ull << 53;

template <class T>
Result<void> within(const char* what, T value, T least, T most) {
  if (value >= least && value <= most) return {};
  return fail(Code::config, base::format("{} is {}, not {} to {}", what, value, least, most));
}

bool is_name(std::string_view text, std::size_t size_max, bool may_have_dash) {
  return !text.empty() && text.size() <= size_max && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (may_have_dash && c == '-');
  });
}

Result<void> check_money(const ChainParams& params) {
  TRY_VOID(within<Amount>("min_fee_rate", params.min_fee_rate, 0, units_per_coin));
  TRY_VOID(within<Amount>("dust", params.dust, 1, units_per_coin));
  TRY_VOID(within<Amount>("block_reward", params.block_reward, 0, amount_max));
  TRY_VOID(within<std::uint32_t>("proposer_share", params.proposer_share, 0, whole_fraction));
  TRY_VOID(within<std::uint32_t>("treasury_share", params.treasury_share, 0, whole_fraction));
  if (params.treasury_share == 0 && params.treasury_lock != Hash{}) {
    return fail(Code::config, "treasury_lock of a treasury that gets nothing");
  }
  return {};
}

Result<void> check_stake(const ChainParams& params) {
  TRY_VOID(within<Amount>("min_stake", params.min_stake, 1, amount_max));
  TRY_VOID(within<std::size_t>("validators_max", params.validators_max, 1, validators_max));
  if (params.tiers.size() > stake_tiers_max) {
    return fail(Code::config,
                base::format("{} tiers, limit {}", params.tiers.size(), stake_tiers_max));
  }
  StakeTier below;
  for (const StakeTier& tier : params.tiers) {
    if (tier.stake <= below.stake || tier.weight <= below.weight || tier.stake > amount_max ||
        tier.weight > weight_sum_max / validators_max) {
      return fail(Code::config, base::format("tier of stake {} and weight {} is not above the one "
                                             "before, or too high",
                                             tier.stake, tier.weight));
    }
    below = tier;
  }
  if (!params.tiers.empty() && params.min_stake < params.tiers.front().stake) {
    return fail(Code::config, base::format("min_stake {} is below the first tier's {}",
                                           params.min_stake, params.tiers.front().stake));
  }
  if (params.tiers.empty() && params.min_stake < units_per_coin) {
    return fail(Code::config,
                base::format("min_stake {} is below a coin, which weighs 1", params.min_stake));
  }
  return {};
}

void write_text(Writer& writer, std::string_view text) {
  writer.u8(static_cast<std::uint8_t>(text.size()));
  writer.bytes(base::as_bytes(text));
}

Result<std::string> read_text(Reader& reader) {
  const std::size_t size = TRY(reader.u8());
  return std::string(base::as_text(TRY(reader.bytes(size))));
}

Result<Hash> read_hash(Reader& reader) {
  const ByteView bytes = TRY(reader.bytes(32));
  Hash hash;
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

void write_tiers(Writer& writer, const std::vector<StakeTier>& tiers) {
  writer.u8(static_cast<std::uint8_t>(tiers.size()));
  for (const StakeTier& tier : tiers) {
    writer.u64(tier.stake);
    writer.u64(tier.weight);
  }
}

Result<std::vector<StakeTier>> read_tiers(Reader& reader) {
  const std::size_t count = TRY(reader.u8());
  if (count > stake_tiers_max) {
    return fail(Code::too_large, base::format("{} tiers, limit {}", count, stake_tiers_max));
  }
  std::vector<StakeTier> tiers(count);
  for (StakeTier& tier : tiers) {
    tier.stake = TRY(reader.u64());
    tier.weight = TRY(reader.u64());
  }
  return tiers;
}

Result<void> check_validators(const Genesis& genesis, std::size_t least,
                              std::optional<Amount>& supply) {
  const auto& list = genesis.validators;
  TRY_VOID(within<std::size_t>("validators at genesis", list.size(), least,
                               genesis.params.validators_max));
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0 && !(list[i - 1].key < list[i].key)) {
      return fail(Code::config,
                  base::format("validator {} twice or out of order", base::to_hex(list[i].key)));
    }
    TRY_VOID(
        within<Amount>("stake at genesis", list[i].stake, genesis.params.min_stake, amount_max));
    if (supply) supply = add(*supply, list[i].stake);
  }
  return {};
}

}  // namespace

Result<void> check(const ChainParams& params) {
  TRY_VOID(
      within<std::uint32_t>("block_bytes_max", params.block_bytes_max, 1024, block_bytes_most));
  TRY_VOID(within<std::uint32_t>("tx_bytes_max", params.tx_bytes_max, 512, tx_bytes_max));
  const std::size_t around = body_empty_bytes + body_item_overhead +
                             (params.compute ? crypto::vrf_proof_bytes : std::size_t{0});
  if (params.tx_bytes_max + around > params.block_bytes_max) {
    return fail(Code::config, base::format("tx_bytes_max {} does not fit in block_bytes_max {}",
                                           params.tx_bytes_max, params.block_bytes_max));
  }
  TRY_VOID(check_money(params));
  constexpr std::uint32_t day_ms = 24 * 3600 * 1000;
  TRY_VOID(within<std::uint32_t>("epoch_blocks", params.epoch_blocks, 2, 1u << 20));
  TRY_VOID(within<std::uint32_t>("block_interval_ms", params.block_interval_ms, 0, day_ms));
  TRY_VOID(within<std::uint32_t>("max_drift_ms", params.max_drift_ms, 1, day_ms));
  TRY_VOID(check_stake(params));
  TRY_VOID(within<std::uint32_t>("unbonding_epochs", params.unbonding_epochs, 1, 1u << 20));
  TRY_VOID(within<std::uint32_t>("jail_window", params.jail_window, 1, 1u << 20));
  TRY_VOID(within<std::uint32_t>("jail_threshold", params.jail_threshold, 0, whole_fraction));
  TRY_VOID(within<std::uint32_t>("jail_epochs", params.jail_epochs, 0, 1u << 20));
  TRY_VOID(
      within<std::uint32_t>("slash_equivocation", params.slash_equivocation, 0, whole_fraction));
  TRY_VOID(within<std::uint32_t>("slash_absence", params.slash_absence, 0, whole_fraction));
  TRY_VOID(within<std::uint32_t>("heartbeat_ms", params.heartbeat_ms, 100, day_ms));
  if (!is_name(params.address_hrp, hrp_bytes_max, false)) {
    return fail(Code::config, "address_hrp is not 1 to 16 of a-z and 0-9");
  }
  if (params.compute) TRY_VOID(check(*params.compute));
  return {};
}

Bytes encode_params(const ChainParams& params) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(params.compute ? params_version_compute : params_version);
  writer.u32(params.block_bytes_max);
  writer.u32(params.tx_bytes_max);
  writer.u64(params.min_fee_rate);
  writer.u64(params.dust);
  writer.u64(params.block_reward);
  writer.u64(params.halving_blocks);
  writer.u16(params.proposer_share);
  writer.u16(params.treasury_share);
  writer.bytes(params.treasury_lock);
  writer.u32(params.epoch_blocks);
  writer.u32(params.block_interval_ms);
  writer.u32(params.max_drift_ms);
  writer.u64(params.min_stake);
  write_tiers(writer, params.tiers);
  writer.u16(params.validators_max);
  writer.u32(params.unbonding_epochs);
  writer.u32(params.jail_window);
  writer.u16(params.jail_threshold);
  writer.u32(params.jail_epochs);
  writer.u16(params.slash_equivocation);
  writer.u16(params.slash_absence);
  writer.u32(params.heartbeat_ms);
  write_text(writer, params.address_hrp);
  if (params.compute) encode(writer, *params.compute);
  return bytes;
}

Result<ChainParams> read_params(Reader& reader) {
  const std::uint8_t version = TRY(reader.u8());
  if (version != params_version && version != params_version_compute) {
    return fail(Code::unsupported, base::format("parameters of version {}", version));
  }
  ChainParams params;
  params.block_bytes_max = TRY(reader.u32());
  params.tx_bytes_max = TRY(reader.u32());
  params.min_fee_rate = TRY(reader.u64());
  params.dust = TRY(reader.u64());
  params.block_reward = TRY(reader.u64());
  params.halving_blocks = TRY(reader.u64());
  params.proposer_share = TRY(reader.u16());
  params.treasury_share = TRY(reader.u16());
  params.treasury_lock = TRY(read_hash(reader));
  params.epoch_blocks = TRY(reader.u32());
  params.block_interval_ms = TRY(reader.u32());
  params.max_drift_ms = TRY(reader.u32());
  params.min_stake = TRY(reader.u64());
  params.tiers = TRY(read_tiers(reader));
  params.validators_max = TRY(reader.u16());
  params.unbonding_epochs = TRY(reader.u32());
  params.jail_window = TRY(reader.u32());
  params.jail_threshold = TRY(reader.u16());
  params.jail_epochs = TRY(reader.u32());
  params.slash_equivocation = TRY(reader.u16());
  params.slash_absence = TRY(reader.u16());
  params.heartbeat_ms = TRY(reader.u32());
  params.address_hrp = TRY(read_text(reader));
  if (version == params_version_compute) params.compute = TRY(read_compute_params(reader));
  TRY_VOID(check(params));
  return params;
}

Result<ChainParams> decode_params(ByteView bytes) {
  Reader reader(bytes);
  ChainParams params = TRY(read_params(reader));
  TRY_VOID(reader.finish());
  return params;
}

Hash params_hash(const ChainParams& params) {
  return tagged_hash("kith/params/1", {encode_params(params)});
}

Amount block_reward(const ChainParams& params, Height height) {
  if (params.halving_blocks == 0 || height.value == 0) return params.block_reward;
  const std::uint64_t halvings = (height.value - 1) / params.halving_blocks;
  return halvings >= 64 ? 0 : params.block_reward >> halvings;
}

Epoch epoch_of(const ChainParams& params, Height height) {
  return {height.value == 0 ? 0 : (height.value - 1) / params.epoch_blocks};
}

bool is_last_of_epoch(const ChainParams& params, Height height) {
  return height.value > 0 && height.value % params.epoch_blocks == 0;
}

Amount min_fee(const ChainParams& params, std::size_t bytes) {
  // Neither is above 2^27 here, so that the product fits.
  return (params.min_fee_rate * bytes + 999) / 1000;
}

namespace {

/// With `least` validators.
Result<void> check_with(const Genesis& genesis, std::size_t least) {
  if (!is_name(genesis.network, network_name_max, true)) {
    return fail(Code::config, "network is not 1 to 32 of a-z, 0-9 and -");
  }
  TRY_VOID(within<std::uint64_t>("time_ms", genesis.time_ms, 0, time_ms_max));
  TRY_VOID(kith::codec::check(genesis.params));
  TRY_VOID(
      within<std::size_t>("outputs at genesis", genesis.outputs.size(), 0, genesis_outputs_max));
  std::optional<Amount> supply = 0;
  for (const TxOutput& output : genesis.outputs) {
    if (output.version != output_version || output.lock_kind != lock_key_hash) {
      return fail(Code::unsupported, "output at genesis of another version or kind of lock");
    }
    TRY_VOID(within<Amount>("output at genesis", output.value, genesis.params.dust, amount_max));
    if (supply) supply = add(*supply, output.value);
  }
  TRY_VOID(check_validators(genesis, least, supply));
  if (!supply) return fail(Code::config, "supply at genesis overflows");
  return {};
}

}  // namespace

Result<void> check(const Genesis& genesis) { return check_with(genesis, 1); }

Bytes encode_genesis(const Genesis& genesis) {
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(genesis_version);
  write_text(writer, genesis.network);
  writer.u32(genesis.shard);
  writer.u64(genesis.time_ms);
  writer.bytes(encode_params(genesis.params));
  writer.u32(static_cast<std::uint32_t>(genesis.outputs.size()));
  for (const TxOutput& output : genesis.outputs) writer.bytes(encode(output));
  writer.u16(static_cast<std::uint16_t>(genesis.validators.size()));
  for (const GenesisValidator& validator : genesis.validators) {
    writer.bytes(validator.key);
    writer.bytes(validator.owner);
    writer.u64(validator.stake);
  }
  return bytes;
}

Result<Genesis> decode_genesis_draft(ByteView bytes) {
  if (bytes.size() > genesis_bytes_max) {
    return fail(Code::too_large,
                base::format("genesis of {} bytes, limit {}", bytes.size(), genesis_bytes_max));
  }
  Reader reader(bytes);
  const std::uint8_t version = TRY(reader.u8());
  if (version != genesis_version) {
    return fail(Code::unsupported, base::format("genesis of version {}", version));
  }
  Genesis genesis;
  genesis.network = TRY(read_text(reader));
  genesis.shard = TRY(reader.u32());
  genesis.time_ms = TRY(reader.u64());
  genesis.params = TRY(read_params(reader));
  const std::size_t outputs = TRY(reader.u32());
  if (outputs > genesis_outputs_max || outputs * output_bytes > reader.remaining()) {
    return fail(Code::too_large, base::format("genesis of {} outputs", outputs));
  }
  genesis.outputs.reserve(outputs);
  for (std::size_t i = 0; i < outputs; ++i) genesis.outputs.push_back(TRY(read_output(reader)));
  const std::size_t validators = TRY(reader.u16());
  if (validators > validators_max) {
    return fail(Code::too_large,
                base::format("genesis of {} validators, limit {}", validators, validators_max));
  }
  genesis.validators.resize(validators);
  for (GenesisValidator& validator : genesis.validators) {
    validator.key = TRY(read_hash(reader));
    validator.owner = TRY(read_hash(reader));
    validator.stake = TRY(reader.u64());
  }
  TRY_VOID(reader.finish());
  TRY_VOID(check_with(genesis, 0));
  return genesis;
}

Result<Genesis> decode_genesis(ByteView bytes) {
  Genesis genesis = TRY(decode_genesis_draft(bytes));
  TRY_VOID(check(genesis));
  return genesis;
}

Hash genesis_hash(const Genesis& genesis) {
  return tagged_hash("kith/genesis/1", {encode_genesis(genesis)});
}

}  // namespace kith::codec
