#include "wallet/coin_selection.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "codec/chain_params.h"
#include "wallet/test_coins.h"

namespace kith::wallet {
namespace {

using test::coin;

/// A transaction of one output.
Need need_of(Amount amount) {
  Need need;
  need.amount = amount;
  need.bytes = 24 + codec::output_bytes;
  need.rate = 1000;
  need.dust = 546;
  return need;
}

std::size_t bytes_of(const Selection& selection, const Need& need) {
  std::set<codec::ChainKey> keys = need.signers;
  const std::size_t before = keys.size();
  for (const Coin& each : selection.coins) keys.insert(each.key);
  return need.bytes + selection.coins.size() * tx_input_bytes +
         (keys.size() - before) * tx_witness_bytes +
         (selection.change > 0 ? codec::output_bytes : 0);
}

Amount sum_of(const std::vector<Coin>& coins) {
  Amount sum = 0;
  for (const Coin& each : coins) sum += each.value;
  return sum;
}

/// What holds of every selection: nothing is lost, the fee is enough and no more than it may be,
/// change is none or no dust, no coin twice.
void check_selection(const Selection& selection, const Need& need, const std::vector<Coin>& from) {
  RC_ASSERT(sum_of(selection.coins) == selection.sum());
  const std::size_t bytes = bytes_of(selection, need);
  const Amount least = fee_of(need.rate, bytes);
  RC_ASSERT(selection.fee >= least);
  RC_ASSERT(bytes <= need.bytes_max);
  RC_ASSERT(selection.change == 0 || selection.change >= need.dust);
  if (selection.change > 0) RC_ASSERT(selection.fee == least);
  const std::size_t coin_bytes = tx_input_bytes + tx_witness_bytes;
  const Amount slack = fee_of(need.rate, codec::output_bytes) + fee_of(need.rate, coin_bytes) +
                       fee_of(need.rate, tx_witness_bytes * selection.coins.size()) + need.dust;
  RC_ASSERT(selection.fee <= least + slack + selection.coins.size());
  std::set<codec::OutPoint> seen;
  for (const Coin& each : selection.coins) {
    RC_ASSERT(seen.insert(each.from).second);
    RC_ASSERT(std::ranges::find(from, each) != from.end());
  }
}

struct Draw {
  std::vector<Coin> coins;
  Need need;
};

Draw draw(std::uint64_t seed) {
  SeededRng rng(seed);
  Draw draw;
  const std::size_t count = rng.below(40);
  const Amount scale = Amount{1} << (4 + rng.below(30));
  for (std::uint32_t i = 0; i < count; ++i) {
    draw.coins.push_back(coin(i, 1 + rng.below(scale), static_cast<std::uint32_t>(rng.below(8))));
  }
  const Amount all = sum_of(draw.coins);
  draw.need = need_of(546 + rng.below(all + all / 4 + 1));
  draw.need.rate = rng.below(4) == 0 ? 0 : rng.below(20'000);
  draw.need.dust = rng.below(2'000);
  draw.need.is_fee_inside = rng.below(3) == 0;
  if (rng.below(4) == 0) {
    draw.need.signers.insert(coin(0, 1, 3).key);
    draw.need.bytes += tx_witness_bytes;
  }
  return draw;
}

TEST(Fee, IsTheLedgersMinimum) {
  rc::check([](std::uint32_t rate, std::uint16_t bytes) {
    codec::ChainParams params;
    params.min_fee_rate = rate;
    RC_ASSERT(fee_of(rate, bytes) == codec::min_fee(params, bytes));
  });
  EXPECT_EQ(fee_of(1000, 1), 1U);
  EXPECT_EQ(fee_of(1, 1), 1U);
  EXPECT_EQ(fee_of(1001, 1000), 1001U);
  EXPECT_EQ(fee_of(1001, 1001), 1003U);
}

TEST(CoinSelection, NeverLosesAUnitNorPaysTooLittle) {
  rc::check([](std::uint64_t seed) {
    const auto [coins, need] = draw(seed);
    const auto selection = select_coins(coins, need);
    const Amount all = sum_of(coins);
    if (!selection) {
      RC_ASSERT(selection.error().code == Code::refused);
      // With all coins and their fee it would not have been enough either; unless a coin costs
      // more than it is worth.
      Selection every{coins, 0, 0, 0};
      const Amount fee = fee_of(need.rate, bytes_of(every, need));
      RC_ASSERT(coins.empty() || all < need.amount + fee || need.is_fee_inside);
      return;
    }
    check_selection(*selection, need, coins);
    if (need.is_fee_inside) {
      RC_ASSERT(selection->paid <= need.amount);
      RC_ASSERT(need.amount - selection->paid <= selection->fee);
    } else {
      RC_ASSERT(selection->paid == need.amount);
    }
    RC_ASSERT(select_coins(coins, need)->coins == selection->coins);
  });
}

TEST(CoinSelection, AllAndMergeNeverLoseAUnit) {
  rc::check([](std::uint64_t seed) {
    auto [coins, need] = draw(seed);
    for (const auto& selection : {select_all(coins, need), select_small(coins, need)}) {
      if (!selection) {
        RC_ASSERT(selection.error().code == Code::refused);
        continue;
      }
      check_selection(*selection, need, coins);
      RC_ASSERT(selection->change == 0U);
      RC_ASSERT(selection->fee == fee_of(need.rate, bytes_of(*selection, need)));
      RC_ASSERT(selection->paid >= std::max<Amount>(need.dust, 1));
    }
  });
}

TEST(CoinSelection, AnExactSumNeedsNoChange) {
  // 66 bytes and two inputs of two keys cost 336.
  const std::vector<Coin> coins = {coin(1, 50'000, 1), coin(2, 7'336, 2), coin(3, 3'000, 3),
                                   coin(4, 90'000, 4)};
  const auto selection = select_coins(coins, need_of(10'000));
  ASSERT_TRUE(selection.has_value()) << selection.error().message;
  EXPECT_EQ(selection->change, 0U);
  EXPECT_EQ(selection->fee, 336U);
  EXPECT_EQ(selection->coins.size(), 2U);
}

TEST(CoinSelection, ElseTheSmallestThatIsEnough) {
  const std::vector<Coin> coins = {coin(1, 90'000), coin(2, 40'000), coin(3, 20'000)};
  const auto selection = select_coins(coins, need_of(30'000));
  ASSERT_TRUE(selection.has_value());
  EXPECT_EQ(selection->coins, std::vector<Coin>{coins[1]});
  EXPECT_EQ(selection->fee, 24U + 42 + 42 + 38 + 97);
  EXPECT_EQ(selection->change, 10'000 - selection->fee);
}

TEST(CoinSelection, ChangeBelowDustGoesToTheFee) {
  Need need = need_of(30'000);
  need.dust = 5'000;
  const std::vector<Coin> coins = {coin(1, 33'000)};
  const auto selection = select_coins(coins, need);
  ASSERT_TRUE(selection.has_value());
  EXPECT_EQ(selection->change, 0U);
  EXPECT_EQ(selection->fee, 3'000U);
  // When the payee pays the fee, what would be dust pays it first.
  need.is_fee_inside = true;
  const auto inside = select_coins(coins, need);
  ASSERT_TRUE(inside.has_value());
  EXPECT_EQ(inside->paid, 30'000U);
  EXPECT_EQ(inside->fee, 3'000U);
}

TEST(CoinSelection, CoinsOfOneKeyShareItsWitness) {
  const std::vector<Coin> coins = {coin(1, 600), coin(2, 600)};
  // 24 + 42 + 2 * 38 + 97 = 239: with a witness each it would be too little by 51.
  const auto selection = select_coins(coins, need_of(1'200 - 239));
  ASSERT_TRUE(selection.has_value()) << selection.error().message;
  EXPECT_EQ(selection->fee, 239U);
}

TEST(CoinSelection, NotEnoughNamesBothAmounts) {
  const std::vector<Coin> coins = {coin(1, 100'000'000), coin(2, 50'000'000)};
  const auto selection = select_coins(coins, need_of(200'000'000));
  ASSERT_FALSE(selection.has_value());
  EXPECT_EQ(selection.error().code, Code::refused);
  EXPECT_EQ(selection.error().message,
            "not enough: 2 coins and a fee of 0.00000239 are needed, 1.5 can be spent");
  EXPECT_EQ(select_coins({}, need_of(1'000)).error().code, Code::refused);
}

TEST(CoinSelection, TooManySmallCoinsAreToldApartFromTooFew) {
  std::vector<Coin> coins;
  for (std::uint32_t i = 0; i < 2'000; ++i) coins.push_back(coin(i, 10'000, i % 3));
  const auto selection = select_coins(coins, need_of(15'000'000));
  ASSERT_FALSE(selection.has_value());
  EXPECT_EQ(selection.error().code, Code::too_large);
  EXPECT_EQ(select_coins(coins, need_of(30'000'000)).error().code, Code::refused);
  EXPECT_EQ(select_all(coins, need_of(0)).error().code, Code::too_large);
  const auto merged = select_small(coins, need_of(0));
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->coins.size(), codec::tx_inputs_max);
  // Of many keys it is the witnesses that fill it.
  std::vector<Coin> many;
  for (std::uint32_t i = 0; i < 300; ++i) many.push_back(coin(i, 10'000, i));
  EXPECT_EQ(select_small(many, need_of(0))->coins.size(), codec::tx_witnesses_max);
}

TEST(CoinSelection, CoinsThatCannotBeAreRefused) {
  const std::vector<Coin> coins = {coin(1, codec::amount_max), coin(2, 1)};
  EXPECT_EQ(select_coins(coins, need_of(1'000)).error().code, Code::malformed);
  EXPECT_EQ(select_all(coins, need_of(1'000)).error().code, Code::malformed);
  EXPECT_EQ(select_coins(std::vector{coin(1, 0)}, need_of(1'000)).error().code, Code::malformed);
}

TEST(CoinSelection, AnOrderWithoutAmountStillPaysItsFeeAndGetsChange) {
  Need need = need_of(0);
  need.bytes = 24 + 7 + 41;
  const auto selection = select_coins(std::vector{coin(1, 100'000)}, need);
  ASSERT_TRUE(selection.has_value());
  EXPECT_EQ(selection->paid, 0U);
  EXPECT_EQ(selection->change, 100'000 - selection->fee);
}

}  // namespace
}  // namespace kith::wallet
