// Orders that transactions of a wallet carry, of every module that it knows: to validators
// (codec/chain_validator.h), to accounts (chain_account.h) and to jobs (chain_job.h). And the keys
// of accounts on the ledger: m/44'/COIN'/account'/2'/index', which no address is made of.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "codec/chain_account.h"
#include "codec/chain_job.h"
#include "wallet/hd_key.h"

namespace kith::wallet {

struct WalletOrder : std::variant<codec::ValidatorOrder, codec::AccountOrder, codec::JobOrder> {
  using variant::variant;
  WalletOrder(const WalletOrder&);
  WalletOrder& operator=(const WalletOrder&);
  WalletOrder(WalletOrder&&) noexcept;
  WalletOrder& operator=(WalletOrder&&) noexcept;
  ~WalletOrder();
};

/// Without a witness.
codec::TxAction action_of(const WalletOrder& order);
/// `unsupported` for a module that this wallet does not know, `malformed` for no order.
Result<WalletOrder> order_of(const codec::TxAction& action);
/// What it takes out of the transaction's inputs.
codec::Amount taken_by(const WalletOrder& order);
/// With the proof that a bond, a new key or a worker's key has to give, by `key`; the order itself
/// when it has none. `first`: what the transaction's first input spends.
WalletOrder proven(const WalletOrder& order, const crypto::KeyPair& key, const codec::Hash& genesis,
                   const codec::OutPoint& first);

/// The chain of a wallet's keys that accounts are signed by.
inline constexpr std::uint32_t signer_chain = 2;
/// Indexes below it are looked at, when a key's place is not known.
inline constexpr std::uint32_t signer_keys_max = 20;
/// The key of the wallet's `index`-th account. REQUIRES: index <= hd_index_max.
crypto::KeyPair signer_at(const HdKey& account, std::uint32_t index);
/// The wallet's key pair of a public key, if it is one of the first.
std::optional<crypto::KeyPair> find_signer(const HdKey& account, const codec::ChainKey& key);
/// What hides a name in its seal: follows from the key, so that whoever was interrupted between
/// sealing and taking a name needs no file to go on, and nobody without the key can try names.
codec::Hash name_salt(const crypto::KeyPair& key, const codec::AccountId& id,
                      std::string_view name);

}  // namespace kith::wallet
