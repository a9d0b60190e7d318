// One peer over a session, with the inputs and outputs of host/connection.h: joins secure::Session
// with a packet::Connection, and streams with their owners by host/stream_set.h, as Connection does
// with yamux. The two know nothing of each other; this carries the handshake and the session's
// bytes between them, makes ciphers of secrets, and counts what was sealed for the rotation.
//
// Two carriers: the packet::Connection is one of an Endpoint, which hands in its outputs by
// on_packet_output(); or it is this object's own and lives on an ordered link (TCP, WebSocket),
// where a frame is a length of 4 bytes, big-endian, and one whole packet.
//
// Limits: a frame holds at most packet::packet_bytes_max bytes; a handshake ends within the
// session's `handshake_timeout`, a graceful end within `close_timeout`. A message is
// copied for its owner, and its credit goes back at once. Messages and datagrams of protocols that
// nobody here has are thrown away and counted; without a name they are a fault.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "crypto/packet_cipher.h"
#include "host/stream_set.h"
#include "packet/endpoint.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

namespace kith::host {

struct SessionConnectionConfig {
  secure::SessionConfig session;
  packet::PacketConfig packet;
  Duration close_timeout = 1s;  // what a graceful end may take before it becomes an abrupt one
};

/// What all sessions of one node share; outlives them.
class SessionShared {
 public:
  explicit SessionShared(const SessionConnectionConfig& config);

  const SessionConnectionConfig& config() const { return config_; }
  secure::Tickets& tickets() { return tickets_; }
  crypto::KeyScheduleCache& schedules() { return schedules_; }
  /// With what connections like this one tell their peers of themselves: it depends on the carrier
  /// alone.
  const secure::SessionConfig& session_on(packet::Carrier carrier,
                                          const packet::Connection& connection);
  /// Whether HELLO has a ticket that `own` has issued and nobody has used.
  bool has_good_ticket(Instant now, const PeerId& own, ByteView hello) const;

 private:
  const SessionConnectionConfig config_;
  secure::Tickets tickets_;
  secure::SessionConfig datagrams_, ordered_;
  crypto::KeyScheduleCache schedules_;
};

/// Of one connection, for people.
struct SessionStats {
  std::string_view transport;  // "udp", "tcp", "ws", "wss": a constant
  std::string_view cipher;     // "aes-256-gcm", "chacha20-poly1305"
  std::string_view state;      // of packets, as TCP names them
  Duration rtt{0}, rtt_least{0};
  std::uint64_t window = 0, bytes_in_flight = 0;  // of congestion
  std::uint64_t delivery_rate = 0;                // bytes a second
  std::uint64_t bytes_received = 0, bytes_sent = 0;
  std::uint64_t packets_received = 0, packets_sent = 0, packets_dropped = 0;
  std::uint64_t packets_lost = 0, packets_resent = 0, packets_spurious = 0;
  std::uint64_t path_changes = 0, rotations = 0;
  std::uint64_t messages_unclaimed = 0;  // datagrams too: of protocols that nobody here has
  std::size_t mtu_bytes = 0;
};

class SessionConnection {
 public:
  using Input = ConnectionInput;
  using Output = ConnectionOutput;

  static constexpr std::size_t frame_length_bytes = 4;

  /// Over a packet::Connection that an Endpoint holds.
  SessionConnection(const ConnectionContext& context, SessionShared& shared, LinkId link,
                    Direction direction, std::optional<PeerId> expected, packet::Endpoint& endpoint,
                    packet::ConnectionSlot slot, Instant now);
  /// Over an ordered link: bytes by on_bytes and poll_transmit.
  SessionConnection(const ConnectionContext& context, SessionShared& shared, LinkId link,
                    Direction direction, std::optional<PeerId> expected, Instant now);
  ~SessionConnection();
  SessionConnection(const SessionConnection&) = delete;
  SessionConnection& operator=(const SessionConnection&) = delete;

  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  /// What the endpoint says of this connection's slot.
  void on_packet_output(Instant now, packet::Connection::Output&& output);

  // Over an ordered link.
  std::size_t on_bytes(Instant now, ByteSpan bytes);
  std::size_t poll_transmit(Instant now, ByteSpan room);
  bool has_transmit(Instant now) const;
  bool wants_bytes() const { return phase_ != Phase::dead; }

  /// Ends it: when all that was written has arrived, or with `flush` false at once.
  void close(Instant now, bool flush);
  /// The link is gone: every stream ends with `error`.
  void shut_down(Instant now, const Error& error);

  bool is_up() const { return phase_ == Phase::up; }
  bool takes_streams() const { return is_up() && !is_closing_; }
  /// The packets beneath are done: their connection says nothing more.
  bool has_ended() const { return has_ended_; }
  bool is_over_datagrams() const { return endpoint_ != nullptr; }
  packet::ConnectionSlot slot() const { return slot_; }
  std::size_t stream_count() const { return streams_.size(); }
  /// By secure::Session::export_key, with no context; false when the session is not up.
  bool export_key(std::string_view label, ByteSpan out) const;
  /// `transport` is the caller's to say.
  SessionStats stats() const;

  /// Whether the first bytes of an inbound link are a frame of a session and not
  /// multistream-select, nor the nonce of a private network; empty while that is open.
  static std::optional<bool> is_session(ByteView first_bytes);

 private:
  enum class Phase : std::uint8_t { handshake, up, dead };

  void carry(Instant now);
  void on_session_output(Instant now, secure::Session::Output& output);
  void on_keys(Instant now, const secure::KeysReady& keys);
  void on_established(Instant now, secure::SessionEstablished& established);
  void on_session_fault(Instant now, secure::SessionFault& fault);
  void on_packets_ended(const packet::ConnectionEnded& ended);
  void on_services(Instant now, packet::ServicesOutput& output);
  void send_message(Instant now, packet::Services* services, SendMessageFor& request);
  void on_message(Instant now, std::span<const ByteView> pieces);
  void on_message_done(const packet::MessageDone& done);
  void on_datagram(Instant now, ByteView data);
  void give_credit(Instant now);
  const ProtocolTable::value_type* claimant(Instant now, std::span<const ByteView> pieces);
  void measure(Instant now);
  void to_packets(Instant now, packet::Connection::Input input);
  const packet::Connection* look() const;
  packet::Services* services();
  std::optional<std::size_t> take_frame(Instant now, ByteSpan bytes);
  void abort(Instant now, Error error);
  void fault(Error error);

  const ConnectionContext& context_;
  SessionShared& shared_;
  packet::Endpoint* endpoint_ = nullptr;  // or none, and own_
  packet::ConnectionSlot slot_{};
  std::unique_ptr<packet::Connection> own_;
  std::optional<secure::Session> session_;
  StreamSet streams_;
  struct Sent {
    OwnerId owner;
    Token token;
  };
  std::map<packet::MessageNumber, Sent> sent_;  // not answered yet: at most messages_sent_max
  std::uint64_t messages_unclaimed_ = 0;
  Phase phase_ = Phase::handshake;
  bool is_closing_ = false;
  bool has_ended_ = false;
  std::optional<crypto::CipherId> cipher_;                  // once the handshake is done
  std::optional<std::uint64_t> opened_epoch_, sent_epoch_;  // ciphers given so far
  std::optional<Instant> close_at_;
  std::optional<Instant> credit_at_;  // there is more to give then
  Instant measure_at_;
};

}  // namespace kith::host
