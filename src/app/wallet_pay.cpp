#include "app/wallet_pay.h"

#include "app/order_words.h"
#include "base/format.h"
#include "rt/files.h"
#include "rt/rng_system.h"
#include "wallet/amount_text.h"

namespace kith::app {
namespace {

using wallet::format_coins;

/// What the options and the chain say of every payment.
Result<wallet::PaymentRequest> request_of(const cli::PaymentOptions& options,
                                          const WalletChain& chain, const wallet::Wallet& wallet) {
  const cli::ChainTerms& terms = chain.terms();
  wallet::PaymentRequest request;
  request.genesis = wallet.file().genesis;
  request.hrp = wallet.file().hrp;
  request.rate = TRY(coins_or(options.fee_rate, terms.min_fee_rate));
  request.dust = terms.dust;
  request.bytes_max = terms.tx_bytes_max;
  request.fee_max = TRY(coins_or(options.max_fee, wallet::fee_max_default));
  if (request.rate < terms.min_fee_rate) {
    return fail(Code::usage,
                base::format("a fee rate of {} coins for 1000 bytes; this chain wants {} at least",
                             format_coins(request.rate), format_coins(terms.min_fee_rate)));
  }
  request.change_path = TRY(wallet.next_change());
  request.change_lock = wallet.lock(request.change_path);
  return request;
}

/// Before a node is asked, whose sentence would be about a signature.
Result<void> check_signed(const wallet::OfflineTx& file) {
  const auto missing = wallet::unsigned_by(file);
  if (missing.empty()) return {};
  return fail(Code::permission,
              base::format("the key {} has to sign, which is neither the wallet's nor imported",
                           base::to_hex(missing.front())));
}

/// With own change that is on its way when the rest is not enough.
Result<wallet::Payment> build(const Holdings& holdings, const wallet::PaymentRequest& request) {
  rt::SystemRng rng;
  const auto coins = holdings.spendable(/*and_change=*/false);
  auto payment = wallet::build_payment(coins, request, rng);
  if (payment || payment.error().code != Code::refused) return payment;
  const auto more = holdings.spendable(/*and_change=*/true);
  if (more.size() == coins.size()) return payment;
  return wallet::build_payment(more, request, rng);
}

Result<cli::Submitted> send(WalletStore& store, WalletChain& chain, const codec::Transaction& tx,
                            bool wait) {
  const cli::Submitted submitted = TRY(chain.submit(tx));
  TRY_VOID(store.save());
  store.release();
  if (!wait || submitted.status == "final") return submitted;
  return chain.wait(submitted.txid);
}

}  // namespace

Result<wallet::Amount> coins_or(const std::string& text, wallet::Amount otherwise) {
  if (text.empty()) return otherwise;
  return wallet::parse_coins(text);
}

Result<cli::TxReport> report_of(const wallet::OfflineTx& file, const wallet::HdKey* account,
                                const wallet::Wallet* own) {
  const wallet::TxSummary summary = TRY(wallet::summarize(file, account));
  cli::TxReport report;
  report.txid = base::to_hex(codec::txid_of(file.tx));
  report.back = summary.back;
  for (const auto& payment : summary.paid) {
    if (account == nullptr && own != nullptr && own->find(payment.lock)) {
      report.back += payment.value;
    } else {
      report.paid.push_back({codec::encode_address(file.hrp, payment.lock), payment.value});
    }
  }
  report.fee = summary.fee;
  report.bonded = summary.bonded;
  for (const auto& order : summary.orders) report.orders.push_back(words_of(order, file.hrp));
  report.bytes = summary.bytes;
  report.inputs = file.tx.inputs.size();
  return report;
}

Result<cli::TxReport> pay(const cli::Globals& globals, const cli::WalletOptions& options,
                          const cli::PaymentOptions& payment_options, const FillDraft& fill,
                          const wallet::HdKey* known) {
  const bool is_sent = !payment_options.is_dry_run && payment_options.unsigned_file.empty();
  TRY_VOID(coins_or(payment_options.fee_rate, 0));
  TRY_VOID(coins_or(payment_options.max_fee, 0));
  const std::string home = TRY(home_of(globals));
  auto store = TRY(WalletStore::open(home, options, !payment_options.is_dry_run));
  auto chain = TRY(WalletChain::reach(globals));
  wallet::Wallet& wallet = store.wallet();
  TRY_VOID(chain.check(wallet.file().genesis));
  std::optional<wallet::HdKey> unlocked;
  if (known != nullptr) {
    wallet.extend(*known);
  } else if (is_sent) {
    unlocked = TRY(store.unlock());
  }
  const wallet::HdKey* const account = unlocked ? &*unlocked : known;

  const Holdings holdings = TRY(chain.scan(wallet, account));
  PayDraft draft{TRY(request_of(payment_options, chain, wallet)), {}};
  TRY_VOID(fill(draft, wallet, chain));
  wallet::Payment payment = TRY(build(holdings, draft.request));
  wallet::OfflineTx& file = payment.file;
  for (const auto& path : file.own_outputs) {
    if (path) wallet.take_change(*path);
  }
  if (payment_options.is_dry_run) {
    TRY_VOID(chain.check_tx(file.tx));
    auto report = TRY(report_of(file, nullptr, &wallet));
    report.status = "dry-run";
    return report;
  }
  if (is_sent) TRY_VOID(wallet::sign_offline(file, *account));
  for (const crypto::KeyPair* signer : draft.signers) codec::sign(file.tx, *signer, file.genesis);
  if (is_sent) TRY_VOID(check_signed(file));
  auto report = TRY(report_of(file, account, &wallet));
  if (!is_sent) {
    TRY_VOID(rt::write_file_atomic(payment_options.unsigned_file, wallet::encode_offline_tx(file),
                                   rt::public_file_mode));
    TRY_VOID(store.save());
    report.status = "unsigned";
    report.file = payment_options.unsigned_file;
    return report;
  }
  const cli::Submitted submitted = TRY(send(store, chain, file.tx, payment_options.wait));
  report.status = submitted.status;
  report.height = submitted.height;
  return report;
}

int fail_wallet(const cli::Globals& globals, const Error& error) {
  const bool is_absent = error.code == Code::unreachable;
  return fail_with(globals, error, is_absent ? cli::exit_not_running : cli::exit_code_of(error));
}

int finish_tx(const cli::Globals& globals, const Result<cli::TxReport>& report) {
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

}  // namespace kith::app
