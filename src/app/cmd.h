// The verbs, one function each; what each does and prints is docs/cli.md. They return the exit
// code. Results go to standard output, everything else to standard error.
#pragma once

#include <string>
#include <string_view>

#include "app/session.h"
#include "cli/args.h"

namespace kith::app {

// cmd_start.cpp
int run_start(const cli::Globals& globals, const cli::StartArgs& args);
/// The same, with compute.* set by what was said.
int run_compute_work(const cli::Globals& globals, const cli::ComputeWorkArgs& args);
// cmd_node.cpp
int run_init(const cli::Globals& globals, const cli::InitArgs& args);
int run_stop(const cli::Globals& globals);
int run_status(const cli::Globals& globals);
int run_stats(const cli::Globals& globals);
int run_id(const cli::Globals& globals, const cli::IdArgs& args);
int run_version(const cli::Globals& globals);
int run_log_level(const cli::Globals& globals, const cli::LogLevelArgs& args);
int run_completion(const cli::Globals& globals, const cli::CompletionArgs& args);
// cmd_config.cpp
int run_config_show(const cli::Globals& globals);
int run_config_check(const cli::Globals& globals, const cli::ConfigCheckArgs& args);
int run_config_docs(const cli::Globals& globals, const cli::ConfigDocsArgs& args);
// cmd_peers.cpp
int run_peers_list(const cli::Globals& globals);
int run_peers_info(const cli::Globals& globals, const cli::PeersInfoArgs& args);
int run_peers_connect(const cli::Globals& globals, const cli::PeersConnectArgs& args);
int run_peers_disconnect(const cli::Globals& globals, const cli::PeersDisconnectArgs& args);
int run_peers_ban(const cli::Globals& globals, const cli::PeersBanArgs& args);
int run_peers_unban(const cli::Globals& globals, const cli::PeersUnbanArgs& args);
int run_peers_bans(const cli::Globals& globals);
int run_chain_status(const cli::Globals& globals);
int run_chain_block(const cli::Globals& globals, const cli::ChainBlockArgs& args);
int run_chain_tx(const cli::Globals& globals, const cli::ChainTxArgs& args);
int run_chain_validators(const cli::Globals& globals);
// cmd_light.cpp
int run_chain_proof(const cli::Globals& globals, const cli::ChainProofArgs& args);
int run_light_verify(const cli::Globals& globals, const cli::LightVerifyArgs& args);
// cmd_pubsub.cpp
int run_pubsub_pub(const cli::Globals& globals, const cli::PubsubPubArgs& args);
int run_pubsub_sub(const cli::Globals& globals, const cli::PubsubSubArgs& args);
int run_pubsub_topics(const cli::Globals& globals);
int run_pubsub_peers(const cli::Globals& globals, const cli::PubsubPeersArgs& args);
// cmd_measure.cpp
int run_ping(const cli::Globals& globals, const cli::PingArgs& args);
int run_perf(const cli::Globals& globals, const cli::PerfArgs& args);
// cmd_file.cpp
int run_receive(const cli::Globals& globals, const cli::ReceiveArgs& args);
int run_send(const cli::Globals& globals, const cli::SendArgs& args);
// cmd_wallet.cpp, cmd_wallet_send.cpp
int run_wallet_create(const cli::Globals& globals, const cli::WalletCreateArgs& args);
int run_wallet_restore(const cli::Globals& globals, const cli::WalletRestoreArgs& args);
int run_wallet_words(const cli::Globals& globals, const cli::WalletWordsArgs& args);
int run_wallet_address(const cli::Globals& globals, const cli::WalletAddressArgs& args);
int run_wallet_balance(const cli::Globals& globals, const cli::WalletBalanceArgs& args);
int run_wallet_utxos(const cli::Globals& globals, const cli::WalletUtxosArgs& args);
int run_wallet_history(const cli::Globals& globals, const cli::WalletHistoryArgs& args);
int run_wallet_send(const cli::Globals& globals, const cli::WalletSendArgs& args);
int run_wallet_merge(const cli::Globals& globals, const cli::WalletMergeArgs& args);
int run_wallet_sign(const cli::Globals& globals, const cli::WalletSignArgs& args);
int run_wallet_broadcast(const cli::Globals& globals, const cli::WalletBroadcastArgs& args);
// cmd_validator.cpp
int run_validator_bond(const cli::Globals& globals, const cli::ValidatorBondArgs& args);
int run_validator_unbond(const cli::Globals& globals, const cli::ValidatorUnbondArgs& args);
int run_validator_unjail(const cli::Globals& globals, const cli::ValidatorUnjailArgs& args);
int run_validator_status(const cli::Globals& globals, const cli::ValidatorStatusArgs& args);
int run_validator_list(const cli::Globals& globals, const cli::ValidatorListArgs& args);
// cmd_collatz.cpp
int run_collatz(const cli::Globals& globals, const cli::CollatzArgs& args);
// cmd_collatz_records.cpp
int run_collatz_records(const cli::Globals& globals, const cli::CollatzRecordsArgs& args);
int run_collatz_barina(const cli::Globals& globals, const cli::CollatzBarinaArgs& args);
// cmd_compute_run.cpp
int run_compute(const cli::Globals& globals, const cli::ComputeArgs& args);
// cmd_doctor.cpp, cmd_devnet.cpp, cmd_simulate.cpp
int run_doctor(const cli::Globals& globals);
int run_devnet(const cli::Globals& globals, const cli::DevnetArgs& args);
int run_simulate(const cli::Globals& globals, const cli::SimulateArgs& args);

/// All of it: parses and carries out.
int run_program(int argc, const char* const* argv);

// What the verbs share (cmd.cpp).

using Render = std::string (*)(std::string_view result);
/// A line on standard output.
void print(const std::string& text);
/// A line on standard error, unless --quiet.
void say(const cli::Globals& globals, const std::string& text);
/// Prints the error as --json asks; the exit code that belongs to it.
int fail_with(const cli::Globals& globals, const Error& error);
int fail_with(const cli::Globals& globals, const Error& error, int exit_code);
/// A node's answer, as JSON or rendered, or its error.
int finish(const cli::Globals& globals, const Result<std::string>& result, Render render);
/// Asks the running node; exit 3 when none runs.
int ask_running(const cli::Globals& globals, std::string_view method, const cli::Params& params,
                Duration timeout, Render render);
/// The running node of the home, or the error to end with (exit 3 when none runs).
std::expected<std::unique_ptr<Caller>, int> reach_or_say(const cli::Globals& globals);
/// "/ip4/.../p2p/ID" or a peer id: anything else is `usage`.
Result<void> check_target(const std::string& target);

}  // namespace kith::app
