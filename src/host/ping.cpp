#include "host/ping.h"

#include <algorithm>
#include <cstring>

namespace kith::host {

void Ping::on_input(Instant now, ServiceEvent event) {
  std::visit(Overload{[&](PeerUp& up) {
                        Peer& peer = peers_[up.peer];
                        // Spread the crowd: the first one comes within an interval.
                        const auto spread = static_cast<std::uint64_t>(config_.interval.count());
                        peer.next_at = now + Duration(static_cast<std::int64_t>(
                                                 spread == 0 ? 0 : rng_.below(spread)));
                        advance(now, up.peer, peer);
                      },
                      [&](PeerDown& down) {
                        const auto found = peers_.find(down.peer);
                        if (found == peers_.end()) return;
                        fail_waiting(down.peer, found->second, down.reason);
                        deadlines_.set(down.peer, std::nullopt);
                        peers_.erase(found);
                      },
                      [](PeerIdentified&) {}, [&](StreamUp& up) { on_stream_up(now, up); },
                      [&](StreamOpenFailed& failed) {
                        const auto found = peers_.find(failed.peer);
                        if (found == peers_.end()) return;
                        found->second.is_opening = false;
                        found->second.is_unsupported = failed.error.code == Code::unsupported;
                        fail_waiting(failed.peer, found->second, failed.error);
                        found->second.next_at = now + config_.interval;
                        advance(now, failed.peer, found->second);
                      },
                      [&](StreamData& data) { on_data(now, data); },
                      [&](StreamRoom& room) {
                        const auto found = answering_.find(room.stream);
                        if (found != answering_.end()) found->second.room = room.room;
                      },
                      [&](StreamEnd& end) {
                        if (answering_.contains(end.stream)) say(Finish{end.stream});
                      },
                      [&](StreamDown& down) { on_stream_down(now, down); }, WithoutMessages{}},
             event);
}

void Ping::request(Instant now, Token token, const PeerId& id, std::optional<Duration> timeout) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) {
    results_.push_back({id, token, fail(Code::closed, "not connected to the peer")});
  } else if (found->second.waiting.size() >= config_.waiting_max) {
    results_.push_back({id, token, fail(Code::limit, "too many pings wait for this peer")});
  } else {
    Peer& peer = found->second;
    const Duration wait = std::min(timeout.value_or(config_.timeout), config_.timeout);
    // The one before it must not keep it waiting for longer.
    if (peer.is_in_flight) peer.failed_at = std::min(peer.failed_at, now + wait);
    peer.waiting.push_back({token, wait});
    advance(now, id, peer);
  }
}

void Ping::on_stream_up(Instant now, const StreamUp& up) {
  const auto found = peers_.find(up.peer);
  if (found == peers_.end()) return say(Reset{up.stream});
  if (up.direction == Direction::inbound) {
    if (found->second.inbound_streams == ping_streams_inbound_max) return say(Reset{up.stream});
    ++found->second.inbound_streams;
    answering_.emplace(up.stream, Answering{up.peer, up.room});
    return;
  }
  found->second.is_opening = false;
  found->second.stream = up.stream;
  streams_.emplace(up.stream, up.peer);
  advance(now, up.peer, found->second);
}

void Ping::on_data(Instant now, const StreamData& data) {
  say(Consume{data.stream, data.data.size()});
  const auto answering = answering_.find(data.stream);
  if (answering != answering_.end()) {
    if (data.data.size() > answering->second.room) return say(Reset{data.stream});
    answering->second.room -= data.data.size();
    return say(Write{data.stream, Buffer(data.data)});
  }
  const auto asked = streams_.find(data.stream);
  if (asked != streams_.end()) on_answer(now, asked->second, peers_.at(asked->second), data.data);
}

void Ping::on_answer(Instant now, const PeerId& id, Peer& peer, ByteView data) {
  const bool fits = peer.is_in_flight && data.size() <= ping_bytes - peer.received;
  if (!fits || std::memcmp(data.data(), peer.payload.data() + peer.received, data.size()) != 0) {
    say(Fault{id, {Code::protocol, "a ping came back with other bytes"}});
    return;
  }
  peer.received += data.size();
  if (peer.received == ping_bytes) finish(now, id, peer, now - peer.sent_at);
}

void Ping::on_stream_down(Instant now, const StreamDown& down) {
  if (const auto answering = answering_.extract(down.stream); !answering.empty()) {
    const auto peer = peers_.find(answering.mapped().peer);
    if (peer != peers_.end()) --peer->second.inbound_streams;
  }
  const auto asked = streams_.find(down.stream);
  if (asked == streams_.end()) return;
  const PeerId id = asked->second;
  streams_.erase(asked);
  Peer& peer = peers_.at(id);
  peer.stream.reset();
  const Error error = down.error.value_or(Error{Code::closed, "the peer closed the ping stream"});
  peer.is_unsupported = error.code == Code::unsupported;
  fail_waiting(id, peer, error);
  peer.next_at = now + config_.interval;
  advance(now, id, peer);
}

// Sends what is due, opens the stream when there is something to send, arms the deadline.
void Ping::advance(Instant now, const PeerId& id, Peer& peer) {
  const bool has_interval = config_.interval > Duration::zero() && !peer.is_unsupported;
  const bool is_due = !peer.waiting.empty() || (has_interval && now >= peer.next_at);
  if (is_due && !peer.is_in_flight && !peer.is_opening) {
    if (peer.stream) {
      send(now, peer);
    } else {
      peer.is_opening = true;
      say(Open{Token{1}, id, {std::string(ping_protocol)}});
    }
  }
  if (peer.is_in_flight) {
    deadlines_.set(id, peer.failed_at);
  } else if (has_interval && !peer.is_opening) {
    deadlines_.set(id, peer.next_at);
  } else {
    deadlines_.set(id, std::nullopt);
  }
}

void Ping::send(Instant now, Peer& peer) {
  peer.token.reset();
  peer.failed_at = now + config_.timeout;
  if (!peer.waiting.empty()) {
    const Waiting first = peer.waiting.pop_front();
    peer.token = first.token;
    peer.failed_at = now + first.timeout;
  }
  rng_.fill(peer.payload);
  peer.received = 0;
  peer.sent_at = now;
  peer.next_at = now + config_.interval;
  peer.is_in_flight = true;
  say(Write{*peer.stream, Buffer(ByteView(peer.payload))});
}

void Ping::finish(Instant now, const PeerId& id, Peer& peer, Result<Duration> rtt) {
  peer.is_in_flight = false;
  results_.push_back({id, peer.token, std::move(rtt)});
  advance(now, id, peer);
}

void Ping::fail_waiting(const PeerId& id, Peer& peer, const Error& error) {
  if (peer.is_in_flight) {
    peer.is_in_flight = false;
    results_.push_back({id, peer.token, fail(error)});
  }
  while (!peer.waiting.empty()) {
    results_.push_back({id, peer.waiting.pop_front().token, fail(error)});
  }
}

void Ping::on_deadline(Instant now) {
  while (const auto id = deadlines_.pop_due(now)) {
    Peer& peer = peers_.at(*id);
    if (peer.is_in_flight && now >= peer.failed_at) {
      say(Reset{*peer.stream});
      streams_.erase(*peer.stream);
      peer.stream.reset();
      finish(now, *id, peer, fail(Code::timeout, "no answer to the ping"));
    } else {
      advance(now, *id, peer);
    }
  }
}

std::optional<Instant> Ping::next_deadline() const { return deadlines_.soonest(); }

std::optional<PingResult> Ping::poll_result() {
  if (results_.empty()) return std::nullopt;
  return results_.pop_front();
}

}  // namespace kith::host
