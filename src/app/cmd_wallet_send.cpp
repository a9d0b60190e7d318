// kith wallet: paying, and transactions between machines.
#include "app/cmd.h"
#include "app/terminal.h"
#include "app/wallet_pay.h"
#include "base/format.h"
#include "rt/files.h"
#include "wallet/amount_text.h"

namespace kith::app {
namespace {

Result<codec::Hash> lock_of_address(const wallet::Wallet& wallet, const std::string& address) {
  auto lock = codec::decode_address(wallet.file().hrp, address);
  if (lock) return *lock;
  return fail(Code::usage, base::format("\"{}\" is no address of this chain: {}",
                                        address.substr(0, 100), lock.error().message));
}

Result<wallet::OfflineTx> read_tx_file(const std::string& path) {
  const Bytes bytes = TRY(rt::read_file(path, wallet::offline_tx_bytes_max));
  auto file = wallet::decode_offline_tx(bytes);
  if (!file) return fail(file.error().code, base::format("{}: {}", path, file.error().message));
  return file;
}

Result<cli::TxReport> sign(const cli::Globals& globals, const cli::WalletSignArgs& args) {
  const wallet::Amount fee_max = TRY(coins_or(args.max_fee, wallet::fee_max_default));
  wallet::OfflineTx file = TRY(read_tx_file(args.file));
  const std::string home = TRY(home_of(globals));
  auto store = TRY(WalletStore::open(home, args.options, /*may_change=*/false));
  const auto& own = store.wallet().file();
  if (own.genesis != file.genesis || own.hrp != file.hrp) {
    return fail(Code::refused, base::format("{} is of the chain {} ({}), the wallet of {} ({})",
                                            args.file, base::to_hex(file.genesis), file.hrp,
                                            base::to_hex(own.genesis), own.hrp));
  }
  TRY_VOID(wallet::check_fee(file.tx.fee, fee_max));
  const auto account = TRY(store.unlock());
  auto report = TRY(report_of(file, &account, nullptr));
  if (is_terminal() && !args.yes && !globals.json) {
    report.status = "to be signed";
    say(globals, cli::to_text(report));
    if (!ask_yes("Sign it?")) return fail(Code::canceled, "nothing was signed");
  }
  const std::size_t count = TRY(wallet::sign_offline(file, account));
  if (count == 0) return fail(Code::refused, "none of its keys is the wallet's");
  for (const auto& key : wallet::unsigned_by(file)) report.missing.push_back(base::to_hex(key));
  report.status = report.missing.empty() ? "signed" : "partly-signed";
  report.file = args.out.empty() ? args.file : args.out;
  TRY_VOID(
      rt::write_file_atomic(report.file, wallet::encode_offline_tx(file), rt::public_file_mode));
  return report;
}

Result<cli::TxReport> broadcast(const cli::Globals& globals, const cli::WalletBroadcastArgs& args) {
  const wallet::OfflineTx file = TRY(read_tx_file(args.file));
  if (const auto missing = wallet::unsigned_by(file); !missing.empty()) {
    return fail(Code::bad_signature,
                base::format("the signature of {} is missing or wrong; `kith wallet sign` signs",
                             base::to_hex(missing.front())));
  }
  auto chain = TRY(WalletChain::reach(globals));
  TRY_VOID(chain.check(file.genesis));
  auto report = TRY(report_of(file, nullptr, nullptr));
  cli::Submitted submitted = TRY(chain.submit(file.tx));
  if (args.wait && submitted.status != "final") submitted = TRY(chain.wait(submitted.txid));
  report.status = submitted.status;
  report.height = submitted.height;
  return report;
}

}  // namespace

int run_wallet_send(const cli::Globals& globals, const cli::WalletSendArgs& args) {
  const auto amount = args.all ? Result<wallet::Amount>(0) : wallet::parse_coins(args.amount);
  if (!amount) return fail_wallet(globals, amount.error());
  const auto fill = [&](PayDraft& draft, wallet::Wallet& wallet, WalletChain&) -> Result<void> {
    wallet::PaymentRequest& request = draft.request;
    request.to = {{TRY(lock_of_address(wallet, args.to)), *amount}};
    request.is_fee_inside = args.subtract_fee;
    if (args.all) request.coins_for = wallet::CoinsFor::all;
    return {};
  };
  return finish_tx(globals, pay(globals, args.options, args.payment, fill));
}

int run_wallet_merge(const cli::Globals& globals, const cli::WalletMergeArgs& args) {
  const auto fill = [](PayDraft& draft, wallet::Wallet&, WalletChain&) -> Result<void> {
    wallet::PaymentRequest& request = draft.request;
    request.to = {{request.change_lock, 0}};
    request.own_payee = request.change_path;
    request.coins_for = wallet::CoinsFor::merge;
    return {};
  };
  return finish_tx(globals, pay(globals, args.options, args.payment, fill));
}

int run_wallet_sign(const cli::Globals& globals, const cli::WalletSignArgs& args) {
  return finish_tx(globals, sign(globals, args));
}

int run_wallet_broadcast(const cli::Globals& globals, const cli::WalletBroadcastArgs& args) {
  return finish_tx(globals, broadcast(globals, args));
}

}  // namespace kith::app
