// kith::Host: a libp2p peer inside your program. It has an identity, listens, dials, and carries
// encrypted, multiplexed streams to and from any libp2p peer (TCP or WebSocket, Noise, yamux).
// Between two Kith hosts it also speaks sessions of Kith's own, over UDP ("…/udp/4771/kith"), TCP
// and WebSockets ("…/tcp/4770/kith", "…/ws/kith"); these carry messages and datagrams as well.
//
//   auto host = kith::Host::start({.listen = {"/ip4/0.0.0.0/tcp/4770"}});
//   (*host)->handle("/echo/1.0.0", [](kith::Stream stream) {
//     stream.on_data([stream](auto data) mutable { stream.write(data); });
//     stream.on_end([stream]() mutable { stream.finish(); });
//   });
//
// Threads: a Host runs one thread of its own, on which every callback is called, one at a time;
// callbacks must not block. All methods may be called from any thread, callbacks included, except
// the blocking ones (start, stop, the destructor, connect_wait), which must not be called from a
// callback. Memory is bounded: a stream queues at most `room()` bytes, and a reader that stops
// consuming stops the peer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <kith/error.h>
#include <kith/session.h>

namespace kith {

/// How much gossip a Host takes part in. The defaults are for many peers that nobody vouches for;
/// raise them where few send much.
struct PubSubLimits {
  /// Messages that are remembered for up to 300 s so that none is delivered twice; 1 to 10,000,000,
  /// about 70 bytes each once used. Further ones are refused while the oldest is younger than 120
  /// s: 10,000 are 83 messages a second for long.
  std::size_t dedup_entries = 10'000;
  /// Messages a second that are read of a peer of medium standing, copies included; 1 to 1,000,000.
  /// A new peer gets half as much, one in full standing four times. What is beyond waits at the
  /// peer, after as much as two seconds save up.
  std::size_t peer_messages = 100;
  /// The same of all peers together; 1 to 100,000,000.
  std::size_t messages = 20'000;
};

/// WebSockets with TLS ("/ip4/0.0.0.0/tcp/443/tls/ws"). All are paths of PEM files.
struct WebSocketOptions {
  /// What is shown to who dials, and those between it and its authority. Empty: none listens there.
  std::string tls_certificate = {};
  /// The certificate's key.
  std::string tls_key = {};
  /// Whose certificates are believed when dialling; empty: whose the system believes.
  std::string tls_authorities = {};
};

/// What a Host is to be. Every field has a default.
struct HostOptions {
  /// Multiaddrs to listen at; empty: dial only. "/ip4/127.0.0.1/tcp/0" takes libp2p and sessions
  /// alike, and so does "/ip4/127.0.0.1/tcp/0/ws"; "/ip4/127.0.0.1/udp/0/kith" takes packets.
  std::vector<std::string> listen = {};
  /// Folder with identity.key and peers.db, made when missing and locked while the host runs.
  /// Empty: a fresh identity that is gone afterwards.
  std::string home = {};
  /// Opens, or seals when it is made, the identity.key of `home`. Empty: none.
  std::string passphrase = {};
  /// Multiaddrs ending in /p2p/ID, dialled while there is no peer.
  std::vector<std::string> bootstrap = {};
  /// The text of a swarm.key file: only peers with the same key can connect.
  std::string private_network_key = {};
  /// Told to peers by identify.
  std::string agent_version = {};
  /// Answers /perf/1.0.0, which costs as much traffic as the peer likes.
  bool serve_perf = false;
  /// Dials known peers while fewer than this are connected, or fewer than eight that it dialled
  /// itself, whoever else came; 0: only `bootstrap` and what connect() asks for.
  std::size_t peers_min = 0;
  /// Above this the least valuable peers are disconnected; not below peers_min.
  std::size_t peers_max = 100;
  /// How much gossip it takes part in.
  PubSubLimits pubsub = {};
  /// How it speaks with other Kith hosts.
  SessionOptions sessions = {};
  /// What it shows and believes where WebSockets have TLS.
  WebSocketOptions web_sockets = {};
  /// Gets log lines of `log_level` (0 trace … 4 error) and above: level, subsystem, sentence.
  /// Called on the host's threads; must not block.
  std::function<void(int level, std::string_view subsystem, std::string_view sentence)> log = {};
  /// The least important level that `log` gets.
  int log_level = 2;
};

/// One stream to one peer. A handle: copies are the same stream, which lives until both sides have
/// finished or one has reset it. Calls on an ended stream do nothing.
class Stream {
 public:
  /// The peer at the other end, as text ("12D3Koo…").
  const std::string& peer() const;
  /// The protocol that the stream was opened for.
  const std::string& protocol() const;

  /// Queues a copy of `data`, all of it or none: false when it exceeds room(), or the stream has
  /// ended. At most 256 KiB can ever be taken at once. Bytes arrive in order, exactly once, or not
  /// at all.
  bool write(std::span<const std::uint8_t> data);
  /// The same without a copy: `data` is kept until it has been sent.
  bool write(std::shared_ptr<const std::vector<std::uint8_t>> data);
  /// Bytes write() would take now.
  std::size_t room() const;
  /// No more writing: the peer sees the end behind what is queued.
  void finish();
  /// Gives up at once, both ways.
  void reset();
  /// On a session of Kith's own (PeerDetails::session), for what has not left yet: 0 to 1000,
  /// higher first, and in turn among equals; 500 until it is said, 1000 is the most. Elsewhere
  /// nothing.
  void set_importance(unsigned importance);

  // A callback that is set late hears what has happened already: nothing is lost between getting a
  // stream and setting its callbacks, on whatever thread. Set on_close last; it ends the others.

  /// Called with each piece that arrives; the bytes are valid during the call. Until it is set what
  /// arrives waits, and once the stream's window is full so does the peer. What arrives is consumed
  /// when the callback returns, unless set_manual_consume(true).
  void on_data(std::function<void(std::span<const std::uint8_t>)> callback);
  /// The peer finished: no more on_data. Not before all that came has gone to on_data.
  void on_end(std::function<void()> callback);
  /// The stream is gone; the error is empty when both sides finished.
  void on_close(std::function<void(std::optional<Error>)> callback);
  /// A write() that returned false would be taken now; the bytes of room.
  void on_room(std::function<void(std::size_t)> callback);
  /// With `true` the peer may send more only after consume(): back-pressure in your hands.
  void set_manual_consume(bool is_manual);
  /// Grants the peer `bytes` more: at most as many as have come to on_data since
  /// set_manual_consume(true) and were not consumed yet; the rest is ignored.
  void consume(std::size_t bytes);

  struct State;
  /// For the library itself: streams come from Host.
  explicit Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

/// Something happened to a peer, or to this host.
struct PeerEvent {
  /// What happened.
  enum class Kind : std::uint8_t {
    /// Its first connection is up and usable; `detail` is the remote address.
    connected,
    /// It told who it is, or told it anew; `detail` is its agent version. See details().
    identified,
    /// Its last connection ended; `detail` says why.
    disconnected,
    /// It answers well again, or does not; `detail` is "healthy", "degraded", "unhealthy", "stale".
    health_changed,
    /// It did too much harm and is not let in any more; `detail` says what.
    banned,
    /// Its ban ran out or was lifted.
    ban_ended,
    /// A connect(), or a dial of the host's own, did not reach it; `detail` says why.
    unreachable,
    /// Where others reach this host has changed, see addresses(); `peer` is the host itself.
    addresses_changed,
  };
  /// What happened.
  Kind kind;
  /// Whom it concerns.
  std::string peer;
  /// See Kind.
  std::string detail;
};

/// What a connected peer says of itself (libp2p identify), and what we see of it.
struct PeerDetails {
  /// The peer, as text.
  std::string peer;
  /// Identify has come: until then the texts and lists below are empty.
  bool is_identified = false;
  /// Its software, such as "go-ipfs/0.40.0".
  std::string agent_version = {};
  /// The protocol family it belongs to, such as "ipfs/0.1.0".
  std::string protocol_version = {};
  /// Protocols it accepts streams for.
  std::vector<std::string> protocols = {};
  /// Where it says that it listens.
  std::vector<std::string> listen_addresses = {};
  /// Our own address, as the peer sees it.
  std::string observed_address = {};
  /// It sent a peer record, which others can check.
  bool has_signed_record = false;
  /// Where it is connected from or to.
  std::string remote_address = {};
  /// The smoothed round trip, once measured.
  std::optional<std::chrono::nanoseconds> rtt = {};
  /// What carries it: "udp/kith", "tcp/kith", "ws/kith" and "wss/kith" (with TLS) are sessions;
  /// "tcp", "ws" and "wss" are libp2p's Noise and yamux.
  std::string transport = {};
  /// Of a session.
  std::optional<SessionDetails> session = {};
};

/// A peer in the network. Owns its thread; see the head of this file for what may be called where.
class Host {
 public:
  /// Listens and runs. Errors: `usage` for an option that does not parse, `io` or `permission` for
  /// an address that cannot be bound, `locked` for a home in use.
  static Result<std::unique_ptr<Host>> start(HostOptions options);
  /// stop().
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Says goodbye to all peers and ends the thread; at most about 3 s. Once is enough. Whoever
  /// waits for an answer gets the error `closed`, and so does whoever asks from then on.
  void stop();

  /// This host's own id, as text.
  const std::string& peer_id() const;
  /// Where others reach this host, each ending in /p2p/ID.
  std::vector<std::string> addresses() const;
  /// The connected peers.
  std::vector<std::string> peers() const;
  /// Empty when the peer is not connected.
  std::optional<PeerDetails> details(const std::string& peer) const;

  /// Inbound streams of `protocol` go to `on_stream`. `exists` when it is taken.
  Result<void> handle(std::string protocol, std::function<void(Stream)> on_stream);
  /// Connects to a multiaddr, or to a known peer id; `done` gets the peer id or why it failed.
  void connect(std::string target, std::function<void(Result<std::string>)> done);
  /// The same, waiting.
  Result<std::string> connect_wait(std::string target,
                                   std::chrono::milliseconds timeout = std::chrono::seconds(10));
  /// Ends every connection to the peer, if there is one.
  void disconnect(std::string peer);
  /// A protected peer is never disconnected for being one too many, whether it is connected yet or
  /// not.
  void protect(std::string peer, bool is_protected = true);
  /// Opens a stream to a connected peer. It may be used at once; a peer that does not speak
  /// `protocol` closes it with `unsupported`.
  void open(std::string peer, std::string protocol, std::function<void(Result<Stream>)> done);

  // Messages and datagrams: over sessions alone (PeerDetails::transport). Each arrives whole; one
  // may overtake another. A protocol's name has 1 to 100 bytes.

  /// Sends a copy of `data`, at most 16 MiB with the name. It arrives once, or not at all when it
  /// is given up (MessageOptions). `on_done` hears that the peer has it (over TCP and WebSockets:
  /// that it has gone out, which nothing but the connection's end can stop); or `timeout` when it
  /// was given up, `limit` when too many to this peer are unacknowledged (1,024), `unsupported`
  /// where the connection is no session, `closed` without a connection, and when it ends before all
  /// is known. Errors at once, and then on_done is not called: `malformed` for a peer id that is
  /// none, `usage` for a name out of bounds, `too_large`, `limit` when 64 MiB are unacknowledged,
  /// `closed`.
  Result<void> send_message(const std::string& peer, std::string_view protocol,
                            std::span<const std::uint8_t> data, MessageOptions options = {},
                            std::function<void(Result<void>)> on_done = {});
  /// Sends a copy of `data` once, in one packet with the name (SessionDetails::mtu less 64 bytes):
  /// a larger one is lost like any that is lost on its way, and so is one without a session to the
  /// peer. Errors at once as of send_message().
  Result<void> send_datagram(const std::string& peer, std::string_view protocol,
                             std::span<const std::uint8_t> data);
  /// Messages of `protocol` go to `callback`, with the peer's id; the bytes are valid during the
  /// call. `exists` when they have a callback, or the protocol is not the program's.
  Result<void> on_message(
      std::string protocol,
      std::function<void(const std::string& peer, std::span<const std::uint8_t> data)> callback);
  /// The same for datagrams.
  Result<void> on_datagram(
      std::string protocol,
      std::function<void(const std::string& peer, std::span<const std::uint8_t> data)> callback);
  /// `size` bytes, 1 to 8160, that the two ends of the session to `peer` alone know: the same at
  /// both for the same `label`, and others for any other session or label. `unsupported` where the
  /// connection is no session, `closed` without one.
  Result<std::vector<std::uint8_t>> export_key(const std::string& peer, std::string_view label,
                                               std::size_t size) const;

  /// Measures the round trip to a connected peer.
  void ping(std::string peer, std::function<void(Result<std::chrono::nanoseconds>)> done);
  /// What happens to peers and to this host, in order. One callback; a later one replaces it.
  void on_peer(std::function<void(const PeerEvent&)> callback);

 private:
  friend class PubSub;
  struct Impl;
  explicit Host(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith
