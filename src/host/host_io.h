// The words of a host: its configuration, commands, events and what it tells of itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/metrics.h"
#include "base/peer_event.h"
#include "host/connection.h"
#include "host/connection_limits.h"
#include "host/dialer.h"
#include "host/link_shaper.h"
#include "host/peer_book.h"
#include "host/session_connection.h"
#include "host/world.h"

namespace kith::host {

struct HostConfig {
  std::string agent_version = "kith";
  std::string protocol_version = "kith/1.0.0";
  std::vector<codec::Multiaddr> listen;
  std::vector<codec::Multiaddr> announce;   // external addresses, told beside the listening ones
  std::vector<codec::Multiaddr> bootstrap;  // dialled while peers are few
  ConnectionConfig connection;              // its noise.key is set by the host
  SessionConnectionConfig session;          // its identity is set by the host
  bool has_sessions = true;                 // else libp2p's Noise and yamux alone
  LimitsConfig limits;
  ShapingConfig shaping;
  DialerConfig dialer;
  PeerBookConfig book;
  std::size_t peers_min = 8;        // below: dial known peers
  std::size_t peers_high = 100;     // above: close the least valuable…
  std::size_t peers_low = 80;       // …until so many are left…
  std::size_t outbound_min = 8;     // …but so many that we dialled stay; sought beside peers_min
  Duration trim_grace = 20s;        // a younger connection is not closed for being one too many
  Duration keep_interval = 1s;      // between looks at the number of peers
  Duration feeler_interval = 2min;  // between looks beyond the peers at hand; zero: never
  Duration bootstrap_backoff_min = 2s;  // after all bootstrap peers failed; doubles up to…
  Duration bootstrap_backoff_max = 60s;
};

// Commands.
/// Reaches a peer; answered by DialDone. At once when it is connected already.
struct Dial {
  Token token;
  std::optional<PeerId> peer;                  // empty: whoever answers at `addresses`
  std::vector<codec::Multiaddr> addresses;     // beside those the peer book knows
  std::vector<codec::Multiaddr> hearsay = {};  // told by others: names lead only to global ones
};
struct Disconnect {
  PeerId peer;
};
/// A protected peer is never closed for being one too many.
struct Protect {
  PeerId peer;
  bool is_protected;
};
/// A barred peer is not dialled, and its connections are closed as soon as it has proved who it is.
struct Bar {
  PeerId peer;
  bool is_barred;
};
// PeerStanding (base/peer_event.h): what a peer is worth from now on; a newcomer until told.
struct FromService {
  OwnerId owner;
  ServiceCommand command;
};
/// A signed record that a peer handed on; verified here.
struct LearnRecord {
  PeerId from;
  Bytes envelope;
};
/// Says goodbye to everyone and stops listening; Stopped follows.
struct ShutDown {};

using HostInput = std::variant<WorldInput, Dial, Disconnect, Protect, Bar, PeerStanding,
                               FromService, LearnRecord, ShutDown>;

// Events.
/// For every service: PeerUp, PeerDown or PeerIdentified.
struct Broadcast {
  ServiceEvent event;
};
struct DialDone {
  Token token;
  Result<PeerId> peer;
};
/// A peer that was dialled did not answer, whoever wanted it.
struct PeerUnreachable {
  PeerId peer;
  Error error;
};
struct AddressesChanged {
  std::vector<codec::Multiaddr> addresses;  // where others may reach us, with /p2p
};
struct CannotListen {
  codec::Multiaddr address;
  Error error;
};
struct Stopped {};

using HostOutput = std::variant<WorldOutput, Routed, Broadcast, DialDone, PeerUnreachable,
                                AddressesChanged, CannotListen, Stopped>;

struct ConnectionInfo {
  LinkId link;
  Direction direction;
  codec::Multiaddr remote;
  Instant opened_at;
  std::size_t streams;
  std::optional<SessionStats> session;  // when it is one
};
struct PeerInfo {
  PeerId peer;
  std::vector<ConnectionInfo> connections;
  std::optional<Duration> rtt;
  std::shared_ptr<const codec::IdentifyMessage> identity;  // null until identified
  bool is_protected;
};

struct HostStats {
  std::uint64_t links_dialed = 0, links_accepted = 0, links_refused = 0, links_failed = 0;
  std::uint64_t handshakes = 0, handshakes_failed = 0;
  std::uint64_t bytes_received = 0, bytes_sent = 0;
  std::uint64_t faults = 0;           // authenticated connections that ended in an error…
  std::uint64_t protocol_faults = 0;  // …of them, those where the peer broke a rule
  std::uint64_t trimmed = 0;
  std::uint64_t datagram_batches_received = 0, datagram_batches_sent = 0;
  std::uint64_t links_closed = 0;  // authenticated ones that have ended
};

/// How long things took; recorded when they were done.
struct HostTimings {
  base::Timing dials;       // from the wish to reach a peer to its authentication
  base::Timing handshakes;  // from an open link to an authenticated peer
};

}  // namespace kith::host
