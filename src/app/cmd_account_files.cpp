// kith account export and import: an account's key on its way to another machine.
#include "app/account_home.h"
#include "app/cmd_account.h"
#include "app/terminal.h"
#include "base/format.h"
#include "cli/reports_account.h"
#include "rt/files.h"
#include "rt/rng_system.h"

namespace kith::app {
namespace {

Result<std::optional<crypto::SecretBytes>> seal_of(const cli::AccountExportArgs& args) {
  if (args.no_passphrase) return std::nullopt;
  return TRY(account_passphrase(args.seal_file));
}

/// The wallet's, or the imported one.
Result<crypto::KeyPair> key_of(const std::string& home, const cli::WalletOptions& options,
                               const KnownAccount& account) {
  if (auto imported = TRY(imported_key(home, account.id))) return *std::move(imported);
  auto store = TRY(WalletStore::open(home, options, /*may_change=*/false));
  const wallet::HdKey key = TRY(store.unlock());
  if (auto signer = wallet::find_signer(key, account.key)) return *std::move(signer);
  return fail(Code::permission, base::format("the account's key {} is neither the wallet's nor "
                                             "imported",
                                             account.told.key));
}

Result<cli::AccountFileReport> export_account(const cli::Globals& globals,
                                              const cli::AccountExportArgs& args) {
  const std::string home = TRY(home_of(globals));
  if (rt::file_exists(args.file)) {
    return fail(Code::exists, base::format("{} is there already", args.file));
  }
  auto chain = TRY(WalletChain::reach(globals));
  const std::string asked = TRY(account_asked(home, args.account));
  const KnownAccount account = TRY(find_account(chain, asked));
  const crypto::KeyPair key = TRY(key_of(home, args.wallet, account));
  const auto seal = TRY(seal_of(args));
  std::optional<std::string_view> passphrase;
  if (seal) passphrase = base::as_text(seal->view());
  rt::SystemRng rng;
  wallet::AccountFile file;
  file.genesis = TRY(parse_hash_text(chain.terms().genesis, "genesis hash"));
  file.account = account.id;
  file.name = account.told.name;
  file.key = crypto::encode_identity_key(key, passphrase, rng);
  Bytes bytes = wallet::encode_account_file(file);
  crypto::wipe(file.key);
  const auto written = rt::write_file_atomic(args.file, bytes, rt::private_file_mode);
  crypto::wipe(bytes);
  TRY_VOID(written);
  return cli::AccountFileReport{account.told.id, account.told.name, args.file, seal.has_value()};
}

/// Kept as it is: sealed stays sealed. Whether it is the account's is asked when a node runs.
Result<cli::AccountFileReport> import_account(const cli::Globals& globals,
                                              const cli::AccountImportArgs& args) {
  const std::string home = TRY(home_of(globals));
  Bytes bytes = TRY(rt::read_secret_file(args.file, wallet::account_file_bytes_max));
  auto file = wallet::decode_account_file(bytes);
  if (!file) {
    crypto::wipe(bytes);
    return fail(file.error().code, base::format("{}: {}", args.file, file.error().message));
  }
  const std::string path = imported_path(home, file->account);
  const bool is_sealed = crypto::needs_passphrase(file->key);
  if (!is_sealed) TRY(crypto::decode_identity_key(file->key, std::nullopt));
  crypto::wipe(file->key);
  if (auto chain = WalletChain::reach(globals)) {
    TRY_VOID(chain->check(file->genesis));
    TRY(find_account(*chain, base::to_hex(file->account)));
  } else {
    say(globals, "no node was asked whether the chain has this account");
  }
  TRY_VOID(keep_default_account(home, file->account));
  const auto written = rt::write_file_atomic(path, bytes, rt::private_file_mode);
  crypto::wipe(bytes);
  TRY_VOID(written);
  return cli::AccountFileReport{base::to_hex(file->account), file->name, path, is_sealed};
}

int finish_file(const cli::Globals& globals, const Result<cli::AccountFileReport>& report) {
  if (!report) return fail_wallet(globals, report.error());
  print(globals.json ? cli::to_json(*report) : cli::to_text(*report));
  return cli::exit_done;
}

}  // namespace

int run_account_export(const cli::Globals& globals, const cli::AccountExportArgs& args) {
  return finish_file(globals, export_account(globals, args));
}

int run_account_import(const cli::Globals& globals, const cli::AccountImportArgs& args) {
  return finish_file(globals, import_account(globals, args));
}

}  // namespace kith::app
