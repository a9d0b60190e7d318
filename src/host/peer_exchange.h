// Peer exchange, /kith/peers/1.0.0: peers hand each other signed peer records, so that a node that
// knows one address comes to know the network. The asker half-closes at once; the answer is a
// sequence of records, each a varint length and an envelope (codec/envelope.h), then the end.
//
// Only records of peers that the answerer has itself been connected to are handed on, and every
// record is verified by whoever learns it. Limits: `records_max` records and `bytes_max` bytes an
// answer, `requests_burst` answers a peer and one more each `request_interval`; for an answer is
// waited as long as the peer is wont to take (Quality::request_timeout).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "base/rng.h"
#include "host/service.h"
#include "peer/quality.h"

namespace kith::host {

inline constexpr std::string_view peer_exchange_protocol = "/kith/peers/1.0.0";

/// Where the records that are handed on come from; the host's peer book.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  virtual std::vector<Bytes> sample_records(const PeerId& except, std::size_t count) = 0;
};

struct PeerExchangeConfig {
  Duration interval = 30s;       // between two questions, to peers drawn by worth; zero: never
  Duration interval_eager = 2s;  // while the node has fewer peers than it wants
};

class PeerExchange final : public Service {
 public:
  static constexpr std::size_t records_max = 16;
  static constexpr std::size_t bytes_max = 64 * 1024;
  static constexpr std::uint32_t requests_burst = 8;
  static constexpr Duration request_interval = 5s;

  /// `source`, `quality` and `rng` outlive it.
  PeerExchange(const PeerExchangeConfig& config, RecordSource& source, const peer::Quality& quality,
               Rng& rng)
      : config_(config), source_(source), quality_(quality), rng_(rng) {}

  std::vector<std::string> protocols() const override;
  void on_input(Instant now, ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override { return deadlines_.soonest(); }

  /// Whether the node wants more peers than it has: asks more often.
  void set_eager(Instant now, bool is_eager);
  struct Learned {
    PeerId from;
    Bytes envelope;  // unverified
  };
  /// What a peer handed on.
  std::optional<Learned> poll_learned();

 private:
  struct Peer {
    bool speaks = false;  // the protocol, by its identify
    bool is_asking = false;
    std::uint32_t tokens = requests_burst;
    Instant refilled;
  };
  struct Asking {
    PeerId peer;
    Instant since;
    Bytes bytes;
  };

  void on_stream_up(Instant now, const StreamUp& up);
  void on_data(const StreamData& data);
  void on_end(Instant now, StreamId stream);
  void answer(const StreamUp& up);
  void ask(const PeerId& id, Peer& peer);
  void ask_one(Instant now);
  bool admit(Instant now, Peer& peer) const;
  void forget(StreamId stream);
  /// Arms the next question unless one comes sooner.
  void schedule(Instant now);

  // Deadlines: the next question is key 0, a stream's timeout its id (never 0).
  static constexpr StreamId next_question{0};

  const PeerExchangeConfig config_;
  RecordSource& source_;
  const peer::Quality& quality_;
  Rng& rng_;
  bool is_eager_ = false;
  std::optional<Instant> question_at_;
  std::map<PeerId, Peer> peers_;
  std::map<StreamId, Asking> asking_;
  mutable base::DeadlineHeap<StreamId> deadlines_;
  base::Queue<Learned> learned_;
};

}  // namespace kith::host
