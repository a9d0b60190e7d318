#include "app/cmd.h"

#include <csignal>
#include <cstdio>

#include "app/cmd_account.h"
#include "app/cmd_operations.h"
#include "base/format.h"
#include "codec/multiaddr.h"
#include "codec/peer_id.h"

namespace kith::app {

int run_program(int argc, const char* const* argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes is an error of write, not our end
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may grow no more
  const auto parsed = cli::parse_args(argc, argv);
  if (const auto* end = std::get_if<cli::ParseEnd>(&parsed)) {
    if (!end->out.empty()) print(end->out);
    if (!end->err.empty()) std::fprintf(stderr, "%s\n", end->err.c_str());
    return end->exit_code;
  }
  const auto& [g, command] = std::get<cli::Parsed>(parsed);
  return std::visit(
      Overload{[&](const cli::InitArgs& a) { return run_init(g, a); },
               [&](const cli::StartArgs& a) { return run_start(g, a); },
               [&](const cli::StopArgs&) { return run_stop(g); },
               [&](const cli::StatusArgs&) { return run_status(g); },
               [&](const cli::StatsArgs&) { return run_stats(g); },
               [&](const cli::DoctorArgs&) { return run_doctor(g); },
               [&](const cli::IdArgs& a) { return run_id(g, a); },
               [&](const cli::VersionArgs&) { return run_version(g); },
               [&](const cli::ConfigShowArgs&) { return run_config_show(g); },
               [&](const cli::ConfigCheckArgs& a) { return run_config_check(g, a); },
               [&](const cli::ConfigDocsArgs& a) { return run_config_docs(g, a); },
               [&](const cli::PeersListArgs&) { return run_peers_list(g); },
               [&](const cli::PeersInfoArgs& a) { return run_peers_info(g, a); },
               [&](const cli::PeersConnectArgs& a) { return run_peers_connect(g, a); },
               [&](const cli::PeersDisconnectArgs& a) { return run_peers_disconnect(g, a); },
               [&](const cli::PeersBanArgs& a) { return run_peers_ban(g, a); },
               [&](const cli::PeersUnbanArgs& a) { return run_peers_unban(g, a); },
               [&](const cli::PeersBansArgs&) { return run_peers_bans(g); },
               [&](const cli::ChainStatusArgs&) { return run_chain_status(g); },
               [&](const cli::ChainBlockArgs& a) { return run_chain_block(g, a); },
               [&](const cli::ChainTxArgs& a) { return run_chain_tx(g, a); },
               [&](const cli::ChainValidatorsArgs&) { return run_chain_validators(g); },
               [&](const cli::WalletCreateArgs& a) { return run_wallet_create(g, a); },
               [&](const cli::WalletRestoreArgs& a) { return run_wallet_restore(g, a); },
               [&](const cli::WalletWordsArgs& a) { return run_wallet_words(g, a); },
               [&](const cli::WalletAddressArgs& a) { return run_wallet_address(g, a); },
               [&](const cli::WalletBalanceArgs& a) { return run_wallet_balance(g, a); },
               [&](const cli::WalletUtxosArgs& a) { return run_wallet_utxos(g, a); },
               [&](const cli::WalletHistoryArgs& a) { return run_wallet_history(g, a); },
               [&](const cli::WalletSendArgs& a) { return run_wallet_send(g, a); },
               [&](const cli::WalletMergeArgs& a) { return run_wallet_merge(g, a); },
               [&](const cli::WalletSignArgs& a) { return run_wallet_sign(g, a); },
               [&](const cli::WalletBroadcastArgs& a) { return run_wallet_broadcast(g, a); },
               [&](const cli::ValidatorBondArgs& a) { return run_validator_bond(g, a); },
               [&](const cli::ValidatorUnbondArgs& a) { return run_validator_unbond(g, a); },
               [&](const cli::ValidatorUnjailArgs& a) { return run_validator_unjail(g, a); },
               [&](const cli::ValidatorStatusArgs& a) { return run_validator_status(g, a); },
               [&](const cli::ValidatorListArgs& a) { return run_validator_list(g, a); },
               [&](const cli::ChainProofArgs& a) { return run_chain_proof(g, a); },
               [&](const cli::LightVerifyArgs& a) { return run_light_verify(g, a); },
               [&](const cli::PingArgs& a) { return run_ping(g, a); },
               [&](const cli::PubsubPubArgs& a) { return run_pubsub_pub(g, a); },
               [&](const cli::PubsubSubArgs& a) { return run_pubsub_sub(g, a); },
               [&](const cli::PubsubTopicsArgs&) { return run_pubsub_topics(g); },
               [&](const cli::PubsubPeersArgs& a) { return run_pubsub_peers(g, a); },
               [&](const cli::PerfArgs& a) { return run_perf(g, a); },
               [&](const cli::LogLevelArgs& a) { return run_log_level(g, a); },
               [&](const cli::DevnetArgs& a) { return run_devnet(g, a); },
               [&](const cli::SimulateArgs& a) { return run_simulate(g, a); },
               [&](const cli::CompletionArgs& a) { return run_completion(g, a); },
               [&](const cli::CollatzArgs& a) { return run_collatz(g, a); },
               [&](const cli::ComputeArgs& a) { return run_compute(g, a); },
               [&](const cli::AccountArgs& a) { return run_account(g, a); },
               [&](const cli::JobArgs& a) { return run_job(g, a); },
               [&](const cli::OperationArgs& a) { return run_operation(g, a); },
               [&](const cli::ReceiveArgs& a) { return run_receive(g, a); },
               [&](const cli::SendArgs& a) { return run_send(g, a); }},
      command);
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.ends_with('\n')) std::fputc('\n', stdout);
  std::fflush(stdout);
}

void say(const cli::Globals& globals, const std::string& text) {
  if (!globals.quiet) std::fprintf(stderr, "%s\n", text.c_str());
}

int fail_with(const cli::Globals& globals, const Error& error) {
  return fail_with(globals, error, cli::exit_code_of(error));
}

int fail_with(const cli::Globals& globals, const Error& error, int exit_code) {
  if (globals.json) {
    print(cli::error_json(error));
  } else {
    std::fprintf(stderr, "kith: %s\n", error.message.c_str());
  }
  return exit_code;
}

int finish(const cli::Globals& globals, const Result<std::string>& result, Render render) {
  if (!result) return fail_with(globals, result.error());
  print(globals.json ? *result : render(*result));
  return cli::exit_done;
}

std::expected<std::unique_ptr<Caller>, int> reach_or_say(const cli::Globals& globals) {
  const auto session = open_session(globals);
  if (!session) return std::unexpected(fail_with(globals, session.error()));
  auto node = reach_running(session->in_home(session->settings.api_socket), session->home);
  if (node) return *std::move(node);
  const bool is_absent = node.error().code == Code::unreachable;
  return std::unexpected(fail_with(
      globals, node.error(), is_absent ? cli::exit_not_running : cli::exit_code_of(node.error())));
}

int ask_running(const cli::Globals& globals, std::string_view method, const cli::Params& params,
                Duration timeout, Render render) {
  const auto node = reach_or_say(globals);
  if (!node) return node.error();
  return finish(globals, (*node)->call(method, params, timeout), render);
}

Result<void> check_target(const std::string& target) {
  std::optional<Error> fault;
  if (target.starts_with('/')) {
    if (const auto address = codec::Multiaddr::parse(target); !address) fault = address.error();
  } else {
    if (const auto peer = codec::peer_id_from_text(target); !peer) fault = peer.error();
  }
  if (!fault) return {};
  return fail(Code::usage, base::format("\"{}\" is neither a multiaddr nor a peer id: {}",
                                        target.substr(0, 600), fault->message));
}

}  // namespace kith::app
