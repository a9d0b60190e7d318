#include "node/gossip_service.h"

#include <algorithm>

#include "codec/peer_id.h"

namespace kith::node {
namespace {

constexpr std::string_view signature_domain = "libp2p-pubsub:";
constexpr Token open_token{1};

/// Peers behind one /16 (IPv6: /32) may be one machine; 0 where that says nothing.
std::uint64_t netgroup_of(const codec::Multiaddr& remote) {
  if (codec::scope_of(remote) != codec::AddrScope::global) return 0;
  const auto four = remote.find(codec::AddrProtocol::ip4);
  const auto six = remote.find(codec::AddrProtocol::ip6);
  if (!four && !six) return 0;
  const ByteView prefix = four ? four->first(2) : six->first(4);
  std::uint64_t group = four ? 4 : 6;
  for (const std::uint8_t byte : prefix) group = group << 8 | byte;
  return group;
}

std::vector<std::string> spoken_of(const std::vector<std::string>& theirs) {
  std::vector<std::string> both;
  for (auto& ours : gossip::Router::protocols()) {
    if (std::ranges::find(theirs, ours) != theirs.end()) both.push_back(std::move(ours));
  }
  return both;
}

PeerEventKind kind_of(gossip::PeerEventKind kind) {
  switch (kind) {
    case gossip::PeerEventKind::useful: return PeerEventKind::useful;
    case gossip::PeerEventKind::ambiguous: return PeerEventKind::ambiguous;
    case gossip::PeerEventKind::rejected: return PeerEventKind::rejected;
    case gossip::PeerEventKind::fatal: return PeerEventKind::fatal;
  }
  UNREACHABLE();
}

std::string_view name_of(gossip::PeerEventReason reason) {
  switch (reason) {
    case gossip::PeerEventReason::first_delivery: return "first delivery";
    case gossip::PeerEventReason::broken_promise: return "broken promise";
    case gossip::PeerEventReason::over_limit: return "over a limit";
    case gossip::PeerEventReason::graft_in_backoff: return "graft in back-off";
    case gossip::PeerEventReason::stalled: return "reads nothing";
    case gossip::PeerEventReason::invalid_message: return "invalid message";
    case gossip::PeerEventReason::malformed_rpc: return "malformed rpc";
    case gossip::PeerEventReason::bad_extensions: return "bad extensions";
    case gossip::PeerEventReason::bad_record: return "bad peer record";
  }
  UNREACHABLE();
}

PeerEvent in_common_words(const gossip::PeerEvent& event) {
  return {event.peer, kind_of(event.kind), "gossip", std::string(name_of(event.reason))};
}

}  // namespace

void GossipService::start(Instant now) {
  const WallTime wall = host_.wall(now);
  // Nanoseconds, as go does it: an author's numbers must grow over restarts.
  const auto first_seqno = static_cast<std::uint64_t>(std::max<std::int64_t>(wall.unix_ms, 0)) *
                           std::uint64_t{1'000'000};
  router_.emplace(config_, codec::peer_id_of(key_.public_key()), key_, first_seqno, rng_, log_,
                  now);
  router_->on_input(now, gossip::WallClock{wall});
}

void GossipService::on_input(Instant now, host::ServiceEvent event) {
  std::visit(Overload{[&](host::PeerUp& up) {
                        Peer& peer = peers_[up.peer];
                        peer.direction = up.direction;
                        peer.netgroup = netgroup_of(up.remote);
                        settle(now, up.peer, peer);  // what it owed when it went
                      },
                      [&](host::PeerDown& down) {
                        reopening_.set(down.peer, std::nullopt);
                        paying_.set(down.peer, std::nullopt);
                        peers_.erase(down.peer);
                      },
                      [&](host::PeerIdentified& identified) { on_identified(now, identified); },
                      [&](host::StreamUp& up) { on_stream_up(now, up); },
                      [&](host::StreamOpenFailed& failed) {
                        const auto found = peers_.find(failed.peer);
                        if (found == peers_.end()) return;
                        found->second.is_opening = false;
                        if (failed.error.code == Code::unsupported) return;
                        open_later(now, failed.peer, found->second);
                      },
                      [&](host::StreamData& data) { on_data(now, data); },
                      [&](host::StreamRoom& told) {
                        const auto found = outbound_.find(told.stream);
                        if (found == outbound_.end()) return;
                        router_->on_input(now, gossip::Room{found->second, told.room});
                      },
                      [&](host::StreamEnd& end) {
                        const auto found = inbound_.find(end.stream);
                        if (found == inbound_.end()) return;
                        Peer& peer = peers_.at(found->second);
                        peer.has_ended = true;
                        finish_read(peer);
                      },
                      [&](host::StreamDown& down) { on_stream_down(now, down.stream); },
                      host::WithoutMessages{}},
             event);
  drain(now);
}

void GossipService::on_identified(Instant now, const host::PeerIdentified& identified) {
  const auto found = peers_.find(identified.peer);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  peer.spoken = spoken_of(identified.message->protocols);
  peer.record = Buffer(ByteView(identified.message->signed_peer_record));
  if (peer.out) tell_record(now, identified.peer, peer);
  open(identified.peer, peer);
}

void GossipService::on_stream_up(Instant now, const host::StreamUp& up) {
  const auto found = peers_.find(up.peer);
  if (found == peers_.end()) return say(host::Reset{up.stream});
  Peer& peer = found->second;
  if (up.direction == Direction::inbound) return on_inbound(up, peer);
  peer.is_opening = false;
  peer.out = up.stream;
  outbound_.emplace(up.stream, up.peer);
  gossip::PeerAdded added;
  added.peer = up.peer;
  added.version = gossip::Router::version_of(up.protocol).value();
  added.direction = peer.direction;
  added.netgroup = peer.netgroup;
  added.room = up.room;
  router_->on_input(now, added);
  if (peer.owes) router_->on_input(now, gossip::HeldBack{up.peer, true});
  tell_record(now, up.peer, peer);
  read_on(now, up.peer, peer);
}

// The router forgets it with PeerGone, and wants to know the peer first.
void GossipService::tell_record(Instant now, const PeerId& id, const Peer& peer) {
  if (!peer.record.empty()) router_->on_input(now, gossip::PeerRecorded{id, peer.record});
}

// A peer that opens a stream to us speaks that protocol, whether identify has come or not.
void GossipService::on_inbound(const host::StreamUp& up, Peer& peer) {
  if (peer.in) {
    inbound_.erase(*peer.in);
    say(host::Reset{*peer.in});
  }
  peer.in = up.stream;
  peer.unread.clear();
  peer.unread_at = 0;
  peer.has_ended = false;
  peer.reader.emplace(codec::FramePrefix::varint, config_.limits.rpc_bytes_max);
  inbound_.emplace(up.stream, up.peer);
  if (peer.spoken.empty()) peer.spoken = {up.protocol};
  open(up.peer, peer);
}

void GossipService::on_data(Instant now, const host::StreamData& data) {
  const auto found = inbound_.find(data.stream);
  if (found == inbound_.end()) return say(host::Consume{data.stream, data.data.size()});
  Peer& peer = peers_.at(found->second);
  std::size_t read_now = 0;
  if (peer.out && !peer.owes && peer.unread.empty()) {
    read_now = read(now, found->second, peer, data.data);
    say(host::Consume{data.stream, read_now});
  }
  base::append(peer.unread, data.data.subspan(read_now));
}

// Gives how many of the bytes were read: not all when the peer owes from then on.
std::size_t GossipService::read(Instant now, const PeerId& id, Peer& peer, ByteView bytes) {
  const std::size_t size = bytes.size();
  while (!peer.owes) {
    const auto frame = peer.reader->next(bytes);
    if (!frame) {
      say(host::Fault{id, frame.error()});
      return size;
    }
    if (!*frame) return size;
    const std::uint64_t before = router_->stats().messages_received;
    router_->on_rpc(now, id, **frame);
    const std::uint64_t messages = router_->stats().messages_received - before;
    limits_.owe(now, id, limit_kind, std::max<std::uint64_t>(1, messages));
    if (!settle(now, id, peer)) ++paused_;
  }
  return size - bytes.size();
}

// What waited, as far as the peer's limit allows.
void GossipService::read_on(Instant now, const PeerId& id, Peer& peer) {
  // Before the router knows the peer it would not hear it.
  if (!peer.in || !peer.out || peer.unread.empty() || peer.owes) return;
  Bytes unread = std::exchange(peer.unread, {});
  std::size_t at = std::exchange(peer.unread_at, 0);
  const std::size_t read_now = read(now, id, peer, ByteView(unread).subspan(at));
  say(host::Consume{*peer.in, read_now});
  at += read_now;
  if (at == unread.size()) return finish_read(peer);
  if (at * 2 > unread.size()) {
    unread.erase(unread.begin(),
                 unread.begin() + static_cast<std::ptrdiff_t>(std::exchange(at, 0)));
  }
  peer.unread = std::move(unread);
  peer.unread_at = at;
}

// Both directions end when all that came is read.
void GossipService::finish_read(Peer& peer) {
  if (peer.in && peer.has_ended && peer.unread.empty()) say(host::Finish{*peer.in});
}

// False: it owes still, and is asked again when it can pay.
bool GossipService::settle(Instant now, const PeerId& id, Peer& peer) {
  const auto at = limits_.settle(now, id, limit_kind);
  paying_.set(id, at);
  if (peer.owes != at.has_value()) {
    peer.owes = at.has_value();
    router_->on_input(now, gossip::HeldBack{id, peer.owes});
  }
  return !peer.owes;
}

void GossipService::on_stream_down(Instant now, StreamId stream) {
  if (const auto in = inbound_.extract(stream); !in.empty()) {
    const auto peer = peers_.find(in.mapped());
    if (peer == peers_.end() || peer->second.in != stream) return;
    peer->second.in.reset();
    peer->second.unread.clear();
    peer->second.unread_at = 0;
    return;
  }
  const auto out = outbound_.extract(stream);
  if (out.empty()) return;
  const auto peer = peers_.find(out.mapped());
  if (peer == peers_.end() || peer->second.out != stream) return;
  peer->second.out.reset();
  router_->on_input(now, gossip::PeerGone{out.mapped()});
  open_later(now, out.mapped(), peer->second);
}

void GossipService::open(const PeerId& id, Peer& peer) {
  if (peer.out || peer.is_opening || peer.spoken.empty()) return;
  peer.is_opening = true;
  reopening_.set(id, std::nullopt);
  say(host::Open{open_token, id, peer.spoken});
}

void GossipService::open_later(Instant now, const PeerId& id, Peer& peer) {
  reopening_.set(id, now + peer.reopen_after);
  peer.reopen_after = std::min<Duration>(2 * peer.reopen_after, reopen_delay_max);
}

void GossipService::on_deadline(Instant now) {
  while (const auto id = reopening_.pop_due(now)) open(*id, peers_.at(*id));
  while (const auto id = paying_.pop_due(now)) {
    Peer& peer = peers_.at(*id);
    if (settle(now, *id, peer)) read_on(now, *id, peer);
  }
  if (const auto at = router_->next_deadline(); at && *at <= now) {
    router_->on_input(now, gossip::WallClock{host_.wall(now)});
    tell_network_size(now);
    router_->on_deadline(now);
  }
  drain(now);
}

void GossipService::tell_network_size(Instant now) {
  const host::PeerBook& book = host_.book();
  const auto before = std::exchange(told_, book.told());
  network_.on_told(told_.records - before.records, told_.known - before.known);
  router_->on_input(now, gossip::NetworkSize{network_.peers(book.size())});
}

std::optional<Instant> GossipService::next_deadline() const {
  if (!router_) return std::nullopt;
  return base::soonest(router_->next_deadline(),
                       base::soonest(reopening_.soonest(), paying_.soonest()));
}

void GossipService::import_seqnos(Instant now, std::span<const host::StoredSeqno> seqnos) {
  ASSERT(router_.has_value());
  std::vector<gossip::AuthorSeqno> authors;
  for (const auto& each : seqnos) authors.push_back({each.author, each.highest});
  router_->import_seqnos(now, authors);
}

void GossipService::to_router(Instant now, gossip::Router::Input input) {
  ASSERT(router_.has_value());
  router_->on_input(now, std::move(input));
  drain(now);
}

void GossipService::owe(Instant now, const PeerId& id, std::uint64_t messages) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end() || messages == 0) return;
  limits_.owe(now, id, limit_kind, messages);
  if (!settle(now, id, peer->second)) ++paused_;
  drain(now);
}

void GossipService::drain(Instant now) {
  while (auto output = router_->poll_output(now)) {
    std::visit(
        Overload{[&](gossip::SendRpc& send) {
                   const auto peer = peers_.find(send.peer);
                   if (peer == peers_.end() || !peer->second.out) return;
                   say(host::Write{*peer->second.out, std::move(send.bytes)});
                 },
                 [&](gossip::CheckSignatures& check) {
                   host::VerifySignatures work{check.token, signature_domain, {}};
                   for (auto& job : check.batch) {
                     work.jobs.push_back({std::move(job.key), std::move(job.signed_part),
                                          std::move(job.signature)});
                   }
                   results_.push_back(std::move(work));
                 },
                 [&](gossip::PeerEvent& event) { results_.push_back(in_common_words(event)); },
                 [&](gossip::StoreSeqnos& store) {
                   host::StoreSeqnos seqnos;
                   for (auto& each : store.authors) {
                     seqnos.seqnos.push_back({std::move(each.author), each.highest});
                   }
                   results_.push_back(std::move(seqnos));
                 },
                 [&](gossip::Deliver& deliver) { results_.push_back(std::move(deliver)); },
                 [&](gossip::Validate& validate) { results_.push_back(std::move(validate)); },
                 [&](gossip::Settled& settled) { results_.push_back(settled); },
                 [&](gossip::Published& done) { results_.push_back(std::move(done)); },
                 [&](gossip::ConnectPeers& connect) { results_.push_back(std::move(connect)); }},
        *output);
  }
}

std::optional<GossipService::Result> GossipService::poll_result() {
  if (results_.empty()) return std::nullopt;
  return results_.pop_front();
}

}  // namespace kith::node
