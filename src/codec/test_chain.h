// For tests of the ledger: keys by number, and transactions made and signed in one line.
#pragma once

#include <algorithm>
#include <map>

#include "codec/chain_account.h"
#include "codec/chain_job.h"
#include "codec/chain_tx.h"
#include "codec/chain_validator.h"

namespace kith::codec::test {

struct Identity {
  explicit Identity(std::uint32_t n) : pair(make(n)), key(), lock() {
    std::ranges::copy(pair.public_key().data, key.begin());
    lock = lock_of(key);
  }
  static crypto::KeyPair make(std::uint32_t n) {
    std::array<std::uint8_t, 32> seed{};
    for (std::size_t i = 0; i < 4; ++i) seed[i] = static_cast<std::uint8_t>(n >> (8 * i));
    seed[31] = 7;
    return crypto::KeyPair::from_seed(seed);
  }
  crypto::KeyPair pair;
  ChainKey key;
  Hash lock;
};

inline const Identity& identity(std::uint32_t n) {
  static std::map<std::uint32_t, Identity> all;
  return all.try_emplace(n, n).first->second;
}

inline Hash hash_of(std::uint8_t fill) {
  Hash hash;
  hash.fill(fill);
  return hash;
}

struct Spending {
  OutPoint from;
  std::uint32_t owner = 0;
};
struct Paying {
  std::uint32_t to = 0;
  Amount value = 0;
};
/// An order, and whose witness it has; 0: nobody's.
struct Ordering {
  std::variant<ValidatorOrder, AccountOrder, JobOrder> order;
  std::uint32_t by = 0;
};

inline TxAction action_of(const std::variant<ValidatorOrder, AccountOrder, JobOrder>& order) {
  if (const auto* job = std::get_if<JobOrder>(&order)) {
    return {module_jobs, TxAction::no_witness, encode_job_order(*job)};
  }
  if (const auto* account = std::get_if<AccountOrder>(&order)) {
    return {module_accounts, TxAction::no_witness, encode_account_order(*account)};
  }
  return {module_validators, TxAction::no_witness, encode_order(std::get<ValidatorOrder>(order))};
}

/// Puts witnesses in for all keys named, in their order, and points inputs and actions at them.
inline Transaction draft(const std::vector<Spending>& in, const std::vector<Paying>& out,
                         Amount fee, const std::vector<Ordering>& orders = {}) {
  Transaction tx;
  tx.fee = fee;
  std::map<ChainKey, std::uint16_t> places;
  for (const Spending& spending : in) places[identity(spending.owner).key] = 0;
  for (const Ordering& ordering : orders) {
    if (ordering.by != 0) places[identity(ordering.by).key] = 0;
  }
  for (auto& [key, place] : places) {
    place = static_cast<std::uint16_t>(tx.witnesses.size());
    tx.witnesses.push_back({witness_ed25519, key, {}});
  }
  for (const auto& [from, owner] : in) {
    tx.inputs.push_back({from, places[identity(owner).key]});
  }
  for (const auto& [to, value] : out) {
    tx.outputs.push_back({output_version, lock_key_hash, value, identity(to).lock});
  }
  for (const auto& [order, by] : orders) {
    TxAction action = action_of(order);
    if (by != 0) action.witness = places[identity(by).key];
    tx.actions.push_back(std::move(action));
  }
  return tx;
}

/// A signed transaction.
inline Transaction payment(const std::vector<Spending>& in, const std::vector<Paying>& out,
                           Amount fee, const Hash& genesis,
                           const std::vector<Ordering>& orders = {}) {
  Transaction tx = draft(in, out, fee, orders);
  for (const Spending& spending : in) sign(tx, identity(spending.owner).pair, genesis);
  for (const Ordering& ordering : orders) {
    if (ordering.by != 0) sign(tx, identity(ordering.by).pair, genesis);
  }
  return tx;
}

/// A bond with the proof of `validator`, for a transaction whose first input is `first`.
inline Bond bond_of(std::uint32_t validator, std::uint32_t owner, Amount amount,
                    const OutPoint& first, const Hash& genesis) {
  Bond bond{identity(validator).key, identity(owner).lock, amount, {}};
  bond.proof = identity(validator).pair.sign(bond_message(genesis, bond, first));
  return bond;
}

}  // namespace kith::codec::test
