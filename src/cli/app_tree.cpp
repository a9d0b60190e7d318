#include "cli/app_tree.h"

#include "base/format.h"
#include "cli/verbs.h"
#include "node/config_text.h"

namespace kith::cli {
namespace {

constexpr std::uint64_t devnet_nodes_max = 256;

template <class T>
CLI::Option* add_duration(CLI::App& app, const std::string& name, T& target,
                          const std::string& help) {
  return add_parsed(app, name, target, help, "DURATION", node::parse_duration);
}

/// The same, kept as it was written: the node reads it.
CLI::Option* add_duration_text(CLI::App& app, const std::string& name, std::string& target,
                               const std::string& help) {
  const auto parse = [](const std::string& text) -> Result<std::string> {
    TRY(node::parse_duration(text));
    return text;
  };
  return add_parsed(app, name, target, help, "DURATION", parse);
}

CLI::Option* add_size(CLI::App& app, const std::string& name, std::uint64_t& target,
                      const std::string& help) {
  return add_parsed(app, name, target, help, "SIZE", node::parse_size);
}

void add_globals(CLI::App& app, Globals& globals) {
  app.add_option("--home", globals.home, "Home folder (else $KITH_HOME, else the XDG data folder)")
      ->type_name("DIR");
  app.add_option("--config", globals.config, "Configuration file (else HOME/config.toml)")
      ->type_name("FILE");
  app.add_option("--set", globals.sets, "One configuration key for this run; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--log-level", globals.log_level, "Such as debug, or info,host=debug")
      ->type_name("LEVEL");
  app.add_flag("--json", globals.json, "One JSON object on standard output and nothing else there");
  app.add_flag("--quiet,-q", globals.quiet, "No progress on standard error");
}

CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<std::string>& list,
                      const std::string& help) {
  return app.add_option(name, list, help)->type_name("ADDR")->allow_extra_args(false);
}

void add_node_verbs(CLI::App& app, Draft& draft) {
  const auto init = add_verb<InitArgs>(app, draft, "init", "Make a home: folder, identity, config",
                                       "kith init --home ~/node1 --network testnet");
  init.app->add_option("--network", init.args->network, "The network's name")->type_name("NAME");

  const auto start =
      add_verb<StartArgs>(app, draft, "start", "Run the node in the foreground until stopped",
                          "kith start --listen /ip4/0.0.0.0/tcp/4770 --bootstrap "
                          "/ip4/192.0.2.7/tcp/4770/p2p/12D3Koo...");
  add_list(*start.app, "--listen", start.args->listen, "Listen here; may be repeated");
  add_list(*start.app, "--announce", start.args->announce, "Tell peers this address as well");
  add_list(*start.app, "--bootstrap", start.args->bootstrap, "Dial this peer first");
  start.app->add_option("--psk", start.args->psk_file, "swarm.key of a private network")
      ->type_name("FILE");

  add_verb<StopArgs>(app, draft, "stop", "Stop the running node", "kith stop");
  add_verb<StatusArgs>(app, draft, "status", "Who the running node is and how it fares",
                       "kith status --json");
  add_verb<StatsArgs>(app, draft, "stats", "Counters of the running node", "kith stats");
  add_verb<DoctorArgs>(app, draft, "doctor", "Check this machine and home for what may go wrong",
                       "kith doctor");
  const auto id =
      add_verb<IdArgs>(app, draft, "id", "Print the identity of this home; seal or unseal its key",
                       "kith id --seal passphrase.txt");
  auto* seal = id.app
                   ->add_option("--seal", id.args->seal_file,
                                "Seal identity.key with the first line of FILE, which the key "
                                "identity.passphrase_file must name from then on")
                   ->type_name("FILE");
  id.app->add_flag("--unseal", id.args->unseal, "Write identity.key without a passphrase")
      ->excludes(seal);
  add_verb<VersionArgs>(app, draft, "version", "Print the version", "kith version");
}

void add_config_verbs(CLI::App& app, Draft& draft) {
  CLI::App* config =
      add_group(app, "config", "Show or check the configuration", "kith config check config.toml");
  add_verb<ConfigShowArgs>(*config, draft, "show", "Every key, its value and where it came from",
                           "kith config show --set max_peers=50");
  const auto check =
      add_verb<ConfigCheckArgs>(*config, draft, "check", "Check a file without starting anything",
                                "kith config check config.toml");
  check.app->add_option("FILE", check.args->file, "config.toml or config.json")->required();
  const auto docs = add_verb<ConfigDocsArgs>(*config, draft, "docs", "Print a reference page",
                                             "kith config docs --page cli");
  docs.app->group("");  // for whoever maintains the pages
  docs.app->add_option("--page", docs.args->page, "config, cli, api or metrics")
      ->check(CLI::IsMember({"config", "cli", "api", "metrics"}));
}

void add_peer_verbs(CLI::App& app, Draft& draft) {
  CLI::App* peers = add_group(app, "peers", "The running node's peers", "kith peers list");
  add_verb<PeersListArgs>(*peers, draft, "list", "The connected peers", "kith peers list --json");
  const auto info = add_verb<PeersInfoArgs>(*peers, draft, "info", "All about one connected peer",
                                            "kith peers info 12D3Koo...");
  info.app->add_option("PEER", info.args->peer, "The peer's id")->required();
  const auto connect =
      add_verb<PeersConnectArgs>(*peers, draft, "connect", "Connect to a peer",
                                 "kith peers connect /ip4/192.0.2.7/tcp/4770/p2p/12D3Koo...");
  connect.app->add_option("ADDR", connect.args->target, "A multiaddr, or the id of a known peer")
      ->required();
  const auto disconnect =
      add_verb<PeersDisconnectArgs>(*peers, draft, "disconnect", "Close every connection to a peer",
                                    "kith peers disconnect 12D3Koo...");
  disconnect.app->add_option("PEER", disconnect.args->peer, "The peer's id")->required();
  const auto ban =
      add_verb<PeersBanArgs>(*peers, draft, "ban", "Close a peer's connections and refuse it",
                             "kith peers ban 12D3Koo... --for 12h --reason spam");
  ban.app->add_option("PEER", ban.args->peer, "The peer's id")->required();
  add_duration_text(*ban.app, "--for", ban.args->span, "How long (else until it is lifted)");
  ban.app->add_option("--reason", ban.args->reason, "For whoever looks at the bans");
  const auto unban =
      add_verb<PeersUnbanArgs>(*peers, draft, "unban", "Lift a ban", "kith peers unban 12D3Koo...");
  unban.app->add_option("PEER", unban.args->peer, "The peer's id")->required();
  add_verb<PeersBansArgs>(*peers, draft, "bans", "Who is banned, why and for how long",
                          "kith peers bans --json");
}

void add_topic_options(CLI::App& app, TopicOptionArgs& options) {
  add_duration_text(app, "--max-age", options.max_age,
                    "Messages expire so long after they are published (else never)");
  app.add_option("--compression", options.compression, "How messages travel (none)")
      ->check(CLI::IsMember({"zstd", "none"}))
      ->type_name("NAME");
  app.add_option("--priority", options.priority,
                 "What goes first, and is dropped last, where messages wait (application)")
      ->check(CLI::IsMember({"consensus", "blocks", "transactions", "application", "bulk"}))
      ->type_name("NAME");
}

void add_pubsub_verbs(CLI::App& app, Draft& draft) {
  CLI::App* pubsub =
      add_group(app, "pubsub", "Publish to topics and subscribe to them", "kith pubsub sub news");
  const auto pub = add_verb<PubsubPubArgs>(*pubsub, draft, "pub", "Publish one message",
                                           "kith pubsub pub news \"hello\"");
  pub.app->add_option("TOPIC", pub.args->topic, "The topic's name")->required();
  pub.app->add_option("DATA", pub.args->data, "The message (else standard input)");
  add_topic_options(*pub.app, pub.args->options);
  const auto sub =
      add_verb<PubsubSubArgs>(*pubsub, draft, "sub", "Print the messages of a topic as they come",
                              "kith pubsub sub news --json");
  sub.app->add_option("TOPIC", sub.args->topic, "The topic's name")->required();
  add_topic_options(*sub.app, sub.args->options);
  add_count(*sub.app, "--count,-n", sub.args->count, "Stop after so many (else Ctrl-C)", 1,
            UINT64_MAX);
  add_verb<PubsubTopicsArgs>(*pubsub, draft, "topics", "The topics the node is subscribed to",
                             "kith pubsub topics");
  const auto peers = add_verb<PubsubPeersArgs>(*pubsub, draft, "peers", "The peers of a topic",
                                               "kith pubsub peers news");
  peers.app->add_option("TOPIC", peers.args->topic, "The topic's name")->required();
}

void add_chain_verbs(CLI::App& app, Draft& draft) {
  CLI::App* chain =
      add_group(app, "chain", "The chain that the running node keeps", "kith chain status");
  add_verb<ChainStatusArgs>(*chain, draft, "status", "Height, epoch, validators, time to finality",
                            "kith chain status --json");
  const auto block =
      add_verb<ChainBlockArgs>(*chain, draft, "block", "A final block", "kith chain block 7");
  block.app->add_option("BLOCK", block.args->block, "Its height, from 1, or its digest in hex")
      ->required();
  const auto tx = add_verb<ChainTxArgs>(
      *chain, draft, "tx", "A transaction that waits or is final, and where its outputs stand",
      "kith chain tx 3f1c...");
  tx.app->add_option("TXID", tx.args->txid, "Its name, 64 digits of hex")->required();
  add_verb<ChainValidatorsArgs>(*chain, draft, "validators",
                                "The validators of this epoch, and what the set tolerates",
                                "kith chain validators --json");
  const auto proof = add_verb<ChainProofArgs>(
      *chain, draft, "proof", "A proof for `kith light verify`", "kith chain proof output TXID:0");
  proof.app->add_option("KIND", proof.args->kind, "What is proven")
      ->required()
      ->check(CLI::IsMember({"finality", "block", "tx", "output", "validator", "entry"}));
  proof.app->add_option(
      "WHAT", proof.args->what,
      "A height, a transaction's id, TXID:N, a validator's key, or KIND:ID of an entry");
  add_count(*proof.app, "--from-epoch", proof.args->from_epoch,
            "The epoch whose validators are trusted already (begins with the genesis)", 0,
            UINT64_MAX);
  add_count(*proof.app, "--checkpoint", proof.args->checkpoint, "Begin with this block instead", 1,
            UINT64_MAX);
  proof.app->add_option("--out", proof.args->out, "Write bytes here (else hex to standard output)")
      ->type_name("FILE");
}

void add_light_verbs(CLI::App& app, Draft& draft) {
  CLI::App* light = add_group(app, "light", "Check what a chain is said to hold, without a node",
                              "kith light verify --genesis genesis.kith proof.bin");
  const auto verify =
      add_verb<LightVerifyArgs>(*light, draft, "verify", "Check a proof; exit 4 when it is false",
                                "kith light verify --genesis genesis.kith proof.bin");
  LightVerifyArgs& args = *verify.args;
  CLI::App& to = *verify.app;
  to.add_option("PROOF", args.proof,
                "A file of `kith chain proof`, bytes or hex, or a certificate; - for stdin")
      ->required();
  to.add_option("--genesis", args.genesis, "The chain's genesis: its hash in hex, or the file")
      ->type_name("HASH|FILE");
  to.add_option("--checkpoint", args.checkpoint, "A block that is trusted instead of the genesis")
      ->type_name("HEIGHT:DIGEST");
  to.add_option("--state", args.state, "Go on from what this file remembers, and remember more")
      ->type_name("FILE");
  add_duration(to, "--trusting-period", args.trusting_period,
               "How long validators are trusted (two thirds of the time that unbonding takes)");
  to.add_flag("--trust-old-keys", args.trusts_old_keys,
              "Go on from what is older: no old validator's key may have been sold or stolen");
  to.add_option("--txid", args.txid, "Expect this transaction")->type_name("TXID");
  to.add_option("--outpoint", args.outpoint, "Expect this output")->type_name("TXID:N");
  to.add_option("--address", args.address, "Expect an output to this address")
      ->type_name("ADDRESS");
  add_count(to, "--amount", args.amount, "Expect an output of so many units", 0, UINT64_MAX);
  to.add_option("--validator", args.validator, "Expect this validator's entry")->type_name("KEY");
  to.add_option("--entry", args.entry, "Expect an entry, such as account:3f1c...")
      ->type_name("KIND:ID");
  add_count(to, "--height", args.height, "Expect the block of this height", 1, UINT64_MAX);
  to.add_flag("--unspent", args.unspent, "Expect the output to be unspent");
  to.add_flag("--spent", args.spent, "Expect the output to be spent")->excludes("--unspent");
}

void add_measuring_verbs(CLI::App& app, Draft& draft) {
  const std::string target_help =
      "A multiaddr ending in /p2p/ID, or the id of a peer that the running node knows";
  const auto ping = add_verb<PingArgs>(
      app, draft, "ping", "Measure the round trip to a peer",
      "kith ping /ip4/192.0.2.7/tcp/4770/p2p/12D3Koo... --count 10 --interval 200ms");
  ping.app->add_option("ADDR", ping.args->target, target_help)->required();
  add_count(*ping.app, "--count,-n", ping.args->count, "Round trips (4)", 1, 1'000'000);
  add_duration(*ping.app, "--interval,-i", ping.args->interval, "Between two (1s)");
  add_duration(*ping.app, "--timeout", ping.args->timeout, "For one, connecting included (30s)");
  ping.app->add_option("--psk", ping.args->psk_file, "swarm.key of a private network")
      ->type_name("FILE");

  const auto perf = add_verb<PerfArgs>(
      app, draft, "perf", "Measure the throughput to a peer that serves /perf/1.0.0",
      "kith perf /ip4/192.0.2.7/tcp/4770/p2p/12D3Koo... --upload-bytes 1GiB --download-bytes 1GiB");
  perf.app->add_option("ADDR", perf.args->target, target_help)->required();
  add_size(*perf.app, "--upload-bytes", perf.args->upload_bytes, "How much goes there (64MiB)");
  add_size(*perf.app, "--download-bytes", perf.args->download_bytes, "How much comes back (64MiB)");
  add_duration(*perf.app, "--timeout", perf.args->timeout, "For all of it (10m)");
  perf.app->add_option("--psk", perf.args->psk_file, "swarm.key of a private network")
      ->type_name("FILE");
}

void add_many_node_verbs(CLI::App& app, Draft& draft) {
  const auto devnet = add_verb<DevnetArgs>(app, draft, "devnet",
                                           "Run several real nodes on this machine's loopback",
                                           "kith devnet --nodes 4 --for 30s --json");
  add_count(*devnet.app, "--nodes", devnet.args->nodes, "How many (4)", 1, devnet_nodes_max);
  add_count(*devnet.app, "--validators", devnet.args->validators,
            "How many of them agree (4, or all)", 0, devnet_nodes_max);
  devnet.app
      ->add_option("--dir", devnet.args->dir,
                   "Homes DIR/node1...; resumed when there (else a "
                   "temporary folder, removed at the end)")
      ->type_name("DIR");
  add_count(*devnet.app, "--base-port", devnet.args->base_port,
            "TCP port of node 1, the others 10 apart (4770); 0: free ports", 0, 65535);
  add_count(*devnet.app, "--until-height", devnet.args->until_height, "Stop at this block", 1,
            UINT64_MAX);
  add_duration(*devnet.app, "--for", devnet.args->run_for, "Stop after so long (else Ctrl-C)");
  devnet.app->add_flag("--no-job", devnet.args->no_job, "Without the computing job");

  const auto simulate = add_verb<SimulateArgs>(
      app, draft, "simulate", "Run many nodes in virtual time; same arguments, same trace",
      "kith simulate --nodes 1000 --seed 7 --for 10m --json");
  add_count(*simulate.app, "--nodes", simulate.args->nodes, "How many (100)", 1, 1'000'000);
  add_count(*simulate.app, "--seed", simulate.args->seed, "What all chance follows from (1)", 0,
            UINT64_MAX);
  add_duration(*simulate.app, "--for", simulate.args->run_for, "Virtual time (60s)");
  simulate.app
      ->add_option(
          "--scenario", simulate.args->scenario,
          "peers, calm, storm, gossip, ledger, compute or packet, see docs/simulator.md (peers)")
      ->type_name("NAME");
  add_list(*simulate.app, "--with", simulate.args->settings,
           "A setting of the scenario; may be repeated")
      ->type_name("NAME=VALUE");
}

void add_other_verbs(CLI::App& app, Draft& draft) {
  CLI::App* log = add_group(app, "log", "The running node's log", "kith log level host debug");
  const auto level = add_verb<LogLevelArgs>(*log, draft, "level",
                                            "Show the levels, or change one while the node runs",
                                            "kith log level host debug");
  level.app->add_option("SUBSYSTEM", level.args->subsystem, "Such as host; \"all\" for all");
  level.app->add_option("LEVEL", level.args->level, "trace, debug, info, warn, error or off");
  level.app->parse_complete_callback([args = level.args] {
    if (!args->subsystem.empty() && args->level.empty()) {
      throw CLI::RequiredError("LEVEL");
    }
  });

  const auto completion =
      add_verb<CompletionArgs>(app, draft, "completion", "Print a completion script for a shell",
                               "kith completion bash > /etc/bash_completion.d/kith");
  completion.app->add_option("SHELL", completion.args->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace

void build_tree(CLI::App& app, Draft& draft) {
  app.name("kith");
  app.description("Kith: peers that talk, agree and compute, with no server in the middle.");
  app.footer("Example:\n  kith start\n\nEvery verb explains itself: kith VERB --help");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_flag("--help,-h", "Print this help");
  add_globals(app, draft.globals);
  add_node_verbs(app, draft);
  add_config_verbs(app, draft);
  add_peer_verbs(app, draft);
  add_pubsub_verbs(app, draft);
  add_chain_verbs(app, draft);
  add_wallet_verbs(app, draft);
  add_light_verbs(app, draft);
  add_file_verbs(app, draft);
  add_measuring_verbs(app, draft);
  add_many_node_verbs(app, draft);
  add_other_verbs(app, draft);
  add_operation_verbs(app, draft);
  add_compute_verbs(app, draft);
  add_work_verbs(app, draft);
  add_account_verbs(app, draft);
  add_job_verbs(app, draft);
}

}  // namespace kith::cli
