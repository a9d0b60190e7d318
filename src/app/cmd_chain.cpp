// kith chain: what the running node knows of its chain.
#include <charconv>

#include "app/cmd.h"
#include "base/format.h"
#include "cli/render.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;

}  // namespace

int run_chain_status(const cli::Globals& globals) {
  return ask_running(globals, "chain.status", {}, answer_timeout, cli::render_object);
}

int run_chain_block(const cli::Globals& globals, const cli::ChainBlockArgs& args) {
  constexpr std::size_t digest_digits = 64;
  if (args.block.size() == digest_digits) {
    return ask_running(globals, "chain.block_by_digest", {{"digest", args.block}}, answer_timeout,
                       cli::render_object);
  }
  std::uint64_t height = 0;
  const char* const end = args.block.data() + args.block.size();
  const auto [at, error] = std::from_chars(args.block.data(), end, height);
  if (error != std::errc{} || at != end) {
    return fail_with(
        globals, {Code::usage, base::format("\"{}\" is neither a height nor a digest, which has "
                                            "64 digits of hex",
                                            args.block)});
  }
  return ask_running(globals, "chain.block", {{"height", height}}, answer_timeout,
                     cli::render_object);
}

int run_chain_tx(const cli::Globals& globals, const cli::ChainTxArgs& args) {
  return ask_running(globals, "tx.get", {{"txid", args.txid}}, answer_timeout, cli::render_object);
}

int run_chain_validators(const cli::Globals& globals) {
  return ask_running(globals, "chain.validators", {}, answer_timeout, cli::render_object);
}

}  // namespace kith::app
