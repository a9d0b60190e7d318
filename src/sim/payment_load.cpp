#include "sim/payment_load.h"

#include <algorithm>

#include "base/format.h"

namespace kith::sim {
namespace {

constexpr std::size_t timings_max = 1'000'000;

codec::ChainKey chain_key(const crypto::KeyPair& pair) {
  codec::ChainKey key{};
  std::ranges::copy(pair.public_key().data, key.begin());
  return key;
}

}  // namespace

PaymentLoad::PaymentLoad(std::uint32_t accounts, std::uint32_t coins, codec::Amount value) {
  SeededRng rng(0x70617972);  // who they are does not matter
  for (std::uint32_t account = 0; account < accounts; ++account) {
    keys_.push_back(crypto::KeyPair::generate(rng));
    locks_.push_back(codec::lock_of(chain_key(keys_.back())));
    account_of_.emplace(locks_.back(), account);
    for (std::uint32_t coin = 0; coin < coins; ++coin) {
      outputs_.push_back({codec::output_version, codec::lock_key_hash, value, locks_.back()});
    }
  }
}

void PaymentLoad::begin(const codec::Hash& genesis) {
  genesis_ = genesis;
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    add({genesis, i}, account_of_.at(outputs_[i].lock), outputs_[i].value);
  }
}

void PaymentLoad::add(const codec::OutPoint& outpoint, std::uint32_t account, codec::Amount value) {
  coins_.emplace(outpoint, Coin{account, value});
  free_.push_back(outpoint);
}

codec::TxPtr PaymentLoad::next(Instant now, Rng& rng) {
  for (; !busy_.empty() && busy_.begin()->first <= now; busy_.erase(busy_.begin())) {
    if (coins_.contains(busy_.begin()->second)) free_.push_back(busy_.begin()->second);
  }
  while (!free_.empty()) {
    const std::size_t at = rng.below(free_.size());
    const codec::OutPoint from = std::exchange(free_[at], free_.back());
    free_.pop_back();
    const auto coin = coins_.find(from);
    if (coin == coins_.end()) continue;
    const auto& [account, value] = coin->second;
    constexpr codec::Amount least = 10'000;
    if (value < 2 * least + fee) continue;
    codec::Transaction tx;
    tx.fee = fee;
    tx.inputs = {{from, 0}};
    const codec::Amount paid = least + rng.below(value - fee - 2 * least + 1);
    const auto to = static_cast<std::uint32_t>(rng.below(locks_.size()));
    tx.outputs = {
        {codec::output_version, codec::lock_key_hash, paid, locks_[to]},
        {codec::output_version, codec::lock_key_hash, value - fee - paid, locks_[account]}};
    tx.witnesses = {{codec::witness_ed25519, chain_key(keys_[account]), {}}};
    codec::sign(tx, keys_[account], genesis_);
    busy_.emplace(now + again_after, from);
    ++made_;
    codec::TxPtr sealed = codec::seal(std::move(tx));
    made_at_.emplace(sealed->txid, now);
    return sealed;
  }
  return nullptr;
}

void PaymentLoad::on_final(Instant now, const std::vector<codec::TxPtr>& txs) {
  for (const codec::TxPtr& tx : txs) {
    codec::Amount in = 0;
    for (const codec::TxInput& input : tx->tx.inputs) {
      const auto coin = coins_.find(input.from);
      if (coin == coins_.end()) {
        problem_ = base::format("{} spends {}, which is not there to spend", base::to_hex(tx->txid),
                                codec::to_text(input.from));
        return;
      }
      in += coin->second.value;
      coins_.erase(coin);
    }
    codec::Amount out = tx->tx.fee;
    for (std::uint32_t i = 0; i < tx->tx.outputs.size(); ++i) {
      const codec::TxOutput& output = tx->tx.outputs[i];
      out += output.value;
      const auto account = account_of_.find(output.lock);
      if (account != account_of_.end()) add({tx->txid, i}, account->second, output.value);
    }
    if (in != out) {
      problem_ = base::format("{} takes {} and gives {}", base::to_hex(tx->txid), in, out);
      return;
    }
    ++final_;
    const auto made = made_at_.extract(tx->txid);
    if (!made.empty() && took_ms_.size() < timings_max) {
      took_ms_.push_back(std::chrono::duration<double, std::milli>(now - made.mapped()).count());
    }
  }
}

}  // namespace kith::sim
