#include "host/host.h"

#include <algorithm>
#include <limits>

#include "base/format.h"
#include "codec/peer_id.h"
#include "host/host_link.h"
#include "host/host_packets.h"

namespace kith::host {
namespace {

constexpr OwnerId identify_owner = 0;
constexpr std::string_view subsystem = "host";

}  // namespace

Host::Host(const HostConfig& config, const crypto::KeyPair& key, Rng& rng, Log& log)
    : config_(config),
      key_(key),
      self_(codec::peer_id_of(key.public_key())),
      rng_(rng),
      log_(log),
      connection_config_(config.connection),
      context_{connection_config_, protocols_, rng, outbox_, &download_},
      limits_(config.limits),
      upload_(config.shaping.upload),
      download_(config.shaping.download),
      book_(config.book, self_, rng),
      dialer_(config.dialer) {
  connection_config_.noise = secure::make_noise_identity(key, {std::string(yamux_protocol)}, rng);
  for (const auto& protocol : identify_.protocols()) protocols_.emplace(protocol, identify_owner);
}

Host::~Host() = default;

void Host::add_protocol(Instant now, OwnerId owner, const std::string& protocol) {
  ASSERT(owner != identify_owner);
  const bool is_new = protocols_.emplace(protocol, owner).second;
  ASSERT(is_new);
  if (is_running_) refresh_self(now);
}

void Host::start(Instant now) {
  is_running_ = true;
  outputs_.push_back(WorldOutput(LoadPeers{}));
  for (const auto& address : config_.listen) outputs_.push_back(WorldOutput(Listen{address}));
  refresh_self(now);
  keep_at_ = now;
  settle(now);
}

// --- one turn ------------------------------------------------------------------------------------

void Host::on_input(Instant now, HostInput input) {
  std::visit(
      Overload{[&](WorldInput& world) { on_world(now, std::move(world)); },
               [&](Dial& request) { dial(now, std::move(request)); },
               [&](Disconnect& request) { disconnect(request.peer); },
               [&](Protect& request) {
                 if (request.is_protected) {
                   protected_[request.peer] = true;
                 } else {
                   protected_.erase(request.peer);
                 }
               },
               [&](Bar& request) {
                 if (!request.is_barred) {
                   barred_.erase(request.peer);
                 } else if (barred_.insert(request.peer).second) {
                   disconnect(request.peer);
                 }
               },
               [&](PeerStanding& standing) { on_standing(standing); },
               [&](FromService& from) { on_service(now, from.owner, std::move(from.command)); },
               [&](LearnRecord& learn) {
                 const auto learned = book_.learn_record(now, learn.envelope, scope_of(learn.from));
                 if (!learned) {
                   log_.debug(subsystem, "peer record refused: {}",
                              base::to_string(learned.error()));
                 }
               },
               [&](ShutDown&) { shut_down(now); }},
      input);
  settle(now);
}

void Host::on_deadline(Instant now) {
  while (const auto id = link_deadlines_.pop_due(now)) {
    const auto found = links_.find(*id);
    if (found == links_.end() || !found->second->channel) continue;
    found->second->channel.on_deadline(now);
    drain_connection(now, *id);
    settle(now);
  }
  if (packets_ && packets_->endpoint) {
    packets_->endpoint->on_deadline(now);
    drain_endpoint(now);
  }
  identify_.on_deadline(now);
  dialer_.on_deadline(now);
  if (keep_at_ && *keep_at_ <= now) keep_peers(now);
  wake_shaped(now);
  settle(now);
}

std::optional<Instant> Host::next_deadline() {
  auto deadline = base::soonest(link_deadlines_.soonest(), identify_.next_deadline());
  deadline = base::soonest(deadline, dialer_.next_deadline());
  if (packets_ && packets_->endpoint) {
    deadline = base::soonest(deadline, packets_->endpoint->next_deadline());
  }
  deadline = base::soonest(deadline, upload_.next_deadline());
  return base::soonest(base::soonest(deadline, download_.next_deadline()), keep_at_);
}

std::optional<HostOutput> Host::poll_output(Instant) {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

std::size_t Host::on_bytes(Instant now, LinkId id, ByteSpan bytes) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second->channel) return bytes.size();
  if (found->second->is_closing) return bytes.size();  // we have done with the peer
  if (found->second->is_undecided && !decide_link(now, id, *found->second, bytes)) return 0;
  const std::size_t taken = found->second->channel.on_bytes(now, bytes);
  stats_.bytes_received += taken;
  download_.on_moved(now, taken);
  drain_connection(now, id);
  settle(now);
  return taken;
}

std::size_t Host::poll_transmit(Instant now, LinkId id, ByteSpan room) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second->channel) return 0;
  // Last words are not held back.
  if (!found->second->is_closing && !upload_.may_move(id)) {
    found->second->transmit_told = true;  // by wake_shaped()
    return 0;
  }
  if (found->second->is_undecided) {
    found->second->transmit_told = false;
    return 0;
  }
  const std::size_t written = found->second->channel.poll_transmit(now, room);
  stats_.bytes_sent += written;
  upload_.on_moved(now, written);
  if (written == 0) found->second->transmit_told = false;
  // Sending makes room in stream queues, which their owners want to know.
  drain_connection(now, id);
  settle(now);
  return written;
}

bool Host::wants_bytes(LinkId id) const {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second->channel) return true;
  return found->second->channel.wants_bytes() && download_.may_move(id);
}

// Those that waited for bandwidth, to send or to receive: a transmit ends both.
void Host::wake_shaped(Instant now) {
  for (ShapedLane* lane : {&upload_, &download_}) {
    for (const LinkId id : lane->on_deadline(now)) {
      if (packets_ && id == Packets::lane) {
        packets_->is_told = true;
        outputs_.push_back(WorldOutput(DatagramsReady{}));
      }
      const auto found = links_.find(id);
      if (found == links_.end() || found->second->is_closing) continue;
      if (found->second->is_datagrams) {
        drain_connection(now, id);  // and gives credit
        continue;
      }
      found->second->transmit_told = true;
      outputs_.push_back(WorldOutput(TransmitReady{id}));
    }
  }
}

// Carries the outputs of the children to each other until none has more to say.
void Host::settle(Instant now) {
  for (bool is_busy = true; is_busy;) {
    is_busy = false;
    while (auto command = identify_.poll_output(now)) {
      on_service(now, identify_owner, std::move(*command));
      is_busy = true;
    }
    while (auto identified = identify_.poll_identified()) {
      on_identified(now, std::move(*identified));
      is_busy = true;
    }
    drain_dialer(now);
    if (packets_) is_busy = settle_packets(now) || is_busy;
  }
}

void Host::drain_connection(Instant now, LinkId id) {
  Link& link = *links_.at(id);
  while (auto output = link.channel.poll_output(now)) {
    std::visit(Overload{[&](ConnectionUp& up) { on_connection_up(now, id, up); },
                        [&](ConnectionFault& f) { on_connection_fault(now, id, f.error); },
                        [&](RoundTripMeasured& measured) {
                          if (link.peer) set_rtt(*link.peer, measured.rtt);
                        },
                        [&](Routed& routed) {
                          if (!link.peer) return;  // refused: nobody was told of it
                          if (routed.owner != identify_owner) {
                            outputs_.push_back(std::move(routed));
                            return;
                          }
                          identify_.set_observed(link.remote);
                          identify_.on_input(now, std::move(routed.event));
                        }},
               *output);
  }
  if (link.is_datagrams) look_for_end(id, link);
  link_deadlines_.set(id, link.channel.next_deadline());
  if (!link.transmit_told && !link.is_undecided && link.channel.has_transmit(now)) {
    link.transmit_told = true;
    outputs_.push_back(WorldOutput(TransmitReady{id}));
  }
}

// --- the world -----------------------------------------------------------------------------------

void Host::on_world(Instant now, WorldInput input) {
  std::visit(Overload{[&](LinkOpened& opened) { on_link_opened(now, std::move(opened)); },
                      [&](LinkFailed& failed) { on_link_closed(now, failed.link, failed.error); },
                      [&](LinkClosed& closed) { on_link_closed(now, closed.link, closed.error); },
                      [&](Listening& listening) { on_listening(now, std::move(listening)); },
                      [&](ListenFailed& failed) {
                        if (on_listen_failed(now, failed)) return;
                        outputs_.push_back(CannotListen{failed.asked, std::move(failed.error)});
                      },
                      [&](Resolved& resolved) { dialer_.on_input(now, std::move(resolved)); },
                      [&](PeersLoaded& loaded) {
                        for (const auto& stored : loaded.peers) book_.restore(now, stored);
                      },
                      [](QualityLoaded&) {}, [](SignaturesVerified&) {},  // the node's, not ours
                      [](JobDone&) {}, [](LogAppended&) {}, [](ChainWritten&) {},  // likewise
                      [](ProofSaved&) {}, [](SignerUp&) {}, [](SignerDown&) {},    // likewise
                      [](SignerSaid&) {},                                          // likewise
                      [&](SocketOpened& opened) { on_socket_opened(now, std::move(opened)); },
                      [&](SocketClosed& closed) { on_socket_closed(now, closed); },
                      [&](WallClock& clock) {
                        wall_start_ = clock.now;
                        wall_start_at_ = now;
                      }},
             input);
}

void Host::on_link_opened(Instant now, LinkOpened opened) {
  const LinkId id = opened.link;
  if (opened.direction == Direction::inbound) {
    const auto admitted = is_stopping_ ? Result<void>(fail(Code::closed, "the node is stopping"))
                                       : limits_.admit_inbound(now, opened.remote);
    if (!admitted) {
      ++stats_.links_refused;
      log_.debug(subsystem, "refused {}: {}", opened.remote.to_string(), admitted.error().message);
      outputs_.push_back(WorldOutput(CloseLink{id, false}));
      return;
    }
    ++stats_.links_accepted;
    links_.emplace(id, std::make_unique<Link>());
  }
  const auto found = links_.find(id);
  if (found == links_.end() || found->second->is_closing) {
    outputs_.push_back(WorldOutput(CloseLink{id, false}));
    return;
  }
  Link& link = *found->second;
  link.direction = opened.direction;
  // What was dialled says more than where the socket leads: how to speak there.
  if (link.remote.empty() || codec::transport_of(link.remote) == codec::Transport::tcp) {
    link.remote = std::move(opened.remote);
  }
  link.is_undecided = config_.has_sessions && opened.direction == Direction::inbound;
  link.opened_at = now;
  if (speaks_session(link)) {
    link.channel.speak_session(context_, packets(now).shared, id, opened.direction,
                               dialer_.expected_of(id), now);
  } else {
    link.channel.speak_libp2p(context_, id, opened.direction, dialer_.expected_of(id), now);
  }
  dialer_.on_input(now, AttemptOpened{id});
  drain_connection(now, id);
}

void Host::on_link_closed(Instant now, LinkId id, const Error& error) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  Link& link = *found->second;
  link.is_closing = link.transmit_told = true;  // there is nothing to close or to send any more
  if (link.channel) {
    link.channel.shut_down(now, error);
    drain_connection(now, id);
  }
  const bool was_authenticated = link.peer.has_value();
  if (was_authenticated) ++stats_.links_closed;
  if (!was_authenticated) {
    ++stats_.links_failed;
    dialer_.on_input(now, AttemptFailed{id, error});
  }
  limits_.on_closed(now, link.direction, was_authenticated, link.remote);
  link_deadlines_.set(id, std::nullopt);
  upload_.forget(id);
  download_.forget(id);
  const std::optional<PeerId> peer = link.peer;
  if (link.is_datagrams) forget_slot(link);
  links_.erase(found);
  if (peer) {
    std::vector<LinkId>& links = peers_.at(*peer).links;
    if (links.size() == 2) --peers_linked_twice_;
    std::erase(links, id);
    if (links.empty()) {
      peers_.erase(*peer);
      book_.on_disconnected(now, *peer);
      outputs_.push_back(Broadcast{PeerDown{*peer, error}});
      identify_.on_input(now, PeerDown{*peer, error});
      log_.info(subsystem, "{} disconnected: {}", codec::to_text(*peer), error.message);
      if (auto stored = book_.to_store(*peer)) {
        stored->last_seen = wall(now);
        outputs_.push_back(WorldOutput(StorePeer{std::move(*stored)}));
      }
    }
  }
  if (is_stopping_ && links_.empty()) say_stopped();
}

void Host::on_listening(Instant now, Listening listening) {
  if (listening.reachable.empty()) listening.reachable.push_back(listening.bound);
  listening_[listening.bound] = std::move(listening.reachable);
  refresh_self(now);
}

void Host::reset_timings() {
  timings_.dials.reset_latency();
  timings_.handshakes.reset_latency();
}

// --- connections ---------------------------------------------------------------------------------

void Host::on_connection_up(Instant now, LinkId id, const ConnectionUp& up) {
  Link& link = *links_.at(id);
  if (up.peer == self_) {  // the address we dialled was our own
    return on_connection_fault(now, id, {Code::usage, "that is this node itself"});
  }
  if (barred_.contains(up.peer)) {
    return on_connection_fault(now, id, {Code::refused, "the peer is banned"});
  }
  if (link.direction == Direction::inbound && !has_inbound_slot(up.peer)) {
    ++stats_.links_refused;
    return on_connection_fault(
        now, id, {Code::limit, "peers that have proven nothing have half of the inbound slots"});
  }
  ++stats_.handshakes;
  timings_.handshakes.record(now - link.opened_at);
  limits_.on_authenticated(link.direction);
  link.peer = up.peer;
  const auto [at, is_first] = peers_.try_emplace(up.peer);
  Peer& peer = at->second;
  peer.links.push_back(id);
  if (peer.links.size() == 2) ++peers_linked_twice_;
  if (peer.links.size() > config_.limits.per_peer_max) {
    log_.debug(subsystem, "closing a connection to {}: there are enough", codec::to_text(up.peer));
    close_link(id, false);
  }
  if (is_first) {
    book_.on_connected(now, wall(now), up.peer);
    const PeerUp event{up.peer, link.direction, link.remote};
    identify_.on_input(now, event);
    outputs_.push_back(Broadcast{event});
    log_.info(subsystem, "{} connected, {} {}", codec::to_text(up.peer),
              link.direction == Direction::outbound ? "dialled at" : "accepted from",
              link.remote.to_string());
  }
  bootstrap_backoff_ = {};
  bootstrap_at_ = now + config_.bootstrap_backoff_min;  // should it be lost at once
  if (link.direction == Direction::outbound) {
    book_.learn_addresses(now, up.peer, {link.remote}, codec::AddrScope::unspecified);
    dialer_.on_input(now, AttemptWon{id, up.peer});
  } else if (const auto running = dialing_.find(up.peer); running != dialing_.end()) {
    // It came to us first. A dialler is up before its listener, so the other side's dial is over
    // and cannot be called off for ours in turn.
    dialer_.on_input(now, CancelDial{running->second});
  }
  trim(now);
}

void Host::on_connection_fault(Instant now, LinkId id, const Error& error) {
  Link& link = *links_.at(id);
  if (link.is_closing) return;
  ++(link.peer ? stats_.faults : stats_.handshakes_failed);
  if (error.code == Code::protocol || error.code == Code::malformed ||
      error.code == Code::bad_signature) {
    ++stats_.protocol_faults;
  }
  log_.debug(subsystem, "{}: {}", link.remote.to_string(), base::to_string(error));
  dialer_.on_input(now, AttemptFailed{id, error});
  close_link(id, true);
}

void Host::on_identified(Instant now, Identified identified) {
  const auto found = peers_.find(identified.peer);
  if (found == peers_.end()) return;
  found->second.identity = identified.message;
  const codec::IdentifyMessage& message = *identified.message;
  const codec::AddrScope teller = scope_of(identified.peer);
  if (identified.record) {
    book_.learn_from_author(now, *identified.record, message.signed_peer_record, teller);
  } else {
    book_.learn_addresses(now, identified.peer, message.listen_addresses, teller);
  }
  if (auto stored = book_.to_store(identified.peer)) {
    outputs_.push_back(WorldOutput(StorePeer{std::move(*stored)}));
  }
  outputs_.push_back(Broadcast{PeerIdentified{identified.peer, identified.message}});
}

void Host::close_link(LinkId id, bool flush) {
  Link& link = *links_.at(id);
  if (link.is_closing) return;
  link.is_closing = true;
  if (packets_ && (link.is_datagrams || link.channel.session() != nullptr)) {
    packets_->closing.push_back({id, flush});
  }
  if (!link.is_datagrams) outputs_.push_back(WorldOutput(CloseLink{id, flush}));
}

void Host::shut_down(Instant now) {
  if (is_stopping_) return;
  is_stopping_ = true;
  keep_at_.reset();
  for (const auto& [bound, reachable] : listening_) {
    outputs_.push_back(WorldOutput(StopListening{bound}));
  }
  std::vector<Token> jobs;
  for (const auto& [job, pending] : dials_) jobs.push_back(job);
  for (const Token job : jobs) dialer_.on_input(now, CancelDial{job});
  drain_dialer(now);
  for (const auto& [id, link] : links_) {
    if (link->channel && link->channel.is_up()) {
      to_connection(now, id, Connection::CloseGracefully{});
    }
    close_link(id, true);
  }
  if (links_.empty()) say_stopped();
}

// --- what we say of ourselves --------------------------------------------------------------------

WallTime Host::wall(Instant now) const {
  // A clock may say anything; the date stands still rather than turn over.
  const std::int64_t elapsed = base::to_ms(now - wall_start_at_);
  const std::int64_t room = std::numeric_limits<std::int64_t>::max() - elapsed;
  return {std::min(wall_start_.unix_ms, room) + elapsed};
}

std::vector<codec::Multiaddr> Host::addresses() const {
  std::vector<codec::Multiaddr> all;
  for (const auto& address : config_.announce) all.push_back(address.with_peer(self_));
  for (const auto& [bound, reachable] : listening_) {
    for (const auto& address : reachable) all.push_back(address.with_peer(self_));
  }
  append_socket_addresses(all);
  return all;
}

void Host::refresh_self(Instant now) {
  if (!is_running_) return;
  codec::PeerRecord record;
  record.peer = self_;
  // A clock that jumped back must not make the new record older than the last.
  record_sequence_ =
      std::max(record_sequence_ + 1,
               static_cast<std::uint64_t>(std::max<std::int64_t>(0, wall(now).unix_ms)));
  record.sequence = record_sequence_;
  for (const auto& address : addresses()) {
    if (record.addresses.size() == codec::peer_record_addresses_max) break;
    record.addresses.push_back(address.without_peer());
  }
  own_record_ = codec::seal_peer_record(key_, record);
  IdentifySelf self;
  self.protocol_version = config_.protocol_version;
  self.agent_version = config_.agent_version;
  self.key = key_.public_key();
  self.listen_addresses = record.addresses;
  self.signed_record = own_record_;
  for (const auto& [protocol, owner] : protocols_) self.protocols.push_back(protocol);
  identify_.set_self(std::move(self));
  outputs_.push_back(AddressesChanged{addresses()});
}

std::vector<Bytes> Host::sample_records(const PeerId& except, std::size_t count) {
  return book_.sample_records(except, count);
}

}  // namespace kith::host
