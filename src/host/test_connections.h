// For tests: two Connections joined by a wire in memory. The wire hands bytes over in pieces as
// large as `piece_max` and a seed say, and a hook may change them on the way. Each end remembers
// what its services would have been told, consumes what arrives and can echo it.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/rng.h"
#include "codec/peer_id.h"
#include "host/connection.h"

namespace kith::host {

inline crypto::KeyPair test_key(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}

inline PeerId test_peer(std::uint8_t number) {
  return codec::peer_id_of(test_key(number).public_key());
}

/// What one end's service has seen of a stream.
struct SeenStream {
  std::optional<StreamUp> up;
  Bytes data;
  std::size_t room = 0;
  bool has_ended = false;
  bool is_down = false;
  std::optional<Error> error;
};

/// One end of whatever kind, with what its services were told.
template <class C>
class EndOf {
 public:
  explicit EndOf(std::uint8_t number) : key(test_key(number)), rng(number) {}

  void input(Instant now, ConnectionInput in) {
    connection->on_input(now, std::move(in));
    drain(now);
  }
  /// Opens a stream; its number, once it is up.
  void open(Instant now, std::uint64_t token, std::vector<std::string> protocols = {"/echo"}) {
    input(now, Connection::OpenFor{1, Open{Token{token}, peer, std::move(protocols)}});
  }
  void write(Instant now, StreamId id, ByteView bytes) {
    streams[id].room -= bytes.size();
    input(now, Write{id, Buffer(bytes)});
  }
  void deadline(Instant now) {
    connection->on_deadline(now);
    drain(now);
  }
  void hear(Instant now, ByteView bytes) {
    base::append(inbox, bytes);
    const std::size_t taken = connection->on_bytes(now, inbox);
    ASSERT(inbox.size() - taken < link_tail_bytes_max);
    drain(now);
    inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  Bytes transmit(Instant now) {
    Bytes all;
    Bytes room(2 * link_transmit_bytes_min);
    while (const std::size_t size = connection->poll_transmit(now, room)) {
      base::append(all, ByteView(room).first(size));
      drain(now);
    }
    ASSERT(!has_transmit(now));  // else a shell would ask for ever
    return all;
  }
  bool has_transmit(Instant now) const {
    if constexpr (requires { connection->has_transmit(now); }) {
      return connection->has_transmit(now);
    } else {
      return connection->has_transmit();
    }
  }
  /// Takes what the connection has to say.
  void drain(Instant now) {
    while (auto output = connection->poll_output(now)) {
      std::visit(Overload{[&](ConnectionUp& up) {
                            ++ups;
                            peer = up.peer;
                          },
                          [&](ConnectionFault& f) {
                            ASSERT(!fault);
                            fault = std::move(f.error);
                          },
                          [&](RoundTripMeasured&) { ++rtts; },
                          [&](Routed& routed) { on_event(now, std::move(routed.event)); }},
                 *output);
    }
  }
  /// The stream that an Open with this token became.
  StreamId stream_of(std::uint64_t token) const {
    for (const auto& [id, stream] : streams) {
      if (stream.up && stream.up->token == Token{token}) return id;
    }
    return StreamId{0};
  }

  crypto::KeyPair key;
  SeededRng rng;
  ConnectionConfig config;
  ProtocolTable table;
  ConnectionOutbox outbox;
  std::vector<Bytes> datagrams;
  ConnectionContext context{config, table, rng, outbox};
  std::optional<C> connection;
  PeerId peer;  // the other side's, once up
  Bytes inbox;

  bool echoes = false;
  bool consumes = true;
  int ups = 0;
  std::optional<Error> fault;
  std::map<StreamId, SeenStream> streams;
  std::map<std::uint64_t, Error> open_failed;  // by token
  std::size_t rtts = 0;

 private:
  void on_event(Instant now, ServiceEvent event) {
    std::visit(Overload{[](PeerUp&) {}, [](PeerDown&) {}, [](PeerIdentified&) {},
                        [&](StreamUp& up) {
                          ASSERT(!streams[up.stream].up);
                          streams[up.stream].room = up.room;
                          streams[up.stream].up = std::move(up);
                        },
                        [&](StreamOpenFailed& failed) {
                          open_failed.emplace(failed.token.value, std::move(failed.error));
                        },
                        [&](StreamData& data) { on_data(now, data); },
                        [&](StreamRoom& room) { streams.at(room.stream).room = room.room; },
                        [&](StreamEnd& end) {
                          SeenStream& stream = streams.at(end.stream);
                          ASSERT(stream.up && !stream.has_ended && !stream.is_down);
                          stream.has_ended = true;
                          if (echoes) connection->on_input(now, Finish{end.stream});
                        },
                        [&](StreamDown& down) {
                          SeenStream& stream = streams.at(down.stream);
                          ASSERT(stream.up && !stream.is_down);
                          stream.is_down = true;
                          stream.error = std::move(down.error);
                        },
                        [&](DatagramReceived& datagram) {
                          datagrams.push_back(base::to_bytes(datagram.data));
                        },
                        [](MessageReceived&) {}, [](MessageDone&) {}},
               event);
  }
  void on_data(Instant now, const StreamData& data) {
    SeenStream& stream = streams.at(data.stream);
    ASSERT(stream.up && !stream.has_ended && !stream.is_down);
    base::append(stream.data, data.data);
    if (consumes) connection->on_input(now, Consume{data.stream, data.data.size()});
    if (echoes && data.data.size() <= stream.room) {
      stream.room -= data.data.size();
      connection->on_input(now, Write{data.stream, Buffer(data.data)});
    }
  }
};

class ConnectionEnd : public EndOf<Connection> {
 public:
  struct Options {
    std::vector<std::string> muxers = {std::string(yamux_protocol)};
    std::optional<secure::PresharedKey> network_key = {};
    std::vector<std::string> protocols = {"/echo"};
    std::optional<PeerId> expected = {};
    Duration timeout = 10s;
  };

  ConnectionEnd(Direction direction, std::uint8_t number, const Options& options) : EndOf(number) {
    config.noise = secure::make_noise_identity(key, options.muxers, rng);
    config.network_key = options.network_key;
    config.upgrade_timeout = options.timeout;
    for (const auto& protocol : options.protocols) table.emplace(protocol, OwnerId{1});
    connection.emplace(context, LinkId{number}, direction, options.expected, Instant{});
  }
};

/// Two ends and the wire between them.
template <class End>
class PairOf {
 public:
  using Options = End::Options;

  explicit PairOf(const Options& dialer_options = {}, const Options& listener_options = {},
                  std::uint64_t seed = 1)
      : dialer(Direction::outbound, 1, dialer_options),
        listener(Direction::inbound, 2, listener_options),
        rng_(seed) {}

  /// Carries bytes both ways until nobody has more to say.
  void settle() {
    for (int quiet = 0; quiet < 2;) {
      const bool moved = carry(dialer, listener) || carry(listener, dialer);
      quiet = moved ? 0 : quiet + 1;
    }
  }
  bool carry(End& from, End& to) {
    Bytes bytes = from.transmit(now);
    if (bytes.empty()) return false;
    if (on_wire) on_wire(from, bytes);
    ByteView rest = bytes;
    while (!rest.empty()) {
      const std::size_t piece = std::min(rest.size(), 1 + rng_.below(piece_max));
      to.hear(now, rest.first(piece));
      rest = rest.subspan(piece);
    }
    return true;
  }
  void wait(Duration span) {
    now += span;
    dialer.deadline(now);
    listener.deadline(now);
    settle();
  }

  Instant now{};
  std::size_t piece_max = 100'000;
  std::function<void(End& from, Bytes& bytes)> on_wire;
  End dialer;
  End listener;

 private:
  SeededRng rng_;
};

using ConnectionPair = PairOf<ConnectionEnd>;

}  // namespace kith::host
