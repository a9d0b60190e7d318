// Accounts as a home knows them: which one is meant when none is named, keys that were imported,
// and what the chain says of an account. HOME/account/default has the id of the home's account,
// HOME/account/ID.account an imported key.
#pragma once

#include "app/wallet_pay.h"
#include "cli/wire_account.h"
#include "wallet/account_file.h"

namespace kith::app {

Result<codec::Hash> parse_hash_text(std::string_view text, std::string_view what);

/// What --account said, else the id in HOME/account/default; `not_found` says what to do.
Result<std::string> account_asked(const std::string& home, const std::string& account);
Result<void> keep_default_account(const std::string& home, const codec::AccountId& id);

std::string imported_path(const std::string& home, const codec::AccountId& id);
/// The imported key of the account, if there is one; asks for its passphrase when it is sealed.
Result<std::optional<crypto::KeyPair>> imported_key(const std::string& home,
                                                    const codec::AccountId& id);
/// The first line of a file, else $KITH_ACCOUNT_PASSPHRASE, else the terminal's.
Result<crypto::SecretBytes> account_passphrase(const std::string& file);

/// An account of the chain.
struct KnownAccount {
  cli::NodeAccount told;
  codec::AccountId id{};
  codec::ChainKey key{};
};
/// `not_found` when there is none, `refused` when it is closed.
Result<KnownAccount> find_account(WalletChain& chain, const std::string& asked);
/// Nothing when there is none.
Result<std::optional<cli::NodeAccount>> look_for_account(WalletChain& chain,
                                                         const std::string& asked);
/// What the chain demands of accounts; `unsupported` when it has none.
Result<cli::ComputeTerms> compute_terms(const WalletChain& chain);
/// Pays `draft` with an order that the account signs, and keeps its imported key in `held`.
using AccountOrderOf = std::function<Result<wallet::OrderRequest>(
    PayDraft& draft, wallet::Wallet& wallet, WalletChain& chain, const KnownAccount& account)>;
Result<cli::TxReport> pay_as_account(const cli::Globals& globals,
                                     const cli::AccountOptions& options,
                                     const AccountOrderOf& order_of);

}  // namespace kith::app
