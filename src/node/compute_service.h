// /kith/compute/1.0.0 on the wire (docs/protocol/compute.md, "Off chain"): whoever opens a stream
// asks one thing, ends its side, gets one answer and the end. What is asked and what is answered
// are codec/compute_message.h; the node answers, and believes nothing.
//
// Limits: a message of compute_message_bytes_max; `streams_max` inbound streams of a peer at once,
// each for `exchange_max`; `asking_max` of ours. A peer that sends what is no message is one that
// breaks the protocol.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "codec/compute_message.h"
#include "host/service.h"

namespace kith::node {

inline constexpr std::string_view compute_protocol = "/kith/compute/1.0.0";

struct ComputeServiceStats {
  std::uint64_t asked = 0;     // by peers
  std::uint64_t answered = 0;  // by peers, what we asked
  std::uint64_t failed = 0;    // of what we asked: no answer
};

class ComputeService final : public host::Service {
 public:
  static constexpr std::size_t streams_max = 8;
  static constexpr std::size_t asking_max = 256;
  static constexpr Duration exchange_max = 15s;

  /// A peer's question; answer() it.
  struct PeerAsks {
    StreamId stream;
    PeerId peer;
    codec::ComputeRequest request;
  };
  /// What became of ask().
  struct PeerAnswered {
    Token token;
    PeerId peer;
    Result<codec::ComputeAnswer> answer;
  };
  using Outcome = std::variant<PeerAsks, PeerAnswered>;

  std::vector<std::string> protocols() const override { return {std::string(compute_protocol)}; }
  void on_input(Instant now, host::ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override { return deadlines_.soonest(); }

  /// Asks a connected peer. False when too much is asked already.
  bool ask(Token token, const PeerId& peer, const codec::ComputeRequest& request);
  /// Of a stream that has ended meanwhile: nothing.
  void answer(StreamId stream, const codec::ComputeAnswer& answer);
  std::optional<Outcome> poll_outcome();

  /// Connected peers that speak the protocol.
  const std::set<PeerId>& speakers() const { return speakers_; }
  const ComputeServiceStats& stats() const { return stats_; }

 private:
  struct Inbound {
    PeerId peer;
    Bytes bytes;
    std::size_t room = 0;
    bool is_asked = false;  // the question is whole
  };
  struct Outbound {
    Token token;
    PeerId peer;
    Bytes bytes;  // of the answer
  };
  struct Asking {
    PeerId peer;
    Bytes request;
  };

  void on_stream_up(Instant now, const host::StreamUp& up);
  void on_asking(Instant now, const host::StreamUp& up);
  void on_data(const host::StreamData& data);
  void on_end(StreamId stream);
  void on_asked(StreamId stream, Inbound& inbound);
  void on_answered(StreamId stream);
  void stop(StreamId stream, const Error& error);
  void finish(Token token, const PeerId& peer, Result<codec::ComputeAnswer> answer);

  std::set<PeerId> speakers_;
  std::map<PeerId, std::size_t> streams_;  // inbound, of each peer
  std::map<StreamId, Inbound> inbound_;
  std::map<Token, Asking> asking_;  // until their stream is up
  std::map<StreamId, Outbound> outbound_;
  mutable base::DeadlineHeap<StreamId> deadlines_;
  base::Queue<Outcome> outcomes_;
  ComputeServiceStats stats_;
};

}  // namespace kith::node
