#include "sim/payment_load.h"

#include <algorithm>

#include "base/format.h"
#include "codec/chain_key.h"

namespace kith::sim {
namespace {

constexpr std::size_t timings_max = 1'000'000;
constexpr codec::Amount output_least = 10'000;

codec::Amount bonded_by(const codec::ValidatorOrder& order) {
  if (const auto* const bond = std::get_if<codec::Bond>(&order)) return bond->amount;
  if (const auto* const more = std::get_if<codec::AddStake>(&order)) return more->amount;
  return 0;
}

}  // namespace

PaymentLoad::PaymentLoad(std::uint32_t accounts, std::uint32_t coins, codec::Amount value) {
  SeededRng rng(0x70617972);  // who they are does not matter
  for (std::uint32_t account = 0; account < accounts; ++account) {
    keys_.push_back(crypto::KeyPair::generate(rng));
    locks_.push_back(codec::lock_of(codec::chain_key_of(keys_.back())));
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

/// A coin of `least` or more that no payment spends; from now on one does.
std::optional<codec::OutPoint> PaymentLoad::take(Instant now, Rng& rng, codec::Amount least) {
  for (; !busy_.empty() && busy_.begin()->first <= now; busy_.erase(busy_.begin())) {
    if (coins_.contains(busy_.begin()->second)) free_.push_back(busy_.begin()->second);
  }
  std::vector<codec::OutPoint> small;
  std::optional<codec::OutPoint> taken;
  while (!free_.empty() && !taken) {
    const std::size_t at = rng.below(free_.size());
    const codec::OutPoint from = std::exchange(free_[at], free_.back());
    free_.pop_back();
    const auto coin = coins_.find(from);
    if (coin == coins_.end() || coin->second.value < 2 * output_least + fee) continue;
    if (coin->second.value < least) {
      small.push_back(from);
      continue;
    }
    busy_.emplace(now + again_after, from);
    taken = from;
  }
  free_.insert(free_.end(), small.begin(), small.end());
  return taken;
}

codec::TxPtr PaymentLoad::note(Instant now, codec::Transaction tx) {
  ++made_;
  codec::TxPtr sealed = codec::seal(std::move(tx));
  made_at_.emplace(sealed->txid, now);
  return sealed;
}

codec::TxPtr PaymentLoad::next(Instant now, Rng& rng) {
  const auto from = take(now, rng, 2 * output_least + fee);
  if (!from) return nullptr;
  const auto& [account, value] = coins_.at(*from);
  codec::Transaction tx;
  tx.fee = fee;
  tx.inputs = {{*from, 0}};
  const codec::Amount paid = output_least + rng.below(value - fee - 2 * output_least + 1);
  const auto to = static_cast<std::uint32_t>(rng.below(locks_.size()));
  tx.outputs = {{codec::output_version, codec::lock_key_hash, paid, locks_[to]},
                {codec::output_version, codec::lock_key_hash, value - fee - paid, locks_[account]}};
  tx.witnesses = {{codec::witness_ed25519, codec::chain_key_of(keys_[account]), {}}};
  codec::sign(tx, keys_[account], genesis_);
  return note(now, std::move(tx));
}

codec::TxPtr PaymentLoad::order(Instant now, Rng& rng, codec::ValidatorOrder order,
                                const crypto::KeyPair& signer) {
  const codec::Amount bonded = bonded_by(order);
  const auto from = take(now, rng, bonded + fee + output_least);
  if (!from) return nullptr;
  const auto& [account, value] = coins_.at(*from);
  codec::Transaction tx;
  tx.fee = fee;
  tx.inputs = {{*from, 0}};
  tx.outputs = {
      {codec::output_version, codec::lock_key_hash, value - fee - bonded, locks_[account]}};
  tx.witnesses = {{codec::witness_ed25519, codec::chain_key_of(keys_[account]), {}}};
  codec::TxAction action{codec::module_validators, codec::TxAction::no_witness, {}};
  if (std::holds_alternative<codec::Unbond>(order)) {
    tx.witnesses.push_back({codec::witness_ed25519, codec::chain_key_of(signer), {}});
    std::ranges::sort(tx.witnesses, {}, &codec::TxWitness::key);
    const bool is_signer_first = tx.witnesses[0].key == codec::chain_key_of(signer);
    action.witness = is_signer_first ? 0 : 1;
    tx.inputs[0].witness = is_signer_first ? 1 : 0;
  }
  if (auto* const bond = std::get_if<codec::Bond>(&order)) {
    bond->proof = signer.sign(codec::bond_message(genesis_, *bond, *from));
  }
  action.body = codec::encode_order(order);
  tx.actions = {std::move(action)};
  codec::sign(tx, keys_[account], genesis_);
  if (tx.witnesses.size() > 1) codec::sign(tx, signer, genesis_);
  return note(now, std::move(tx));
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
    for (const codec::TxAction& action : tx->tx.actions) {
      if (const auto order = codec::decode_order(action.body)) out += bonded_by(*order);
    }
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
