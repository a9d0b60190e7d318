// Payments and orders (orders.h) made into transactions: coins are selected, change goes back to
// the wallet at a random place among the outputs, witnesses are put in order. What comes out is
// unsigned (offline_tx.h).
#pragma once

#include <span>

#include "base/rng.h"
#include "wallet/coin_selection.h"
#include "wallet/offline_tx.h"
#include "wallet/orders.h"

namespace kith::wallet {

struct PayTo {
  codec::Hash lock{};
  Amount value = 0;
};

/// Whose witness an order has.
struct OrderSigner {
  codec::ChainKey key{};
  std::optional<KeyPath> path;  // none: not a key of the wallet
};
struct OrderRequest {
  WalletOrder order;
  std::optional<OrderSigner> signer;
  const crypto::KeyPair* proof_key = nullptr;  // signs the proof of an order that has one
};

enum class CoinsFor : std::uint8_t {
  payment,  // as few as serve
  all,      // every coin, to the one payee, whose value is ignored
  merge,    // the smallest, as many as fit, likewise
};

struct PaymentRequest {
  codec::Hash genesis{};
  std::string hrp;
  Amount rate = 0;  // units for 1000 bytes
  Amount dust = 0;
  std::size_t bytes_max = codec::tx_bytes_max;
  Amount fee_max = fee_max_default;
  std::uint64_t expiry = 0;

  std::vector<PayTo> to;
  std::vector<OrderRequest> orders;
  CoinsFor coins_for = CoinsFor::payment;
  bool is_fee_inside = false;  // the first payee pays it
  codec::Hash change_lock{};
  KeyPath change_path;
  std::optional<KeyPath> own_payee;  // of the first payee, when it is the wallet itself
};

struct Payment {
  OfflineTx file;
  Amount fee = 0;
  Amount change = 0;
};

/// `usage` for a payment of nothing or below dust, `refused` when the coins or --max-fee do not
/// allow it, `too_large`; each names the amounts.
Result<Payment> build_payment(std::span<const Coin> coins, const PaymentRequest& request, Rng& rng);

}  // namespace kith::wallet
