// kith chain: what the running node knows of its chain.
#include "app/cmd.h"
#include "cli/render.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;

}  // namespace

int run_chain_status(const cli::Globals& globals) {
  return ask_running(globals, "chain.status", {}, answer_timeout, cli::render_object);
}

int run_chain_block(const cli::Globals& globals, const cli::ChainBlockArgs& args) {
  return ask_running(globals, "chain.block", {{"height", args.height}}, answer_timeout,
                     cli::render_object);
}

int run_chain_tx(const cli::Globals& globals, const cli::ChainTxArgs& args) {
  return ask_running(globals, "tx.get", {{"txid", args.txid}}, answer_timeout, cli::render_object);
}

int run_chain_validators(const cli::Globals& globals) {
  return ask_running(globals, "chain.validators", {}, answer_timeout, cli::render_object);
}

}  // namespace kith::app
