#include "app/cmd_operations.h"

#include "cli/render.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;

}  // namespace

int run_operation(const cli::Globals& globals, const cli::OperationArgs& args) {
  const cli::Globals& g = globals;
  return std::visit(
      Overload{[&](const cli::GenesisNewArgs& a) { return run_genesis_new(g, a); },
               [&](const cli::GenesisAddArgs& a) { return run_genesis_add(g, a); },
               [&](const cli::GenesisShowArgs& a) { return run_genesis_show(g, a); },
               [&](const cli::GenesisTestnetArgs& a) { return run_genesis_testnet(g, a); },
               [&](const cli::InspectArgs& a) { return run_inspect(g, a); },
               [&](const cli::InspectWalArgs&) { return run_inspect_wal(g); },
               [&](const cli::InspectBlockArgs& a) { return run_inspect_block(g, a); },
               [&](const cli::InspectReplayArgs& a) { return run_inspect_replay(g, a); },
               [&](const cli::SignerInitArgs& a) { return run_signer_init(g, a); },
               [&](const cli::SignerRunArgs& a) { return run_signer_run(g, a); },
               [&](const cli::ChainConsensusArgs&) {
                 return ask_running(g, "chain.consensus", {}, answer_timeout, cli::render_object);
               },
               [&](const cli::ValidatorHeartbeatsArgs& a) {
                 cli::Params params;
                 if (!a.key.empty()) params.emplace_back("key", a.key);
                 return ask_running(g, "validator.heartbeats", params, answer_timeout,
                                    cli::render_object);
               }},
      args);
}

}  // namespace kith::app
