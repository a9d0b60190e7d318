// kith validator: orders about the validator whose key is in the home, paid by its wallet, and what
// the chain knows of validators.
#include "app/cmd.h"
#include "app/wallet_pay.h"
#include "base/format.h"
#include "cli/render.h"
#include "rt/files.h"
#include "rt/rng_system.h"
#include "wallet/amount_text.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;

/// HOME/validator/identity.key, which the node reads when it starts.
Result<rt::Identity> own_key(const cli::Globals& globals, bool may_create) {
  const std::string folder = TRY(home_of(globals)) + "/validator";
  if (!may_create && !rt::file_exists(rt::identity_path(folder))) {
    return fail(Code::not_found,
                base::format("there is no validator key {}; `kith validator bond` makes one",
                             rt::identity_path(folder)));
  }
  TRY_VOID(rt::make_dirs(folder, rt::private_dir_mode));
  rt::SystemRng rng;
  return rt::load_or_create_identity(folder, std::nullopt, rng);
}

Result<codec::Hash> owner_lock(const wallet::Wallet& wallet, const std::string& address) {
  auto lock = codec::decode_address(wallet.file().hrp, address);
  if (lock) return *lock;
  return fail(Code::usage, base::format("\"{}\" is no address of this chain: {}",
                                        address.substr(0, 100), lock.error().message));
}

/// Registers the key, or adds to the stake of one that is registered.
Result<void> fill_bond(PayDraft& draft, wallet::Wallet& wallet, WalletChain& chain,
                       const crypto::KeyPair& pair, const cli::ValidatorBondArgs& args,
                       wallet::Amount amount) {
  const codec::ChainKey key = wallet::chain_key_of(pair);
  const auto known = chain.validator(base::to_hex(key));
  if (known) {
    if (!args.owner.empty()) {
      return fail(Code::usage, base::format("{} is registered already, with the owner {}",
                                            known->key, known->owner));
    }
    draft.request.orders = {{codec::AddStake{key, amount}, std::nullopt, nullptr}};
    return {};
  }
  if (known.error().code != Code::not_found) return fail(known.error());
  if (amount < chain.terms().min_stake) {
    return fail(Code::usage, base::format("a stake of {} coins; this chain wants {} at least",
                                          wallet::format_coins(amount),
                                          wallet::format_coins(chain.terms().min_stake)));
  }
  codec::Bond bond;
  bond.key = key;
  bond.amount = amount;
  bond.owner = args.owner.empty() ? wallet.lock(TRY(wallet.new_address("validator")))
                                  : TRY(owner_lock(wallet, args.owner));
  draft.request.orders = {{bond, std::nullopt, &pair}};
  return {};
}

/// Whose order the owner's is: a key of the wallet, or the validator's own.
Result<wallet::OrderSigner> owner_of(const cli::NodeValidator& validator,
                                     const wallet::Wallet& wallet, const crypto::KeyPair& pair) {
  const codec::Hash lock = TRY(owner_lock(wallet, validator.owner));
  if (const auto path = wallet.find(lock)) return wallet::OrderSigner{wallet.key(*path), *path};
  const codec::ChainKey key = wallet::chain_key_of(pair);
  if (codec::lock_of(key) == lock) return wallet::OrderSigner{key, std::nullopt};
  return fail(Code::refused, base::format("the owner of this validator is {}, which is no address "
                                          "of the wallet",
                                          validator.owner));
}

Result<void> fill_unbond(PayDraft& draft, wallet::Wallet& wallet, WalletChain& chain,
                         const crypto::KeyPair& pair, wallet::Amount amount) {
  const codec::ChainKey key = wallet::chain_key_of(pair);
  const auto known = TRY(chain.validator(base::to_hex(key)));
  const auto signer = TRY(owner_of(known, wallet, pair));
  const wallet::Amount wanted = amount == 0 ? known.stake : amount;
  if (wanted > known.stake || wanted == 0) {
    return fail(Code::refused,
                base::format("not enough: {} coins are to be unbonded, {} are bonded",
                             wallet::format_coins(wanted), wallet::format_coins(known.stake)));
  }
  draft.request.orders = {{codec::Unbond{key, wanted}, signer, nullptr}};
  if (!signer.path) draft.signers.push_back(&pair);
  return {};
}

}  // namespace

int run_validator_bond(const cli::Globals& globals, const cli::ValidatorBondArgs& args) {
  const auto amount = wallet::parse_coins(args.amount);
  if (!amount) return fail_wallet(globals, amount.error());
  if (*amount == 0) return fail_wallet(globals, {Code::usage, "a stake of 0 coins"});
  const auto identity = own_key(globals, /*may_create=*/true);
  if (!identity) return fail_wallet(globals, identity.error());
  const auto report = pay(globals, args.options, args.payment,
                          [&](PayDraft& draft, wallet::Wallet& wallet, WalletChain& chain) {
                            return fill_bond(draft, wallet, chain, identity->key, args, *amount);
                          });
  if (report && identity->created) {
    say(globals,
        "the validator's key is new: it validates once the node was started again, from the next "
        "epoch on");
  }
  return finish_tx(globals, report);
}

int run_validator_unbond(const cli::Globals& globals, const cli::ValidatorUnbondArgs& args) {
  const auto amount = args.all ? Result<wallet::Amount>(0) : wallet::parse_coins(args.amount);
  if (!amount) return fail_wallet(globals, amount.error());
  if (*amount == 0 && !args.all) {
    return fail_wallet(globals, {Code::usage, "0 coins are to be unbonded; --all takes all"});
  }
  const auto identity = own_key(globals, /*may_create=*/false);
  if (!identity) return fail_wallet(globals, identity.error());
  return finish_tx(globals, pay(globals, args.options, args.payment,
                                [&](PayDraft& draft, wallet::Wallet& wallet, WalletChain& chain) {
                                  return fill_unbond(draft, wallet, chain, identity->key, *amount);
                                }));
}

int run_validator_unjail(const cli::Globals& globals, const cli::ValidatorUnjailArgs& args) {
  const auto identity = own_key(globals, /*may_create=*/false);
  if (!identity) return fail_wallet(globals, identity.error());
  const auto fill = [&](PayDraft& draft, wallet::Wallet&, WalletChain&) -> Result<void> {
    const codec::ChainKey key = wallet::chain_key_of(identity->key);
    draft.request.orders = {{codec::Unjail{key}, wallet::OrderSigner{key, std::nullopt}, nullptr}};
    draft.signers.push_back(&identity->key);
    return {};
  };
  return finish_tx(globals, pay(globals, args.options, args.payment, fill));
}

int run_validator_status(const cli::Globals& globals, const cli::ValidatorStatusArgs& args) {
  std::string key = args.key;
  if (key.empty()) {
    const auto identity = own_key(globals, /*may_create=*/false);
    if (!identity) return fail_wallet(globals, identity.error());
    key = base::to_hex(wallet::chain_key_of(identity->key));
  }
  return ask_running(globals, "validator.get", {{"key", key}}, answer_timeout, cli::render_object);
}

int run_validator_list(const cli::Globals& globals, const cli::ValidatorListArgs& args) {
  cli::Params params = {{"limit", args.limit}};
  if (!args.after.empty()) params.emplace_back("after", args.after);
  return ask_running(globals, "validator.list", params, answer_timeout, cli::render_validators);
}

}  // namespace kith::app
