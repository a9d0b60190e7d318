#include "app/account_home.h"

#include <algorithm>
#include <cstdlib>

#include "app/terminal.h"
#include "base/format.h"
#include "rt/files.h"
#include "rt/os.h"

namespace kith::app {
namespace {

constexpr std::size_t default_bytes_max = 128;

std::string folder_of(const std::string& home) { return home + "/account"; }
std::string default_path(const std::string& home) { return folder_of(home) + "/default"; }

}  // namespace

Result<codec::Hash> parse_hash_text(std::string_view text, std::string_view what) {
  const auto bytes = base::from_hex(text);
  codec::Hash hash{};
  if (!bytes || bytes->size() != hash.size()) {
    return fail(Code::usage,
                base::format("\"{}\" is no {}: 64 hex digits", text.substr(0, 100), what));
  }
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

Result<std::string> account_asked(const std::string& home, const std::string& account) {
  if (!account.empty()) return account;
  if (!rt::file_exists(default_path(home))) {
    return fail(Code::not_found,
                "which account? This home has none yet: --account NAME, `kith account create` or "
                "`kith account use`; `kith account list --own` finds those of the wallet");
  }
  const Bytes bytes = TRY(rt::read_file(default_path(home), default_bytes_max));
  std::string text(base::as_text(bytes));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (!parse_hash_text(text, "account")) {
    return fail(Code::config, base::format("{} has no account's id", default_path(home)));
  }
  return text;
}

Result<void> keep_default_account(const std::string& home, const codec::AccountId& id) {
  TRY_VOID(rt::make_dirs(folder_of(home), rt::private_dir_mode));
  const std::string text = base::to_hex(id) + "\n";
  return rt::write_file_atomic(default_path(home), base::as_bytes(text), rt::public_file_mode);
}

std::string imported_path(const std::string& home, const codec::AccountId& id) {
  return base::format("{}/{}.account", folder_of(home), base::to_hex(id));
}

Result<crypto::SecretBytes> account_passphrase(const std::string& file) {
  if (!file.empty()) return read_passphrase(file);
  const char* variable = std::getenv("KITH_ACCOUNT_PASSPHRASE");
  if (variable != nullptr && *variable != '\0') {
    return crypto::SecretBytes::copy_of(base::as_bytes(variable));
  }
  return ask_hidden("Passphrase of the account's key: ");
}

Result<std::optional<crypto::KeyPair>> imported_key(const std::string& home,
                                                    const codec::AccountId& id) {
  const std::string path = imported_path(home, id);
  if (!rt::file_exists(path)) return std::nullopt;
  Bytes bytes = TRY(rt::read_secret_file(path, wallet::account_file_bytes_max));
  auto file = wallet::decode_account_file(bytes);
  crypto::wipe(bytes);
  if (!file) return fail(file.error().code, base::format("{}: {}", path, file.error().message));
  std::optional<crypto::SecretBytes> passphrase;
  if (crypto::needs_passphrase(file->key)) passphrase = TRY(account_passphrase(""));
  std::optional<std::string_view> words;
  if (passphrase) words = base::as_text(passphrase->view());
  auto key = crypto::decode_identity_key(file->key, words);
  crypto::wipe(file->key);
  if (!key) return fail(key.error().code, base::format("{}: {}", path, key.error().message));
  return std::optional(*std::move(key));
}

Result<std::optional<cli::NodeAccount>> look_for_account(WalletChain& chain,
                                                         const std::string& asked) {
  const auto answer = chain.call("account.get", {{"account", asked}});
  if (answer) return std::optional(TRY(cli::read_account(*answer)));
  if (answer.error().code == Code::not_found) return std::nullopt;
  return fail(answer.error());
}

Result<KnownAccount> find_account(WalletChain& chain, const std::string& asked) {
  KnownAccount account;
  const auto answer = TRY(chain.call("account.get", {{"account", asked}}));
  account.told = TRY(cli::read_account(answer));
  account.id = TRY(parse_hash_text(account.told.id, "account's id"));
  account.key = TRY(parse_hash_text(account.told.key, "account's key"));
  if (account.told.is_closed) {
    return fail(Code::refused, base::format("the account {} is closed", account.told.id));
  }
  return account;
}

Result<cli::ComputeTerms> compute_terms(const WalletChain& chain) {
  if (chain.terms().computing) return *chain.terms().computing;
  return fail(Code::unsupported,
              "this chain has no accounts and no jobs: its genesis has not "
              "computing=on");
}

Result<cli::TxReport> pay_as_account(const cli::Globals& globals,
                                     const cli::AccountOptions& options,
                                     const AccountOrderOf& order_of) {
  const std::string home = TRY(home_of(globals));
  const bool is_sent = !options.payment.is_dry_run && options.payment.unsigned_file.empty();
  std::optional<crypto::KeyPair> imported;  // as long as the payment is made
  const auto fill = [&](PayDraft& draft, wallet::Wallet& wallet,
                        WalletChain& chain) -> Result<void> {
    TRY(compute_terms(chain));
    const std::string asked = TRY(account_asked(home, options.account));
    const KnownAccount account = TRY(find_account(chain, asked));
    if (is_sent) imported = TRY(imported_key(home, account.id));
    wallet::OrderRequest request = TRY(order_of(draft, wallet, chain, account));
    request.signer = wallet::OrderSigner{account.key, std::nullopt};
    draft.request.orders.push_back(std::move(request));
    if (imported) draft.signers.push_back(&*imported);
    return {};
  };
  return pay(globals, options.wallet, options.payment, fill);
}

}  // namespace kith::app
