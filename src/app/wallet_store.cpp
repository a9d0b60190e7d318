#include "app/wallet_store.h"

#include <algorithm>
#include <cstdlib>

#include "app/terminal.h"
#include "base/format.h"
#include "cli/wire_wallet.h"
#include "rt/files.h"

namespace kith::app {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr Duration answer_timeout = 10s;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

std::string folder_of(const std::string& home) { return home + "/wallet"; }

Result<wallet::Wallet> read_wallet(const std::string& path) {
  Bytes bytes = TRY(rt::read_secret_file(path, wallet::wallet_file_bytes_max));
  auto file = wallet::decode_wallet(bytes);
  crypto::wipe(bytes);
  if (!file) return fail(file.error().code, base::format("{}: {}", path, file.error().message));
  return wallet::Wallet(*std::move(file));
}

Result<void> write_wallet(const std::string& path, const wallet::Wallet& wallet) {
  Bytes bytes = wallet::encode_wallet(wallet.file());
  auto written = rt::write_file_atomic(path, bytes, rt::private_file_mode);
  crypto::wipe(bytes);
  return written;
}

}  // namespace

Result<std::string> wallet_path(const std::string& home, const std::string& name) {
  if (is_name(name)) return base::format("{}/{}.wallet", folder_of(home), name);
  return fail(Code::usage, base::format("the wallet's name \"{}\" is not 1 to 64 letters, digits, "
                                        "'-', '_' and '.'",
                                        name.substr(0, 100)));
}

Result<crypto::SecretBytes> wallet_passphrase(const cli::WalletOptions& options, bool is_new) {
  if (!options.passphrase_file.empty()) return read_passphrase(options.passphrase_file);
  const char* variable = std::getenv("KITH_WALLET_PASSPHRASE");
  if (variable != nullptr && *variable != '\0') {
    return crypto::SecretBytes::copy_of(base::as_bytes(variable));
  }
  auto first = ask_hidden(base::format("Passphrase of the wallet \"{}\": ", options.wallet));
  if (!first || !is_new) return first;
  const auto second = TRY(ask_hidden("The same again: "));
  if (!crypto::equal_in_constant_time(first->view(), second.view())) {
    return fail(Code::passphrase, "the two passphrases are not the same");
  }
  return first;
}

Result<WalletStore> WalletStore::open(const std::string& home, const cli::WalletOptions& options,
                                      bool may_change) {
  const std::string path = TRY(wallet_path(home, options.wallet));
  if (!rt::file_exists(path)) {
    return fail(Code::not_found, base::format("there is no wallet {}; `kith wallet create` makes "
                                              "one",
                                              path));
  }
  std::optional<rt::HomeLock> lock;
  if (may_change) lock = TRY(rt::HomeLock::take(folder_of(home)));
  return WalletStore(folder_of(home), path, options, std::move(lock), TRY(read_wallet(path)));
}

Result<void> WalletStore::create(const std::string& home, const std::string& name,
                                 const wallet::Wallet& wallet) {
  const std::string path = TRY(wallet_path(home, name));
  TRY_VOID(rt::make_dirs(folder_of(home), rt::private_dir_mode));
  const auto lock = TRY(rt::HomeLock::take(folder_of(home)));
  if (rt::file_exists(path)) {
    return fail(Code::exists, base::format("there is a wallet {} already", path));
  }
  return write_wallet(path, wallet);
}

Result<wallet::HdKey> WalletStore::unlock() {
  if (!wallet_.needs_passphrase()) return wallet_.unlock(std::nullopt);
  const auto passphrase = TRY(wallet_passphrase(options_, /*is_new=*/false));
  return wallet_.unlock(base::as_text(passphrase.view()));
}

Result<wallet::WordSecret> WalletStore::open_words() const {
  if (!wallet_.needs_passphrase()) return wallet_.open_words(std::nullopt);
  const auto passphrase = TRY(wallet_passphrase(options_, /*is_new=*/false));
  return wallet_.open_words(base::as_text(passphrase.view()));
}

Result<void> WalletStore::save() {
  ASSERT(lock_.has_value());
  return write_wallet(path_, wallet_);
}

void WalletStore::save_if_free() {
  const auto lock = rt::HomeLock::take(folder_);
  if (!lock) return;
  // Another may have written meanwhile: only what this one learned is added to that.
  auto now = read_wallet(path_);
  if (!now) return;
  bool is_new = false;
  for (const auto chain : {wallet::KeyChain::receive, wallet::KeyChain::change}) {
    const auto at = static_cast<std::size_t>(chain);
    const std::uint32_t used = wallet_.file().chains[at].used;
    const auto& window = now->file().chains[at];
    if (used <= window.used || used > window.keys.size()) continue;
    now->mark_used({chain, used - 1});
    is_new = true;
  }
  if (is_new) (void)write_wallet(path_, *now);
}

Result<wallet::WalletTerms> terms_of_home(const cli::Globals& globals) {
  const Session session = TRY(open_session(globals));
  wallet::WalletTerms terms;
  if (const auto genesis = TRY(load_genesis(session))) {
    terms.genesis = codec::genesis_hash(*genesis);
    terms.network = genesis->network;
    terms.hrp = genesis->params.address_hrp;
    return terms;
  }
  auto node = reach_running(session.in_home(session.settings.api_socket), session.home);
  if (!node) {
    return fail(Code::config,
                base::format("which chain is the wallet for? {} has no genesis.kith, the key "
                             "chain.genesis names none, and no node runs that could tell",
                             session.home));
  }
  const auto answer = TRY((*node)->call("chain.params", {}, answer_timeout));
  const cli::ChainTerms told = TRY(cli::read_chain_params(answer));
  const Bytes genesis = TRY(base::from_hex(told.genesis));
  if (genesis.size() != terms.genesis.size()) {
    return fail(Code::protocol, "the node's genesis hash is not one of 32 bytes");
  }
  std::ranges::copy(genesis, terms.genesis.begin());
  terms.network = told.network;
  terms.hrp = told.hrp;
  return terms;
}

}  // namespace kith::app
