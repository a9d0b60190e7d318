#include "cli/payment_options.h"
#include "cli/verbs.h"
#include "node/config_text.h"

namespace kith::cli {
namespace {

constexpr std::uint64_t page_max = 1000;
/// Of a wallet's keys for accounts, which are looked for up to there (wallet/orders.h).
constexpr std::uint64_t index_max = 19;

void add_naming_options(CLI::App& app, NamingOptions& naming) {
  app.add_flag("--later", naming.is_later,
               "Return once the name is sealed; the same command takes it later");
  add_parsed(app, "--timeout", naming.timeout, "How long to wait for the name (30m)", "DURATION",
             node::parse_duration);
}

void add_making_verbs(CLI::App& account, Draft& draft) {
  const auto create = add_verb<AccountCreateArgs>(
      account, draft, "create",
      "Open an account of the wallet's with a bond, seal a name and take it; goes on where it was "
      "interrupted",
      "kith account create alice");
  AccountCreateArgs& made = *create.args;
  create.app->add_option("NAME", made.name, "3 to 20 of a-z, 0-9 and -")->required();
  create.app->add_option("--bond", made.bond, "Its bond (the least that the chain takes)")
      ->type_name("COINS");
  create.app
      ->add_option("--address", made.address,
                   "Whom it pays what it earns (a new one of the wallet)")
      ->type_name("ADDRESS");
  add_count(*create.app, "--index", made.index, "Which of the wallet's accounts (0)", 0, index_max);
  add_naming_options(*create.app, made.naming);
  add_wallet_options(*create.app, made.wallet);
  add_payment_options(*create.app, made.payment);

  const auto rename = add_verb<AccountRenameArgs>(account, draft, "rename",
                                                  "Give a name to an account that has none",
                                                  "kith account rename bob");
  rename.app->add_option("NAME", rename.args->name, "3 to 20 of a-z, 0-9 and -")->required();
  add_naming_options(*rename.app, rename.args->naming);
  add_account_options(*rename.app, rename.args->options);
}

void add_looking_verbs(CLI::App& account, Draft& draft) {
  const auto show = add_verb<AccountShowArgs>(
      account, draft, "show", "What the chain knows of an account", "kith account show alice");
  show.app->add_option("ACCOUNT", show.args->account, "Its name or id (the home's)");
  const auto list = add_verb<AccountListArgs>(account, draft, "list",
                                              "All accounts, or those whose keys the wallet has",
                                              "kith account list --own");
  add_count(*list.app, "--limit", list.args->limit, "How many (100)", 1, page_max);
  list.app->add_option("--after", list.args->after, "Go on behind this id")->type_name("ID");
  list.app->add_flag("--own", list.args->is_own, "Those of the wallet, which is unlocked for it");
  add_wallet_options(*list.app, list.args->wallet);
  const auto use = add_verb<AccountUseArgs>(
      account, draft, "use", "Make this the home's account, which verbs mean that name none",
      "kith account use alice");
  use.app->add_option("ACCOUNT", use.args->account, "Its name or id")->required();
}

void add_bond_verbs(CLI::App& account, Draft& draft) {
  const auto bond =
      add_verb<AccountBondArgs>(account, draft, "bond", "Add to the bond, which slots in jobs need",
                                "kith account bond --amount 20 --wait");
  bond.app->add_option("--amount", bond.args->amount, "Such as 20")->required()->type_name("COINS");
  add_account_options(*bond.app, bond.args->options);
  const auto withdraw = add_verb<AccountWithdrawArgs>(
      account, draft, "withdraw", "Take from the bond what nothing holds; it is paid epochs later",
      "kith account withdraw --amount 5");
  withdraw.app->add_option("--amount", withdraw.args->amount, "Such as 5")
      ->required()
      ->type_name("COINS");
  add_account_options(*withdraw.app, withdraw.args->options);
  const auto close = add_verb<AccountCloseArgs>(
      account, draft, "close", "Take the whole bond: the account, its name and its workers end",
      "kith account close --wait");
  add_account_options(*close.app, close.args->options);
}

void add_key_verbs(CLI::App& account, Draft& draft) {
  const auto change = add_verb<AccountChangeKeyArgs>(
      account, draft, "change-key", "Sign by another of the wallet's keys from now on",
      "kith account change-key --index 1 --wait");
  add_count(*change.app, "--index", change.args->index, "Which of the wallet's keys (1)", 0,
            index_max);
  add_account_options(*change.app, change.args->options);
  const auto add = add_verb<AccountAddWorkerArgs>(
      account, draft, "add-worker",
      "Let a key compute for the account, which can do nothing else in its name",
      "kith account add-worker --device cpu --wait");
  add.app
      ->add_option("--worker", add.args->folder,
                   "The folder of the worker's identity.key, made when missing (HOME/worker)")
      ->type_name("DIR");
  add.app->add_option("--device", add.args->device, "cpu, nvidia, gpu or other (cpu)")
      ->check(CLI::IsMember({"cpu", "nvidia", "gpu", "other"}))
      ->type_name("CLASS");
  add_account_options(*add.app, add.args->options);
  const auto remove =
      add_verb<AccountRemoveWorkerArgs>(account, draft, "remove-worker", "Withdraw a worker's key",
                                        "kith account remove-worker 3f1c...");
  remove.app->add_option("KEY", remove.args->worker, "Its public key, 64 digits of hex")
      ->required();
  add_account_options(*remove.app, remove.args->options);
}

void add_team_verbs(CLI::App& account, Draft& draft) {
  const auto join = add_verb<AccountJoinArgs>(
      account, draft, "join", "Join a team, which is an account that lets others in",
      "kith account join the-team --wait");
  join.app->add_option("TEAM", join.args->team, "Its name or id")->required();
  add_account_options(*join.app, join.args->options);
  const auto leave =
      add_verb<AccountLeaveArgs>(account, draft, "leave", "Leave the team", "kith account leave");
  add_account_options(*leave.app, leave.args->options);
  const auto team = add_verb<AccountTeamArgs>(
      account, draft, "team", "Let others join the account as a team, or no more others",
      "kith account team --wait");
  team.app->add_flag("--close", team.args->is_closed, "No more others; who is in it stays");
  add_account_options(*team.app, team.args->options);
}

void add_account_file_verbs(CLI::App& account, Draft& draft) {
  const auto exported = add_verb<AccountExportArgs>(
      account, draft, "export", "Write the account's key to a file, for another machine",
      "kith account export alice.account --seal passphrase.txt");
  exported.app->add_option("FILE", exported.args->file, "Where; must not be there")->required();
  auto* seal = exported.app
                   ->add_option("--seal", exported.args->seal_file,
                                "Seal it with the first line of this file (else asked for)")
                   ->type_name("FILE");
  exported.app
      ->add_flag("--no-passphrase", exported.args->no_passphrase,
                 "Leave it open to whoever can read it")
      ->excludes(seal);
  exported.app->add_option("--account", exported.args->account, "Its name or id (the home's)")
      ->type_name("ACCOUNT");
  add_wallet_options(*exported.app, exported.args->wallet);
  const auto imported = add_verb<AccountImportArgs>(
      account, draft, "import", "Take an account's key from such a file into this home",
      "kith account import alice.account");
  imported.app->add_option("FILE", imported.args->file, "What `kith account export` wrote")
      ->required();

  const auto certificate = add_verb<AccountCertificateArgs>(
      account, draft, "certificate",
      "Certify the account, what it did in a job, or a discovery: signed by it, and proven for "
      "`kith light verify`",
      "kith account certificate alice.cert --job 1");
  certificate.app->add_option("FILE", certificate.args->file, "Where to write it")->required();
  auto* job = add_count(*certificate.app, "--job", certificate.args->job,
                        "What it contributed to this job", 1, UINT64_MAX);
  certificate.app
      ->add_option("--find", certificate.args->find,
                   "That this find of the job is its discovery (kith compute finds)")
      ->type_name("NAME")
      ->needs(job);
  certificate.app
      ->add_option("--account", certificate.args->options.account, "Its name or id (the home's)")
      ->type_name("ACCOUNT");
  add_wallet_options(*certificate.app, certificate.args->options.wallet);
}

}  // namespace

void add_account_verbs(CLI::App& app, Draft& draft) {
  CLI::App* account = add_group(app, "account", "Accounts, to which contributions belong",
                                "kith account create alice");
  add_making_verbs(*account, draft);
  add_looking_verbs(*account, draft);
  add_bond_verbs(*account, draft);
  add_key_verbs(*account, draft);
  add_team_verbs(*account, draft);
  add_account_file_verbs(*account, draft);
}

}  // namespace kith::cli
