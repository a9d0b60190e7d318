// Ping (libp2p specs/ping), /ipfs/ping/1.0.0: 32 random bytes there and back on a stream that stays
// open. Answers others, measures on request, and, with an `interval`, measures every connected
// peer at that pace: the round trips that health and dialling go by.
//
// Limits: one ping of ours in flight a peer, `waiting_max` more asked for; a peer may have
// `ping_streams_inbound_max` streams open to us, and one that lets a whole send queue of our
// answers lie unread has that stream reset.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "base/rng.h"
#include "host/service.h"

namespace kith::host {

inline constexpr std::string_view ping_protocol = "/ipfs/ping/1.0.0";
inline constexpr std::size_t ping_bytes = 32;
/// The specification allows two (one in use, one being replaced); each may cost us a send queue.
inline constexpr std::size_t ping_streams_inbound_max = 2;

struct PingConfig {
  Duration interval = 15s;  // zero: only on request
  Duration timeout = 20s;   // unanswered for so long: failed, and the stream is reset
  std::size_t waiting_max = 1024;
};

struct PingResult {
  PeerId peer;
  std::optional<Token> token;  // of the request; empty for one of the interval's
  Result<Duration> rtt;
};

class Ping final : public Service {
 public:
  Ping(const PingConfig& config, Rng& rng) : config_(config), rng_(rng) {}

  std::vector<std::string> protocols() const override { return {std::string(ping_protocol)}; }
  /// One stream a peer, measured over and over: what is asked is a ping, not a stream.
  bool is_guarded() const override { return false; }
  void on_input(Instant now, ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  /// Measures a connected peer once; the answer is a PingResult with `token`, `timeout` after it
  /// was sent at the latest, else after the configuration's.
  void request(Instant now, Token token, const PeerId& peer,
               std::optional<Duration> timeout = std::nullopt);
  std::optional<PingResult> poll_result();

 private:
  using Payload = std::array<std::uint8_t, ping_bytes>;
  struct Waiting {
    Token token;
    Duration timeout;
  };
  struct Peer {
    std::optional<StreamId> stream;  // ours
    bool is_opening = false;
    bool is_in_flight = false;
    bool is_unsupported = false;  // asked once and refused: no more of the interval's
    std::optional<Token> token;   // of the ping in flight
    Payload payload{};
    std::size_t received = 0;  // bytes of the answer so far
    Instant sent_at;
    Instant failed_at;  // unless the answer comes before
    Instant next_at;    // of the interval
    base::Queue<Waiting> waiting;
    std::size_t inbound_streams = 0;
  };
  struct Answering {
    PeerId peer;
    std::size_t room;  // for answers
  };
  using Peers = std::map<PeerId, Peer>;

  void on_stream_up(Instant now, const StreamUp& up);
  void on_data(Instant now, const StreamData& data);
  void on_answer(Instant now, const PeerId& id, Peer& peer, ByteView data);
  void on_stream_down(Instant now, const StreamDown& down);
  void advance(Instant now, const PeerId& id, Peer& peer);
  void send(Instant now, Peer& peer);
  void finish(Instant now, const PeerId& id, Peer& peer, Result<Duration> rtt);
  void fail_waiting(const PeerId& id, Peer& peer, const Error& error);

  const PingConfig config_;
  Rng& rng_;
  Peers peers_;                              // connected ones: the host's limits bound them
  std::map<StreamId, PeerId> streams_;       // ours
  std::map<StreamId, Answering> answering_;  // theirs
  mutable base::DeadlineHeap<PeerId> deadlines_;
  base::Queue<PingResult> results_;
};

}  // namespace kith::host
