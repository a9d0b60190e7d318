// The host: everything between raw links and services. It listens and dials, makes links into
// authenticated connections (host/connection.h), knows who is connected and who could be
// (host/peer_book.h), keeps their number between `peers_min` and `peers_high` by what they are
// worth (PeerStanding), identifies peers, and carries streams between connections and services
// (host/service.h).
//
// A machine in the sense of base/machine.h. Bytes flow through on_bytes and poll_transmit; views in
// Routed events live until the on_bytes that produced them is followed by another mutation, so its
// parent routes them before it returns to the shell.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/deadline_heap.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/peer_event.h"
#include "base/queue.h"
#include "host/connection.h"
#include "host/connection_limits.h"
#include "host/dialer.h"
#include "host/identify.h"
#include "host/link_shaper.h"
#include "host/peer_book.h"
#include "host/peer_exchange.h"

namespace kith::host {

struct HostConfig {
  std::string agent_version = "kith";
  std::string protocol_version = "kith/1.0.0";
  std::vector<codec::Multiaddr> listen;
  std::vector<codec::Multiaddr> announce;   // external addresses, told beside the listening ones
  std::vector<codec::Multiaddr> bootstrap;  // dialled while peers are few
  ConnectionConfig connection;              // its noise.key is set by the host
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
  std::uint64_t links_closed = 0;  // authenticated ones that have ended
};

/// How long things took; recorded when they were done.
struct HostTimings {
  base::Timing dials;       // from the wish to reach a peer to its authentication
  base::Timing handshakes;  // from an open link to an authenticated peer
};

class Host final : public RecordSource {
 public:
  using Input = HostInput;
  using Output = HostOutput;

  /// `key`, `rng` and `log` outlive it. Owner 0 is the host's own identify.
  Host(const HostConfig& config, const crypto::KeyPair& key, Rng& rng, Log& log);
  ~Host() override;

  /// Streams asked for by `protocol` go to `owner` (> 0). Before or while running.
  void add_protocol(Instant now, OwnerId owner, const std::string& protocol);
  bool has_protocol(std::string_view protocol) const { return protocols_.contains(protocol); }
  /// Listens and begins to look for peers. REQUIRES: a WallClock input came before.
  void start(Instant now);

  void on_input(Instant now, HostInput input);
  void on_deadline(Instant now);
  std::optional<HostOutput> poll_output(Instant now);
  std::optional<Instant> next_deadline();
  std::size_t on_bytes(Instant now, LinkId link, ByteSpan bytes);
  std::size_t poll_transmit(Instant now, LinkId link, ByteSpan room);
  bool wants_bytes(LinkId link) const;

  const PeerId& self() const { return self_; }
  std::vector<codec::Multiaddr> addresses() const;  // with /p2p
  std::size_t listener_count() const { return listening_.size(); }
  std::vector<PeerInfo> peers() const;
  std::optional<PeerInfo> peer(const PeerId& peer) const;
  std::size_t peer_count() const { return peers_.size(); }
  std::vector<PeerId> peer_ids() const;
  std::size_t link_count() const { return links_.size(); }
  const PeerBook& book() const { return book_; }
  const HostStats& stats() const { return stats_; }
  const ShapedLane& upload() const { return upload_; }
  const ShapedLane& download() const { return download_; }
  const HostTimings& timings() const { return timings_; }
  /// Forgets their averages and largest values.
  void reset_timings();
  /// The date, by what the last WallClock said.
  WallTime wall(Instant now) const;
  std::vector<Bytes> sample_records(const PeerId& except, std::size_t count) override;
  void set_rtt(const PeerId& peer, Duration rtt);

 private:
  struct Link;
  struct Peer;
  /// What of a peer's standing the host goes by.
  struct Worth {
    std::uint64_t weight;  // peer/choice.h
    bool is_proven = false;
    bool is_suffering = false;  // warned, or it does not answer
    friend bool operator==(const Worth&, const Worth&) = default;
  };
  struct PendingDial {
    std::optional<PeerId> peer;
    std::vector<Token> waiters;
    bool is_ours = false;  // keep_peers' doing: nobody waits
    bool is_bootstrap = false, is_feeler = false;
    Instant started = {};
  };

  // host.cpp: the world's events
  void on_world(Instant now, WorldInput input);
  void on_link_opened(Instant now, LinkOpened opened);
  void on_link_closed(Instant now, LinkId id, const Error& error);
  void on_listening(Instant now, Listening listening);
  void on_connection_up(Instant now, LinkId id, const ConnectionUp& up);
  void on_connection_fault(Instant now, LinkId id, const Error& error);
  void on_identified(Instant now, Identified identified);
  void close_link(LinkId id, bool flush);
  void shut_down(Instant now);
  void settle(Instant now);
  void drain_connection(Instant now, LinkId id);
  void wake_shaped(Instant now);
  void refresh_self(Instant now);

  // host_dial.cpp: reaching peers and keeping their number
  void dial(Instant now, Dial dial);
  Token start_dial(Instant now, std::optional<PeerId> peer, std::vector<codec::Multiaddr> addresses,
                   std::optional<Token> waiter, std::vector<codec::Multiaddr> hearsay = {});
  void drain_dialer(Instant now);
  void on_dial_link(Instant now, const DialLink& dial);
  void on_dial_end(Instant now, Token job, Result<PeerId> result);
  void keep_peers(Instant now);
  std::size_t missing_peers() const;
  std::size_t outbound_peers() const;
  std::vector<PeerId> choose_to_dial(Instant now, std::size_t count);
  void dial_bootstrap(Instant now);
  void feel(Instant now);
  void trim(Instant now);
  void drop_least_valuable(Instant now, std::size_t count);
  void drop_duplicates(Instant now);
  void on_standing(const PeerStanding& standing);
  static Worth newcomer();
  Worth worth_of(const PeerId& peer) const;
  bool has_inbound_slot(const PeerId& peer) const;
  PeerInfo info_of(const PeerId& id, const Peer& peer) const;

  // host_streams.cpp: services' commands
  void on_service(Instant now, OwnerId owner, ServiceCommand command);
  void to_connection(Instant now, LinkId id, Connection::Input input);
  codec::AddrScope scope_of(const PeerId& peer) const;
  std::optional<LinkId> link_to(const PeerId& peer) const;
  bool is_usable(LinkId id) const;
  void disconnect(const PeerId& peer);

  const HostConfig config_;
  const crypto::KeyPair& key_;
  const PeerId self_;
  Rng& rng_;
  Log& log_;
  ConnectionConfig connection_config_;
  ProtocolTable protocols_;
  Connection::Outbox outbox_;
  Connection::Context context_;

  std::map<LinkId, std::unique_ptr<Link>> links_;
  std::map<PeerId, Peer> peers_;
  std::size_t peers_linked_twice_ = 0;  // by two connections or more
  std::map<PeerId, bool> protected_;
  std::set<PeerId> barred_;         // bounded by who bars
  std::map<PeerId, Worth> worths_;  // those unlike a newcomer's; bounded by who tells
  ConnectionLimits limits_;
  ShapedLane upload_, download_;
  PeerBook book_;
  Dialer dialer_;
  Identify identify_;
  std::map<Token, PendingDial> dials_;
  std::map<PeerId, Token> dialing_;
  std::uint64_t next_job_ = 1;
  std::size_t bootstrap_dials_ = 0;      // under way
  std::optional<Instant> bootstrap_at_;  // not again before
  Duration bootstrap_backoff_{};
  std::optional<Instant> feeler_at_;

  base::DeadlineHeap<LinkId> link_deadlines_;
  std::optional<Instant> keep_at_;
  std::map<codec::Multiaddr, std::vector<codec::Multiaddr>> listening_;  // bound → reachable
  Bytes own_record_;
  std::uint64_t record_sequence_ = 0;
  bool is_running_ = false, is_stopping_ = false;
  WallTime wall_start_;  // wall_start_ was at wall_start_at_
  Instant wall_start_at_;
  base::Queue<HostOutput> outputs_;
  HostStats stats_;
  HostTimings timings_;
};

}  // namespace kith::host
