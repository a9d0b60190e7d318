#include "node/node.h"

#include <algorithm>

namespace kith::node {
namespace {

/// Of dials whose end nobody waits for: programs choose theirs from 1 up.
constexpr Token nobody{0};

}  // namespace

Node::Node(const NodeConfig& config, const crypto::KeyPair& key, Rng& rng, Log& log)
    : config_(config), host_(config_.host, key, rng, log) {
  ping_ = &own<host::Ping>(config_.ping, rng);
  perf_ = &own<host::Perf>(config_.serves_perf);
  peer_exchange_ = &own<host::PeerExchange>(config_.peer_exchange, host_, rng);
  if (config_.speaks_gossip) gossip_ = &own<GossipService>(config_.gossip, key, rng, log);
}

Node::~Node() = default;

template <class S, class... Args>
S& Node::own(Args&&... args) {
  auto service = std::make_unique<S>(std::forward<Args>(args)...);
  S& self = *service;
  add_service(Instant{}, std::move(service));
  return self;
}

host::Service& Node::add_service(Instant now, std::unique_ptr<host::Service> service) {
  services_.push_back(std::move(service));
  const auto owner = static_cast<host::OwnerId>(services_.size());
  for (const auto& protocol : services_.back()->protocols()) {
    host_.add_protocol(now, owner, protocol);
  }
  return *services_.back();
}

void Node::add_protocol(Instant now, const host::Service& service, const std::string& protocol) {
  const auto found = std::ranges::find(services_, &service, &std::unique_ptr<host::Service>::get);
  ASSERT(found != services_.end());
  host_.add_protocol(now, static_cast<host::OwnerId>(found - services_.begin() + 1), protocol);
  pump(now);
}

void Node::start(Instant now) {
  if (gossip_ != nullptr) gossip_->start(now, host_.wall(now));
  host_.start(now);
  pump(now);
}

void Node::on_command(Instant now, Command command) {
  std::visit(
      Overload{
          [&](Connect& c) {
            host_.on_input(now, host::Dial{c.token, c.peer, std::move(c.addresses)});
          },
          [&](Disconnect& d) { host_.on_input(now, host::Disconnect{d.peer}); },
          [&](PingPeer& p) { ping_->request(now, p.token, p.peer); },
          [&](PerfPeer& p) { perf_->start(p.token, p.peer, p.upload_bytes, p.download_bytes); },
          [&](CancelPerf& c) { perf_->cancel(c.token); },
          [&](ProtectPeer& p) { host_.on_input(now, host::Protect{p.peer, p.is_protected}); },
          [&](gossip::Subscribe& s) { to_router(now, std::move(s)); },
          [&](gossip::Unsubscribe& u) { to_router(now, std::move(u)); },
          [&](gossip::Publish& p) { to_router(now, std::move(p)); },
          [&](gossip::Validated& v) { to_router(now, v); },
          [&](ShutDown&) { host_.on_input(now, host::ShutDown{}); }},
      command);
  pump(now);
}

void Node::on_input(Instant now, host::WorldInput input) {
  if (auto* verified = std::get_if<host::SignaturesVerified>(&input)) {
    to_router(now, gossip::SignaturesChecked{verified->token, std::move(verified->valid)});
    return pump(now);
  }
  host_.on_input(now, std::move(input));
  pump(now);
}

void Node::on_deadline(Instant now) {
  if (const auto at = host_.next_deadline(); at && *at <= now) host_.on_deadline(now);
  for (auto& service : services_) {
    if (const auto at = service->next_deadline(); at && *at <= now) service->on_deadline(now);
  }
  pump(now);
}

std::size_t Node::on_bytes(Instant now, LinkId link, ByteSpan bytes) {
  const std::size_t taken = host_.on_bytes(now, link, bytes);
  pump(now);  // while the views into `bytes` hold
  return taken;
}

std::size_t Node::poll_transmit(Instant now, LinkId link, ByteSpan room) {
  const std::size_t written = host_.poll_transmit(now, link, room);
  pump(now);
  return written;
}

std::optional<host::WorldOutput> Node::poll_output(Instant) {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

std::optional<Instant> Node::next_deadline() {
  std::optional<Instant> deadline = host_.next_deadline();
  for (const auto& service : services_) {
    deadline = base::soonest(deadline, service->next_deadline());
  }
  return deadline;
}

std::optional<Report> Node::poll_report() {
  if (reports_.empty()) return std::nullopt;
  return reports_.pop_front();
}

// --- routing -------------------------------------------------------------------------------------

// Rounds until nobody has more to say. Each round's work is bounded by what the last one said.
void Node::pump(Instant now) {
  if (is_pumping_) return;  // a service's owner asked from inside a turn: the rounds go on anyway
  is_pumping_ = true;
  for (bool is_busy = true; is_busy;) {
    is_busy = pump_host(now);
    is_busy = pump_services(now) || is_busy;
    is_busy = pump_results(now) || is_busy;
  }
  is_pumping_ = false;
}

bool Node::pump_host(Instant now) {
  bool is_busy = false;
  while (auto output = host_.poll_output(now)) {
    route(now, std::move(*output));
    is_busy = true;
  }
  return is_busy;
}

bool Node::pump_services(Instant now) {
  bool is_busy = false;
  for (std::size_t i = 0; i < services_.size(); ++i) {
    const auto owner = static_cast<host::OwnerId>(i + 1);
    while (auto command = services_[i]->poll_output(now)) {
      host_.on_input(now, host::FromService{owner, std::move(*command)});
      is_busy = true;
    }
  }
  return is_busy;
}

void Node::route(Instant now, host::HostOutput output) {
  std::visit(
      Overload{[&](host::WorldOutput& world) { outputs_.push_back(std::move(world)); },
               [&](host::Routed& routed) {
                 services_[routed.owner - 1U]->on_input(now, std::move(routed.event));
               },
               [&](host::Broadcast& b) { broadcast(now, b.event); },
               [&](host::DialDone& done) {
                 if (done.token == nobody) return;
                 reports_.push_back(Connected{done.token, std::move(done.peer)});
               },
               [&](host::AddressesChanged& changed) { reports_.push_back(std::move(changed)); },
               [&](host::CannotListen& cannot) { reports_.push_back(std::move(cannot)); },
               [&](host::Stopped& stopped) { reports_.push_back(stopped); }},
      output);
}

void Node::broadcast(Instant now, const host::ServiceEvent& event) {
  for (auto& service : services_) service->on_input(now, event);
  if (const auto* up = std::get_if<host::PeerUp>(&event)) reports_.push_back(*up);
  if (const auto* down = std::get_if<host::PeerDown>(&event)) reports_.push_back(*down);
  if (const auto* told = std::get_if<host::PeerIdentified>(&event)) reports_.push_back(*told);
}

// What the services found out, to whom it concerns.
bool Node::pump_results(Instant now) {
  bool is_busy = false;
  while (auto result = ping_->poll_result()) {
    is_busy = true;
    ++(result->rtt ? pings_answered_ : pings_failed_);
    if (result->rtt) {
      host_.set_rtt(result->peer, *result->rtt);
      to_router(now, gossip::RttMeasured{result->peer, *result->rtt});
    }
    if (result->token) {
      reports_.push_back(Pinged{*result->token, result->peer, std::move(result->rtt)});
    }
  }
  while (auto result = perf_->poll_result()) {
    is_busy = true;
    reports_.push_back(std::move(*result));
  }
  while (auto learned = peer_exchange_->poll_learned()) {
    is_busy = true;
    host_.on_input(now, host::LearnRecord{learned->from, std::move(learned->envelope)});
  }
  is_busy = pump_gossip(now) || is_busy;
  peer_exchange_->set_eager(now, host_.peer_count() < config_.host.peers_min);
  return is_busy;
}

const gossip::Router* Node::router() const {
  return gossip_ == nullptr ? nullptr : gossip_->router();
}

void Node::to_router(Instant now, gossip::Router::Input input) {
  if (gossip_ != nullptr) gossip_->to_router(now, std::move(input));
}

bool Node::pump_gossip(Instant now) {
  if (gossip_ == nullptr) return false;
  bool is_busy = false;
  while (auto result = gossip_->poll_result()) {
    is_busy = true;
    std::visit(
        Overload{[&](gossip::Deliver& deliver) { reports_.push_back(std::move(deliver)); },
                 [&](gossip::Validate& validate) { reports_.push_back(std::move(validate)); },
                 [&](gossip::Published& published) { reports_.push_back(std::move(published)); },
                 [&](host::VerifySignatures& work) { outputs_.push_back(std::move(work)); },
                 [&](gossip::ConnectPeers& connect) {
                   for (auto& record : connect.records) {
                     host_.on_input(now, host::Dial{nobody, record.peer, record.addresses});
                   }
                 }},
        *result);
  }
  return is_busy;
}

}  // namespace kith::node
