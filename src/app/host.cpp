// kith::Host over the engine, with a thread of its own.
#include <kith/host.h>

#include <algorithm>
#include <future>
#include <map>
#include <thread>

#include "app/engine.h"
#include "app/user_pubsub.h"
#include "app/user_streams.h"
#include "base/format.h"
#include "codec/peer_id.h"
#include "rt/files.h"
#include "rt/home.h"

namespace kith {
namespace {

using app::Inbox;

/// How long start() waits for the listeners; binding is local and quick.
constexpr auto listen_max = 5s;

Result<std::vector<codec::Multiaddr>> parse_all(const std::vector<std::string>& texts) {
  std::vector<codec::Multiaddr> addresses;
  for (const auto& text : texts) addresses.push_back(TRY(codec::Multiaddr::parse(text)));
  return addresses;
}

// The ranges are those of the keys gossip.dedup_entries, limits.peer_messages and limits.messages.
Result<void> apply(const PubSubLimits& limits, node::NodeConfig& config) {
  const auto check = [](const char* name, std::size_t value, std::size_t max) -> Result<void> {
    if (value >= 1 && value <= max) return {};
    return fail(Code::usage, base::format("pubsub.{} is {}, not 1 to {}", name, value, max));
  };
  TRY_VOID(check("dedup_entries", limits.dedup_entries, 10'000'000));
  TRY_VOID(check("peer_messages", limits.peer_messages, 1'000'000));
  TRY_VOID(check("messages", limits.messages, 100'000'000));
  config.gossip.seen.entries_max = limits.dedup_entries;
  config.limits.per_peer = {limits.peer_messages, 2 * limits.peer_messages};
  config.limits.overall = {limits.messages, 2 * limits.messages};
  return {};
}

Result<node::NodeConfig> node_config(const HostOptions& options) {
  node::NodeConfig config;
  if (!options.agent_version.empty()) config.host.agent_version = options.agent_version;
  config.host.listen = TRY(parse_all(options.listen));
  config.host.bootstrap = TRY(parse_all(options.bootstrap));
  config.host.peers_min = options.peers_min;
  if (options.peers_min > options.peers_max) {
    return fail(Code::usage, base::format("peers_min {} is above peers_max {}", options.peers_min,
                                          options.peers_max));
  }
  config.host.peers_high = options.peers_max;
  config.host.peers_low = options.peers_max - options.peers_max / 5;
  // Room for every peer, for those we dial, and for the next to come.
  host::LimitsConfig& limits = config.host.limits;
  limits.connections_max =
      std::max(limits.connections_max, options.peers_max * 2 + limits.outbound_reserve);
  config.serves_perf = options.serve_perf;
  TRY_VOID(apply(options.pubsub, config));
  if (!options.private_network_key.empty()) {
    config.host.connection.network_key = TRY(secure::parse_swarm_key(options.private_network_key));
  }
  return config;
}

PeerDetails details_of(const host::PeerInfo& info) {
  PeerDetails details;
  details.peer = codec::to_text(info.peer);
  details.remote_address = info.connections.front().remote.to_string();
  details.rtt = info.rtt;
  if (info.identity == nullptr) return details;
  details.is_identified = true;
  details.agent_version = info.identity->agent_version;
  details.protocol_version = info.identity->protocol_version;
  details.protocols = info.identity->protocols;
  for (const auto& address : info.identity->listen_addresses) {
    details.listen_addresses.push_back(address.to_string());
  }
  if (info.identity->observed_address) {
    details.observed_address = info.identity->observed_address->to_string();
  }
  details.has_signed_record = !info.identity->signed_peer_record.empty();
  return details;
}

Error stopped_error() { return {Code::closed, "the host has stopped"}; }

/// The embedding program's log.
class CallbackLog final : public base::Log {
 public:
  explicit CallbackLog(const HostOptions& options)
      : callback_(options.log), level_(options.log_level) {}
  bool is_on(LogLevel level, std::string_view) const override {
    return callback_ && static_cast<int>(level) >= level_;
  }
  void write(LogLevel level, std::string_view subsystem, std::string_view sentence) override {
    callback_(static_cast<int>(level), subsystem, sentence);
  }

 private:
  std::function<void(int, std::string_view, std::string_view)> callback_;
  int level_;
};

}  // namespace

struct Host::Impl {
  explicit Impl(const HostOptions& options) : log(options) {}

  CallbackLog log;
  std::optional<rt::HomeLock> lock;
  std::unique_ptr<app::Engine> engine;
  app::UserStreams* streams = nullptr;  // owned by the node
  std::optional<app::UserPubSub> pubsub;
  std::string peer_id;
  std::shared_ptr<Inbox> inbox;
  std::thread thread;

  // The reactor's thread only.
  std::map<Token, std::function<void(Result<std::string>)>> connecting;
  std::map<Token, std::function<void(Result<std::chrono::nanoseconds>)>> pinging;
  std::uint64_t next_token = 1;
  std::function<void(const PeerEvent&)> on_peer;
  std::map<PeerId, PeerHealth> health;  // as it was told, of connected peers
  std::size_t listeners_left = 0;
  std::promise<Result<void>> listening;

  /// What the work makes the streams' service say is routed before the turn ends.
  void run_turn(const Inbox::Work& work) {
    engine->reactor().turn([&] {
      work();
      engine->node().touch(engine->reactor().turn_now());
    });
  }
  /// Asks the reactor's thread and waits for the answer; empty when the host has stopped.
  template <class T>
  std::optional<T> ask(std::function<T()> question) {
    std::promise<T> answer;
    auto future = answer.get_future();
    if (!inbox->post([&] { answer.set_value(question()); })) return std::nullopt;
    return future.get();
  }
  void command(node::Command command) {
    engine->node().on_command(engine->reactor().turn_now(), std::move(command));
  }
  void serve();
  void on_report(node::Report report);
  void on_standing(const PeerStanding& standing);
  void tell(PeerEvent::Kind kind, const PeerId& peer, std::string detail) {
    if (on_peer) on_peer({kind, codec::to_text(peer), std::move(detail)});
  }
};

// The thread of the host. At its end everybody who still waits is told.
void Host::Impl::serve() {
  inbox->open();
  engine->run();
  inbox->close();
  const Error error = stopped_error();
  for (auto& [token, done] : std::exchange(connecting, {})) done(fail(error));
  for (auto& [token, done] : std::exchange(pinging, {})) done(fail(error));
  streams->end_all(error);
  pubsub->end_all(error);
}

void Host::Impl::on_report(node::Report report) {
  std::visit(
      Overload{[&](node::Connected& connected) {
                 auto waiting = connecting.extract(connected.token);
                 if (waiting.empty()) return;
                 if (connected.peer) {
                   waiting.mapped()(codec::to_text(*connected.peer));
                 } else {
                   waiting.mapped()(fail(std::move(connected.peer).error()));
                 }
               },
               [&](node::Pinged& pinged) {
                 auto waiting = pinging.extract(pinged.token);
                 if (!waiting.empty()) waiting.mapped()(std::move(pinged.rtt));
               },
               [&](gossip::Deliver& d) { pubsub->on_deliver(std::move(d.message)); },
               [&](gossip::Validate& v) { pubsub->on_validate(v.token, std::move(v.message)); },
               [&](gossip::Settled& s) { pubsub->on_settled(s.token); },
               [&](gossip::Published& p) { pubsub->on_published(std::move(p)); },
               [&](host::PeerUp& up) {
                 tell(PeerEvent::Kind::connected, up.peer, up.remote.to_string());
               },
               [&](host::PeerDown& down) {
                 tell(PeerEvent::Kind::disconnected, down.peer, base::to_string(down.reason));
               },
               [&](host::PeerIdentified& told) {
                 tell(PeerEvent::Kind::identified, told.peer, told.message->agent_version);
               },
               [&](host::PeerUnreachable& failed) {
                 tell(PeerEvent::Kind::unreachable, failed.peer, failed.error.message);
               },
               [&](peer::StandingChanged& changed) { on_standing(changed.standing); },
               [&](peer::PeerBanned& banned) {
                 tell(PeerEvent::Kind::banned, banned.peer, std::move(banned.ban.reason));
               },
               [&](peer::BanEnded& ended) { tell(PeerEvent::Kind::ban_ended, ended.peer, {}); },
               [&](host::AddressesChanged&) {
                 if (on_peer) {
                   on_peer({PeerEvent::Kind::addresses_changed, peer_id, {}});
                 }
                 const std::size_t listens = engine->node().config().host.listen.size();
                 if (listeners_left == 0 || engine->node().host().listener_count() < listens)
                   return;
                 listeners_left = 0;
                 listening.set_value({});
               },
               [&](host::CannotListen& cannot) {
                 if (listeners_left == 0) return;
                 listeners_left = 0;
                 listening.set_value(fail(std::move(cannot.error)));
               },
               [](auto&) {}},
      report);
}

void Host::Impl::on_standing(const PeerStanding& standing) {
  if (!standing.is_connected || standing.health == PeerHealth::unknown) {
    health.erase(standing.peer);
    return;
  }
  const auto [known, is_new] = health.emplace(standing.peer, standing.health);
  const bool has_changed = is_new
                               ? standing.health != PeerHealth::healthy
                               : std::exchange(known->second, standing.health) != standing.health;
  if (!has_changed) return;
  tell(PeerEvent::Kind::health_changed, standing.peer, std::string(base::name_of(standing.health)));
}

Host::Host(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Host>> Host::start(HostOptions options) {
  auto impl = std::make_unique<Impl>(options);
  app::EngineConfig config;
  config.node = TRY(node_config(options));
  rt::SystemRng rng;
  std::optional<crypto::KeyPair> key;
  if (options.home.empty()) {
    key = crypto::KeyPair::generate(rng);
  } else {
    TRY_VOID(rt::make_home(options.home));
    impl->lock = TRY(rt::HomeLock::take(options.home));
    std::optional<std::string_view> passphrase;
    if (!options.passphrase.empty()) passphrase = options.passphrase;
    key = TRY(rt::load_or_create_identity(options.home, passphrase, rng)).key;
    config.peers_db = options.home + "/peers.db";
    config.quality_db = options.home + "/quality.db";
  }
  impl->peer_id = codec::to_text(codec::peer_id_of(key->public_key()));
  impl->engine = TRY(app::Engine::make(std::move(config), std::move(*key), impl->log));
  impl->inbox = std::make_shared<Inbox>(
      [raw = impl.get()](const Inbox::Work& work) { raw->run_turn(work); },
      [raw = impl.get()] { raw->engine->reactor().post([raw] { raw->inbox->drain(); }); });
  auto streams = std::make_unique<app::UserStreams>(impl->inbox);
  impl->streams = streams.get();
  impl->engine->node().add_service(Instant{}, std::move(streams));
  impl->pubsub.emplace(impl->inbox, impl->engine->node(),
                       [raw = impl.get()](node::Command c) { raw->command(std::move(c)); });
  impl->engine->set_on_report(
      [raw = impl.get()](node::Report report) { raw->on_report(std::move(report)); });
  impl->listeners_left = options.listen.size();
  auto listening = impl->listening.get_future();
  if (options.listen.empty()) impl->listening.set_value({});
  impl->thread = std::thread([raw = impl.get()] { raw->serve(); });
  std::unique_ptr<Host> host(new Host(std::move(impl)));
  if (listening.wait_for(listen_max) != std::future_status::ready) {
    return fail(Code::timeout, "the listeners did not come up");
  }
  TRY_VOID(listening.get());
  return host;
}

Host::~Host() { stop(); }

void Host::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->engine->stop();
  impl_->thread.join();
}

const std::string& Host::peer_id() const { return impl_->peer_id; }

std::vector<std::string> Host::addresses() const {
  const auto addresses = impl_->ask<std::vector<std::string>>([this] {
    std::vector<std::string> texts;
    for (const auto& address : impl_->engine->node().host().addresses()) {
      texts.push_back(address.to_string());
    }
    return texts;
  });
  return addresses.value_or(std::vector<std::string>());
}

std::vector<std::string> Host::peers() const {
  const auto peers = impl_->ask<std::vector<std::string>>([this] {
    std::vector<std::string> ids;
    for (const auto& peer : impl_->engine->node().host().peers()) {
      ids.push_back(codec::to_text(peer.peer));
    }
    return ids;
  });
  return peers.value_or(std::vector<std::string>());
}

std::optional<PeerDetails> Host::details(const std::string& peer) const {
  const auto id = codec::peer_id_from_text(peer);
  if (!id) return std::nullopt;
  const auto details = impl_->ask<std::optional<PeerDetails>>([&]() -> std::optional<PeerDetails> {
    const auto info = impl_->engine->node().host().peer(*id);
    if (!info) return std::nullopt;
    return details_of(*info);
  });
  return details.value_or(std::nullopt);
}

Result<void> Host::handle(std::string protocol, std::function<void(Stream)> on_stream) {
  const auto taken = impl_->ask<Result<void>>([&]() -> Result<void> {
    auto& node = impl_->engine->node();
    if (node.host().has_protocol(protocol)) {
      return fail(Code::exists, base::format("{} has a handler already", protocol));
    }
    node.add_protocol(impl_->engine->reactor().turn_now(), *impl_->streams, protocol);
    impl_->streams->handle(std::move(protocol), std::move(on_stream));
    return {};
  });
  return taken.value_or(fail(stopped_error()));
}

void Host::connect(std::string target, std::function<void(Result<std::string>)> done) {
  const bool is_running = impl_->inbox->post([impl = impl_.get(), target, done] {
    const Token token{impl->next_token++};
    node::Connect request{token, std::nullopt, {}};
    if (target.starts_with('/')) {
      auto address = codec::Multiaddr::parse(target);
      if (!address) return done(fail(std::move(address).error()));
      request.addresses.push_back(std::move(*address));
    } else {
      auto peer = codec::peer_id_from_text(target);
      if (!peer) return done(fail(std::move(peer).error()));
      request.peer = *peer;
    }
    impl->connecting.emplace(token, done);
    impl->command(std::move(request));
  });
  if (!is_running) done(fail(stopped_error()));
}

Result<std::string> Host::connect_wait(std::string target, std::chrono::milliseconds timeout) {
  auto answer = std::make_shared<std::promise<Result<std::string>>>();
  auto future = answer->get_future();
  connect(std::move(target), [answer](Result<std::string> r) { answer->set_value(std::move(r)); });
  if (future.wait_for(timeout) != std::future_status::ready) {
    return fail(Code::timeout, base::format("no connection within {} ms", timeout.count()));
  }
  return future.get();
}

void Host::disconnect(std::string peer) {
  const auto id = codec::peer_id_from_text(peer);
  if (!id) return;
  (void)impl_->inbox->post([impl = impl_.get(), id = *id] { impl->command(node::Disconnect{id}); });
}

void Host::protect(std::string peer, bool is_protected) {
  const auto id = codec::peer_id_from_text(peer);
  if (!id) return;
  (void)impl_->inbox->post([impl = impl_.get(), id = *id, is_protected] {
    impl->command(node::ProtectPeer{id, is_protected});
  });
}

void Host::open(std::string peer, std::string protocol, std::function<void(Result<Stream>)> done) {
  const bool is_running = impl_->inbox->post([impl = impl_.get(), peer, protocol, done] {
    const auto id = codec::peer_id_from_text(peer);
    if (!id) return done(fail(id.error()));
    impl->streams->open(*id, protocol, done);
    impl->engine->node().touch(impl->engine->reactor().turn_now());
  });
  if (!is_running) done(fail(stopped_error()));
}

void Host::ping(std::string peer, std::function<void(Result<std::chrono::nanoseconds>)> done) {
  const bool is_running = impl_->inbox->post([impl = impl_.get(), peer, done] {
    const auto id = codec::peer_id_from_text(peer);
    if (!id) return done(fail(id.error()));
    const Token token{impl->next_token++};
    impl->pinging.emplace(token, done);
    impl->command(node::PingPeer{token, *id});
  });
  if (!is_running) done(fail(stopped_error()));
}

PubSub::PubSub(Host& host) : impl_(std::make_shared<Impl>(Impl{host.impl_->pubsub->link()})) {}

void Host::on_peer(std::function<void(const PeerEvent&)> callback) {
  (void)impl_->inbox->post([impl = impl_.get(), callback] { impl->on_peer = callback; });
}

}  // namespace kith
