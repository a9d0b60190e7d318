// What happens on the node, for programs that listen: the WebSocket /v1/events. The node says
// events, one JSON object a message; the client may send JSON-RPC requests over the same socket,
// and gets their responses in between (those have "jsonrpc", events have "event"):
//
//   {"event":"hello","at_ms":...,"peer_id":"...","version":"..."}     once, first
//   {"event":"peer_up","peer_id":"...","direction":"inbound","address":"..."}
//   {"event":"peer_down","peer_id":"...","code":"closed","reason":"..."}
//   {"event":"peer_identified","peer_id":"...","agent":"...","protocols":[...]}
//   {"event":"addresses_changed","addresses":[...]}
//   {"event":"job","height":7,"kind":"accepted","job":1,"slot":5,"task":9,"pass":1,"number":0}
//   {"event":"message","topic":"...","from":"...","data":"...",...}  after pubsub.sub
//
// `/v1/events?kinds=peer_up,peer_down` gets only those. A subscription ends with its socket. How
// many sockets there may be, and how much may wait for one that is not read, is the server's.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "api/http.h"

namespace kith::api {

enum class EventKind : std::uint8_t {
  peer_up,
  peer_down,
  peer_identified,
  addresses_changed,
  peer_standing,
  peer_banned,
  peer_ban_ended,
  peer_unreachable,
  block_final,
  chain_halted,
  job,
};
inline constexpr std::size_t event_kinds = 11;
/// What happened to jobs in one block is told one by one up to here; of the rest, how many.
inline constexpr std::size_t job_events_told_max = 256;
std::string_view name_of(EventKind kind);

/// One bit a kind; all of them without "kinds" in the query. `usage` names an unknown kind.
Result<std::uint32_t> parse_event_kinds(const codec::HttpTarget& target);

struct EventStats {
  std::uint64_t opened = 0;
  std::uint64_t sent = 0;      // events
  std::uint64_t requests = 0;  // of clients, over their sockets
};

class Events {
 public:
  using Send = std::function<void(std::string text)>;

  /// Both outlive it.
  Events(Api& api, Http& http) : api_(api), http_(http), rpc_(api) {}

  /// A client whose handshake Http answered with 101. Returns its number.
  std::uint64_t open(Instant now, const codec::HttpRequest& handshake, Send send);
  void on_text(Instant now, std::uint64_t client, std::string_view text);
  void close(Instant now, std::uint64_t client);
  /// Every report of the node.
  void on_report(Instant now, const node::Report& report);

  std::size_t clients() const { return clients_.size(); }
  const EventStats& stats() const { return stats_; }

 private:
  struct Client {
    std::string remote;
    std::uint32_t kinds = 0;
    bool may_change_state = false;
    Send send;
    std::vector<std::uint64_t> requests;  // for Api::abandon
  };
  static constexpr std::size_t requests_max = 256;  // those answered are forgotten beyond it

  void say(std::uint64_t client, std::string text);
  void tell(EventKind kind, const std::string& text);
  void tell_jobs(Instant now, const node::BlockFinalized& done);

  Api& api_;
  Http& http_;
  Rpc rpc_;
  std::map<std::uint64_t, Client> clients_;  // bounded by the server's connections
  std::uint32_t wanted_ = 0;                 // by any of them
  std::uint64_t next_client_ = 1;
  EventStats stats_;
};

}  // namespace kith::api
