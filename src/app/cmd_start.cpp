// `kith start`: the daemon. One thread serves the network, the local API and the signals.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>

#include "api/api.h"
#include "app/cmd.h"
#include "app/http_face.h"
#include "app/own_work.h"
#include "base/format.h"
#include "base/version.h"
#include "cli/reports.h"
#include "codec/peer_id.h"
#include "rt/home.h"
#include "rt/key_lock.h"
#include "rt/local_server.h"
#include "rt/process_usage.h"
#include "rt/signals.h"

namespace kith::app {
namespace {

std::vector<node::Setting> flags_of(const cli::StartArgs& args) {
  std::vector<node::Setting> flags;
  const auto add = [&](const char* key, const std::vector<std::string>& values, const char* flag) {
    if (!values.empty()) flags.push_back({key, values, node::Origin::flag, flag});
  };
  add("listen", args.listen, "--listen");
  add("announce", args.announce, "--announce");
  add("bootstrap", args.bootstrap, "--bootstrap");
  return flags;
}

/// Holds SIGINT and SIGTERM back in this thread and in those it starts. Until the reactor runs they
/// wait; once it has run they come too late to turn a clean end into a killed process.
class SignalsHeld {
 public:
  SignalsHeld() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGINT);
    ::sigaddset(&set_, SIGTERM);
    hold();
  }
  void hold() { ::pthread_sigmask(SIG_BLOCK, &set_, nullptr); }
  void release() { ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

 private:
  sigset_t set_{};
};

class Daemon {
 public:
  /// `shows_work`: says on the terminal how far the node's worker is.
  Daemon(Session session, const cli::StartArgs& args, bool shows_work)
      : session_(std::move(session)),
        args_(args),
        shows_work_(shows_work),
        began_(std::chrono::steady_clock::now()) {}

  int run();

 private:
  Result<void> prepare();
  api::Surroundings surroundings(const crypto::PublicKey& key);
  Result<std::string> set_log_level(std::string_view subsystem, std::string_view level);
  std::vector<std::pair<std::string, std::uint64_t>> shell_stats() const;
  node::ShellFigures figures() const;
  Result<void> open_http();
  void tick();
  void show_work();
  void on_report(const node::Report& report);
  void on_listeners_done();
  void stop(std::string_view why);

  SignalsHeld held_;  // before any thread is started
  Session session_;
  const cli::StartArgs& args_;
  const bool shows_work_;
  const std::chrono::steady_clock::time_point began_;
  std::string node_id_;
  std::vector<host::CannotListen> not_listening_;
  std::optional<Error> fatal_;
  bool is_ready_ = false;  // every listener is up or has failed
  bool is_stopping_ = false;
  std::optional<WorkLine> work_line_;
  std::deque<std::uint64_t> slices_seen_;  // computed, second by second

  // Destroyed from the last to the first: the API's open replies before the server they go through,
  // all before the reactor.
  std::optional<rt::HomeLock> lock_;
  std::optional<rt::KeyLock> key_lock_;
  std::unique_ptr<rt::LogSink> log_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<rt::LocalServer> server_;
  std::unique_ptr<HttpFace> http_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<rt::SignalWatch> signals_;
};

int Daemon::run() {
  if (const auto prepared = prepare(); !prepared) {
    return fail_with(session_.globals, prepared.error());
  }
  held_.release();
  engine_->run();
  api_->close();
  held_.hold();
  if (fatal_) return fail_with(session_.globals, *fatal_);
  log_->info("app", "stopped");
  return cli::exit_done;
}

Result<void> Daemon::prepare() {
  TRY_VOID(rt::make_home(session_.home));
  lock_ = TRY(rt::HomeLock::take(session_.home));
  auto identity = TRY(load_identity(session_, /*may_create=*/true));
  log_ = TRY(open_log(session_));

  EngineConfig config;
  config.node = session_.settings.node;
  config.node.host.agent_version = base::agent_version();
  config.node.host.connection.network_key = TRY(load_network_key(session_, args_.psk_file));
  config.reactor.tcp_congestion = session_.settings.tcp_congestion;
  config.reactor.spin_us = spin_us(session_.settings.packet);
  config.web_sockets = web_socket_config(session_);
  config.peers_db = session_.home + "/peers.db";
  config.quality_db = session_.home + "/quality.db";
  config.genesis = TRY(load_genesis(session_));
  if (config.genesis) {
    config.chain_dir = session_.home + "/chain";
    config.indexes_addresses = session_.settings.indexes_addresses;
    config.validator_key = TRY(load_validator_key(session_.home));
    if (const auto signer = TRY(load_signer(session_))) {
      if (config.validator_key) {
        return fail(Code::config,
                    base::format("{}/validator has a key, and chain.signer is set: move the key to "
                                 "the signer, so that nothing else signs with it",
                                 session_.home));
      }
      config.remote_key = signer->key;
      config.reactor.signer = signer->address;
    }
    if (config.validator_key) {
      key_lock_ = TRY(
          rt::KeyLock::take(session_.home + "/validator", config.validator_key->public_key().data));
    }
    config.node.chain.mesh_token = TRY(load_mesh_token(session_));
    config.compute = TRY(load_compute(session_));
    if (!config.compute) config.carrier_key = TRY(load_carrier_key(session_));
  } else if (session_.settings.compute.is_enabled) {
    return fail(Code::config,
                "work for jobs (compute.enabled, `kith compute work`) needs a chain, and this node "
                "keeps none: give it a genesis file by chain.genesis");
  }
  const crypto::PublicKey key = identity.key.public_key();
  engine_ = TRY(Engine::make(std::move(config), std::move(identity.key), *log_));
  engine_->set_on_report([this](node::Report report) { on_report(report); });
  api_ = std::make_unique<api::Api>(engine_->node(), surroundings(key));

  rt::Reactor& reactor = engine_->reactor();
  server_ = TRY(rt::LocalServer::open(
      reactor, session_.in_home(session_.settings.api_socket),
      [this, &reactor](const std::string& request, rt::LocalReply reply) {
        const auto number = api_->request(
            reactor.turn_now(), request, [reply](std::string line, bool is_last) mutable {
              is_last ? reply.done(std::move(line)) : reply.send(std::move(line));
            });
        reply.on_gone([this, &reactor, number] { api_->abandon(reactor.turn_now(), number); });
      },
      *log_));
  TRY_VOID(open_http());
  tick();
  signals_ = std::make_unique<rt::SignalWatch>(
      reactor, [this](int number) { stop(number == SIGINT ? "SIGINT" : "SIGTERM"); });
  return {};
}

/// An address that was asked for must be had. The default is a convenience: a second node on this
/// machine goes without, and says so.
Result<void> Daemon::open_http() {
  rt::SystemRng rng;
  auto token = TRY(rt::load_or_create_api_token(session_.home, rng));
  const node::HttpSettings& settings = session_.settings.http;
  if (settings.addresses.empty()) return {};
  auto opened = HttpFace::open(engine_->reactor(), *api_, settings, std::move(token), *log_);
  if (opened) {
    http_ = *std::move(opened);
    return {};
  }
  const auto& effective = session_.settings.effective;
  const auto key = std::ranges::find(effective, "api.http", &node::EffectiveSetting::key);
  if (key->origin != node::Origin::defaults) return fail(std::move(opened).error());
  log_->warn("api", "{}: there is no HTTP API; api.http gives it another address",
             opened.error().message);
  return {};
}

void Daemon::tick() {
  engine_->reactor().post_after(1s, [this] {
    api_->tick(engine_->reactor().turn_now());
    if (work_line_) show_work();
    tick();
  });
}

void Daemon::show_work() {
  constexpr std::size_t window_s = 30;
  const node::Worker& worker = *engine_->node().worker();
  slices_seen_.push_back(worker.stats().slices);
  if (slices_seen_.size() > window_s + 1) slices_seen_.pop_front();
  const double rate = static_cast<double>(slices_seen_.back() - slices_seen_.front()) /
                      static_cast<double>(std::max<std::size_t>(slices_seen_.size() - 1, 1));
  const auto load = worker.load();
  const auto left = static_cast<double>(load.slices - load.done);
  std::string_view rest = words_of(engine_->compute()->pause());
  if (rest.empty() && left == 0) rest = "nothing is leased that is not computed";
  work_line_->show(
      load.slices > 0 ? static_cast<double>(load.done) / static_cast<double>(load.slices) : 0, rate,
      "slices", rate > 0 ? std::optional(left / rate) : std::nullopt, rest);
}

api::Surroundings Daemon::surroundings(const crypto::PublicKey& key) {
  node_id_ = codec::to_text(codec::node_id_of(key));
  api::Surroundings s;
  s.node_id = node_id_;
  s.settings = session_.settings.effective;
  s.network_name = session_.settings.network_name;
  s.started = engine_->reactor().now();
  s.log_level = [this](std::string_view subsystem, std::string_view level) {
    return set_log_level(subsystem, level);
  };
  s.stop = [this] { stop("a request"); };
  s.shell_stats = [this] { return shell_stats(); };
  s.figures = [this] { return figures(); };
  s.is_ready = [this] { return is_ready_ && !fatal_ && !is_stopping_; };
  s.reset_timings = [this] {
    if (http_) http_->reset_timings();
  };
  return s;
}

Result<std::string> Daemon::set_log_level(std::string_view subsystem, std::string_view level) {
  if (!level.empty()) {
    const LogLevel parsed = TRY(rt::parse_log_level(level));
    if (subsystem.empty() || subsystem == "all") {
      rt::LogLevels levels = log_->levels();
      levels.all = parsed;
      log_->set_levels(std::move(levels));
    } else {
      // The same rules as in a configuration file.
      TRY_VOID(rt::parse_log_levels(base::format("info,{}={}", subsystem, level)));
      log_->set_level(subsystem, parsed);
    }
  }
  return rt::to_string(log_->levels());
}

std::vector<std::pair<std::string, std::uint64_t>> Daemon::shell_stats() const {
  const rt::ReactorStats& s = engine_->reactor().stats();
  return {{"turns", s.turns},
          {"reads", s.reads},
          {"bytes_read", s.bytes_read},
          {"sends", s.sends},
          {"bytes_sent", s.bytes_sent},
          {"sends_partial", s.sends_partial},
          {"read_pauses", s.read_pauses},
          {"write_stalls", s.write_stalls},
          {"links_accepted", s.links_accepted},
          {"accepts_refused", s.accepts_refused},
          {"links_dialled", s.links_dialled},
          {"dials_failed", s.dials_failed},
          {"links_open", s.links_open},
          {"bytes_kept", s.bytes_kept},
          {"resolves", s.resolves}};
}

node::ShellFigures Daemon::figures() const {
  const rt::ReactorStats& s = engine_->reactor().stats();
  const rt::ProcessUsage used = rt::process_usage();
  node::ShellFigures figures;
  figures.process = {used.resident_bytes, used.open_files, used.threads, used.processor};
  figures.reactor = {.turns = s.turns,
                     .bytes_read = s.bytes_read,
                     .bytes_sent = s.bytes_sent,
                     .reads = s.reads,
                     .sends = s.sends,
                     .read_pauses = s.read_pauses,
                     .write_stalls = s.write_stalls,
                     .accepts_refused = s.accepts_refused,
                     .links_open = s.links_open,
                     .bytes_kept = s.bytes_kept,
                     .resolves = s.resolves};
  if (http_) figures.api = http_->figures();
  return figures;
}

void Daemon::on_report(const node::Report& report) {
  if (const auto* cannot = std::get_if<host::CannotListen>(&report)) {
    not_listening_.push_back(*cannot);
  }
  api_->on_report(engine_->reactor().turn_now(), report);
  if (http_) http_->on_report(engine_->reactor().turn_now(), report);
  const std::size_t answered = engine_->node().host().listener_count() + not_listening_.size();
  if (answered < engine_->node().config().host.listen.size()) return;
  if (!std::exchange(is_ready_, true)) on_listeners_done();
}

/// A machine without IPv6 is no reason not to start where the default asks for both families.
bool is_absent_family(const host::CannotListen& cannot) {
  return cannot.address.has(codec::AddrProtocol::ip6) &&
         codec::scope_of(cannot.address) == codec::AddrScope::unspecified &&
         cannot.error.code != Code::locked && cannot.error.code != Code::permission;
}

void Daemon::on_listeners_done() {
  const std::size_t wanted = engine_->node().config().host.listen.size();
  for (const auto& cannot : not_listening_) {
    if (is_absent_family(cannot) && not_listening_.size() < wanted) {
      log_->warn("app", "{}", cannot.error.message);
    } else if (!fatal_) {
      fatal_ = cannot.error;
    }
  }
  if (fatal_) return stop("a listener that failed");
  cli::ReadyReport ready;
  const host::Host& host = engine_->node().host();
  ready.peer_id = codec::to_text(host.self());
  ready.node_id = node_id_;
  ready.version = base::version();
  ready.network = session_.settings.network_name;
  ready.home = session_.home;
  ready.pid = ::getpid();
  for (const auto& address : host.addresses()) ready.addresses.push_back(address.to_string());
  if (http_) ready.api = http_->urls();
  ready.took_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began_).count();
  print(session_.globals.json ? to_json(ready) : to_text(ready));
  log_->info("app", "{} is up in {:.1f} ms", ready.peer_id, ready.took_ms);
  if (shows_work_ && engine_->compute() != nullptr) {
    work_line_.emplace(session_.globals, /*may_redraw=*/!session_.settings.log_file.empty());
  }
}

void Daemon::stop(std::string_view why) {
  if (is_stopping_) {  // a second Ctrl-C means it
    engine_->reactor().stop();
    return;
  }
  is_stopping_ = true;
  work_line_.reset();
  log_->info("app", "stopping: {}", why);
  engine_->stop();
}

int start(const cli::Globals& globals, const cli::StartArgs& args, bool shows_work) {
  auto session = open_session(globals, flags_of(args));
  if (!session) return fail_with(globals, session.error());
  return Daemon(*std::move(session), args, shows_work).run();
}

}  // namespace

int run_start(const cli::Globals& globals, const cli::StartArgs& args) {
  return start(globals, args, /*shows_work=*/false);
}

int run_compute_work(const cli::Globals& globals, const cli::ComputeWorkArgs& args) {
  cli::Globals working = globals;
  const auto set = [&](std::string_view key, const std::string& value) {
    working.sets.push_back(base::format("compute.{}={}", key, value));
  };
  set("enabled", "true");
  if (args.slots) set("slots", std::to_string(*args.slots));
  if (args.threads) set("threads", std::to_string(*args.threads));
  if (args.cpu_percent) set("cpu_percent", std::to_string(*args.cpu_percent));
  if (!args.hours.empty()) set("hours", args.hours);
  if (args.only_on_ac) set("only_on_ac", "true");
  if (args.job) set("jobs", std::to_string(*args.job));
  return start(working, {}, /*shows_work=*/true);
}

}  // namespace kith::app
