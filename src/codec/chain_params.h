// What a chain is made of before its first block: its parameters, which are consensus rules, and
// its genesis, whose hash is the chain's name in everything that is signed. Grammar:
// docs/protocol/ledger.md, "Genesis and parameters". Big-endian, one encoding a value, every field
// checked against what it may be, so that what decodes can be run.
//
// Fractions are in 1/10000. Limits: 16 tiers, 65,536 outputs, 200 validators at genesis.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/chain_compute.h"
#include "codec/chain_tx.h"

namespace kith::codec {

__extension__ using Uint128 = unsigned __int128;  // for products of amounts

inline constexpr std::uint32_t whole_fraction = 10'000;
/// value * fraction / 10000, rounded down; `fraction` at most whole_fraction.
constexpr Amount fraction_of(Amount value, std::uint32_t fraction) {
  return static_cast<Amount>(Uint128{value} * fraction / whole_fraction);
}

inline constexpr std::size_t stake_tiers_max = 16;
inline constexpr std::size_t hrp_bytes_max = 16;
inline constexpr std::size_t validators_max = 200;

/// Whoever has bonded this stake votes with this weight.
struct StakeTier {
  Amount stake = 0;
  Weight weight = 0;
  friend bool operator==(const StakeTier&, const StakeTier&) = default;
};

struct ChainParams {
  std::uint32_t block_bytes_max = 2 * 1024 * 1024;  // of a body
  std::uint32_t tx_bytes_max = codec::tx_bytes_max;
  Amount min_fee_rate = 1000;  // units for 1000 bytes
  Amount dust = 546;           // outputs below are refused

  Amount block_reward = 10 * units_per_coin;
  std::uint64_t halving_blocks = 2'102'400;  // 0: the reward stays
  std::uint16_t proposer_share = 1'000;      // of reward and fees; signers share the rest
  std::uint16_t treasury_share = 0;          // of the reward; 0: there is no treasury
  Hash treasury_lock{};

  std::uint32_t epoch_blocks = 1024;
  std::uint32_t block_interval_ms = 60'000;
  std::uint32_t max_drift_ms = 30'000;

  Amount min_stake = 1'000 * units_per_coin;
  std::vector<StakeTier> tiers;          // ascending in both; empty: a whole coin weighs 1
  std::uint16_t validators_max = 200;    // with the highest stake
  std::uint32_t unbonding_epochs = 14;   // also how long evidence is good
  std::uint32_t jail_window = 1024;      // blocks over which votes are counted
  std::uint16_t jail_threshold = 5'000;  // less of them than this, and it is jailed
  std::uint32_t jail_epochs = 1;         // before it may be unjailed
  std::uint16_t slash_equivocation = 500;
  std::uint16_t slash_absence = 0;
  std::uint32_t heartbeat_ms = 5'000;

  std::string address_hrp = "kith";

  /// Empty: the chain knows neither accounts nor jobs.
  std::optional<ComputeParams> compute;

  friend bool operator==(const ChainParams&, const ChainParams&) = default;
};

/// Names the parameter that cannot be.
Result<void> check(const ChainParams& params);
Bytes encode_params(const ChainParams& params);
Result<ChainParams> read_params(Reader& reader);
Result<ChainParams> decode_params(ByteView bytes);
Hash params_hash(const ChainParams& params);

/// New coins of the block at `height`, above 0.
Amount block_reward(const ChainParams& params, Height height);
/// 0 for heights 1 to epoch_blocks, and so on; genesis counts with the first.
Epoch epoch_of(const ChainParams& params, Height height);
bool is_last_of_epoch(const ChainParams& params, Height height);
/// What so many bytes cost at least.
Amount min_fee(const ChainParams& params, std::size_t bytes);

struct GenesisValidator {
  ChainKey key{};
  Hash owner{};  // the lock that stake and rewards come back to
  Amount stake = 0;
  friend bool operator==(const GenesisValidator&, const GenesisValidator&) = default;
};

inline constexpr std::size_t network_name_max = 32;
inline constexpr std::size_t genesis_outputs_max = 65'536;
inline constexpr std::size_t genesis_bytes_max = 4 * 1024 * 1024;

struct Genesis {
  std::string network;  // a-z, 0-9 and '-'
  std::uint32_t shard = 0;
  std::uint64_t time_ms = 0;
  ChainParams params;
  std::vector<TxOutput> outputs;             // spent as (genesis hash, place)
  std::vector<GenesisValidator> validators;  // by key, ascending; at least one
  friend bool operator==(const Genesis&, const Genesis&) = default;
};

Result<void> check(const Genesis& genesis);
Bytes encode_genesis(const Genesis& genesis);
Result<Genesis> decode_genesis(ByteView bytes);
/// One that is still being put together: the same, but it may lack validators and thus not pass
/// check() yet.
Result<Genesis> decode_genesis_draft(ByteView bytes);
Hash genesis_hash(const Genesis& genesis);

}  // namespace kith::codec
