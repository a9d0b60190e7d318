#include "app/faucet.h"

#include "rt/files.h"
#include "wallet/mnemonic.h"
#include "wallet/wallet.h"

namespace kith::app {
namespace {

constexpr std::size_t faucet_words = 12;
/// A million coins, in so many outputs that many payments can go out in one block.
constexpr std::size_t faucet_outputs = 100;
constexpr codec::Amount faucet_output_value = 10'000 * codec::units_per_coin;

}  // namespace

Result<void> add_faucet(codec::Genesis& genesis, const std::string& dir, Rng& rng) {
  const wallet::WordSecret secret{wallet::make_entropy(faucet_words, rng), {}};
  const auto seed = wallet::seed_of(secret.entropy.view(), "");
  const auto account = wallet::account_key(seed.view(), 0);
  const auto key = wallet::chain_key_of(wallet::key_at(account, {}));
  genesis.outputs.insert(
      genesis.outputs.end(), faucet_outputs,
      {codec::output_version, codec::lock_key_hash, faucet_output_value, codec::lock_of(key)});

  wallet::WalletTerms terms;
  terms.genesis = codec::genesis_hash(genesis);
  terms.network = genesis.network;
  terms.hrp = genesis.params.address_hrp;
  terms.name = "faucet";
  const auto made = TRY(wallet::Wallet::create(std::move(terms), secret, std::nullopt, rng));
  const std::string words = wallet::words_of(secret.entropy.view()) + "\n";
  TRY_VOID(
      rt::write_file_atomic(dir + "/faucet.words", base::as_bytes(words), rt::private_file_mode));
  const std::string folder = dir + "/node1/wallet";
  TRY_VOID(rt::make_dirs(folder, rt::private_dir_mode));
  return rt::write_file_atomic(folder + "/default.wallet", wallet::encode_wallet(made.file()),
                               rt::private_file_mode);
}

}  // namespace kith::app
