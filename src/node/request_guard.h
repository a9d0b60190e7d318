// Circuit breakers (peer/breaker.h) around what services ask of peers. The node shows it each Open
// of a guarded service (Service::is_guarded) and each event of the streams it opened; a peer that
// fails five times in a row is not asked for a while, and the service hears so at once.
//
// A failure is a stream that is not agreed in time, reset before a byte came, or that its service
// gave up (RequestDone). The first byte is a success, and so is an end in order. A peer that does
// not speak the protocol has answered; a connection that ends says nothing. Limits: what is open,
// which connections bound (streams_outbound_max), and those of peer/breaker.h.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "host/connection.h"
#include "host/service.h"
#include "peer/breaker.h"

namespace kith::node {

class RequestGuard {
 public:
  explicit RequestGuard(const peer::BreakersConfig& config) : breakers_(config) {}

  /// Whether the stream is opened; the answer that the service gets if not.
  std::optional<host::StreamOpenFailed> on_open(Instant now, host::OwnerId owner,
                                                const host::Open& open);
  /// Before the service hears of it.
  void on_event(Instant now, host::OwnerId owner, const host::ServiceEvent& event);
  /// What a service or the node itself found out of a request.
  void on_done(Instant now, const PeerId& peer, std::string_view protocol, bool is_answered);
  /// For a request that opens no stream of its own.
  Result<void> ask(Instant now, const PeerId& peer, std::string_view protocol) {
    return breakers_.ask(now, peer, protocol);
  }

  const peer::Breakers& breakers() const { return breakers_; }
  std::size_t watched() const { return opening_.size() + streams_.size(); }

 private:
  struct Opening {
    host::OwnerId owner;
    Token token;
    PeerId peer;
    friend auto operator<=>(const Opening&, const Opening&) = default;
  };
  struct Stream {
    PeerId peer;
    std::string protocol;
  };
  std::optional<std::string> take_opening(const Opening& opening);
  void on_stream_down(Instant now, const host::StreamDown& down);

  peer::Breakers breakers_;
  std::multimap<Opening, std::string> opening_;  // by the protocol asked for first
  std::map<StreamId, Stream> streams_;           // without an answer so far
};

}  // namespace kith::node
