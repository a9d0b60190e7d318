// Which coins pay for a transaction. First branch and bound over what each coin is worth once it
// has paid for its own bytes, for a set that needs no change (M. Erhardt, "An Evaluation of Coin
// Selection Strategies", 2016; as bitcoind does it); else the smallest coin that is enough by
// itself; else the largest first. The same coins give the same choice.
//
// Sizes are exact: coins of one key share its witness. The fee is the rate times the bytes, divided
// by 1000 and rounded up (docs/protocol/ledger.md). Change below dust is no output: it goes to the
// fee, or stays with the payee when the fee is theirs. Limits: those of a transaction on inputs,
// witnesses and bytes; 100,000 steps of the search.
#pragma once

#include <set>
#include <span>
#include <vector>

#include "wallet/hd_key.h"

namespace kith::wallet {

using codec::Amount;

/// An unspent output of the wallet.
struct Coin {
  codec::OutPoint from;
  Amount value = 0;
  KeyPath path;
  codec::ChainKey key{};
  friend bool operator==(const Coin&, const Coin&) = default;
};

inline constexpr Amount fee_rate_max = 100 * codec::units_per_coin;
/// Units for so many bytes. REQUIRES: rate <= fee_rate_max.
Amount fee_of(Amount rate, std::size_t bytes);

inline constexpr std::size_t tx_input_bytes = codec::outpoint_bytes + 2;
inline constexpr std::size_t tx_witness_bytes = 1 + 32 + 64;

/// What has to be paid for.
struct Need {
  Amount amount = 0;      // outputs, and what is bonded
  std::size_t bytes = 0;  // of the transaction without inputs, change and their witnesses
  std::set<codec::ChainKey> signers;  // whose witnesses are in `bytes`
  bool is_fee_inside = false;         // the fee comes out of `amount`
  Amount rate = 0;
  Amount dust = 0;
  std::size_t bytes_max = codec::tx_bytes_max;
};

struct Selection {
  std::vector<Coin> coins;
  Amount fee = 0;
  Amount change = 0;  // 0: there is none
  Amount paid = 0;    // need.amount, or that without the fee when it is inside

  Amount sum() const { return paid + fee + change; }
};

/// `refused` names what is needed and what there is; `too_large` when there is enough, but in coins
/// too small for one transaction; `malformed` for coins that cannot be, since a node made them up.
Result<Selection> select_coins(std::span<const Coin> coins, const Need& need);
/// All of them, as far as they are worth their own bytes, into what is paid; need.amount is
/// ignored. `too_large` as above.
Result<Selection> select_all(std::span<const Coin> coins, const Need& need);
/// As many as fit, the smallest first, those that are worth their bytes: for merging. The rest
/// stays. `refused` when there are not two.
Result<Selection> select_small(std::span<const Coin> coins, const Need& need);

}  // namespace kith::wallet
