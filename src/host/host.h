// The host: everything between raw links and services. It listens and dials, makes links and
// datagram connections into authenticated ones (host/connection.h, host/session_connection.h),
// knows who is connected and who could be (host/peer_book.h), keeps their number between
// `peers_min` and `peers_high` by what they are worth (PeerStanding), identifies peers, and carries
// streams between connections and services (host/service.h). Its words: host/host_io.h.
//
// A machine in the sense of base/machine.h. Bytes flow through on_bytes and poll_transmit, packets
// through on_datagrams and poll_datagrams; views in Routed events live until the call that produced
// them is followed by another mutation, so its parent routes them before it returns to the shell.
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
#include "base/queue.h"
#include "host/host_io.h"
#include "host/identify.h"
#include "host/peer_exchange.h"

namespace kith::host {

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
  std::size_t on_datagrams(Instant now, const base::DatagramsIn& in);
  base::DatagramsOut poll_datagrams(Instant now, ByteSpan room);

  const PeerId& self() const { return self_; }
  std::vector<codec::Multiaddr> addresses() const;  // with /p2p
  std::size_t listener_count() const;               // sockets of packets among them
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
  /// Fills `out` with what this session's two ends alone know, for `label`: 1 to
  /// secure::export_bytes_max bytes. `closed`, or `unsupported` where it is no session.
  Result<void> export_key(const PeerId& peer, std::string_view label, ByteSpan out) const;

 private:
  struct Link;
  struct Peer;
  struct Packets;
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
  static std::optional<SessionStats> session_stats_of(const Link& link);
  PeerInfo info_of(const PeerId& id, const Peer& peer) const;

  // host_packets.cpp: sessions, over datagrams and over links
  Packets& packets(Instant now);
  bool speaks_session(const Link& link) const;
  bool decide_link(Instant now, LinkId id, Link& link, ByteView bytes);
  void dial_datagrams(Instant now, const DialLink& dial);
  void start_datagrams(Instant now, LinkId id, const packet::Path& path);
  void on_socket_opened(Instant now, SocketOpened opened);
  void on_socket_closed(Instant now, const SocketClosed& closed);
  bool on_listen_failed(Instant now, const ListenFailed& failed);
  void drain_endpoint(Instant now);
  void on_incoming(Instant now, const packet::Incoming& incoming);
  void on_admitted(Instant now, Token token, packet::ConnectionSlot slot);
  void on_dialled(Instant now, Token token, packet::ConnectionSlot slot);
  bool settle_packets(Instant now);
  void look_for_end(LinkId id, Link& link);
  void forget_slot(const Link& link);
  void append_socket_addresses(std::vector<codec::Multiaddr>& all) const;
  void say_stopped();

  // host_streams.cpp: services' commands
  void on_service(Instant now, OwnerId owner, ServiceCommand command);
  void to_connection(Instant now, LinkId id, Connection::Input input);
  codec::AddrScope scope_of(const PeerId& peer) const;
  void send_message(Instant now, OwnerId owner, SendMessage send);
  Error no_session(const PeerId& peer) const;
  std::optional<LinkId> link_to(const PeerId& peer) const;
  std::optional<LinkId> session_to(const PeerId& peer) const;
  template <class Which>
  std::optional<LinkId> best_link(const PeerId& peer, Which is_wanted) const;
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

  std::unique_ptr<Packets> packets_;  // from the first session or socket on; outlives links
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
