#include "wallet/wallet.h"

#include <algorithm>

#include "base/format.h"
#include "wallet/mnemonic.h"

namespace kith::wallet {
namespace {

constexpr std::array all_chains = {KeyChain::receive, KeyChain::change};

HdKey account_of(const WordSecret& secret, std::uint32_t account) {
  const crypto::SecretBytes seed =
      seed_of(secret.entropy.view(), base::as_text(secret.passphrase.view()));
  return account_key(seed.view(), account);
}

}  // namespace

Result<Wallet> Wallet::create(WalletTerms terms, const WordSecret& secret,
                              std::optional<std::string_view> passphrase, Rng& rng,
                              crypto::KdfCost cost) {
  TRY_VOID(check_label(terms.name));
  WalletFile file;
  file.genesis = terms.genesis;
  file.network = std::move(terms.network);
  file.hrp = std::move(terms.hrp);
  file.account = terms.account;
  file.name = std::move(terms.name);
  if (passphrase) {
    SealedSecret sealed;
    sealed.cost = cost;
    rng.fill(sealed.salt);
    rng.fill(sealed.nonce);
    const crypto::SecretBytes key =
        TRY(crypto::stretch_passphrase(*passphrase, sealed.salt, sealed.cost));
    file.secret = sealed;
    sealed.sealed =
        crypto::seal_secret(key, sealed.nonce, sealed_header(file), encode_secret(secret).view());
    file.secret = std::move(sealed);
  } else {
    file.secret = encode_secret(secret);
  }
  Wallet wallet(std::move(file));
  wallet.extend(account_of(secret, wallet.file_.account));
  TRY(wallet.new_address(""));
  return wallet;
}

Wallet::Wallet(WalletFile file) : file_(std::move(file)) {
  for (const KeyChain chain : all_chains) index_keys(chain, 0);
}

Result<WordSecret> Wallet::open_words(std::optional<std::string_view> passphrase) const {
  if (const auto* open = std::get_if<crypto::SecretBytes>(&file_.secret)) {
    return decode_secret(open->view());
  }
  if (!passphrase) {
    return fail(Code::passphrase, "the wallet needs a passphrase and none was given");
  }
  const auto& sealed = std::get<SealedSecret>(file_.secret);
  const crypto::SecretBytes key =
      TRY(crypto::stretch_passphrase(*passphrase, sealed.salt, sealed.cost));
  const auto plain = crypto::open_secret(key, sealed.nonce, sealed_header(file_), sealed.sealed);
  if (!plain) return fail(plain.error().code, "wrong passphrase for the wallet");
  return decode_secret(plain->view());
}

Result<HdKey> Wallet::unlock(std::optional<std::string_view> passphrase) {
  HdKey account = account_of(TRY(open_words(passphrase)), file_.account);
  for (const KeyChain chain : all_chains) {
    const auto& keys = window(chain).keys;
    for (std::uint32_t i = 0; i < keys.size(); ++i) {
      if (chain_key_of(key_at(account, {chain, i})) == keys[i]) continue;
      return fail(Code::bad_key,
                  base::format("address {} of the wallet file, {}, is not of its words: the file "
                               "was changed; restore it from them",
                               i, address({chain, i})));
    }
  }
  extend(account);
  return account;
}

std::string Wallet::address(const KeyPath& path) const {
  return codec::encode_address(file_.hrp, lock(path));
}

codec::Hash Wallet::lock(const KeyPath& path) const { return codec::lock_of(key(path)); }

const codec::ChainKey& Wallet::key(const KeyPath& path) const {
  ASSERT(path.index < window(path.chain).keys.size());
  return window(path.chain).keys[path.index];
}

std::optional<KeyPath> Wallet::find(const codec::Hash& lock) const {
  const auto found = paths_.find(lock);
  return found == paths_.end() ? std::nullopt : std::optional(found->second);
}

std::string_view Wallet::label(const KeyPath& path) const {
  const auto found = std::ranges::find(file_.labels, path, &KeyLabel::path);
  return found == file_.labels.end() ? std::string_view() : found->text;
}

Result<KeyPath> Wallet::new_address(std::string_view label) {
  TRY_VOID(check_label(label));
  KeyWindow& window = this->window(KeyChain::receive);
  if (window.next >= window.used + gap_limit) {
    return fail(Code::limit,
                base::format("{} addresses wait for their first coins already; a wallet restored "
                             "from its words looks no further",
                             gap_limit));
  }
  if (window.next >= window.keys.size()) {
    return fail(Code::passphrase, "the wallet must be unlocked to make more addresses");
  }
  if (!label.empty() && file_.labels.size() >= wallet_labels_max) {
    return fail(Code::limit, base::format("the wallet has {} labels already", wallet_labels_max));
  }
  const KeyPath path{KeyChain::receive, window.next++};
  if (!label.empty()) {
    const auto place = std::ranges::lower_bound(file_.labels, path, {}, &KeyLabel::path);
    file_.labels.insert(place, {path, std::string(label)});
  }
  return path;
}

Result<KeyPath> Wallet::next_change() const {
  const KeyWindow& window = this->window(KeyChain::change);
  if (window.keys.empty()) return fail(Code::passphrase, "the wallet must be unlocked for change");
  // Payments that were never sent leave gaps; behind the limit the last address is used again.
  const auto last = static_cast<std::uint32_t>(window.keys.size()) - 1;
  return KeyPath{KeyChain::change, std::min({window.next, window.used + gap_limit - 1, last})};
}

void Wallet::take_change(const KeyPath& path) {
  KeyWindow& window = this->window(path.chain);
  window.next = std::max(window.next, path.index + 1);
}

void Wallet::mark_used(const KeyPath& path) {
  KeyWindow& window = this->window(path.chain);
  ASSERT(path.index < window.keys.size());
  window.used = std::max(window.used, path.index + 1);
  window.next = std::max(window.next, window.used);
}

std::uint32_t Wallet::scan_end(KeyChain chain) const {
  const KeyWindow& window = this->window(chain);
  return std::min(static_cast<std::uint32_t>(window.keys.size()),
                  std::max(window.used, window.next) + gap_limit);
}

void Wallet::extend(const HdKey& account) {
  for (const KeyChain chain : all_chains) {
    KeyWindow& window = this->window(chain);
    const std::size_t from = window.keys.size();
    const std::size_t wanted = std::min<std::size_t>(
        wallet_keys_max, std::size_t{std::max(window.used, window.next)} + window_keys);
    for (std::size_t i = from; i < wanted; ++i) {
      window.keys.push_back(chain_key_of(key_at(account, {chain, static_cast<std::uint32_t>(i)})));
    }
    index_keys(chain, from);
  }
}

void Wallet::index_keys(KeyChain chain, std::size_t from) {
  const auto& keys = window(chain).keys;
  for (std::size_t i = from; i < keys.size(); ++i) {
    paths_.emplace(codec::lock_of(keys[i]), KeyPath{chain, static_cast<std::uint32_t>(i)});
  }
}

}  // namespace kith::wallet
