// kith wallet: making wallets and looking at them.
#include <algorithm>

#include "app/cmd.h"
#include "app/terminal.h"
#include "app/wallet_chain.h"
#include "app/wallet_pay.h"
#include "app/wallet_store.h"
#include "base/format.h"
#include "rt/files.h"
#include "rt/rng_system.h"
#include "wallet/mnemonic.h"

namespace kith::app {
namespace {

/// 24 words of at most 8 letters, and room for blanks.
constexpr std::size_t words_bytes_max = 1024;

constexpr wallet::KeyPath first_address{};

/// What a new wallet is sealed with; nothing for an open one.
Result<std::optional<crypto::SecretBytes>> seal_for(const cli::WalletOptions& options,
                                                    bool no_passphrase) {
  if (no_passphrase) return std::nullopt;
  return TRY(wallet_passphrase(options, /*is_new=*/true));
}

Result<crypto::SecretBytes> word_passphrase(const std::string& file) {
  if (file.empty()) return crypto::SecretBytes();
  auto passphrase = TRY(read_passphrase(file));
  TRY_VOID(wallet::check_word_passphrase(base::as_text(passphrase.view())));
  return passphrase;
}

/// What `create` and `restore` have in common, up to the file.
struct NewWallet {
  const cli::WalletOptions& options;
  const std::string& label;
  bool no_passphrase;
};

/// Before anything is asked of a person.
Result<void> check_free(const std::string& home, const cli::WalletOptions& options) {
  const std::string path = TRY(wallet_path(home, options.wallet));
  if (!rt::file_exists(path)) return {};
  return fail(Code::exists, base::format("there is a wallet {} already", path));
}

Result<wallet::Wallet> make_wallet(const cli::Globals& globals, const NewWallet& wanted,
                                   const wallet::WordSecret& secret) {
  auto terms = TRY(terms_of_home(globals));
  terms.name = wanted.label;
  const auto seal = TRY(seal_for(wanted.options, wanted.no_passphrase));
  std::optional<std::string_view> passphrase;
  if (seal) passphrase = base::as_text(seal->view());
  rt::SystemRng rng;
  return wallet::Wallet::create(std::move(terms), secret, passphrase, rng);
}

cli::WalletReport report_of_new(const std::string& home, const cli::WalletOptions& options,
                                const wallet::Wallet& wallet) {
  cli::WalletReport report;
  report.wallet = options.wallet;
  report.file = wallet_path(home, options.wallet).value_or("");
  report.network = wallet.file().network;
  report.genesis = base::to_hex(wallet.file().genesis);
  report.address = wallet.address(first_address);
  report.is_sealed = wallet.needs_passphrase();
  return report;
}

Result<cli::WalletReport> create(const cli::Globals& globals, const cli::WalletCreateArgs& args) {
  const std::string home = TRY(home_of(globals));
  TRY_VOID(check_free(home, args.options));
  rt::SystemRng rng;
  const wallet::WordSecret secret{wallet::make_entropy(args.words, rng),
                                  TRY(word_passphrase(args.word_passphrase_file))};
  const auto wallet =
      TRY(make_wallet(globals, {args.options, args.label, args.no_passphrase}, secret));
  TRY_VOID(WalletStore::create(home, args.options.wallet, wallet));
  auto report = report_of_new(home, args.options, wallet);
  report.words = wallet::words_of(secret.entropy.view());
  return report;
}

Result<crypto::SecretBytes> read_words(const std::string& file) {
  if (file.empty()) return read_input("The wallet's words, in one line: ", words_bytes_max);
  Bytes bytes = TRY(rt::read_file(file, words_bytes_max));
  auto words = crypto::SecretBytes::copy_of(bytes);
  crypto::wipe(bytes);
  return words;
}

Result<cli::WalletReport> restore(const cli::Globals& globals, const cli::WalletRestoreArgs& args) {
  const std::string home = TRY(home_of(globals));
  TRY_VOID(check_free(home, args.options));
  const auto words = TRY(read_words(args.words_file));
  const wallet::WordSecret secret{TRY(wallet::entropy_of(base::as_text(words.view()))),
                                  TRY(word_passphrase(args.word_passphrase_file))};
  auto wallet = TRY(make_wallet(globals, {args.options, args.label, args.no_passphrase}, secret));

  std::optional<cli::WalletReport::Found> found;
  if (auto chain = WalletChain::reach(globals)) {
    TRY_VOID(chain->check(wallet.file().genesis));
    const auto seed =
        wallet::seed_of(secret.entropy.view(), base::as_text(secret.passphrase.view()));
    const auto account = wallet::account_key(seed.view(), wallet.file().account);
    const Holdings holdings = TRY(chain->scan(wallet, &account));
    found = cli::WalletReport::Found{};
    for (const auto& window : wallet.file().chains) found->addresses += window.used;
    found->units = holdings.sum("unspent") + holdings.sum("locked");
  } else {
    say(globals,
        "no node was asked which addresses were used; `kith wallet balance` looks when one "
        "runs");
  }
  TRY_VOID(WalletStore::create(home, args.options.wallet, wallet));
  auto report = report_of_new(home, args.options, wallet);
  report.found = found;
  return report;
}

cli::AddressRow row_of(const wallet::Wallet& wallet, const wallet::KeyPath& path) {
  const auto& window = wallet.file().chains[static_cast<std::size_t>(path.chain)];
  return {wallet.address(path), path.chain == wallet::KeyChain::receive ? "receive" : "change",
          path.index, path.index < window.used, std::string(wallet.label(path))};
}

Result<cli::AddressRow> new_address(const std::string& home, const cli::WalletAddressArgs& args) {
  auto store = TRY(WalletStore::open(home, args.options, /*may_change=*/true));
  auto path = store.wallet().new_address(args.label);
  if (!path && path.error().code == Code::passphrase) {
    TRY_VOID(store.unlock());
    path = store.wallet().new_address(args.label);
  }
  if (!path) return fail(path.error());
  TRY_VOID(store.save());
  return row_of(store.wallet(), *path);
}

/// The last that was handed out: nobody else was told it.
wallet::KeyPath present_address(const wallet::Wallet& wallet) {
  const auto& window = wallet.file().chains[0];
  return {wallet::KeyChain::receive, window.next == 0 ? 0 : window.next - 1};
}

std::vector<cli::AddressRow> all_addresses(const wallet::Wallet& wallet) {
  std::vector<cli::AddressRow> rows;
  for (const auto chain : {wallet::KeyChain::receive, wallet::KeyChain::change}) {
    const auto& window = wallet.file().chains[static_cast<std::size_t>(chain)];
    for (std::uint32_t i = 0; i < window.next; ++i) rows.push_back(row_of(wallet, {chain, i}));
  }
  return rows;
}

/// A wallet beside the node of its home, for verbs that only look.
struct Look {
  WalletStore store;
  WalletChain chain;
};
Result<Look> look(const cli::Globals& globals, const cli::WalletOptions& options) {
  const std::string home = TRY(home_of(globals));
  auto store = TRY(WalletStore::open(home, options, /*may_change=*/false));
  auto chain = TRY(WalletChain::reach(globals));
  TRY_VOID(chain.check(store.wallet().file().genesis));
  return Look{std::move(store), std::move(chain)};
}

Result<cli::BalanceReport> balance(const cli::Globals& globals,
                                   const cli::WalletBalanceArgs& args) {
  auto [store, chain] = TRY(look(globals, args.options));
  const Holdings holdings = TRY(chain.scan(store.wallet()));
  store.save_if_free();
  cli::BalanceReport report;
  report.wallet = args.options.wallet;
  report.height = holdings.height;
  report.spendable = holdings.sum("unspent");
  report.locked = holdings.sum("locked");
  report.pending = holdings.sum("pending");
  report.final_units = report.spendable + report.locked;
  report.coins = holdings.coins.size();
  return report;
}

}  // namespace

int run_wallet_create(const cli::Globals& globals, const cli::WalletCreateArgs& args) {
  const auto report = create(globals, args);
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

int run_wallet_restore(const cli::Globals& globals, const cli::WalletRestoreArgs& args) {
  const auto report = restore(globals, args);
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

int run_wallet_words(const cli::Globals& globals, const cli::WalletWordsArgs& args) {
  const auto words = [&]() -> Result<std::string> {
    const std::string home = TRY(home_of(globals));
    const auto store = TRY(WalletStore::open(home, args.options, /*may_change=*/false));
    const auto secret = TRY(store.open_words());
    if (!secret.passphrase.empty()) say(globals, "a passphrase belongs to these words as well");
    return wallet::words_of(secret.entropy.view());
  }();
  if (!words) return fail_wallet(globals, words.error());
  print(globals.json ? cli::words_json(*words) : cli::words_text(*words));
  return cli::exit_done;
}

int run_wallet_address(const cli::Globals& globals, const cli::WalletAddressArgs& args) {
  const auto home = home_of(globals);
  if (!home) return fail_wallet(globals, home.error());
  if (args.is_new) {
    const auto row = new_address(*home, args);
    if (!row) return fail_wallet(globals, row.error());
    print(globals.json ? cli::to_json(*row) : row->address);
    return cli::exit_done;
  }
  auto store = WalletStore::open(*home, args.options, /*may_change=*/false);
  if (!store) return fail_wallet(globals, store.error());
  if (args.list) {
    const auto rows = all_addresses(store->wallet());
    print(globals.json ? cli::to_json(rows) : cli::to_text(rows));
  } else {
    const auto row = row_of(store->wallet(), present_address(store->wallet()));
    print(globals.json ? cli::to_json(row) : row.address);
  }
  return cli::exit_done;
}

int run_wallet_balance(const cli::Globals& globals, const cli::WalletBalanceArgs& args) {
  const auto report = balance(globals, args);
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

int run_wallet_utxos(const cli::Globals& globals, const cli::WalletUtxosArgs& args) {
  std::uint64_t height = 0;
  const auto rows = [&]() -> Result<std::vector<cli::CoinRow>> {
    auto [store, chain] = TRY(look(globals, args.options));
    const Holdings holdings = TRY(chain.scan(store.wallet()));
    store.save_if_free();
    height = holdings.height;
    std::vector<cli::CoinRow> list;
    for (const HeldCoin& held : holdings.coins) {
      list.push_back({codec::to_text(held.coin.from), held.coin.value, held.height, held.state,
                      store.wallet().address(held.coin.path)});
    }
    return list;
  }();
  if (!rows) return fail_wallet(globals, rows.error());
  print(globals.json ? cli::to_json(*rows, height) : cli::to_text(*rows));
  return cli::exit_done;
}

int run_wallet_history(const cli::Globals& globals, const cli::WalletHistoryArgs& args) {
  std::uint64_t height = 0;
  const auto rows = [&]() -> Result<std::vector<cli::HistoryRow>> {
    auto [store, chain] = TRY(look(globals, args.options));
    auto list = TRY(chain.history(store.wallet(), args.limit, height));
    store.save_if_free();
    return list;
  }();
  if (!rows) return fail_wallet(globals, rows.error());
  print(globals.json ? cli::to_json(*rows, height) : cli::to_text(*rows));
  return cli::exit_done;
}

}  // namespace kith::app
