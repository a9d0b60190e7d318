// kith::Host over the engine, with a thread of its own.
#include <kith/host.h>

#include <algorithm>
#include <future>
#include <map>
#include <thread>

#include "app/engine.h"
#include "app/host_options.h"
#include "app/user_pubsub.h"
#include "app/user_streams.h"
#include "base/format.h"
#include "codec/peer_id.h"
#include "rt/files.h"
#include "rt/home.h"
#include "secure/session_keys.h"

namespace kith {
namespace {

using app::Inbox;

/// How long start() waits for the listeners; binding is local and quick.
constexpr auto listen_max = 5s;

SessionDetails details_of(const host::SessionStats& stats) {
  return {.cipher = std::string(stats.cipher),
          .state = std::string(stats.state),
          .rtt = stats.rtt,
          .rtt_least = stats.rtt_least,
          .window = stats.window,
          .bytes_in_flight = stats.bytes_in_flight,
          .delivery_rate = stats.delivery_rate,
          .packets_sent = stats.packets_sent,
          .packets_received = stats.packets_received,
          .packets_lost = stats.packets_lost,
          .packets_resent = stats.packets_resent,
          .rotations = stats.rotations,
          .path_changes = stats.path_changes,
          .mtu = stats.mtu_bytes,
          .messages_unclaimed = stats.messages_unclaimed};
}

std::string transport_of(const host::ConnectionInfo& connection) {
  if (connection.session) return std::string(connection.session->transport) + "/kith";
  const codec::Transport transport = codec::transport_of(connection.remote);
  if (codec::is_tls(transport)) return "wss";
  return codec::is_web(transport) ? "ws" : "tcp";
}

PeerDetails details_of(const host::PeerInfo& info) {
  // Of several, which is for a moment, the session is what messages take.
  const auto session = std::ranges::find_if(
      info.connections, [](const auto& connection) { return connection.session.has_value(); });
  const host::ConnectionInfo& connection =
      session == info.connections.end() ? info.connections.front() : *session;
  PeerDetails details;
  details.peer = codec::to_text(info.peer);
  details.remote_address = connection.remote.to_string();
  details.rtt = info.rtt;
  details.transport = transport_of(connection);
  if (connection.session) details.session = details_of(*connection.session);
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
  bool is_starting = true;              // until all listeners are up, or one has failed
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
  /// Makes the protocol the program's, unless it is already; `set` false: its callback was there.
  Result<void> take_protocol(const std::string& protocol, const std::function<bool()>& set) {
    return ask<Result<void>>([&]() -> Result<void> {
             auto& node = engine->node();
             const bool is_ours = streams->has(protocol);
             const bool is_free = is_ours || !node.host().has_protocol(protocol);
             if (!is_free || !set()) {
               return fail(Code::exists, base::format("{} has a handler already", protocol));
             }
             if (!is_ours) node.add_protocol(engine->reactor().turn_now(), *streams, protocol);
             return {};
           })
        .value_or(fail(stopped_error()));
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
                 // Said at each start, with nothing to listen at, too: before it nobody is dialled.
                 if (!is_starting || engine->node().host().listener_count() < listens) return;
                 is_starting = false;
                 listening.set_value({});
               },
               [&](host::CannotListen& cannot) {
                 if (!std::exchange(is_starting, false)) return;
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
  app::EngineConfig config = TRY(app::engine_config(options));
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
  auto listening = impl->listening.get_future();
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
  return impl_->take_protocol(
      protocol, [&] { return impl_->streams->handle(protocol, std::move(on_stream)); });
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

Result<void> Host::send_message(const std::string& peer, std::string_view protocol,
                                std::span<const std::uint8_t> data, MessageOptions options,
                                std::function<void(Result<void>)> on_done) {
  const PeerId id = TRY(codec::peer_id_from_text(peer));
  app::UserMessages& messages = impl_->streams->messages();
  Buffer begun = TRY(messages.begin(protocol, data));
  // Behind what other threads have sent: in the order of the calls.
  const bool is_running = impl_->inbox->post_behind(
      [&messages, id, begun, options, on_done = std::move(on_done)]() mutable {
        messages.send(id, std::move(begun), options, std::move(on_done));
      });
  if (is_running) return {};
  messages.cancel(begun);
  return fail(stopped_error());
}

Result<void> Host::send_datagram(const std::string& peer, std::string_view protocol,
                                 std::span<const std::uint8_t> data) {
  const PeerId id = TRY(codec::peer_id_from_text(peer));
  app::UserMessages& messages = impl_->streams->messages();
  Buffer begun = TRY(messages.begin(protocol, data));
  const bool is_running = impl_->inbox->post_behind(
      [&messages, id, begun]() mutable { messages.send_datagram(id, std::move(begun)); });
  if (is_running) return {};
  messages.cancel(begun);
  return fail(stopped_error());
}

Result<void> Host::on_message(
    std::string protocol,
    std::function<void(const std::string&, std::span<const std::uint8_t>)> callback) {
  TRY_VOID(app::UserMessages::check_name(protocol));
  return impl_->take_protocol(protocol, [&] {
    return impl_->streams->messages().on_message(protocol, std::move(callback));
  });
}

Result<void> Host::on_datagram(
    std::string protocol,
    std::function<void(const std::string&, std::span<const std::uint8_t>)> callback) {
  TRY_VOID(app::UserMessages::check_name(protocol));
  return impl_->take_protocol(protocol, [&] {
    return impl_->streams->messages().on_datagram(protocol, std::move(callback));
  });
}

Result<std::vector<std::uint8_t>> Host::export_key(const std::string& peer, std::string_view label,
                                                   std::size_t size) const {
  using Key = Result<std::vector<std::uint8_t>>;
  const PeerId id = TRY(codec::peer_id_from_text(peer));
  return impl_
      ->ask<Key>([&]() -> Key {
        if (size > secure::export_bytes_max) {  // before as much is allocated
          return fail(Code::usage, base::format("a key of {} bytes, not 1 to {}", size,
                                                secure::export_bytes_max));
        }
        std::vector<std::uint8_t> key(size);
        TRY_VOID(impl_->engine->node().host().export_key(id, label, key));
        return key;
      })
      .value_or(fail(stopped_error()));
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
