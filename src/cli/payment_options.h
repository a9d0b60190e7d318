// Options that verbs share which open a wallet, make a transaction, or order something for an
// account. Internal to cli, as verbs.h is.
#pragma once

#include "cli/app_tree.h"

namespace kith::cli {

void add_wallet_options(CLI::App& app, WalletOptions& options);
void add_payment_options(CLI::App& app, PaymentOptions& options);
/// Both, and whose order it is.
void add_account_options(CLI::App& app, AccountOptions& options);

}  // namespace kith::cli
