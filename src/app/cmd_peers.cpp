// kith peers: all of it is the running node's.
#include "app/cmd.h"
#include "base/format.h"
#include "cli/render.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;
/// connect_timeout may be raised by configuration; the node's own answer comes first.
constexpr Duration connect_timeout = 11min;

}  // namespace

int run_peers_list(const cli::Globals& globals) {
  return ask_running(globals, "peers.list", {}, answer_timeout, cli::render_peers);
}

int run_peers_info(const cli::Globals& globals, const cli::PeersInfoArgs& args) {
  if (const auto checked = check_target(args.peer); !checked) {
    return fail_with(globals, checked.error());
  }
  return ask_running(globals, "peers.info", {{"peer", args.peer}}, answer_timeout,
                     cli::render_object);
}

int run_peers_connect(const cli::Globals& globals, const cli::PeersConnectArgs& args) {
  if (const auto checked = check_target(args.target); !checked) {
    return fail_with(globals, checked.error());
  }
  return ask_running(globals, "peers.connect", {{"target", args.target}}, connect_timeout,
                     cli::render_object);
}

int run_peers_disconnect(const cli::Globals& globals, const cli::PeersDisconnectArgs& args) {
  if (const auto checked = check_target(args.peer); !checked) {
    return fail_with(globals, checked.error());
  }
  return ask_running(globals, "peers.disconnect", {{"peer", args.peer}}, answer_timeout,
                     cli::render_object);
}

int run_peers_ban(const cli::Globals& globals, const cli::PeersBanArgs& args) {
  if (const auto checked = check_target(args.peer); !checked) {
    return fail_with(globals, checked.error());
  }
  cli::Params params = {{"peer", args.peer}};
  if (!args.span.empty()) params.emplace_back("for", args.span);
  if (!args.reason.empty()) params.emplace_back("reason", args.reason);
  return ask_running(globals, "peers.ban", params, answer_timeout, cli::render_object);
}

int run_peers_unban(const cli::Globals& globals, const cli::PeersUnbanArgs& args) {
  if (const auto checked = check_target(args.peer); !checked) {
    return fail_with(globals, checked.error());
  }
  return ask_running(globals, "peers.unban", {{"peer", args.peer}}, answer_timeout,
                     cli::render_object);
}

int run_peers_bans(const cli::Globals& globals) {
  return ask_running(globals, "peers.bans", {}, answer_timeout, cli::render_object);
}

}  // namespace kith::app
