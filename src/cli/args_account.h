// Arguments of `kith account`; as in args.h. Amounts stay text: app/ reads them, as coins with up
// to 8 decimals. One alternative of the Command there.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/time.h"
#include "cli/args_wallet.h"

namespace kith::cli {

/// Of every verb that gives an order to an account: who pays, and whose order it is.
struct AccountOptions {
  WalletOptions wallet;
  PaymentOptions payment;
  std::string account;  // a name or an id; empty: the home's
};
/// Of verbs that take a name, which takes two transactions some blocks apart.
struct NamingOptions {
  bool is_later = false;  // returns once the name is sealed
  Duration timeout = 30min;
};

struct AccountCreateArgs {
  WalletOptions wallet;
  PaymentOptions payment;
  NamingOptions naming;
  std::string name;
  std::string bond;         // empty: the chain's minimum
  std::string address;      // whom it pays; empty: a new one of the wallet
  std::uint64_t index = 0;  // of the wallet's accounts
};
struct AccountRenameArgs {
  AccountOptions options;
  NamingOptions naming;
  std::string name;
};
struct AccountShowArgs {
  std::string account;
};
struct AccountListArgs {
  std::uint64_t limit = 100;
  std::string after;
  bool is_own = false;
  WalletOptions wallet;
};
struct AccountUseArgs {
  std::string account;
};
struct AccountBondArgs {
  AccountOptions options;
  std::string amount;
};
struct AccountWithdrawArgs {
  AccountOptions options;
  std::string amount;
};
struct AccountCloseArgs {
  AccountOptions options;
};
struct AccountChangeKeyArgs {
  AccountOptions options;
  std::uint64_t index = 1;  // of the new key among the wallet's
};
struct AccountAddWorkerArgs {
  AccountOptions options;
  std::string folder;  // of the worker's key; empty: HOME/worker
  std::string device = "cpu";
};
struct AccountRemoveWorkerArgs {
  AccountOptions options;
  std::string worker;  // hex
};
struct AccountJoinArgs {
  AccountOptions options;
  std::string team;
};
struct AccountLeaveArgs {
  AccountOptions options;
};
struct AccountTeamArgs {
  AccountOptions options;
  bool is_closed = false;
};
struct AccountExportArgs {
  WalletOptions wallet;
  std::string account;
  std::string file;
  std::string seal_file;  // whose first line seals it
  bool no_passphrase = false;
};
struct AccountImportArgs {
  std::string file;
};
struct AccountCertificateArgs {
  AccountOptions options;
  std::uint64_t job = 0;  // 0: of the account alone
  std::string find;       // its name in that job; empty: of its work
  std::string file;
};

struct AccountArgs
    : std::variant<AccountCreateArgs, AccountRenameArgs, AccountShowArgs, AccountListArgs,
                   AccountUseArgs, AccountBondArgs, AccountWithdrawArgs, AccountCloseArgs,
                   AccountChangeKeyArgs, AccountAddWorkerArgs, AccountRemoveWorkerArgs,
                   AccountJoinArgs, AccountLeaveArgs, AccountTeamArgs, AccountExportArgs,
                   AccountImportArgs, AccountCertificateArgs> {
  using variant::variant;
  AccountArgs(const AccountArgs&);
  AccountArgs& operator=(const AccountArgs&);
  AccountArgs(AccountArgs&&) noexcept;
  AccountArgs& operator=(AccountArgs&&) noexcept;
  ~AccountArgs();
};

}  // namespace kith::cli
