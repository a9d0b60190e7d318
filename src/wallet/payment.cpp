#include "wallet/payment.h"

#include <algorithm>
#include <map>

#include "base/format.h"
#include "wallet/amount_text.h"

namespace kith::wallet {
namespace {

/// What is fixed before coins are selected.
codec::Transaction draft_of(const PaymentRequest& request) {
  codec::Transaction tx;
  tx.expiry = request.expiry;
  for (const PayTo& to : request.to) {
    tx.outputs.push_back({codec::output_version, codec::lock_key_hash, to.value, to.lock});
  }
  for (const OrderRequest& order : request.orders) {
    tx.actions.push_back(action_of(order.order));
  }
  return tx;
}

Result<Need> need_of(const PaymentRequest& request, const codec::Transaction& draft) {
  if (request.rate > fee_rate_max) {
    return fail(Code::usage, base::format("a fee rate of {} coins for 1000 bytes, limit {}",
                                          format_coins(request.rate), format_coins(fee_rate_max)));
  }
  Need need;
  need.rate = request.rate;
  need.dust = request.dust;
  need.bytes_max = std::min(request.bytes_max, codec::tx_bytes_max);
  need.is_fee_inside = request.is_fee_inside;
  std::optional<Amount> amount = TRY(bonded_by(draft));
  if (request.coins_for == CoinsFor::payment) {
    for (const PayTo& to : request.to) {
      if (to.value < std::max<Amount>(request.dust, 1)) {
        return fail(
            Code::usage,
            base::format("a payment of {} coins; less than {} is dust, which no block takes",
                         format_coins(to.value), format_coins(request.dust)));
      }
      if (amount) amount = codec::add(*amount, to.value);
    }
  }
  if (!amount) return fail(Code::usage, "the payments are more than all coins that can be");
  need.amount = *amount;
  for (const OrderRequest& order : request.orders) {
    if (order.signer) need.signers.insert(order.signer->key);
  }
  need.bytes = codec::encoded_size(draft) + need.signers.size() * tx_witness_bytes;
  return need;
}

Result<Selection> selection_of(std::span<const Coin> coins, const PaymentRequest& request,
                               const Need& need) {
  switch (request.coins_for) {
    case CoinsFor::payment: return select_coins(coins, need);
    case CoinsFor::all: return select_all(coins, need);
    case CoinsFor::merge: return select_small(coins, need);
  }
  return fail(Code::internal, "a payment of no kind");
}

/// Puts in the coins, and the witnesses by key.
void add_inputs(OfflineTx& file, const Selection& selection, const PaymentRequest& request) {
  codec::Transaction& tx = file.tx;
  std::map<codec::ChainKey, std::optional<KeyPath>> paths;
  for (const OrderRequest& order : request.orders) {
    if (order.signer) paths[order.signer->key] = order.signer->path;
  }
  for (const Coin& coin : selection.coins) paths[coin.key] = coin.path;
  std::map<codec::ChainKey, std::uint16_t> places;
  for (const auto& [key, path] : paths) {
    places[key] = static_cast<std::uint16_t>(tx.witnesses.size());
    tx.witnesses.push_back({codec::witness_ed25519, key, {}});
    file.signers.push_back(path);
  }
  for (const Coin& coin : selection.coins) {
    tx.inputs.push_back({coin.from, places[coin.key]});
    file.values.push_back(coin.value);
  }
  for (std::size_t i = 0; i < request.orders.size(); ++i) {
    const auto& signer = request.orders[i].signer;
    if (signer) tx.actions[i].witness = places[signer->key];
  }
}

/// Proofs are over the first input, so they come after the coins.
void prove_orders(OfflineTx& file, const PaymentRequest& request) {
  for (std::size_t i = 0; i < request.orders.size(); ++i) {
    const OrderRequest& order = request.orders[i];
    if (order.proof_key == nullptr) continue;
    const codec::OutPoint& first = file.tx.inputs[0].from;
    const auto proof = proven(order.order, *order.proof_key, file.genesis, first);
    file.tx.actions[i].body = action_of(proof).body;
  }
}

}  // namespace

Result<Payment> build_payment(std::span<const Coin> coins, const PaymentRequest& request,
                              Rng& rng) {
  if (request.to.empty() && request.orders.empty()) {
    return fail(Code::usage, "a payment to nobody");
  }
  ASSERT(request.coins_for == CoinsFor::payment || request.to.size() == 1);
  Payment payment;
  OfflineTx& file = payment.file;
  file.genesis = request.genesis;
  file.hrp = request.hrp;
  file.tx = draft_of(request);
  const Need need = TRY(need_of(request, file.tx));
  const Selection selection = TRY(selection_of(coins, request, need));
  TRY_VOID(check_fee(selection.fee, request.fee_max));

  file.tx.fee = payment.fee = selection.fee;
  file.own_outputs.resize(file.tx.outputs.size());
  if (!request.to.empty()) {
    file.own_outputs[0] = request.own_payee;
    Amount& first = file.tx.outputs[0].value;
    if (request.coins_for != CoinsFor::payment) {
      first = selection.paid;
    } else {
      first -= need.amount - selection.paid;  // the fee, when it is inside
      const Amount least = std::max<Amount>(request.dust, 1);
      if (first < least || first > request.to[0].value) {
        return fail(Code::refused,
                    base::format("{} coins do not pay the fee of {} and leave {} at least",
                                 format_coins(request.to[0].value), format_coins(selection.fee),
                                 format_coins(least)));
      }
    }
  }
  if (selection.change > 0) {
    payment.change = selection.change;
    const auto place = static_cast<std::ptrdiff_t>(rng.below(file.tx.outputs.size() + 1));
    file.tx.outputs.insert(
        file.tx.outputs.begin() + place,
        {codec::output_version, codec::lock_key_hash, selection.change, request.change_lock});
    file.own_outputs.insert(file.own_outputs.begin() + place, request.change_path);
  }
  add_inputs(file, selection, request);
  prove_orders(file, request);
  TRY_VOID(codec::check_form(file.tx));
  return payment;
}

}  // namespace kith::wallet
