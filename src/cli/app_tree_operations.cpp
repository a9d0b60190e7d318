#include "cli/verbs.h"

namespace kith::cli {
namespace {

constexpr std::uint64_t testnet_validators_max = 200;

CLI::Option* add_texts(CLI::App& app, const std::string& name, std::vector<std::string>& list,
                       const std::string& help, const std::string& type) {
  return app.add_option(name, list, help)->type_name(type)->allow_extra_args(false);
}

void add_genesis_options(CLI::App& app, GenesisOptions& options) {
  app.add_option("--network", options.network, "The network's name (kith)")->type_name("NAME");
  add_texts(app, "--param", options.params,
            "A parameter, such as block_interval_ms=1000 (docs/operations.md); may be repeated",
            "NAME=VALUE");
  add_texts(app, "--output", options.outputs,
            "Coins that are there from the beginning; may be repeated", "ADDRESS=AMOUNT");
}

void add_genesis_file(CLI::App& app, std::string& file) {
  app.add_option("FILE", file, "The genesis file (else HOME/genesis.kith)");
}

void add_genesis_verbs(CLI::App& app, Draft& draft) {
  CLI::App* genesis =
      add_group(app, "genesis", "Make and show what a chain begins with", "kith genesis show");
  const auto made = add_verb<GenesisNewArgs>(
      *genesis, draft, "new", "Begin a genesis file; validators are added to it",
      "kith genesis new g.kith --network test --param block_interval_ms=1000");
  add_genesis_file(*made.app, made.args->file);
  add_genesis_options(*made.app, made.args->options);
  add_count(*made.app, "--time-ms", made.args->time_ms,
            "The date of genesis in Unix milliseconds (now)", 0, std::uint64_t{1} << 53);

  const auto add = add_verb<GenesisAddArgs>(
      *genesis, draft, "add-validator",
      "Add a validator: a key, or that of the home, which is made when it has none",
      "kith genesis add-validator g.kith --home ~/node1 --stake 1000");
  add_genesis_file(*add.app, add.args->file);
  add.app->add_option("--key", add.args->key, "Its public key in hexadecimal (else the home's)")
      ->type_name("HEX");
  add.app->add_option("--stake", add.args->stake, "Its stake in coins (min_stake)")
      ->type_name("AMOUNT");
  add.app
      ->add_option("--owner", add.args->owner,
                   "Who gives it orders and gets its stake back (the validator key itself)")
      ->type_name("ADDRESS");

  const auto show =
      add_verb<GenesisShowArgs>(*genesis, draft, "show", "All that a genesis says, and its hash",
                                "kith genesis show g.kith --json");
  add_genesis_file(*show.app, show.args->file);

  const auto testnet = add_verb<GenesisTestnetArgs>(
      *genesis, draft, "testnet",
      "Write homes of validators, each with its keys and configuration, and one genesis",
      "kith genesis testnet --validators 4 --dir ~/testnet");
  testnet.app->add_option("--dir", testnet.args->dir, "Where: DIR/node1 and so on")
      ->type_name("DIR")
      ->required();
  add_genesis_options(*testnet.app, testnet.args->options);
  add_count(*testnet.app, "--validators", testnet.args->validators, "How many (4)", 1,
            testnet_validators_max);
  add_count(*testnet.app, "--base-port", testnet.args->base_port,
            "TCP port of node 1 (4770); on one machine the others' are 10 apart", 1, 65535);
  add_texts(*testnet.app, "--host", testnet.args->hosts,
            "IP address of node 1, then of node 2 and so on (else all on this machine)", "IP");
}

/// A verb that has verbs below it: it is meant when none of them is.
void add_inspect_verbs(CLI::App& app, Draft& draft) {
  CLI::App* inspect =
      app.add_subcommand("inspect", "Look into the chain of a home whose node does not run");
  inspect->footer("Example:\n  kith inspect --deep --json");
  const auto all = std::make_shared<InspectArgs>();
  inspect->add_flag("--deep", all->is_deep,
                    "Compute all roots anew from what is stored, check every block and "
                    "certificate (exit 4 when something does not hold)");
  inspect->final_callback([&draft, inspect, all] {
    if (inspect->get_subcommands().empty()) draft.command = OperationArgs(*all);
  });
  add_verb<InspectWalArgs>(*inspect, draft, "wal", "The log of votes, record by record",
                           "kith inspect wal");
  const auto block = add_verb<InspectBlockArgs>(*inspect, draft, "block", "A stored block",
                                                "kith inspect block 7");
  block.app->add_option("HEIGHT", block.args->height, "From 1")->required();
  const auto replay = add_verb<InspectReplayArgs>(
      *inspect, draft, "replay",
      "Execute all stored blocks from genesis on, and print what the last one led to",
      "kith inspect replay --until 7 > block7.txt");
  add_count(*replay.app, "--until", replay.args->until, "Up to this block (the last)", 1,
            UINT64_MAX);
}

void add_signer_verbs(CLI::App& app, Draft& draft) {
  CLI::App* signer =
      add_group(app, "signer", "A process that holds a validator's key and signs for its nodes",
                "kith signer run --home ~/signer");
  const auto init = add_verb<SignerInitArgs>(
      *signer, draft, "init",
      "Make a signer's home: its key, unless HOME/validator has one, and an empty log",
      "kith signer init --home ~/signer");
  init.app->add_flag("--never-used", init.args->is_never_used,
                     "The key that is there has signed nothing so far: no need to be silent "
                     "until the next epoch");
  const auto run = add_verb<SignerRunArgs>(*signer, draft, "run", "Sign until it is stopped",
                                           "kith signer run --home ~/signer "
                                           "--listen /ip4/10.0.0.5/tcp/4780 --allow PEER_ID");
  run.app
      ->add_option("--socket", run.args->socket,
                   "The Unix-domain socket for nodes of this machine (HOME/signer.sock)")
      ->type_name("PATH");
  run.app
      ->add_option("--listen", run.args->listen,
                   "Where nodes of other machines reach it, under Noise (nowhere)")
      ->type_name("MULTIADDR");
  add_texts(*run.app, "--allow", run.args->allowed,
            "A node that may come over TCP, by its peer id; may be repeated", "PEER_ID");
}

}  // namespace

void add_operation_verbs(CLI::App& app, Draft& draft) {
  add_genesis_verbs(app, draft);
  add_signer_verbs(app, draft);
  add_inspect_verbs(app, draft);
  CLI::App* chain =
      group_of(app, "chain", "The chain that the running node keeps", "kith chain status");
  add_verb<ChainConsensusArgs>(*chain, draft, "consensus",
                               "What consensus waits for: views, votes, certificates, timers",
                               "kith chain consensus");
  CLI::App* validator =
      group_of(app, "validator", "Validators of the chain", "kith validator heartbeats");
  const auto beats = add_verb<ValidatorHeartbeatsArgs>(
      *validator, draft, "heartbeats", "When validators outside the active set were heard last",
      "kith validator heartbeats --json");
  beats.app->add_option("--key", beats.args->key, "Of this one alone")->type_name("HEX");
}

}  // namespace kith::cli
