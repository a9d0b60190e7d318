// A node for one measurement, inside this process and on a thread of its own. It answers the same
// methods as one that runs, so that a verb need not know which it talks to.
#include <future>
#include <thread>

#include "api/api.h"
#include "app/session.h"
#include "base/format.h"
#include "base/version.h"
#include "codec/peer_id.h"
#include "rt/files.h"
#include "rt/home.h"

namespace kith::app {
namespace {

/// How long the peer store may take to tell what it remembers.
constexpr int remember_tries_max = 10;
constexpr Duration remember_pause = 50ms;

class EphemeralNode final : public Caller {
 public:
  static Result<std::unique_ptr<Caller>> start(EngineConfig config, crypto::KeyPair key,
                                               std::unique_ptr<rt::LogSink> log,
                                               std::optional<rt::HomeLock> lock) {
    const bool remembers = !config.peers_db.empty();
    std::unique_ptr<EphemeralNode> self(new EphemeralNode(std::move(log), std::move(lock)));
    self->engine_ = TRY(Engine::make(std::move(config), std::move(key), self->log()));
    self->api_ = std::make_unique<api::Api>(self->engine_->node(), api::Surroundings{});
    self->engine_->set_on_report([raw = self.get()](node::Report report) {
      raw->api_->on_report(raw->engine_->reactor().turn_now(), report);
    });
    self->thread_ = std::thread([raw = self.get()] { raw->engine_->run(); });
    if (remembers) self->wait_for_peers();
    return self;
  }

  ~EphemeralNode() override {
    if (!thread_.joinable()) return;
    engine_->stop();
    thread_.join();
  }

  Result<std::string> call(std::string_view method, const cli::Params& params,
                           Duration timeout) override {
    auto answer = std::make_shared<std::promise<std::string>>();
    auto future = answer->get_future();
    engine_->reactor().post([this, answer, request = cli::make_request(method, params)] {
      api_->request(engine_->reactor().turn_now(), request,
                    [answer](std::string line, bool) { answer->set_value(std::move(line)); });
    });
    if (future.wait_for(timeout) != std::future_status::ready) {
      return fail(Code::timeout, base::format("no answer within {} ms", base::to_ms(timeout)));
    }
    return cli::read_response(future.get());
  }

 private:
  EphemeralNode(std::unique_ptr<rt::LogSink> log, std::optional<rt::HomeLock> lock)
      : lock_(std::move(lock)), log_(std::move(log)) {}

  Log& log() { return log_ ? *log_ : base::null_log(); }

  void wait_for_peers() {
    for (int i = 0; i < remember_tries_max; ++i) {
      const auto result = call("status", {}, 1s);
      const auto status = result ? cli::read_status(*result) : fail(result.error());
      if (!status || status->peers_known > 0) return;
      std::this_thread::sleep_for(remember_pause);
    }
  }

  std::optional<rt::HomeLock> lock_;  // of the home whose identity this node has
  std::unique_ptr<rt::LogSink> log_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<api::Api> api_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Caller>> make_ephemeral(const Session& session,
                                               const std::string& psk_file) {
  EngineConfig config;
  config.node = session.settings.node;
  config.node.host.agent_version = base::agent_version();
  config.node.host.listen.clear();
  config.node.host.announce.clear();
  config.node.host.bootstrap.clear();
  config.node.host.peers_min = 0;
  config.node.ping.interval = {};
  config.node.peer_exchange = {.interval = {}, .interval_eager = {}};
  config.node.host.connection.network_key = TRY(load_network_key(session, psk_file));
  config.reactor.tcp_congestion = session.settings.tcp_congestion;
  config.reactor.spin_us = spin_us(session.settings.packet);
  config.web_sockets = web_socket_config(session);
  // A home in use keeps its identity and its peers to itself: one id is one process.
  std::optional<rt::HomeLock> lock;
  std::optional<crypto::KeyPair> key;
  if (rt::file_exists(rt::identity_path(session.home))) {
    if (auto taken = rt::HomeLock::take(session.home)) {
      lock = std::move(*taken);
    } else if (taken.error().code != Code::locked) {
      return fail(std::move(taken).error());
    }
  }
  if (lock) {
    key = TRY(load_identity(session, false)).key;
    if (rt::file_exists(session.home + "/peers.db")) config.peers_db = session.home + "/peers.db";
  } else {
    rt::SystemRng rng;
    key = crypto::KeyPair::generate(rng);
  }
  // Only what was asked for: a measurement's output is not to drown in a log.
  std::unique_ptr<rt::LogSink> log;
  if (!session.globals.log_level.empty()) log = TRY(open_log(session));
  return EphemeralNode::start(std::move(config), *std::move(key), std::move(log), std::move(lock));
}

}  // namespace kith::app
