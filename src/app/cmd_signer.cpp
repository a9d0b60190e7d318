// kith signer: a process that holds a validator's key, its guard and its log, and nothing else
// (docs/protocol/signer.md). Its home: validator/identity.key, identity.key (who it is to nodes
// over TCP), votes/ (the log), signer.sock.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "app/cmd_operations.h"
#include "base/format.h"
#include "cli/reports.h"
#include "codec/peer_id.h"
#include "rt/files.h"
#include "rt/home.h"
#include "rt/key_lock.h"
#include "rt/rng_system.h"
#include "rt/signer_server.h"

namespace kith::app {
namespace {

std::string log_folder(const std::string& home) { return home + "/votes"; }
std::string key_folder(const std::string& home) { return home + "/validator"; }

rt::SignerServer* serving = nullptr;  // for the signals
void on_signal(int) {
  if (serving != nullptr) serving->stop();
}

cli::SignerReport report_of(const std::string& home, const crypto::KeyPair& key,
                            const crypto::KeyPair& identity) {
  cli::SignerReport report;
  report.home = home;
  report.key = base::to_hex(key.public_key().data);
  report.peer_id = codec::to_text(codec::peer_id_of(identity.public_key()));
  return report;
}

/// A log that is there is left as it is.
Result<cli::SignerReport> make_signer(const cli::Globals& globals, bool is_never_used) {
  const Session session = TRY(open_session(globals));
  const std::string& home = session.home;
  TRY_VOID(rt::make_home(home));
  const auto lock = TRY(rt::HomeLock::take(home));
  const auto identity = TRY(load_identity(session, /*may_create=*/true));
  TRY_VOID(rt::make_dirs(key_folder(home), rt::private_dir_mode));
  rt::SystemRng rng;
  const auto key = TRY(rt::load_or_create_identity(key_folder(home), std::nullopt, rng));
  const auto wal = TRY(rt::Wal::open(log_folder(home), rng));
  if (!wal->was_empty()) {
    return fail(Code::exists, base::format("{} is a signer's home already: {} has a log", home,
                                           log_folder(home)));
  }
  cli::SignerReport report = report_of(home, key.key, identity.key);
  report.created = key.created;
  report.is_silent = !key.created && !is_never_used;
  const Bytes first = report.is_silent
                          ? consensus::encode(consensus::SignerRecord(consensus::LogLost{}))
                          : consensus::encode(consensus::SignerRecord(consensus::LogBegun{}));
  TRY_VOID(wal->append(0, std::vector<Bytes>{first}, true));
  report.socket = home + "/signer.sock";
  return report;
}

Result<rt::SignerServerConfig> server_config(const Session& session, const cli::SignerRunArgs& args,
                                             const crypto::KeyPair& identity) {
  rt::SignerServerConfig config;
  config.socket_path = session.in_home(args.socket);
  config.identity = &identity;
  if (!args.listen.empty()) {
    const auto address = codec::Multiaddr::parse(args.listen);
    if (!address) {
      return fail(Code::usage,
                  base::format("--listen {}: {}", args.listen, address.error().message));
    }
    config.listen = *address;
  }
  for (const std::string& text : args.allowed) {
    const auto peer = codec::peer_id_from_text(text);
    if (!peer) {
      return fail(Code::usage, base::format("--allow {}: {}", text, peer.error().message));
    }
    config.allowed.push_back(*peer);
  }
  if (config.listen.has_value() == config.allowed.empty()) {
    return fail(Code::usage, "--listen and --allow belong together: who may come, and where");
  }
  return config;
}

/// What is not known to be whole counts as lost.
void recover(consensus::Signer& signer, rt::Wal& wal, Log& log) {
  std::vector<Bytes> records;
  for (auto& [segment, of_segment] : wal.take_records()) {
    std::ranges::move(of_segment, std::back_inserter(records));
  }
  const auto recovered = wal.damage() ? Result<void>(fail(*wal.damage())) : signer.recover(records);
  if (recovered) return;
  log.error("signer", "the log of votes is lost: no vote until the next epoch ({})",
            recovered.error().message);
  signer.begin_lost();
}

Result<void> serve(const cli::Globals& globals, const cli::SignerRunArgs& args) {
  const Session session = TRY(open_session(globals));
  const std::string& home = session.home;
  if (!rt::file_exists(rt::identity_path(key_folder(home)))) {
    return fail(Code::not_found,
                base::format("there is no validator key in {}; `kith signer init` makes a signer's "
                             "home",
                             key_folder(home)));
  }
  const auto lock = TRY(rt::HomeLock::take(home));
  const auto identity = TRY(load_identity(session, /*may_create=*/true));
  rt::SystemRng rng;
  const auto key = TRY(rt::load_or_create_identity(key_folder(home), std::nullopt, rng));
  const auto key_lock = TRY(rt::KeyLock::take(key_folder(home), key.key.public_key().data));
  auto config = TRY(server_config(session, args, identity.key));
  const auto log = TRY(open_log(session));
  rt::SystemRng log_rng;  // of the server's thread
  const auto wal = TRY(rt::Wal::open(log_folder(home), log_rng));
  consensus::Signer signer({}, key.key, *log);
  recover(signer, *wal, *log);

  cli::SignerReport report = report_of(home, key.key, identity.key);
  report.socket = config.socket_path;
  report.is_ready = true;
  report.is_silent = signer.is_silent();
  const auto server = TRY(rt::SignerServer::open(std::move(config), signer, *wal, *log));
  if (const auto& at = server->listening()) {
    report.address = at->with_peer(codec::peer_id_of(identity.key.public_key())).to_string();
  }
  serving = server.get();
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  print(globals.json ? to_json(report) : to_text(report));
  log->info("signer", "serves {}", report.socket);
  const auto served = server->run();
  struct sigaction back{};
  back.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &back, nullptr);
  ::sigaction(SIGTERM, &back, nullptr);
  serving = nullptr;
  const consensus::SignerStats& stats = signer.stats();
  log->info("signer", "stopped: {} votes signed, {} others, {} refused, {} without the lease",
            stats.votes, stats.others, stats.refused, stats.locked);
  return served;
}

}  // namespace

int run_signer_init(const cli::Globals& globals, const cli::SignerInitArgs& args) {
  const auto made = make_signer(globals, args.is_never_used);
  if (!made) return fail_with(globals, made.error());
  print(globals.json ? to_json(*made) : to_text(*made));
  return cli::exit_done;
}

int run_signer_run(const cli::Globals& globals, const cli::SignerRunArgs& args) {
  const auto served = serve(globals, args);
  return served ? cli::exit_done : fail_with(globals, served.error());
}

}  // namespace kith::app
