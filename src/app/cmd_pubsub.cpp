// kith pubsub: publishing, and following a topic, through the running node.
#include <cstdio>
#include <iterator>

#include "app/cmd.h"
#include "base/format.h"
#include "cli/render.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;
/// What a message may have (gossip/config.h).
constexpr std::size_t data_bytes_max = 1 << 20;

/// All of standard input; `too_large` beyond what a message may have.
Result<std::string> read_input() {
  std::string text;
  char piece[64 * 1024];
  while (const std::size_t count = std::fread(piece, 1, sizeof piece, stdin)) {
    text.append(piece, count);
    if (text.size() > data_bytes_max) {
      return fail(Code::too_large, base::format("a message has at most {} bytes", data_bytes_max));
    }
  }
  return text;
}

}  // namespace

int run_pubsub_pub(const cli::Globals& globals, const cli::PubsubPubArgs& args) {
  std::string data = args.data;
  if (data.empty()) {
    auto input = read_input();
    if (!input) return fail_with(globals, input.error());
    data = std::move(*input);
  }
  return ask_running(globals, "pubsub.pub", cli::publish_params(args.topic, args.options, data),
                     answer_timeout, cli::render_object);
}

int run_pubsub_sub(const cli::Globals& globals, const cli::PubsubSubArgs& args) {
  const auto node = reach_or_say(globals);
  if (!node) return node.error();
  std::uint64_t seen = 0;
  const auto ended = (*node)->stream(
      "pubsub.sub", cli::topic_params(args.topic, args.options), [&](std::string_view message) {
        print(globals.json ? std::string(message) : cli::render_message(message));
        return ++seen != args.count;
      });
  if (!ended) return fail_with(globals, ended.error());
  return cli::exit_done;
}

int run_pubsub_topics(const cli::Globals& globals) {
  return ask_running(globals, "pubsub.topics", {}, answer_timeout, cli::render_object);
}

int run_pubsub_peers(const cli::Globals& globals, const cli::PubsubPeersArgs& args) {
  return ask_running(globals, "pubsub.peers", {{"topic", args.topic}}, answer_timeout,
                     cli::render_object);
}

}  // namespace kith::app
