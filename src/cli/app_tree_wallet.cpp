#include "cli/payment_options.h"
#include "cli/verbs.h"
#include "node/config_text.h"

namespace kith::cli {
namespace {

constexpr std::uint64_t history_max = 1000;

void add_seal_options(CLI::App& app, bool& no_passphrase, std::string& word_passphrase_file) {
  app.add_flag("--no-passphrase", no_passphrase, "Leave the file open to whoever can read it");
  app.add_option("--word-passphrase-file", word_passphrase_file,
                 "A passphrase that belongs to the words (BIP-39), beside the file's")
      ->type_name("FILE");
}

void add_count(CLI::App& app, const std::string& name, std::uint64_t& count,
               const std::string& help, std::uint64_t high) {
  app.add_option(name, count, help)->check(CLI::Range(std::uint64_t{1}, high))->type_name("N");
}

void add_keeping_verbs(CLI::App& wallet, Draft& draft) {
  const auto create = add_verb<WalletCreateArgs>(
      wallet, draft, "create", "Make a wallet and show its words, which restore it",
      "kith wallet create --words 12");
  add_wallet_options(*create.app, create.args->options);
  create.app->add_option("--words", create.args->words, "12, 15, 18, 21 or 24 (24)")
      ->check(CLI::IsMember({12, 15, 18, 21, 24}))
      ->type_name("N");
  create.app->add_option("--label", create.args->label, "For people")->type_name("TEXT");
  add_seal_options(*create.app, create.args->no_passphrase, create.args->word_passphrase_file);

  const auto restore = add_verb<WalletRestoreArgs>(
      wallet, draft, "restore", "Make a wallet again from its words, read from standard input",
      "kith wallet restore --words-file words.txt");
  add_wallet_options(*restore.app, restore.args->options);
  restore.app
      ->add_option("--words-file", restore.args->words_file,
                   "The words (else standard input; never an argument, which others can see)")
      ->type_name("FILE");
  restore.app->add_option("--label", restore.args->label, "For people")->type_name("TEXT");
  add_seal_options(*restore.app, restore.args->no_passphrase, restore.args->word_passphrase_file);

  const auto words = add_verb<WalletWordsArgs>(
      wallet, draft, "words", "Show the wallet's words, to write them down", "kith wallet words");
  add_wallet_options(*words.app, words.args->options);
}

void add_looking_verbs(CLI::App& wallet, Draft& draft) {
  const auto address = add_verb<WalletAddressArgs>(
      wallet, draft, "address", "The address to be paid at; a new one, or all of them",
      "kith wallet address --new --label rent");
  add_wallet_options(*address.app, address.args->options);
  auto* fresh = address.app->add_flag("--new", address.args->is_new, "One that nobody was told");
  address.app->add_option("--label", address.args->label, "For the new one")
      ->type_name("TEXT")
      ->needs(fresh);
  address.app->add_flag("--list", address.args->list, "All that were handed out")->excludes(fresh);

  const auto balance = add_verb<WalletBalanceArgs>(
      wallet, draft, "balance", "Coins: final, locked, on their way", "kith wallet balance --json");
  add_wallet_options(*balance.app, balance.args->options);
  const auto utxos = add_verb<WalletUtxosArgs>(wallet, draft, "utxos", "Each coin and its state",
                                               "kith wallet utxos");
  add_wallet_options(*utxos.app, utxos.args->options);
  const auto history =
      add_verb<WalletHistoryArgs>(wallet, draft, "history", "What came and went, the newest first",
                                  "kith wallet history --limit 10");
  add_wallet_options(*history.app, history.args->options);
  add_count(*history.app, "--limit", history.args->limit, "How many (50)", history_max);
}

void add_paying_verbs(CLI::App& wallet, Draft& draft) {
  const auto send =
      add_verb<WalletSendArgs>(wallet, draft, "send", "Pay somebody",
                               "kith wallet send --to kith1q... --amount 12.5 --wait");
  add_wallet_options(*send.app, send.args->options);
  send.app->add_option("--to", send.args->to, "The payee's address")
      ->required()
      ->type_name("ADDRESS");
  auto* amount =
      send.app->add_option("--amount", send.args->amount, "Such as 12.5")->type_name("COINS");
  auto* all =
      send.app->add_flag("--all", send.args->all, "All that can be spent")->excludes(amount);
  send.app->add_flag("--subtract-fee", send.args->subtract_fee, "The payee pays the fee")
      ->excludes(all);
  send.app->parse_complete_callback([args = send.args] {
    if (args->amount.empty() && !args->all) throw CLI::RequiredError("--amount or --all");
  });
  add_payment_options(*send.app, send.args->payment);

  const auto merge = add_verb<WalletMergeArgs>(
      wallet, draft, "merge", "Make one coin of many small ones", "kith wallet merge --wait");
  add_wallet_options(*merge.app, merge.args->options);
  add_payment_options(*merge.app, merge.args->payment);

  const auto sign = add_verb<WalletSignArgs>(
      wallet, draft, "sign", "Show what a transaction file does and sign it; needs no node",
      "kith wallet sign payment.tx --out signed.tx");
  add_wallet_options(*sign.app, sign.args->options);
  sign.app->add_option("FILE", sign.args->file, "From `kith wallet send --unsigned FILE`")
      ->required();
  sign.app->add_option("--out", sign.args->out, "Where to write it (FILE itself)")
      ->type_name("FILE");
  sign.app->add_option("--max-fee", sign.args->max_fee, "Refuse a higher fee (0.01)")
      ->type_name("COINS");
  sign.app->add_flag("--yes,-y", sign.args->yes, "Without asking on a terminal");

  const auto broadcast =
      add_verb<WalletBroadcastArgs>(wallet, draft, "broadcast", "Send a signed transaction file",
                                    "kith wallet broadcast signed.tx --wait");
  broadcast.app->add_option("FILE", broadcast.args->file, "What `kith wallet sign` wrote")
      ->required();
  broadcast.app->add_flag("--wait", broadcast.args->wait, "Return once a final block has it");
}

void add_validator_verbs(CLI::App& app, Draft& draft) {
  CLI::App* validator = add_group(app, "validator", "Stake, and how a validator fares",
                                  "kith validator bond --amount 1000 --wait");
  const auto bond = add_verb<ValidatorBondArgs>(
      *validator, draft, "bond",
      "Register this home's validator key with stake out of the wallet, or add to its stake",
      "kith validator bond --amount 1000 --wait");
  bond.app->add_option("--amount", bond.args->amount, "Such as 1000")
      ->required()
      ->type_name("COINS");
  bond.app
      ->add_option("--owner", bond.args->owner,
                   "Whose stake and rewards these are (a new address of the wallet)")
      ->type_name("ADDRESS");
  add_wallet_options(*bond.app, bond.args->options);
  add_payment_options(*bond.app, bond.args->payment);

  const auto unbond = add_verb<ValidatorUnbondArgs>(
      *validator, draft, "unbond", "Take stake back; it is paid after the unbonding time",
      "kith validator unbond --all");
  auto* amount =
      unbond.app->add_option("--amount", unbond.args->amount, "Such as 100")->type_name("COINS");
  unbond.app->add_flag("--all", unbond.args->all, "All of it: the validator leaves")
      ->excludes(amount);
  unbond.app->parse_complete_callback([args = unbond.args] {
    if (args->amount.empty() && !args->all) throw CLI::RequiredError("--amount or --all");
  });
  add_wallet_options(*unbond.app, unbond.args->options);
  add_payment_options(*unbond.app, unbond.args->payment);

  const auto unjail = add_verb<ValidatorUnjailArgs>(*validator, draft, "unjail",
                                                    "Ask to validate again, once the jail is over",
                                                    "kith validator unjail --wait");
  add_wallet_options(*unjail.app, unjail.args->options);
  add_payment_options(*unjail.app, unjail.args->payment);

  const auto status = add_verb<ValidatorStatusArgs>(
      *validator, draft, "status", "What the chain knows of a validator", "kith validator status");
  status.app->add_option("KEY", status.args->key, "Its public key in hexadecimal (this home's)");
  const auto list =
      add_verb<ValidatorListArgs>(*validator, draft, "list", "All validators that are registered",
                                  "kith validator list --json");
  add_count(*list.app, "--limit", list.args->limit, "How many (100)", history_max);
  list.app->add_option("--after", list.args->after, "Go on behind this key")->type_name("KEY");
}

}  // namespace

void add_wallet_options(CLI::App& app, WalletOptions& options) {
  app.add_option("--wallet", options.wallet, "HOME/wallet/NAME.wallet (default)")
      ->type_name("NAME");
  app.add_option("--passphrase-file", options.passphrase_file,
                 "Its first line opens the wallet (else $KITH_WALLET_PASSPHRASE, else asked for)")
      ->type_name("FILE");
}

void add_payment_options(CLI::App& app, PaymentOptions& options) {
  app.add_option("--fee-rate", options.fee_rate, "Coins for 1000 bytes (the chain's minimum)")
      ->type_name("COINS");
  app.add_option("--max-fee", options.max_fee, "Refuse a higher fee (0.01)")->type_name("COINS");
  auto* dry =
      app.add_flag("--dry-run", options.is_dry_run, "Show what would be sent, and send nothing");
  auto* file = app.add_option("--unsigned", options.unsigned_file,
                              "Write the unsigned transaction there, and send nothing")
                   ->type_name("FILE");
  app.add_flag("--wait", options.wait, "Return once a final block has it")
      ->excludes(dry)
      ->excludes(file);
}

void add_account_options(CLI::App& app, AccountOptions& options) {
  app.add_option("--account", options.account, "Its name or id (the home's)")->type_name("ACCOUNT");
  add_wallet_options(app, options.wallet);
  add_payment_options(app, options.payment);
}

void add_wallet_verbs(CLI::App& app, Draft& draft) {
  CLI::App* wallet =
      add_group(app, "wallet", "Coins: addresses, payments, history", "kith wallet create");
  add_keeping_verbs(*wallet, draft);
  add_looking_verbs(*wallet, draft);
  add_paying_verbs(*wallet, draft);
  add_validator_verbs(app, draft);
}

}  // namespace kith::cli
