// Recommendations on the wire, /kith/recommend/1.0.0 (docs/protocol/recommendation.md): a stream
// carries one signed envelope from whoever opened it, and ends. A peer that speaks the protocol
// gets our newest one when we have met, and the next when it has changed, at most one each
// `interval`.
//
// What comes in is handed to peer/quality.h, which knows whose word counts. Limits: an envelope of
// recommendation_bytes_max, read before it is decoded; one stream of a peer at a time, one each
// `accept_interval`, each for `receive_max`, ours for Quality::request_timeout; of `told_max` peers
// it is remembered what they were told, for a peer that comes again at once must not be told again.
#pragma once

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/deadline_heap.h"
#include "base/peer_event.h"
#include "base/queue.h"
#include "codec/recommendation.h"
#include "host/host.h"
#include "host/service.h"
#include "peer/quality.h"

namespace kith::node {

using base::PeerEvent;  // kith::PeerEvent is the public face's

inline constexpr std::string_view recommend_protocol = "/kith/recommend/1.0.0";

struct RecommendConfig {
  Duration interval = 10min;       // between two to one peer; zero: none are sent
  Duration look_interval = 1min;   // between looks whether ours has changed
  Duration first_after = 70s;      // of a node's life: the last one before a restart is not known
  Duration accept_interval = 30s;  // between streams of one peer; peer/trust.h wants a minute
  std::size_t told_max = 4096;
};

class RecommendService final : public host::Service {
 public:
  using Result = std::variant<peer::RecommendationReceived, PeerEvent>;

  static constexpr Duration receive_max = 10s;

  /// All outlive it.
  RecommendService(const RecommendConfig& config, const peer::Quality& quality,
                   const host::Host& host, const crypto::KeyPair& key)
      : config_(config), quality_(quality), host_(host), key_(key) {}

  std::vector<std::string> protocols() const override { return {std::string(recommend_protocol)}; }
  void on_input(Instant now, host::ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override { return deadlines_.soonest(); }

  std::optional<Result> poll_result();

  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }
  std::size_t remembered() const { return told_.size() + sending_.size() + reading_.size(); }

 private:
  struct Peer {
    bool speaks = false;  // the protocol, by its identify
    bool is_sending = false;
    bool is_reading = false;
    std::optional<Instant> read_at;
  };
  struct Told {
    std::uint64_t version = 0;  // 0: nothing
    Instant next_at;
  };
  struct Sending {
    PeerId peer;
    Instant since;
  };
  struct Reading {
    PeerId peer;
    Bytes bytes;
  };

  void on_identified(Instant now, const host::PeerIdentified& identified);
  void on_stream_up(Instant now, const host::StreamUp& up);
  void on_inbound(Instant now, const host::StreamUp& up, Peer& peer);
  void on_data(const host::StreamData& data);
  void on_end(StreamId stream);
  void on_stream_down(Instant now, const host::StreamDown& down);
  void on_open_failed(Instant now, const host::StreamOpenFailed& failed);
  void look(Instant now);
  void look_at(Instant at);
  void refresh(Instant now);
  bool is_due(Instant now, const PeerId& id) const;
  std::optional<Sending> stop_sending(StreamId stream);
  void stop_reading(StreamId stream);

  // Deadlines: the next look is key 0, a stream's timeout its id (never 0).
  static constexpr StreamId next_look{0};

  const RecommendConfig config_;
  const peer::Quality& quality_;
  const host::Host& host_;
  const crypto::KeyPair& key_;
  std::optional<Instant> first_at_;
  std::optional<Instant> look_at_;
  std::optional<Instant> refreshed_at_;
  std::vector<codec::Endorsement> endorsements_;  // of the newest
  Buffer envelope_;
  std::uint64_t version_ = 0;     // 0: there was never anything to say
  std::uint64_t sequence_ = 0;    // of the newest
  std::map<PeerId, Peer> peers_;  // connected ones: the host's limits bound them
  std::map<PeerId, Told> told_;
  std::map<StreamId, Sending> sending_;
  std::map<StreamId, Reading> reading_;
  mutable base::DeadlineHeap<StreamId> deadlines_;
  base::Queue<Result> results_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace kith::node
