#include "wallet/coin_selection.h"

#include <algorithm>
#include <optional>

#include "base/format.h"
#include "codec/chain_params.h"
#include "wallet/amount_text.h"

namespace kith::wallet {
namespace {

constexpr std::size_t search_steps_max = 100'000;
constexpr std::size_t coin_bytes = tx_input_bytes + tx_witness_bytes;

/// Coins picked so far, and the transaction they make.
class Picked {
 public:
  explicit Picked(const Need& need) : need_(&need), signers_(need.signers), bytes_(need.bytes) {}

  void add(const Coin& coin) {
    coins_.push_back(coin);
    sum_ += coin.value;
    bytes_ += tx_input_bytes;
    if (signers_.insert(coin.key).second) bytes_ += tx_witness_bytes;
  }
  bool has_room_for(const Coin& coin, std::size_t further_bytes = 0) const {
    const bool is_new = !signers_.contains(coin.key);
    return coins_.size() < codec::tx_inputs_max &&
           signers_.size() + (is_new ? 1 : 0) <= codec::tx_witnesses_max &&
           bytes_ + tx_input_bytes + (is_new ? tx_witness_bytes : 0) + further_bytes <=
               need_->bytes_max;
  }
  Amount sum() const { return sum_; }
  std::size_t size() const { return coins_.size(); }
  const std::vector<Coin>& coins() const { return coins_; }
  Amount fee() const { return fee_of(need_->rate, bytes_); }

  /// The selection that these coins make, if they are enough.
  std::optional<Selection> settle(bool may_have_change) const {
    const Amount amount = need_->amount;
    const std::size_t with_change = bytes_ + codec::output_bytes;
    const Amount fee_then = fee_of(need_->rate, with_change);
    const Amount outside = need_->is_fee_inside ? 0 : fee_then;
    if (coins_.empty()) return std::nullopt;
    const bool can_pay = !need_->is_fee_inside || amount > fee_then;
    if (may_have_change && with_change <= need_->bytes_max && can_pay &&
        sum_ >= amount + outside + std::max<Amount>(need_->dust, 1)) {
      const Amount change = sum_ - amount - outside;
      return Selection{coins_, fee_then, change, sum_ - change - fee_then};
    }
    if (need_->is_fee_inside) {
      if (sum_ < amount || amount <= fee()) return std::nullopt;
      const Amount paid = std::min(amount, sum_ - fee());
      return Selection{coins_, sum_ - paid, 0, paid};
    }
    if (sum_ < amount + fee()) return std::nullopt;
    return Selection{coins_, sum_ - amount, 0, amount};
  }

 private:
  const Need* need_;
  std::vector<Coin> coins_;
  std::set<codec::ChainKey> signers_;
  Amount sum_ = 0;
  std::size_t bytes_;
};

/// Sums within `amount_max`, so that no sum below overflows.
Result<Amount> check_coins(std::span<const Coin> coins) {
  Amount sum = 0;
  for (const Coin& coin : coins) {
    const auto more = codec::add(sum, coin.value);
    if (!more || coin.value == 0) {
      return fail(Code::malformed, base::format("a coin {} of {} units cannot be",
                                                codec::to_text(coin.from), coin.value));
    }
    sum = *more;
  }
  return sum;
}

/// What is left of a coin that pays for its own bytes; 0 for less than nothing.
Amount worth(const Coin& coin, Amount rate) {
  const Amount cost = fee_of(rate, coin_bytes);
  return coin.value > cost ? coin.value - cost : 0;
}

std::vector<Coin> largest_first(std::span<const Coin> coins) {
  std::vector<Coin> sorted(coins.begin(), coins.end());
  std::ranges::sort(sorted, [](const Coin& a, const Coin& b) {
    return a.value != b.value ? a.value > b.value : a.from < b.from;
  });
  return sorted;
}

/// Depth first through "with it, without it", the largest first; keeps the set that wastes least.
class NoChangeSearch {
 public:
  NoChangeSearch(const std::vector<Coin>& coins, const Need& need) {
    is_fee_inside_ = need.is_fee_inside;
    for (const Coin& coin : coins) {
      values_.push_back(is_fee_inside_ ? coin.value : worth(coin, need.rate));
      left_ += values_.back();
    }
    target_ = need.amount + (is_fee_inside_ ? 0 : fee_of(need.rate, need.bytes));
    // What change would cost now, and when it is spent.
    slack_ = fee_of(need.rate, codec::output_bytes) + fee_of(need.rate, coin_bytes);
  }

  /// Places in the list of coins.
  std::optional<std::vector<std::size_t>> run() {
    if (left_ < target_) return std::nullopt;
    Amount left = left_;  // of all coins not decided on
    for (std::size_t step = 0, at = 0; step < search_steps_max; ++step) {
      const bool is_hit = sum_ >= target_ && sum_ <= target_ + slack_;
      if (is_hit && (!best_ || sum_ - target_ < waste_)) {
        best_ = chosen_;
        waste_ = sum_ - target_;
        if (waste_ == 0) return best_;
      }
      const bool is_dead = sum_ > target_ + slack_ || sum_ + left < target_ || is_hit ||
                           at == values_.size() || chosen_.size() == codec::tx_witnesses_max;
      if (!is_dead) {
        left -= values_[at];
        // A coin like the one just left out would only repeat what was tried.
        const bool is_repeat = at > 0 && values_[at] == values_[at - 1] &&
                               (chosen_.empty() || chosen_.back() != at - 1);
        if (!is_repeat && values_[at] > 0) {
          chosen_.push_back(at);
          sum_ += values_[at];
        }
        ++at;
        continue;
      }
      if (chosen_.empty()) return best_;
      // Back to the last that was taken, which is now left out.
      while (at > chosen_.back() + 1) left += values_[--at];
      sum_ -= values_[chosen_.back()];
      chosen_.pop_back();
    }
    return best_;
  }

 private:
  std::vector<Amount> values_;
  Amount target_ = 0;
  Amount slack_ = 0;
  Amount left_ = 0;
  bool is_fee_inside_ = false;
  Amount sum_ = 0;
  std::vector<std::size_t> chosen_;
  std::optional<std::vector<std::size_t>> best_;
  Amount waste_ = 0;
};

/// The smallest coin that is enough by itself.
std::optional<Selection> one_coin(const std::vector<Coin>& sorted, const Need& need) {
  for (auto coin = sorted.rbegin(); coin != sorted.rend(); ++coin) {
    Picked picked(need);
    if (!picked.has_room_for(*coin)) continue;
    picked.add(*coin);
    if (auto selection = picked.settle(/*may_have_change=*/true)) return selection;
  }
  return std::nullopt;
}

std::unexpected<Error> too_small(const Picked& picked) {
  return fail(Code::too_large,
              base::format("the coins are too small: {} of them, {} coins in all, fill a "
                           "transaction; `kith wallet merge` makes larger ones",
                           picked.size(), format_coins(picked.sum())));
}

std::unexpected<Error> not_enough(const Need& need, Amount fee, Amount there_is) {
  if (need.is_fee_inside) {
    if (there_is >= need.amount) {
      return fail(Code::refused,
                  base::format("{} coins do not pay the fee of {} and leave anything",
                               format_coins(need.amount), format_coins(fee)));
    }
    return fail(Code::refused, base::format("not enough: {} coins are needed, {} can be spent",
                                            format_coins(need.amount), format_coins(there_is)));
  }
  return fail(Code::refused,
              base::format("not enough: {} coins and a fee of {} are needed, {} can be spent",
                           format_coins(need.amount), format_coins(fee), format_coins(there_is)));
}

/// Into what is paid, all of it.
Result<Selection> pay_all(const Picked& picked, const Need& need) {
  const Amount fee = picked.fee();
  if (picked.sum() < fee + std::max<Amount>(need.dust, 1)) {
    return fail(Code::refused, base::format("{} coins do not pay the fee of {} and leave an output",
                                            format_coins(picked.sum()), format_coins(fee)));
  }
  return Selection{picked.coins(), fee, 0, picked.sum() - fee};
}

}  // namespace

Amount fee_of(Amount rate, std::size_t bytes) {
  ASSERT(rate <= fee_rate_max);
  return static_cast<Amount>((codec::Uint128{rate} * bytes + 999) / 1000);
}

Result<Selection> select_coins(std::span<const Coin> coins, const Need& need) {
  const Amount there_is = TRY(check_coins(coins));
  ASSERT(need.amount <= codec::amount_max);
  const std::vector<Coin> sorted = largest_first(coins);
  if (const auto chosen = NoChangeSearch(sorted, need).run()) {
    Picked picked(need);
    bool is_room = true;
    for (const std::size_t place : *chosen) {
      is_room = is_room && picked.has_room_for(sorted[place]);
      picked.add(sorted[place]);
    }
    auto selection = picked.settle(/*may_have_change=*/false);
    if (is_room && selection) return *std::move(selection);
  }
  if (auto selection = one_coin(sorted, need)) return *std::move(selection);
  Picked picked(need);
  for (const Coin& coin : sorted) {
    if (!picked.has_room_for(coin)) {
      if (there_is >= need.amount + picked.fee()) return too_small(picked);
      break;
    }
    picked.add(coin);
    if (auto selection = picked.settle(/*may_have_change=*/true)) return *std::move(selection);
  }
  if (picked.size() == 0) {  // the fee of one coin at least
    return not_enough(need, fee_of(need.rate, need.bytes + coin_bytes), there_is);
  }
  return not_enough(need, picked.fee(), there_is);
}

Result<Selection> select_all(std::span<const Coin> coins, const Need& need) {
  if (const auto sum = check_coins(coins); !sum) return fail(sum.error());
  Picked picked(need);
  for (const Coin& coin : largest_first(coins)) {
    if (coin.value <= fee_of(need.rate, tx_input_bytes)) continue;
    if (!picked.has_room_for(coin)) return too_small(picked);
    picked.add(coin);
  }
  if (picked.size() == 0) return fail(Code::refused, "there are no coins that can be spent");
  return pay_all(picked, need);
}

Result<Selection> select_small(std::span<const Coin> coins, const Need& need) {
  if (const auto sum = check_coins(coins); !sum) return fail(sum.error());
  Picked picked(need);
  const std::vector<Coin> sorted = largest_first(coins);
  for (auto coin = sorted.rbegin(); coin != sorted.rend(); ++coin) {
    if (coin->value <= fee_of(need.rate, tx_input_bytes)) continue;
    if (!picked.has_room_for(*coin)) break;
    picked.add(*coin);
  }
  if (picked.size() < 2) {
    return fail(Code::refused,
                base::format("there are {} coins to merge, of two at least", picked.size()));
  }
  return pay_all(picked, need);
}

}  // namespace kith::wallet
