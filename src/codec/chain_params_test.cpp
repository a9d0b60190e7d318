#include "codec/chain_params.h"

#include <rapidcheck.h>

#include <functional>

#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

using test::identity;

Genesis small_genesis() {
  Genesis genesis;
  genesis.network = "test-1";
  genesis.time_ms = 1'700'000'000'000;
  genesis.outputs = {{0, 0, 5 * units_per_coin, identity(1).lock}};
  genesis.validators = {{identity(2).key, identity(3).lock, 1'000 * units_per_coin}};
  return genesis;
}

Genesis rich_genesis() {
  Genesis genesis = small_genesis();
  genesis.network = "rich";
  genesis.shard = 7;
  ChainParams& params = genesis.params;
  params.tiers = {{1'000 * units_per_coin, 1}, {10'000 * units_per_coin, 10}};
  params.treasury_share = 500;
  params.treasury_lock = identity(4).lock;
  params.address_hrp = "kitht";
  genesis.validators.push_back({identity(5).key, identity(5).lock, 2'000 * units_per_coin});
  genesis.validators.push_back({identity(6).key, identity(5).lock, 3'000 * units_per_coin});
  std::ranges::sort(genesis.validators, {}, &GenesisValidator::key);
  return genesis;
}

std::vector<Genesis> golden_genesis() {
  std::vector<Genesis> all = {small_genesis(), rich_genesis()};
  for (int i = 0; i < 4; ++i) {
    Genesis genesis = small_genesis();
    if (i == 0) genesis.outputs.clear();
    if (i == 1) genesis.params.halving_blocks = 0;
    if (i == 2) genesis.params.block_interval_ms = 1'000;
    if (i == 3) genesis.time_ms = 0;
    all.push_back(genesis);
  }
  all.push_back(small_genesis());
  all.back().params.compute =
      ComputeParams{2'500, 8, 2 * units_per_coin, 3 * units_per_coin, 4, 720};
  return all;
}

TEST(ChainParams, GoldenVectors) {
  const auto lines = golden_lines("chain_genesis.txt");
  const auto wanted = golden_genesis();
  ASSERT_EQ(lines.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(base::to_hex(encode_genesis(wanted[i])), lines[i][0]);
    EXPECT_EQ(base::to_hex(genesis_hash(wanted[i])), lines[i][1]);
    EXPECT_EQ(base::to_hex(params_hash(wanted[i].params)), lines[i][2]);
    EXPECT_EQ(decode_genesis(unhex(lines[i][0])).value(), wanted[i]);
    EXPECT_EQ(decode_params(encode_params(wanted[i].params)).value(), wanted[i].params);
  }
}

TEST(ChainParams, EachThatCannotBeIsNamed) {
  const std::vector<std::pair<const char*, std::function<void(ChainParams&)>>> faults = {
      {"block_bytes_max", [](auto& p) { p.block_bytes_max = 100; }},
      {"tx_bytes_max", [](auto& p) { p.tx_bytes_max = 1; }},
      {"does not fit", [](auto& p) { p.block_bytes_max = p.tx_bytes_max; }},
      {"does not fit",
       [](auto& p) {  // with a proof before it
         p.block_bytes_max = p.tx_bytes_max + 90;
         p.compute.emplace();
       }},
      {"min_fee_rate", [](auto& p) { p.min_fee_rate = units_per_coin + 1; }},
      {"dust", [](auto& p) { p.dust = 0; }},
      {"block_reward", [](auto& p) { p.block_reward = amount_max + 1; }},
      {"proposer_share", [](auto& p) { p.proposer_share = 10'001; }},
      {"treasury_share", [](auto& p) { p.treasury_share = 10'001; }},
      {"treasury_lock", [](auto& p) { p.treasury_lock[0] = 1; }},
      {"cheats", [](auto& p) { p.compute.emplace().cheats = 5'000; }},
      {"answer_blocks", [](auto& p) { p.compute.emplace().answer_blocks = 0; }},
      {"epoch_blocks", [](auto& p) { p.epoch_blocks = 1; }},
      {"block_interval_ms", [](auto& p) { p.block_interval_ms = UINT32_MAX; }},
      {"max_drift_ms", [](auto& p) { p.max_drift_ms = 0; }},
      {"min_stake", [](auto& p) { p.min_stake = 0; }},
      {"weighs 1", [](auto& p) { p.min_stake = units_per_coin - 1; }},
      {"tier", [](auto& p) { p.tiers = {{p.min_stake, 2}, {p.min_stake, 3}}; }},
      {"tier", [](auto& p) { p.tiers = {{1, 2}, {2, 2}}; }},
      {"tier", [](auto& p) { p.tiers = {{1, weight_sum_max}}; }},
      {"17 tiers", [](auto& p) { p.tiers.resize(17); }},
      {"first tier", [](auto& p) { p.tiers = {{p.min_stake + 1, 1}}; }},
      {"validators_max", [](auto& p) { p.validators_max = 201; }},
      {"unbonding_epochs", [](auto& p) { p.unbonding_epochs = 0; }},
      {"jail_window", [](auto& p) { p.jail_window = 0; }},
      {"jail_threshold", [](auto& p) { p.jail_threshold = 10'001; }},
      {"jail_epochs", [](auto& p) { p.jail_epochs = UINT32_MAX; }},
      {"slash_equivocation", [](auto& p) { p.slash_equivocation = 10'001; }},
      {"slash_absence", [](auto& p) { p.slash_absence = 10'001; }},
      {"heartbeat_ms", [](auto& p) { p.heartbeat_ms = 1; }},
      {"address_hrp", [](auto& p) { p.address_hrp = "Kith"; }},
      {"address_hrp", [](auto& p) { p.address_hrp = ""; }},
  };
  ASSERT_TRUE(check(ChainParams()));
  for (const auto& [says, make] : faults) {
    SCOPED_TRACE(says);
    ChainParams params;
    make(params);
    const auto checked = check(params);
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().message.find(says), std::string::npos) << checked.error().message;
    EXPECT_FALSE(decode_params(encode_params(params)));
  }
}

TEST(ChainParams, GenesisHasItsOwnFaults) {
  const std::vector<std::pair<const char*, std::function<void(Genesis&)>>> faults = {
      {"network", [](auto& g) { g.network = "No"; }},
      {"network", [](auto& g) { g.network = std::string(33, 'a'); }},
      {"time_ms", [](auto& g) { g.time_ms = UINT64_MAX; }},
      {"output", [](auto& g) { g.outputs[0].value = 1; }},
      {"output", [](auto& g) { g.outputs[0].version = 1; }},
      {"validators at genesis is 0", [](auto& g) { g.validators.clear(); }},
      {"twice or out of order", [](auto& g) { g.validators.push_back(g.validators[0]); }},
      {"stake", [](auto& g) { g.validators[0].stake = g.params.min_stake - 1; }},
      {"overflows", [](auto& g) { g.validators[0].stake = amount_max; }},
  };
  ASSERT_TRUE(check(small_genesis()));
  for (const auto& [says, make] : faults) {
    SCOPED_TRACE(says);
    Genesis genesis = small_genesis();
    make(genesis);
    const auto checked = check(genesis);
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().message.find(says), std::string::npos) << checked.error().message;
    EXPECT_FALSE(decode_genesis(encode_genesis(genesis)));
  }
}

TEST(ChainParams, RewardsHalveAndEpochsCount) {
  ChainParams params;
  params.block_reward = 1'000;
  params.halving_blocks = 10;
  params.epoch_blocks = 4;
  EXPECT_EQ(block_reward(params, Height{1}), 1'000u);
  EXPECT_EQ(block_reward(params, Height{10}), 1'000u);
  EXPECT_EQ(block_reward(params, Height{11}), 500u);
  EXPECT_EQ(block_reward(params, Height{100'000}), 0u);
  EXPECT_EQ(epoch_of(params, Height{0}).value, 0u);
  EXPECT_EQ(epoch_of(params, Height{4}).value, 0u);
  EXPECT_EQ(epoch_of(params, Height{5}).value, 1u);
  EXPECT_FALSE(is_last_of_epoch(params, Height{0}));
  EXPECT_TRUE(is_last_of_epoch(params, Height{8}));
  EXPECT_EQ(min_fee(params, 1), 1u);
  EXPECT_EQ(min_fee(params, 1'001), 1'001u);
  EXPECT_EQ(fraction_of(amount_max, 10'000), amount_max);
  EXPECT_EQ(fraction_of(3, 5'000), 1u);
}

TEST(ChainParams, AnyBytesDecodeToThemselvesOrNotAtAll) {
  EXPECT_TRUE(rc::check([](const Bytes& noise, std::size_t at, std::uint8_t flip) {
    (void)decode_genesis(noise);
    Bytes bytes = encode_genesis(rich_genesis());
    bytes[at % bytes.size()] ^= flip;
    const auto decoded = decode_genesis(bytes);
    if (decoded) RC_ASSERT(encode_genesis(*decoded) == bytes);
  }));
}

}  // namespace
}  // namespace kith::codec
