// For tests: SessionConnections joined by a wire in memory, of ordered bytes or of datagrams that
// may be lost. The clock goes from deadline to deadline.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "host/session_connection.h"
#include "host/test_connections.h"

namespace kith::host {

struct SessionOptions {
  std::vector<std::string> protocols = {"/echo"};
  std::optional<PeerId> expected = {};
  std::optional<crypto::Hash256> seed = {};
  std::vector<crypto::CipherId> ciphers = {};
  std::uint64_t rotate_bytes = 100'000'000;
  Duration handshake_timeout = 30s;
};

inline SessionConnectionConfig session_config(const crypto::KeyPair& key, Rng& rng,
                                              const SessionOptions& options) {
  SessionConnectionConfig config;
  config.session.identity =
      secure::make_session_identity(key, crypto::X25519KeyPair::generate(rng));
  config.session.seed = options.seed;
  config.session.ciphers = options.ciphers;
  config.session.rotate_bytes = options.rotate_bytes;
  config.session.handshake_timeout = options.handshake_timeout;
  return config;
}

/// Over ordered bytes.
class SessionEnd : public EndOf<SessionConnection> {
 public:
  using Options = SessionOptions;

  SessionEnd(Direction direction, std::uint8_t number, const Options& options)
      : EndOf(number), shared(session_config(key, rng, options)) {
    for (const auto& protocol : options.protocols) table.emplace(protocol, OwnerId{1});
    connection.emplace(context, shared, LinkId{number}, direction, options.expected, Instant{});
  }
  ~SessionEnd() { connection.reset(); }  // before what it shares
  SessionEnd(const SessionEnd&) = delete;
  SessionEnd& operator=(const SessionEnd&) = delete;

  SessionShared shared;
};
using SessionPair = PairOf<SessionEnd>;

/// Over an endpoint of its own.
class PacketEnd : public EndOf<SessionConnection> {
 public:
  PacketEnd(std::uint8_t number, const SessionOptions& options)
      : EndOf(number),
        shared(session_config(key, rng, options)),
        number_(number),
        expected_(options.expected) {
    for (const auto& protocol : options.protocols) table.emplace(protocol, OwnerId{1});
    packet::EndpointConfig endpoint_config;
    endpoint_config.packet = shared.config().packet;
    endpoint.emplace(endpoint_config, rng, Instant{});
    address.ip = {127, 0, 0, 1};
    address.port = static_cast<std::uint16_t>(4000 + number);
  }

  ~PacketEnd() { connection.reset(); }
  PacketEnd(const PacketEnd&) = delete;
  PacketEnd& operator=(const PacketEnd&) = delete;

  void dial(Instant now, const base::IpPort& to) {
    endpoint->on_input(now, packet::DialPath{Token{1}, packet::Path{base::SocketId{1}, to}});
    pump(now);
  }
  void input(Instant now, ConnectionInput in) {
    EndOf::input(now, std::move(in));
    pump(now);
  }
  void open(Instant now, std::uint64_t token, std::vector<std::string> protocols = {"/echo"}) {
    input(now, OpenFor{1, Open{Token{token}, peer, std::move(protocols)}});
  }
  void write(Instant now, StreamId id, ByteView bytes) {
    EndOf::write(now, id, bytes);
    pump(now);
  }
  void on_datagrams(Instant now, base::DatagramsIn in) {
    while (!in.bytes.empty()) {
      const std::size_t taken = endpoint->on_datagrams(now, in);
      ASSERT(taken > 0);
      in.bytes = in.bytes.subspan(taken);
      pump(now);
    }
  }
  void on_deadline(Instant now) {
    if (connection) connection->on_deadline(now);
    endpoint->on_deadline(now);
    pump(now);
  }
  std::optional<Instant> next_deadline() {
    auto deadline = endpoint->next_deadline();
    return connection ? base::soonest(deadline, connection->next_deadline()) : deadline;
  }
  void pump(Instant now) {
    while (auto output = endpoint->poll_output(now)) {
      std::visit(
          Overload{
              [&](packet::Dialled& dialled) { begin(now, Direction::outbound, dialled.slot); },
              [](packet::NotDialled&) { ASSERT(false); },
              [&](packet::Incoming& incoming) { on_incoming(now, incoming); },
              [&](packet::Admitted& admitted) { begin(now, Direction::inbound, admitted.slot); },
              [&](packet::FromConnection& from) {
                if (!connection || from.slot != connection->slot()) return;
                connection->on_packet_output(now, std::move(from.output));
                drain(now);
              }},
          *output);
    }
    if (connection) drain(now);
  }

  SessionShared shared;
  std::optional<packet::Endpoint> endpoint;
  base::IpPort address;
  std::size_t admitted_by_ticket = 0;

 private:
  void begin(Instant now, Direction direction, packet::ConnectionSlot slot) {
    connection.emplace(context, shared, LinkId{number_}, direction, expected_, *endpoint, slot,
                       now);
    drain(now);
  }
  void on_incoming(Instant now, const packet::Incoming& incoming) {
    using Verdict = packet::Decide::Verdict;
    const bool has_ticket =
        shared.has_good_ticket(now, codec::peer_id_of(key.public_key()), incoming.hello);
    if (!incoming.has_cookie && has_ticket) ++admitted_by_ticket;
    endpoint->on_input(now, packet::Decide{incoming.token, incoming.has_cookie || has_ticket
                                                               ? Verdict::admit
                                                               : Verdict::ask_for_cookie});
  }

  std::uint8_t number_;
  std::optional<PeerId> expected_;
};

/// Two of them, `latency` apart.
class PacketPair {
 public:
  explicit PacketPair(const SessionOptions& dialer_options = {},
                      const SessionOptions& listener_options = {})
      : dialer(1, dialer_options), listener(2, listener_options) {}

  void dial() {
    dialer.dial(now, listener.address);
    settle();
  }
  /// Sends what both have; it arrives `latency` later.
  void settle() {
    send(dialer, listener);
    send(listener, dialer);
  }
  /// Until `span` is over.
  void run_for(Duration span) {
    const Instant end = now + span;
    while (step(end)) {
    }
    now = end;
  }
  bool run_until(const std::function<bool()>& done, Duration limit = 60s) {
    const Instant end = now + limit;
    while (!done() && step(end)) {
    }
    return done();
  }

  Instant now{};
  Duration latency = 10ms;
  /// Whether a packet is lost.
  std::function<bool(const PacketEnd& from)> loses;
  PacketEnd dialer, listener;
  Bytes wire;  // all that somebody between them has seen

 private:
  struct Flight {
    Instant at;
    PacketEnd* to;
    base::IpPort from;
    Bytes packet;
  };

  void send(PacketEnd& from, PacketEnd& to) {
    Bytes room(datagrams_room_bytes);
    while (true) {
      const base::DatagramsOut out = from.endpoint->poll_datagrams(now, room);
      if (out.bytes == 0) break;
      ASSERT(out.to == to.address);
      for (std::size_t at = 0; at < out.bytes; at += out.segment_bytes) {
        const ByteView packet =
            ByteView(room).subspan(at, std::min(out.segment_bytes, out.bytes - at));
        base::append(wire, packet);
        if (loses && loses(from)) continue;
        flights_.push_back({now + latency, &to, from.address, base::to_bytes(packet)});
      }
      from.pump(now);
    }
  }
  bool step(Instant end) {
    std::optional<Instant> next = base::soonest(dialer.next_deadline(), listener.next_deadline());
    const bool is_flight =
        next_flight_ < flights_.size() && (!next || flights_[next_flight_].at <= *next);
    if (is_flight) next = flights_[next_flight_].at;
    if (!next || *next > end) return false;
    now = std::max(now, *next);
    if (is_flight) {
      Flight flight = std::move(flights_[next_flight_++]);
      flight.to->on_datagrams(now, {base::SocketId{1}, flight.from, flight.packet,
                                    flight.packet.size(), base::Ecn::none});
    } else {
      dialer.on_deadline(now);
      listener.on_deadline(now);
    }
    settle();
    return true;
  }

  std::vector<Flight> flights_;
  std::size_t next_flight_ = 0;
};

}  // namespace kith::host
