// The words in which protocols speak about peers: what a peer did (PeerEvent, said by whoever saw
// it), what that makes of it (PeerStanding, said by peer/quality.h and by nobody else), and how
// urgent a message is (Priority). They stand here because protocol folders are strangers to each
// other. The model behind them: docs/peer-quality.md.
//
// An event is only ever about what the peer did itself: nothing that A sends may make an event
// about B (framing). A service reports and goes on; it bans nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"

namespace kith::base {

/// What goes first. A smaller number is more urgent.
enum class Priority : std::uint8_t { consensus, blocks, transactions, application, bulk };
inline constexpr std::size_t priorities = 5;
std::string_view name_of(Priority priority);
std::optional<Priority> priority_of(std::string_view name);

enum class PeerEventKind : std::uint8_t {
  useful,             // +1, at most one a second counts: a first valid delivery, real work
  ignored,            // 0, always: valid or not, nobody is to blame (an IGNORE verdict)
  ambiguous,          // -5: over a limit, a broken promise, GRAFT in back-off. At most once a
                      // heartbeat and reason; the reporter sees to that
  rejected,           // -20: an invalid message, a malformed RPC, a record that does not match
  fatal,              // -1000: what no honest peer can send, or a proof of it
  request_succeeded,  // as `useful`; `rtt` is how long the answer took
  request_failed,     // -5 of the liveness account: no answer in time
  probe_succeeded,    // answers Probe; `rtt` is the round trip
  probe_failed,       // answers Probe; -5 of the liveness account
};
inline constexpr std::size_t peer_event_kinds = 9;
/// Stored by name: never rename.
std::string_view name_of(PeerEventKind kind);
std::optional<PeerEventKind> peer_event_kind_of(std::string_view name);

struct PeerEvent {
  PeerId peer;
  PeerEventKind kind = PeerEventKind::ignored;
  std::string subsystem;  // a folder's name: "gossip", "dht"
  std::string reason;     // a few words, always the same for the same thing: "invalid signature"
  std::optional<Duration> rtt = std::nullopt;
};

enum class PeerHealth : std::uint8_t {
  unknown,  // not connected
  healthy,
  degraded,   // half the failures in a row that make it unhealthy
  unhealthy,  // answers nothing
  stale,      // no traffic at all for so long that the connection is given up
};
inline constexpr std::size_t peer_healths = 5;
std::string_view name_of(PeerHealth health);

/// What a peer is worth to this node now. Local: no two nodes need agree on it.
struct PeerStanding {
  PeerId peer;
  std::int32_t reputation = 0;  // -1000…+1000, whole points: credit less demerit
  double trust = 0.5;           // the same on the scale 0…1
  double introduction = 0;      // 0…1: what peers we know vouch for it; never makes it worse
  PeerHealth health = PeerHealth::unknown;
  bool is_connected = false;
  bool is_direct = false;        // the operator's own choice: never banned for its record
  bool is_warned = false;        // out of the mesh, no PX, no inbound priority
  bool is_banned = false;        // no connections
  bool is_on_probation = false;  // was banned, has not earned its place again
  bool is_proven = false;        // has done some work here; others share half the inbound slots
  std::optional<Instant> banned_until;  // empty while banned: until somebody lifts it

  double gossip_score = 0;   // the application's part of the gossip score (w5·P5), ready-made
  double gossip_gate = 1e9;  // the gossip score is never above it: gates by minimum

  std::uint32_t quota_milli = 1000;  // factor on every rate of this peer, thousandths; 0: nothing
  std::uint32_t connections_max = 8;

  friend bool operator==(const PeerStanding&, const PeerStanding&) = default;
};

}  // namespace kith::base

namespace kith {
using base::PeerEventKind;
using base::PeerHealth;
using base::PeerStanding;
using base::Priority;
}  // namespace kith
