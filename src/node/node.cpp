#include "node/node.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::node {
namespace {

/// Of dials whose end nobody waits for: programs choose theirs from 1 up.
constexpr Token nobody{0};
/// Of pings that the quality model asks for.
constexpr Token probing{0};

}  // namespace

Node::Node(const NodeConfig& config, const crypto::KeyPair& key, Rng& rng, Log& log)
    : config_(config),
      log_(log),
      host_(config_.host, key, rng, log),
      quality_(config_.quality, host_.self(), rng),
      limits_(config_.limits, Instant{}),
      guard_(config_.breakers),
      rng_(rng) {
  ping_ = &own<host::Ping>(config_.ping, rng);
  perf_ = &own<host::Perf>(config_.serves_perf);
  peer_exchange_ = &own<host::PeerExchange>(config_.peer_exchange, host_, quality_, rng);
  recommend_ = &own<RecommendService>(config_.recommend, quality_, host_, key);
  if (config_.speaks_gossip)
    gossip_ = &own<GossipService>(config_.gossip, limits_, host_, key, rng, log);
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
  if (gossip_ != nullptr) {
    gossip_->start(now);
    for (const auto& topic : config_.topics) gossip_->to_router(now, gossip::Subscribe{topic, {}});
  }
  is_starting_ = true;
  outputs_.push_back(host::LoadQuality{});
  pump(now);
}

void Node::on_command(Instant now, Command command) {
  std::visit(
      Overload{
          [&](Connect& c) {
            host_.on_input(now, host::Dial{c.token, c.peer, std::move(c.addresses)});
          },
          [&](Disconnect& d) { host_.on_input(now, host::Disconnect{d.peer}); },
          [&](PingPeer& p) { ping(now, p); },
          [&](PerfPeer& p) { perf_->start(p.token, p.peer, p.upload_bytes, p.download_bytes); },
          [&](CancelPerf& c) { perf_->cancel(c.token); },
          [&](ProtectPeer& p) { host_.on_input(now, host::Protect{p.peer, p.is_protected}); },
          [&](gossip::Subscribe& s) { to_router(now, std::move(s)); },
          [&](gossip::Unsubscribe& u) {
            if (std::ranges::find(config_.topics, u.topic) != config_.topics.end()) return;
            to_router(now, std::move(u));
          },
          [&](gossip::Publish& p) { to_router(now, std::move(p)); },
          [&](gossip::Validated& v) { to_router(now, v); },
          [&](peer::BanPeer& ban) { quality_.on_input(now, std::move(ban)); },
          [&](peer::UnbanPeer& unban) { quality_.on_input(now, unban); },
          [&](SubmitTransaction& s) { submit(now, std::move(s)); },
          [&](AskStore& ask) { ask_store(std::move(ask)); },
          [&](MakeProof& work) { make_proof(std::move(work)); },
          [&](ShutDown&) { host_.on_input(now, host::ShutDown{}); }},
      command);
  pump(now);
}

void Node::on_input(Instant now, host::WorldInput input) {
  if (auto* verified = std::get_if<host::SignaturesVerified>(&input)) {
    to_router(now, gossip::SignaturesChecked{verified->token, std::move(verified->valid)});
    return pump(now);
  }
  if (const auto* clock = std::get_if<host::WallClock>(&input)) {
    quality_.on_input(now, peer::WallClock{clock->now});
    if (chain_ != nullptr) {
      chain_->on_input(now, consensus::WallClockRead{clock->now});
      heartbeats_->on_wall_clock(now, clock->now);
    }
  }
  if (auto* done = std::get_if<host::JobDone>(&input)) {
    on_job(now, std::move(*done));
    return pump(now);
  }
  if (auto* up = std::get_if<host::SignerUp>(&input)) {
    if (signing_ != nullptr) signing_->on_input(now, *up);
    return pump(now);
  }
  if (auto* down = std::get_if<host::SignerDown>(&input)) {
    if (signing_ != nullptr) signing_->on_input(now, std::move(*down));
    return pump(now);
  }
  if (auto* said = std::get_if<host::SignerSaid>(&input)) {
    if (signing_ != nullptr) signing_->on_input(now, std::move(*said));
    return pump(now);
  }
  if (const auto* appended = std::get_if<host::LogAppended>(&input)) {
    chain_->on_input(now, *appended);
    return pump(now);
  }
  if (const auto* written = std::get_if<host::ChainWritten>(&input)) {
    if (!snapshots_->on_written(now, written->token)) chain_->on_input(now, *written);
    return pump(now);
  }
  if (const auto* saved = std::get_if<host::ProofSaved>(&input)) {
    chain_->on_input(now, *saved);
    return pump(now);
  }
  if (auto* loaded = std::get_if<host::QualityLoaded>(&input)) {
    for (auto& stored : loaded->peers) {
      const PeerId peer = stored.peer;
      quality_.on_input(now, peer::Restore{std::move(stored)});
      to_host(now, quality_.standing(now, peer));
    }
    if (gossip_ != nullptr && is_starting_) gossip_->import_seqnos(now, loaded->seqnos);
    pump(now);
    if (std::exchange(is_starting_, false)) {
      host_.start(now);
      start_chain(now);
    }
    return pump(now);
  }
  host_.on_input(now, std::move(input));
  pump(now);
}

void Node::on_deadline(Instant now) {
  if (const auto at = quality_.next_deadline(); at && *at <= now) quality_.on_deadline(now);
  if (const auto at = host_.next_deadline(); at && *at <= now) host_.on_deadline(now);
  for (auto& service : services_) {
    if (const auto at = service->next_deadline(); at && *at <= now) service->on_deadline(now);
  }
  if (chain_ != nullptr) {
    if (const auto at = chain_->next_deadline(); at && *at <= now) chain_->on_deadline(now);
    heartbeats_->on_deadline(now);
    signing_->on_deadline(now);
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

std::size_t Node::on_datagrams(Instant now, const base::DatagramsIn& in) {
  const std::size_t taken = host_.on_datagrams(now, in);
  pump(now);
  return taken;
}

base::DatagramsOut Node::poll_datagrams(Instant now, ByteSpan room) {
  const base::DatagramsOut out = host_.poll_datagrams(now, room);
  pump(now);
  return out;
}

std::optional<host::WorldOutput> Node::poll_output(Instant) {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

std::optional<Instant> Node::next_deadline() {
  auto deadline = base::soonest(host_.next_deadline(), quality_.next_deadline());
  for (const auto& service : services_) {
    deadline = base::soonest(deadline, service->next_deadline());
  }
  if (chain_ != nullptr) {
    deadline = base::soonest(deadline, chain_->next_deadline());
    deadline = base::soonest(deadline, heartbeats_->next_deadline());
    deadline = base::soonest(deadline, signing_->next_deadline());
  }
  return deadline;
}

std::optional<Report> Node::poll_report() {
  if (reports_.empty()) return std::nullopt;
  return reports_.pop_front();
}

void Node::reset_timings() {
  ping_times_.reset_latency();
  host_.reset_timings();
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
      on_command_of(now, owner, std::move(*command));
      is_busy = true;
    }
  }
  return is_busy;
}

void Node::on_command_of(Instant now, host::OwnerId owner, host::ServiceCommand command) {
  if (const auto* open = std::get_if<host::Open>(&command)) {
    host::Service& service = service_of(owner);
    auto refusal = service.is_guarded() ? guard_.on_open(now, owner, *open) : std::nullopt;
    if (refusal) return service.on_input(now, *std::move(refusal));
  } else if (const auto* done = std::get_if<host::RequestDone>(&command)) {
    return on_request_done(now, done->peer, done->protocol, done->took);
  } else if (const auto* fault = std::get_if<host::Fault>(&command)) {
    quality_.on_input(
        now, PeerEvent{fault->peer, PeerEventKind::rejected, "host", fault->error.message});
  }
  host_.on_input(now, host::FromService{owner, std::move(command)});
}

void Node::route(Instant now, host::HostOutput output) {
  std::visit(
      Overload{[&](host::WorldOutput& world) { outputs_.push_back(std::move(world)); },
               [&](host::Routed& routed) {
                 host::Service& service = service_of(routed.owner);
                 if (service.is_guarded()) guard_.on_event(now, routed.owner, routed.event);
                 service.on_input(now, std::move(routed.event));
               },
               [&](host::Broadcast& b) { broadcast(now, b.event); },
               [&](host::DialDone& done) {
                 if (done.token == nobody) return;
                 reports_.push_back(Connected{done.token, std::move(done.peer)});
               },
               [&](host::PeerUnreachable& failed) { reports_.push_back(std::move(failed)); },
               [&](host::AddressesChanged& changed) { reports_.push_back(std::move(changed)); },
               [&](host::CannotListen& cannot) { reports_.push_back(std::move(cannot)); },
               [&](host::Stopped& stopped) { reports_.push_back(stopped); }},
      output);
}

void Node::broadcast(Instant now, const host::ServiceEvent& event) {
  if (const auto* up = std::get_if<host::PeerUp>(&event)) {
    quality_.on_input(now, peer::PeerConnected{up->peer, peer::net_group_of(up->remote)});
  }
  if (const auto* down = std::get_if<host::PeerDown>(&event)) {
    quality_.on_input(now, peer::PeerDisconnected{down->peer});
  }
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
    on_pinged(now, *result);
  }
  while (auto result = perf_->poll_result()) {
    is_busy = true;
    reports_.push_back(std::move(*result));
  }
  while (auto learned = peer_exchange_->poll_learned()) {
    is_busy = true;
    host_.on_input(now, host::LearnRecord{learned->from, std::move(learned->envelope)});
  }
  is_busy = pump_recommendations(now) || is_busy;
  is_busy = pump_gossip(now) || is_busy;
  is_busy = pump_chain(now) || is_busy;
  is_busy = pump_quality(now) || is_busy;
  peer_exchange_->set_eager(now, host_.peer_count() < config_.host.peers_min);
  return is_busy;
}

// Of pings only those that somebody waits for are guarded: probes must find out that a peer is
// back.
void Node::ping(Instant now, const PingPeer& request) {
  if (auto allowed = guard_.ask(now, request.peer, host::ping_protocol); !allowed) {
    reports_.push_back(Pinged{request.token, request.peer, fail(std::move(allowed).error())});
    return;
  }
  ping_->request(now, request.token, request.peer, quality_.request_timeout(request.peer));
}

void Node::on_request_done(Instant now, const PeerId& peer, std::string_view protocol,
                           const Result<Duration>& took) {
  guard_.on_done(now, peer, protocol, took.has_value());
  PeerEvent event{peer, took ? PeerEventKind::request_succeeded : PeerEventKind::request_failed,
                  "host", took ? std::string(protocol) : base::format("no answer to {}", protocol)};
  if (took) event.rtt = *took;
  quality_.on_input(now, std::move(event));
}

void Node::on_pinged(Instant now, host::PingResult& result) {
  const bool is_asked = result.token && result.token != probing;
  if (is_asked && (result.rtt || result.rtt.error().code == Code::timeout)) {
    on_request_done(now, result.peer, host::ping_protocol, result.rtt);
  } else if (result.rtt) {
    guard_.on_done(now, result.peer, host::ping_protocol, true);
  }
  if (result.token != probing) ++(result.rtt ? pings_answered_ : pings_failed_);
  if (result.rtt) {
    ping_times_.record(*result.rtt);
    host_.set_rtt(result.peer, *result.rtt);
    quality_.on_traffic(now, result.peer);
    to_router(now, gossip::RttMeasured{result.peer, *result.rtt});
  }
  if (result.token == probing) {
    // A peer that does not speak ping is there all the same, and one that left is no failure.
    const bool is_there = result.rtt || result.rtt.error().code == Code::unsupported;
    if (!is_there && result.rtt.error().code != Code::timeout) return;
    PeerEvent event{result.peer,
                    is_there ? PeerEventKind::probe_succeeded : PeerEventKind::probe_failed, "ping",
                    "probe"};
    if (result.rtt) event.rtt = *result.rtt;
    quality_.on_input(now, std::move(event));
  } else if (result.token) {
    reports_.push_back(Pinged{*result.token, result.peer, std::move(result.rtt)});
  }
}

bool Node::pump_quality(Instant now) {
  bool is_busy = false;
  while (auto output = quality_.poll_output(now)) {
    is_busy = true;
    std::visit(Overload{[&](peer::StandingChanged& changed) {
                          on_standing(now, changed.standing);
                          reports_.push_back(std::move(changed));
                        },
                        [&](peer::Disconnect& d) { host_.on_input(now, host::Disconnect{d.peer}); },
                        [&](peer::PeerBanned& banned) {
                          log_.warn("peer", "{} is banned: {}", codec::to_text(banned.peer),
                                    banned.ban.reason);
                          host_.on_input(now, host::Bar{banned.peer, true});
                          reports_.push_back(std::move(banned));
                        },
                        [&](peer::BanEnded& ended) {
                          host_.on_input(now, host::Bar{ended.peer, false});
                          reports_.push_back(ended);
                        },
                        [&](peer::GroupBanned& group) {
                          log_.warn("peer",
                                    "too many banned peers in {}: none is let in from there",
                                    peer::to_text(group.group));
                        },
                        [&](peer::Probe& probe) { ping_->request(now, probing, probe.peer); },
                        [&](peer::Persist& persist) {
                          outputs_.push_back(host::StoreQuality{std::move(persist.stored)});
                        },
                        [&](peer::Forget& forget) {
                          to_host(now, quality_.standing(now, forget.peer));  // a stranger's again
                          outputs_.push_back(host::ForgetQuality{forget.peer});
                        }},
               *output);
  }
  return is_busy;
}

void Node::to_host(Instant now, const PeerStanding& standing) {
  host_.on_input(now, host::Bar{standing.peer, standing.is_banned});
  host_.on_input(now, standing);
}

void Node::on_standing(Instant now, const PeerStanding& standing) {
  to_host(now, standing);
  limits_.on_standing(now, standing);
  to_router(now, gossip::Standing{standing.peer, standing.gossip_score, standing.gossip_gate,
                                  standing.is_banned});
}

const gossip::Router* Node::router() const {
  return gossip_ == nullptr ? nullptr : gossip_->router();
}

void Node::to_router(Instant now, gossip::Router::Input input) {
  if (gossip_ != nullptr) gossip_->to_router(now, std::move(input));
}

bool Node::pump_recommendations(Instant now) {
  bool is_busy = false;
  while (auto result = recommend_->poll_result()) {
    is_busy = true;
    std::visit([&](auto& input) { quality_.on_input(now, std::move(input)); }, *result);
  }
  return is_busy;
}

bool Node::pump_gossip(Instant now) {
  if (gossip_ == nullptr) return false;
  bool is_busy = false;
  while (auto result = gossip_->poll_result()) {
    is_busy = true;
    std::visit(
        Overload{[&](gossip::Deliver& deliver) {
                   if (is_chain_topic(deliver.message.topic)) return;
                   reports_.push_back(std::move(deliver));
                 },
                 [&](gossip::Validate& validate) {
                   if (on_topic_message(now, validate)) return;
                   reports_.push_back(std::move(validate));
                 },
                 [&](gossip::Settled& settled) { reports_.push_back(settled); },
                 [&](gossip::Published& published) { reports_.push_back(std::move(published)); },
                 [&](host::VerifySignatures& work) { outputs_.push_back(std::move(work)); },
                 [&](host::StoreSeqnos& store) { outputs_.push_back(std::move(store)); },
                 [&](PeerEvent& event) { quality_.on_input(now, std::move(event)); },
                 [&](gossip::ConnectPeers& connect) {
                   for (auto& record : connect.records) {
                     host_.on_input(now, host::Dial{nobody, record.peer, {}, record.addresses});
                   }
                 }},
        *result);
  }
  return is_busy;
}

}  // namespace kith::node
