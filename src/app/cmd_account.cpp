// kith account: orders about an account, signed by its key and paid by the wallet, and what the
// chain knows of accounts.
#include "app/cmd_account.h"

#include <algorithm>

#include "app/account_home.h"
#include "base/format.h"
#include "cli/reports_account.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/rng_system.h"
#include "wallet/amount_text.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;

int order(const cli::Globals& globals, const cli::AccountOptions& options,
          const AccountOrderOf& order_of) {
  return finish_tx(globals, pay_as_account(globals, options, order_of));
}

/// One that needs no more than the account.
int order(const cli::Globals& globals, const cli::AccountOptions& options,
          const std::function<codec::AccountOrder(const KnownAccount&)>& order_of) {
  return order(globals, options,
               [&](PayDraft&, wallet::Wallet&, WalletChain&,
                   const KnownAccount& account) -> Result<wallet::OrderRequest> {
                 return wallet::OrderRequest{order_of(account), std::nullopt, nullptr};
               });
}

Result<wallet::Amount> amount_of(const std::string& text) {
  const wallet::Amount amount = TRY(wallet::parse_coins(text));
  if (amount == 0) return fail(Code::usage, "an amount of 0 coins");
  return amount;
}

/// What of the bond may leave without closing the account, for the sentence of a refusal.
Result<wallet::Amount> free_bond(const WalletChain& chain, const cli::NodeAccount& told) {
  const cli::ComputeTerms terms = TRY(compute_terms(chain));
  const wallet::Amount needed = told.held + terms.account_bond;
  return told.bond > needed ? told.bond - needed : 0;
}

int withdraw(const cli::Globals& globals, const cli::AccountWithdrawArgs& args) {
  const auto amount = amount_of(args.amount);
  if (!amount) return fail_wallet(globals, amount.error());
  return order(
      globals, args.options,
      [&](PayDraft&, wallet::Wallet&, WalletChain& chain,
          const KnownAccount& account) -> Result<wallet::OrderRequest> {
        const wallet::Amount free = TRY(free_bond(chain, account.told));
        if (*amount > free) {
          return fail(Code::refused,
                      base::format("{} coins are to leave the bond, {} are free; `kith account "
                                   "close` takes all of it",
                                   wallet::format_coins(*amount), wallet::format_coins(free)));
        }
        return wallet::OrderRequest{codec::AccountOrder(codec::TakeBond{account.id, *amount}),
                                    std::nullopt, nullptr};
      });
}

int close(const cli::Globals& globals, const cli::AccountCloseArgs& args) {
  return order(globals, args.options,
               [&](PayDraft&, wallet::Wallet&, WalletChain&,
                   const KnownAccount& account) -> Result<wallet::OrderRequest> {
                 if (account.told.held > 0) {
                   return fail(Code::refused,
                               base::format("{} coins of its bond are held for slots and disputes",
                                            wallet::format_coins(account.told.held)));
                 }
                 return wallet::OrderRequest{
                     codec::AccountOrder(codec::TakeBond{account.id, account.told.bond}),
                     std::nullopt, nullptr};
               });
}

int add_bond(const cli::Globals& globals, const cli::AccountBondArgs& args) {
  const auto amount = amount_of(args.amount);
  if (!amount) return fail_wallet(globals, amount.error());
  return order(globals, args.options, [&](const KnownAccount& account) {
    return codec::AccountOrder(codec::AddBond{account.id, *amount});
  });
}

/// The new key is the wallet's, which has to be open for it.
int change_key(const cli::Globals& globals, const cli::AccountChangeKeyArgs& args) {
  const auto pair = [&]() -> Result<crypto::KeyPair> {
    const std::string home = TRY(home_of(globals));
    auto store = TRY(WalletStore::open(home, args.options.wallet, /*may_change=*/false));
    return wallet::signer_at(TRY(store.unlock()), static_cast<std::uint32_t>(args.index));
  }();
  if (!pair) return fail_wallet(globals, pair.error());
  return order(globals, args.options,
               [&](PayDraft&, wallet::Wallet&, WalletChain&,
                   const KnownAccount& account) -> Result<wallet::OrderRequest> {
                 const codec::ChainKey key = wallet::chain_key_of(*pair);
                 if (key == account.key) {
                   return fail(Code::usage, base::format("the account has the wallet's key {} "
                                                         "already",
                                                         args.index));
                 }
                 return wallet::OrderRequest{
                     codec::AccountOrder(codec::ChangeKey{account.id, key, {}}), std::nullopt,
                     &*pair};
               });
}

std::uint8_t class_of(std::string_view device) {
  constexpr std::array<std::string_view, 4> classes = {"other", "cpu", "nvidia", "gpu"};
  const auto found = std::ranges::find(classes, device);
  ASSERT(found != classes.end());  // the parser has looked
  return static_cast<std::uint8_t>(found - classes.begin());
}

int add_worker(const cli::Globals& globals, const cli::AccountAddWorkerArgs& args) {
  const auto worker = [&]() -> Result<rt::Identity> {
    const std::string folder =
        args.folder.empty() ? TRY(home_of(globals)) + "/worker" : args.folder;
    TRY_VOID(rt::make_dirs(folder, rt::private_dir_mode));
    rt::SystemRng rng;
    return rt::load_or_create_identity(folder, std::nullopt, rng);
  }();
  if (!worker) return fail_wallet(globals, worker.error());
  const codec::ChainKey key = wallet::chain_key_of(worker->key);
  say(globals, base::format("the worker's key is {}", base::to_hex(key)));
  return order(globals, args.options,
               [&](PayDraft&, wallet::Wallet&, WalletChain&,
                   const KnownAccount& account) -> Result<wallet::OrderRequest> {
                 const codec::AddWorker add{account.id, key, class_of(args.device), {}};
                 return wallet::OrderRequest{codec::AccountOrder(add), std::nullopt, &worker->key};
               });
}

int remove_worker(const cli::Globals& globals, const cli::AccountRemoveWorkerArgs& args) {
  const auto key = parse_hash_text(args.worker, "worker's key");
  if (!key) return fail_wallet(globals, key.error());
  return order(globals, args.options, [&](const KnownAccount& account) {
    return codec::AccountOrder(codec::DropWorker{account.id, *key});
  });
}

int join(const cli::Globals& globals, const cli::AccountJoinArgs& args) {
  return order(
      globals, args.options,
      [&](PayDraft&, wallet::Wallet&, WalletChain& chain,
          const KnownAccount& account) -> Result<wallet::OrderRequest> {
        const KnownAccount team = TRY(find_account(chain, args.team));
        if (!team.told.is_team) {
          return fail(Code::refused,
                      base::format("{} lets nobody join; `kith account team` does", args.team));
        }
        return wallet::OrderRequest{codec::AccountOrder(codec::JoinTeam{account.id, team.id}),
                                    std::nullopt, nullptr};
      });
}

int show(const cli::Globals& globals, const cli::AccountShowArgs& args) {
  const auto asked = [&]() -> Result<std::string> {
    return account_asked(TRY(home_of(globals)), args.account);
  }();
  if (!asked) return fail_wallet(globals, asked.error());
  return ask_running(globals, "account.get", {{"account", *asked}}, answer_timeout,
                     cli::render_account);
}

Result<cli::AccountPage> own_accounts(const cli::Globals& globals,
                                      const cli::WalletOptions& options) {
  const std::string home = TRY(home_of(globals));
  auto store = TRY(WalletStore::open(home, options, /*may_change=*/false));
  auto chain = TRY(WalletChain::reach(globals));
  TRY_VOID(chain.check(store.wallet().file().genesis));
  const wallet::HdKey account = TRY(store.unlock());
  cli::AccountPage page;
  for (std::uint32_t index = 0; index < wallet::signer_keys_max; ++index) {
    const auto key = wallet::chain_key_of(wallet::signer_at(account, index));
    const auto id = codec::account_id(store.wallet().file().genesis, key);
    if (auto told = TRY(look_for_account(chain, base::to_hex(id)))) {
      page.accounts.push_back(*std::move(told));
    }
  }
  const auto status = TRY(chain.call("chain.status", {}));
  page.height = TRY(cli::read_chain_status(status)).height;
  return page;
}

int list(const cli::Globals& globals, const cli::AccountListArgs& args) {
  const auto page = [&]() -> Result<cli::AccountPage> {
    if (args.is_own) return own_accounts(globals, args.wallet);
    auto chain = TRY(WalletChain::reach(globals));
    cli::Params params = {{"limit", args.limit}};
    if (!args.after.empty()) params.emplace_back("after", args.after);
    const auto answer = TRY(chain.call("account.list", params));
    return cli::read_accounts(answer);
  }();
  if (!page) return fail_wallet(globals, page.error());
  print(globals.json ? cli::accounts_json(page->height, page->accounts, page->next)
                     : cli::to_text(page->accounts));
  return cli::exit_done;
}

int use(const cli::Globals& globals, const cli::AccountUseArgs& args) {
  const auto told = [&]() -> Result<cli::NodeAccount> {
    auto chain = TRY(WalletChain::reach(globals));
    const KnownAccount account = TRY(find_account(chain, args.account));
    const std::string home = TRY(home_of(globals));
    TRY_VOID(keep_default_account(home, account.id));
    return account.told;
  }();
  if (!told) return fail_wallet(globals, told.error());
  print(globals.json ? cli::accounts_json(0, {*told}, "") : cli::to_text(*told));
  return cli::exit_done;
}

}  // namespace

int run_account(const cli::Globals& globals, const cli::AccountArgs& args) {
  const cli::Globals& g = globals;
  return std::visit(
      Overload{[&](const cli::AccountCreateArgs& a) { return run_account_create(g, a); },
               [&](const cli::AccountRenameArgs& a) { return run_account_rename(g, a); },
               [&](const cli::AccountShowArgs& a) { return show(g, a); },
               [&](const cli::AccountListArgs& a) { return list(g, a); },
               [&](const cli::AccountUseArgs& a) { return use(g, a); },
               [&](const cli::AccountBondArgs& a) { return add_bond(g, a); },
               [&](const cli::AccountWithdrawArgs& a) { return withdraw(g, a); },
               [&](const cli::AccountCloseArgs& a) { return close(g, a); },
               [&](const cli::AccountChangeKeyArgs& a) { return change_key(g, a); },
               [&](const cli::AccountAddWorkerArgs& a) { return add_worker(g, a); },
               [&](const cli::AccountRemoveWorkerArgs& a) { return remove_worker(g, a); },
               [&](const cli::AccountJoinArgs& a) { return join(g, a); },
               [&](const cli::AccountLeaveArgs& a) {
                 return order(g, a.options, [](const KnownAccount& account) {
                   return codec::AccountOrder(codec::JoinTeam{account.id, {}});
                 });
               },
               [&](const cli::AccountTeamArgs& a) {
                 return order(g, a.options, [&](const KnownAccount& account) {
                   return codec::AccountOrder(codec::OpenTeam{account.id, !a.is_closed});
                 });
               },
               [&](const cli::AccountExportArgs& a) { return run_account_export(g, a); },
               [&](const cli::AccountImportArgs& a) { return run_account_import(g, a); },
               [&](const cli::AccountCertificateArgs& a) { return run_account_certificate(g, a); }},
      args);
}

}  // namespace kith::app
