// Verbs about this node: init, stop, status, stats, id, version, log, completion.
#include <thread>

#include "app/cmd.h"
#include "base/format.h"
#include "base/version.h"
#include "cli/render.h"
#include "cli/reports.h"
#include "codec/peer_id.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/rng_system.h"

namespace kith::app {
namespace {

constexpr Duration answer_timeout = 10s;
/// Beyond what a clean end may take (5 s).
constexpr Duration stop_timeout = 8s;
constexpr Duration stop_look_interval = 20ms;

cli::IdentityReport report_of(const Session& session, const HomeIdentity& identity) {
  const crypto::PublicKey key = identity.key.public_key();
  return {codec::to_text(codec::peer_id_of(key)), codec::to_text(codec::node_id_of(key)),
          session.home, identity.created};
}

Result<cli::IdentityReport> init_home(const Session& session, const std::string& network) {
  TRY_VOID(rt::make_home(session.home));
  const auto lock = TRY(rt::HomeLock::take(session.home));
  const std::string config = session.home + "/config.toml";
  if (!rt::file_exists(config)) {
    const std::string text = node::config_template(network);
    TRY_VOID(rt::write_file_atomic(config, base::as_bytes(text), rt::public_file_mode));
  }
  rt::SystemRng rng;
  TRY_VOID(rt::load_or_create_api_token(session.home, rng));
  return report_of(session, TRY(load_identity(session, /*may_create=*/true)));
}

/// Writes the key anew, sealed with what is in `passphrase_file` or, without one, open.
Result<HomeIdentity> reseal(const Session& session, const std::string& passphrase_file) {
  const auto lock = TRY(rt::HomeLock::take(session.home));
  auto identity = TRY(load_identity(session, /*may_create=*/false));
  crypto::SecretBytes secret;
  std::optional<std::string_view> passphrase;
  if (!passphrase_file.empty()) {
    secret = TRY(read_passphrase(passphrase_file));
    passphrase = base::as_text(secret.view());
  }
  rt::SystemRng rng;
  TRY_VOID(rt::write_identity(session.home, identity.key, passphrase, rng));
  return identity;
}

/// The name goes into a file as it is.
bool is_network_name(std::string_view name) {
  constexpr std::size_t name_bytes_max = 64;
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace

int run_init(const cli::Globals& globals, const cli::InitArgs& args) {
  if (!is_network_name(args.network)) {
    return fail_with(globals, {Code::usage, base::format("the network name \"{}\" is not 1 to 64 "
                                                         "letters, digits, '-', '_' and '.'",
                                                         args.network.substr(0, 100))});
  }
  const auto session = open_session(globals);
  if (!session) return fail_with(globals, session.error());
  const auto report = init_home(*session, args.network);
  if (!report) return fail_with(globals, report.error());
  print(globals.json ? to_json(*report) : to_text(*report));
  return cli::exit_done;
}

int run_stop(const cli::Globals& globals) {
  const auto session = open_session(globals);
  if (!session) return fail_with(globals, session.error());
  const int code = ask_running(globals, "stop", {}, answer_timeout,
                               [](std::string_view) { return std::string("stopping"); });
  if (code != cli::exit_done) return code;
  // The home is free again once the process has ended.
  const auto until = std::chrono::steady_clock::now() + stop_timeout;
  while (rt::HomeLock::holder(session->home)) {
    if (std::chrono::steady_clock::now() > until) {
      return fail_with(globals, {Code::timeout, "the node has not ended yet"});
    }
    std::this_thread::sleep_for(stop_look_interval);
  }
  say(globals, "the node has ended");
  return cli::exit_done;
}

int run_status(const cli::Globals& globals) {
  return ask_running(globals, "status", {}, answer_timeout, cli::render_status);
}

int run_stats(const cli::Globals& globals) {
  return ask_running(globals, "stats", {}, answer_timeout, cli::render_stats);
}

int run_id(const cli::Globals& globals, const cli::IdArgs& args) {
  const auto session = open_session(globals);
  if (!session) return fail_with(globals, session.error());
  const auto identity = args.seal_file.empty() && !args.unseal
                            ? load_identity(*session, /*may_create=*/false)
                            : reseal(*session, args.seal_file);
  if (!identity) return fail_with(globals, identity.error());
  const auto report = report_of(*session, *identity);
  print(globals.json ? to_json(report) : to_text(report));
  return cli::exit_done;
}

int run_version(const cli::Globals& globals) {
  const std::string version(base::version());
  print(globals.json ? cli::to_json("version", version) : "kith " + version);
  return cli::exit_done;
}

int run_log_level(const cli::Globals& globals, const cli::LogLevelArgs& args) {
  cli::Params params;
  if (!args.level.empty()) {
    params = {{"subsystem", args.subsystem == "all" ? "" : args.subsystem}, {"level", args.level}};
  }
  return ask_running(globals, "log.level", params, answer_timeout, cli::render_object);
}

int run_completion(const cli::Globals&, const cli::CompletionArgs& args) {
  print(cli::completion_script(args.shell));
  return cli::exit_done;
}

}  // namespace kith::app
