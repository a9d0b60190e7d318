// kith account create and rename: a name takes two transactions, so that nobody who sees it on its
// way can take it first (docs/protocol/accounts.md, "Orders"): its seal, and 16 blocks later the
// name. What was done is read from the chain, so the same command goes on where it was interrupted.
#include <chrono>
#include <thread>

#include "app/account_home.h"
#include "app/cmd_account.h"
#include "base/format.h"
#include "cli/reports_account.h"
#include "codec/account_name.h"
#include "wallet/amount_text.h"

namespace kith::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration look_interval = 200ms;
constexpr Duration say_interval = 10s;

/// One name on its way.
struct Naming {
  const cli::Globals& globals;
  cli::WalletOptions wallet;
  cli::PaymentOptions payment;
  cli::NamingOptions options;
  std::string home;
  const wallet::HdKey* account_key = nullptr;
  const crypto::KeyPair* signer = nullptr;
  codec::AccountId id{};
  codec::Hash salt{};
  cli::NamedReport report{};

  codec::Hash seal() const { return codec::name_seal(id, salt, report.name); }
};

Result<std::string> read_name(const std::string& text) {
  std::string name = codec::fold_name(text.substr(0, 100));
  const auto checked = codec::check_name(name);
  if (!checked) return fail(Code::usage, checked.error().message);
  return name;
}

/// Pays for one order, and waits until it is final.
Result<cli::TxReport> pay_order(Naming& naming, const codec::AccountOrder& order) {
  cli::PaymentOptions payment = naming.payment;
  payment.wait = !payment.is_dry_run && payment.unsigned_file.empty();
  const auto fill = [&](PayDraft& draft, wallet::Wallet&, WalletChain&) -> Result<void> {
    draft.request.orders = {
        {order, wallet::OrderSigner{wallet::chain_key_of(*naming.signer), std::nullopt}, nullptr}};
    draft.signers.push_back(naming.signer);
    return {};
  };
  auto report = TRY(pay(naming.globals, naming.wallet, payment, fill, naming.account_key));
  naming.report.txids.push_back(report.txid);
  naming.report.fees += report.fee;
  if (report.height) naming.report.height = *report.height;
  return report;
}

Result<std::uint64_t> height_of(WalletChain& chain) {
  const auto status = TRY(chain.call("chain.status", {}));
  return TRY(cli::read_chain_status(status)).height;
}

/// Until the next block is `height`, bounded.
Result<void> wait_for_block(Naming& naming, WalletChain& chain, std::uint64_t height) {
  const auto until = Clock::now() + naming.options.timeout;
  auto said = Clock::now() - say_interval;
  while (true) {
    const std::uint64_t now = TRY(height_of(chain));
    if (now + 1 >= height) return {};
    if (Clock::now() >= until) {
      return fail(Code::timeout,
                  base::format("the name {} is sealed and can be taken from block {} on; block {} "
                               "is the last one now. The same command goes on",
                               naming.report.name, height, now));
    }
    if (Clock::now() - said >= say_interval) {
      said = Clock::now();
      say(naming.globals,
          base::format("the name is sealed; it can be taken {} blocks from now", height - now - 1));
    }
    std::this_thread::sleep_for(look_interval);
  }
}

/// Whether a seal of that height can still be used, with some blocks to spare.
bool is_usable(std::uint64_t sealed, std::uint64_t now) {
  constexpr std::uint64_t spare_blocks = 100;
  return now + spare_blocks < sealed + codec::name_seal_blocks_max;
}

/// Takes the name by the seal in block `sealed`, now or when it is time.
Result<cli::NamedReport> take(Naming& naming, std::uint64_t sealed) {
  const std::uint64_t from = sealed + codec::name_seal_blocks_min;
  naming.report.status = "sealed";
  naming.report.free_from = from;
  auto chain = TRY(WalletChain::reach(naming.globals));
  if (naming.options.is_later && TRY(height_of(chain)) + 1 < from) return naming.report;
  TRY_VOID(wait_for_block(naming, chain, from));
  TRY(pay_order(naming, codec::TakeName{naming.id, naming.salt, naming.report.name}));
  naming.report.status = "named";
  naming.report.free_from.reset();
  return naming.report;
}

/// Goes on from what the chain says of the account.
Result<cli::NamedReport> name_account(Naming& naming, const cli::NodeAccount& told,
                                      std::uint64_t now) {
  if (told.name == naming.report.name) {
    naming.report.status = "named";
    naming.report.height = now;
    return naming.report;
  }
  if (!told.name.empty()) {
    return fail(Code::exists,
                base::format("the account {} has the name {}, and keeps it until it is closed",
                             told.id, told.name));
  }
  if (told.seal == base::to_hex(naming.seal()) && told.sealed && is_usable(*told.sealed, now)) {
    return take(naming, *told.sealed);
  }
  const auto sealed = TRY(pay_order(naming, codec::SealName{naming.id, naming.seal()}));
  return take(naming, sealed.height.value_or(now));
}

/// That nobody has a name that looks like it; the chain decides when it is taken.
Result<void> check_free(WalletChain& chain, const Naming& naming) {
  const auto other = TRY(look_for_account(chain, naming.report.name));
  if (!other || other->id == base::to_hex(naming.id)) return {};
  return fail(Code::exists, base::format("the account {} has the name {}, which looks like {}",
                                         other->id, other->name, naming.report.name));
}

struct OpenWallet {
  codec::Hash genesis{};
  wallet::HdKey key;
};
Result<OpenWallet> open_wallet(const std::string& home, const cli::WalletOptions& options) {
  auto store = TRY(WalletStore::open(home, options, /*may_change=*/false));
  wallet::HdKey key = TRY(store.unlock());
  return OpenWallet{store.wallet().file().genesis, std::move(key)};
}

/// The order that opens the account, with the seal of its name.
Result<cli::TxReport> open_account(Naming& naming, const cli::AccountCreateArgs& args,
                                   wallet::Amount bond) {
  cli::PaymentOptions payment = naming.payment;
  payment.wait = !payment.is_dry_run && payment.unsigned_file.empty();
  const auto fill = [&](PayDraft& draft, wallet::Wallet& wallet, WalletChain&) -> Result<void> {
    codec::OpenAccount open;
    open.amount = bond;
    open.seal = naming.seal();
    if (args.address.empty()) {
      open.lock = wallet.lock(TRY(wallet.new_address("account " + naming.report.name)));
    } else {
      auto lock = codec::decode_address(wallet.file().hrp, args.address);
      if (!lock) return fail(Code::usage, lock.error().message);
      open.lock = *lock;
    }
    draft.request.orders = {
        {codec::AccountOrder(open),
         wallet::OrderSigner{wallet::chain_key_of(*naming.signer), std::nullopt}, nullptr}};
    draft.signers.push_back(naming.signer);
    return {};
  };
  auto report = TRY(pay(naming.globals, naming.wallet, payment, fill, naming.account_key));
  naming.report.txids.push_back(report.txid);
  naming.report.fees += report.fee;
  if (report.height) naming.report.height = *report.height;
  return report;
}

Result<wallet::Amount> bond_of(const std::string& text, const cli::ComputeTerms& terms) {
  const wallet::Amount bond = TRY(coins_or(text, terms.account_bond));
  if (bond >= terms.account_bond) return bond;
  return fail(Code::usage,
              base::format("a bond of {} coins; this chain wants {} at least",
                           wallet::format_coins(bond), wallet::format_coins(terms.account_bond)));
}

/// What was ordered without being sent, or the account with its name.
using Made = std::variant<cli::TxReport, cli::NamedReport>;

bool is_sent(const cli::PaymentOptions& payment) {
  return !payment.is_dry_run && payment.unsigned_file.empty();
}

Result<Made> create(const cli::Globals& globals, const cli::AccountCreateArgs& args) {
  Naming naming{globals, args.wallet, args.payment, args.naming, TRY(home_of(globals))};
  naming.report.name = TRY(read_name(args.name));
  TRY_VOID(coins_or(args.bond, 0));
  auto chain = TRY(WalletChain::reach(globals));
  const auto terms = TRY(compute_terms(chain));
  const wallet::Amount bond = TRY(bond_of(args.bond, terms));
  const OpenWallet wallet = TRY(open_wallet(naming.home, args.wallet));
  TRY_VOID(chain.check(wallet.genesis));
  auto signer = wallet::signer_at(wallet.key, static_cast<std::uint32_t>(args.index));
  naming.account_key = &wallet.key;
  naming.id = codec::account_id(wallet.genesis, wallet::chain_key_of(signer));
  naming.salt = wallet::name_salt(signer, naming.id, naming.report.name);
  naming.report.account = base::to_hex(naming.id);
  const auto told = TRY(look_for_account(chain, naming.report.account));
  if (told && told->is_closed) {
    return fail(Code::refused, base::format("the wallet's account {} is closed; --index {} makes "
                                            "another",
                                            args.index, args.index + 1));
  }
  if (told) {
    const codec::ChainKey key = TRY(parse_hash_text(told->key, "account's key"));
    auto present = wallet::find_signer(wallet.key, key);
    if (!present) {
      return fail(Code::permission, base::format("the account's key {} is not the wallet's any "
                                                 "more",
                                                 told->key));
    }
    signer = *std::move(present);
  }
  naming.signer = &signer;
  naming.report.key = base::to_hex(wallet::chain_key_of(signer));
  TRY_VOID(check_free(chain, naming));
  if (told) {
    if (!is_sent(args.payment)) {
      return fail(Code::exists, base::format("the account {} is there already", told->id));
    }
    TRY_VOID(keep_default_account(naming.home, naming.id));
    const std::uint64_t now = TRY(height_of(chain));
    return Made(TRY(name_account(naming, *told, now)));
  }
  const auto opened = TRY(open_account(naming, args, bond));
  if (!is_sent(args.payment)) return Made(opened);
  TRY_VOID(keep_default_account(naming.home, naming.id));
  return Made(TRY(take(naming, opened.height.value_or(0))));
}

Result<Made> rename(const cli::Globals& globals, const cli::AccountRenameArgs& args) {
  const cli::AccountOptions& options = args.options;
  Naming naming{globals, options.wallet, options.payment, args.naming, TRY(home_of(globals))};
  naming.report.name = TRY(read_name(args.name));
  auto chain = TRY(WalletChain::reach(globals));
  TRY(compute_terms(chain));
  const std::string asked = TRY(account_asked(naming.home, options.account));
  const KnownAccount account = TRY(find_account(chain, asked));
  const OpenWallet wallet = TRY(open_wallet(naming.home, options.wallet));
  TRY_VOID(chain.check(wallet.genesis));
  auto signer = wallet::find_signer(wallet.key, account.key);
  if (!signer) signer = TRY(imported_key(naming.home, account.id));
  if (!signer || wallet::chain_key_of(*signer) != account.key) {
    return fail(Code::permission, base::format("the account's key {} is neither the wallet's nor "
                                               "imported",
                                               account.told.key));
  }
  naming.account_key = &wallet.key;
  naming.signer = &*signer;
  naming.id = account.id;
  naming.salt = wallet::name_salt(*signer, account.id, naming.report.name);
  naming.report.account = account.told.id;
  naming.report.key = account.told.key;
  TRY_VOID(check_free(chain, naming));
  if (!is_sent(options.payment)) {
    return Made(TRY(pay_order(naming, codec::SealName{naming.id, naming.seal()})));
  }
  const std::uint64_t now = TRY(height_of(chain));
  return Made(TRY(name_account(naming, account.told, now)));
}

int finish_named(const cli::Globals& globals, const Result<Made>& made) {
  if (!made) return fail_wallet(globals, made.error());
  if (const auto* tx = std::get_if<cli::TxReport>(&*made)) return finish_tx(globals, *tx);
  const auto& named = std::get<cli::NamedReport>(*made);
  print(globals.json ? cli::to_json(named) : cli::to_text(named));
  return cli::exit_done;
}

}  // namespace

int run_account_create(const cli::Globals& globals, const cli::AccountCreateArgs& args) {
  return finish_named(globals, create(globals, args));
}

int run_account_rename(const cli::Globals& globals, const cli::AccountRenameArgs& args) {
  return finish_named(globals, rename(globals, args));
}

}  // namespace kith::app
