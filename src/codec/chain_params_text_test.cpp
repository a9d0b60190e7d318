#include "codec/chain_params_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "codec/chain_address.h"
#include "codec/golden_test_util.h"
#include "codec/test_chain.h"

namespace kith::codec {
namespace {

TEST(ChainParamsText, EveryParameterChangesUnderItsName) {
  // Another value than the default for each, and then nothing of the defaults is left.
  const std::map<std::string, std::string, std::less<>> others = {
      {"block_bytes_max", "1048576"},
      {"tx_bytes_max", "65536"},
      {"min_fee_rate", "7u"},
      {"dust", "0.00001"},
      {"block_reward", "2.5"},
      {"halving_blocks", "0"},
      {"proposer_share", "2000"},
      {"treasury_share", "100"},
      {"treasury_lock", std::string(64, 'a')},
      {"epoch_blocks", "20"},
      {"block_interval_ms", "0"},
      {"max_drift_ms", "1000"},
      {"min_stake", "10"},
      {"tiers", "10:1,100:15"},
      {"validators_max", "7"},
      {"unbonding_epochs", "2"},
      {"jail_window", "50"},
      {"jail_threshold", "0"},
      {"jail_epochs", "3"},
      {"slash_equivocation", "1000"},
      {"slash_absence", "10"},
      {"heartbeat_ms", "1000"},
      {"address_hrp", "kitht"},
      {"computing", "on"},
      {"cheats", "2000"},
      {"draw_gap", "8"},
      {"min_bond", "2.5"},
      {"account_bond", "3"},
      {"bond_epochs", "5"},
      {"answer_blocks", "100"},
  };
  ASSERT_EQ(others.size(), param_names().size());
  ChainParams params;
  for (const std::string_view name : param_names()) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(others.contains(name));
    ChainParams before = params;
    ASSERT_TRUE(set_param(params, name, others.find(name)->second));
    EXPECT_NE(params, before);
    EXPECT_NE(param_text(params, name), param_text(before, name));
    // What it is shown as sets it.
    ASSERT_TRUE(set_param(before, name, param_text(params, name)));
    EXPECT_EQ(params, before);
  }
  EXPECT_TRUE(check(params)) << check(params).error().message;
  // And these are all that there are: whoever sets them has what is encoded.
  EXPECT_EQ(decode_params(encode_params(params)).value(), params);
}

TEST(ChainParamsText, SaysWhatIsWrong) {
  ChainParams params;
  const auto fault = [&](const char* name, const char* value) {
    const auto set = set_param(params, name, value);
    return set ? std::string("taken") : set.error().message;
  };
  EXPECT_EQ(fault("min_steak", "1"), "a chain has no parameter \"min_steak\"");
  EXPECT_NE(fault("proposer_share", "70000").find("\"70000\""), std::string::npos);
  EXPECT_NE(fault("epoch_blocks", "-1").find("epoch_blocks"), std::string::npos);
  EXPECT_NE(fault("epoch_blocks", "").find("epoch_blocks"), std::string::npos);
  EXPECT_NE(fault("dust", "1.123456789").find("digits"), std::string::npos);
  EXPECT_NE(fault("tiers", "10").find("STAKE:WEIGHT"), std::string::npos);
  EXPECT_NE(fault("treasury_lock", "kith1xyz"), "taken");
  EXPECT_EQ(fault("computing", "yes"), "computing: \"yes\" is neither on nor off");
  EXPECT_EQ(fault("cheats", "1"), "cheats: computing is off");
  EXPECT_EQ(fault("cheats", "none"), "taken");
  EXPECT_EQ(params, ChainParams());
}

TEST(ChainParamsText, Amounts) {
  EXPECT_EQ(parse_amount("12.5").value(), 1'250'000'000u);
  EXPECT_EQ(parse_amount("0.00000001").value(), 1u);
  EXPECT_EQ(parse_amount("546u").value(), 546u);
  EXPECT_EQ(parse_amount("4611686018427387904u").value(), amount_max);
  for (const char* text : {"", "u", ".", "1.", ".5", "-1", "1e3", "1.000000000", " 1", "1 ",
                           "4611686018427387905u", "46116860184.27387905", "99999999999"}) {
    EXPECT_FALSE(parse_amount(text)) << text;
  }
  EXPECT_EQ(format_amount(0), "0");
  EXPECT_EQ(format_amount(1), "0.00000001");
  EXPECT_EQ(format_amount(1'250'000'000), "12.5");
  rc::check("what is written reads back", [] {
    const Amount amount = *rc::gen::inRange<Amount>(0, amount_max);
    RC_ASSERT(parse_amount(format_amount(amount)).value() == amount);
  });
  rc::check("no text is too strange", [] {
    const auto text = *rc::gen::arbitrary<std::string>();
    ChainParams params;
    for (const std::string_view name : param_names()) (void)set_param(params, name, text);
    (void)parse_genesis_output("kith", text);
  });
}

TEST(ChainParamsText, Outputs) {
  const Hash lock = test::identity(3).lock;
  const std::string address = encode_address("kith", lock);
  const auto output = parse_genesis_output("kith", address + "=100");
  ASSERT_TRUE(output);
  EXPECT_EQ(output->lock, lock);
  EXPECT_EQ(output->value, 100 * units_per_coin);
  EXPECT_FALSE(parse_genesis_output("kith", address));
  EXPECT_FALSE(parse_genesis_output("other", address + "=100"));
  EXPECT_FALSE(parse_genesis_output("kith", address + "=0.1.2"));
}

TEST(ChainParamsText, ADraftMayLackValidators) {
  Genesis genesis;
  genesis.network = "test";
  const Bytes bytes = encode_genesis(genesis);
  EXPECT_FALSE(decode_genesis(bytes));
  EXPECT_EQ(decode_genesis_draft(bytes).value(), genesis);
  genesis.network = "No name";
  EXPECT_FALSE(decode_genesis_draft(encode_genesis(genesis)));
}

}  // namespace
}  // namespace kith::codec
