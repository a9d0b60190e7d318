// One connection: the state table, keys by epoch, paths, and the services over recovery. Its parent
// is an Endpoint, or, over TCP and WebSocket (Carrier::ordered), whoever cuts the frames.
//
// A Machine in the sense of base/machine.h, but that its bytes are packets: on_packet() opens them
// in place and views in outputs live until the next mutation; poll_packets() lays down a batch of
// equal packets, sealed, in the caller's room. The bytes of what applications say go in and out by
// services().
//
// Limits: docs/protocol/packet.md, "Limits". A peer's fault ends the connection with a sealed ERROR
// and ConnectionEnded; what anybody could have forged is dropped and counted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/machine.h"
#include "base/queue.h"
#include "base/rng.h"
#include "crypto/packet_cipher.h"
#include "crypto/secret.h"
#include "packet/connection_ids.h"
#include "packet/connection_words.h"
#include "packet/handshake_part.h"
#include "packet/mtu.h"
#include "packet/parameters.h"
#include "packet/paths.h"
#include "packet/received.h"
#include "packet/recovery.h"
#include "packet/services.h"
#include "packet/session_stream.h"
#include "packet/state.h"

namespace kith::packet {

class Connection {
 public:
  using Input = std::variant<HandshakeBytes, HintBytes, HandshakeDone, SessionBytes, SealKeys,
                             PeerParameters, CloseConnection, AbortConnection, MoveTo>;
  using Output = std::variant<HandshakeArrived, HintArrived, SessionArrived, EpochOpened, Traffic,
                              PathChanged, ConnectionEnded, ServicesOutput>;

  static_assert(std::is_trivially_copyable_v<Output>);

  /// `config`, `rng` and `ids` outlive it. `own` is the id that the peer is to use; `peer`, of an
  /// accepted one, what the peer chose. `ids` null: no other ids are given out.
  Connection(const PacketConfig& config, Carrier carrier, Direction direction, const Path& path,
             ConnectionId own, Rng& rng, Instant now, ConnectionIds* ids = nullptr,
             ConnectionSlot slot = {}, ConnectionId peer = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;
  Services& services() { return services_; }
  const Services& services() const { return services_; }

  /// One packet whose header was read; opened in place. False: the session must answer before the
  /// next one is offered.
  bool on_packet(Instant now, const Path& path, const Header& header, ByteSpan packet,
                 base::Ecn ecn);
  /// A batch begins: views in outputs of the last one are not looked at any more.
  void on_batch_begin() { services_.forget_views(); }
  /// All packets of a batch are in.
  void on_batch_end(Instant now);
  /// Equal packets to one path, the last one perhaps shorter; 0 bytes: nothing now.
  base::DatagramsOut poll_packets(Instant now, ByteSpan room);
  /// Whether poll_packets() has something; if only time helps, next_deadline() says when from here
  /// on.
  bool has_transmit(Instant now);

  /// The cookie has shown that the peer is where it says.
  void prove_path() { paths_.prove(); }
  /// A cookie came for our HELLO: it is said again with it.
  void on_cookie(ByteView cookie);
  /// The payload of an unsealed ERROR: anybody may have said it. Whether it was one for us.
  bool on_hint(Instant now, ByteView payload);
  /// Whether `token` is the peer's for an id that we use: then it has no state of us any more.
  bool is_reset_token(ByteView token) const;
  void on_stateless_reset();

  /// What the peer is to know, for the session to carry.
  Bytes parameters() const;
  std::size_t session_room() const { return session_.room(); }
  State state() const { return state_; }
  /// The last packet of a connection that was ended with an error, to be said again.
  ByteView last_error_packet() const { return ending_ ? ByteView(ending_->packet) : ByteView(); }
  const Path& path() const { return paths_.current(); }
  ConnectionId peer_id() const { return peer_id_; }
  /// All ids under which packets may come.
  std::vector<ConnectionId> own_ids() const;
  ConnectionStats stats() const;

 private:
  struct EpochKeys {
    std::uint64_t epoch = 0;
    std::optional<crypto::PacketCipher> receive, send;
    std::uint64_t sealed = 0, unopened = 0;
    bool was_opened = false;
  };
  struct OwnId {
    std::uint64_t sequence = 0;
    ConnectionId id;
    std::uint32_t offset = 0;
  };
  struct RemoteId {
    std::uint64_t sequence = 0;
    ConnectionId id;
    ResetToken token{};
  };
  /// What is needed while hands are shaken, and some seconds more.
  struct Handshake {
    std::uint8_t message = 0;
    Bytes bytes;  // of our last message; none before the first
    Bytes cookie;
    std::uint32_t cookies = 0;  // that came
    Bytes hello;                // the last one that the session was shown
    std::size_t unsent = 0;     // packets of it that are to go out now
    Duration wait{0};
    std::optional<Instant> again_at;
    Instant expires_at;
    std::optional<Code> hint;         // that came
    std::optional<Code> hint_unsent;  // that is to go out now
    HandshakeAssembly assembly;
  };

  struct Ending {
    Bytes packet;  // ERROR
    std::optional<Error> error;
  };

  // connection.cpp: inputs, outputs, time
  void say_handshake(Instant now, HandshakeBytes said);
  void take_keys(Instant now, SealKeys keys);
  void take_parameters(Instant now, const PeerParameters& parameters);
  void close(Instant now);
  void begin_lingering(Instant now);
  void abort(Instant now, Code code, std::string reason, std::optional<Error> error);
  void fault(Instant now, const Error& error) { abort(now, error.code, error.message, error); }
  void end(std::optional<Error> error);
  void expire(Instant now, std::string why);
  void step(State next);
  void move(Instant now, const Path& path);
  void look_after_close(Instant now);
  void wait_after_close(Instant now);
  void on_path_changed(Instant now, const Path& before);
  void on_time_of_handshake(Instant now);
  void on_news(Instant now, const RecoveryNews& news);
  void shrink(Instant now);
  void release(Instant now);
  /// After a hint the true answer has this long to win: some tries more.
  static constexpr Duration hint_wait_after = 3s;
  Duration idle_timeout() const;
  Duration probe_timeout() const;

  // connection_receive.cpp
  bool on_unsealed(Instant now, const Header& header, ByteSpan packet);
  bool drop_unsealed(Instant now);
  bool on_sealed(Instant now, const Path& path, const Header& header, ByteSpan packet,
                 base::Ecn ecn);
  std::optional<PacketNumber> number_of(const Header& header) const;
  bool opens(Instant now, EpochKeys& keys, PacketNumber number, ByteSpan packet);
  void on_path(Instant now, const Path& path, std::size_t bytes, bool is_newest);
  Result<bool> take_payload(Instant now, const Path& path, const Header& header, ByteView payload,
                            bool may_be_new);
  Result<void> take_frame_of(Instant now, const Path& path, const Frame& frame, bool may_be_new);
  Result<void> on_ack(Instant now, const AckFrame& ack);
  void watch_large(Instant now, const AckFrame& ack);
  Result<void> on_new_id(const NewIdFrame& frame);
  Result<void> on_retire_id(const RetireIdFrame& frame);
  void on_step(Instant now, const Step& step);
  EpochKeys* keys_for(std::uint8_t wire_epoch);
  const OwnId* own_id(ConnectionId id) const;

  // connection_transmit.cpp
  base::DatagramsOut poll_handshake(ByteSpan room);
  std::size_t write_hint(ByteSpan room);
  base::DatagramsOut poll_control(Instant now, ByteSpan room);
  base::DatagramsOut poll_batch(Instant now, ByteSpan room);
  base::DatagramsOut single(Instant now, const Path& path, std::size_t bytes);
  std::size_t write_packet(Instant now, ByteSpan room, std::size_t longest, std::uint64_t allowed);
  std::size_t write_fragment(Instant now, ByteSpan room, const FragmentOut& fragment);
  std::size_t write_frames(Instant now, ByteSpan room, std::size_t longest, std::uint64_t allowed);
  std::size_t write_control(Instant now, ByteSpan room, PacketType type, const Frame& frame,
                            std::size_t padded_to, bool is_mtu_probe = false);
  void write_ack(Instant now, FrameWriter& writer, Header& header);
  void fill_own(FrameWriter& writer);
  std::size_t seal(Instant now, ByteSpan room, Header header, std::size_t plain_bytes,
                   bool is_mtu_probe = false);
  PacketType type_of(const FrameWriter& writer, bool is_reliable) const;
  Recovery::Allowance allowance(Instant now) const;
  bool has_own_frames() const;
  bool has_data() const;
  bool is_ect() const;
  bool may_seal() const;
  bool is_fin_due(Instant now) const;
  bool may_probe_mtu() const;
  bool is_mtu_probe_due(Instant now) const;
  EpochKeys* sending_keys();
  std::size_t packet_bytes() const;
  static std::uint32_t offset_of(const crypto::SecretBytes& key, ConnectionId id);

  const PacketConfig& config_;
  Rng& rng_;
  ConnectionIds* ids_;
  ConnectionSlot slot_;
  const Carrier carrier_;
  const Direction direction_;
  State state_ = State::closed;
  bool is_closing_ = false;  // CloseConnection was asked for, or the peer has said FIN
  bool has_ended_ = false;   // ConnectionEnded was said
  bool fin_ack_owed_ = false;
  bool keep_alive_due_ = false;
  bool is_fragment_ = false;       // the packet that was written last
  bool is_last_fragment_ = false;  // …and its message's last
  std::uint8_t probes_owed_ = 0;
  std::uint8_t quiet_acks_ = 0;  // acknowledgements since the last that was itself reliable
  std::uint32_t probes_in_a_row_ = 0;

  Paths paths_;
  std::vector<OwnId> own_ids_;           // those that the peer may use; the first ones first
  std::vector<RemoteId> spare_ids_;      // of the peer's, not used yet
  std::vector<std::uint64_t> retiring_;  // sequences of the peer's ids, to be said
  std::vector<OwnId> announcing_;        // our ids, to be said
  ConnectionId peer_id_;
  std::uint64_t peer_id_sequence_ = 0, next_id_sequence_ = 1;
  ResetToken peer_token_{};
  bool has_peer_token_ = false;

  crypto::SecretBytes receive_offset_key_, send_offset_key_;
  std::uint32_t send_offset_ = 0;
  std::vector<EpochKeys> keys_;  // at most three, ascending
  std::optional<std::uint64_t> send_epoch_;
  std::optional<Instant> drop_keys_at_;  // those before the newest

  std::unique_ptr<Handshake> handshake_;
  Received received_;
  Recovery recovery_;
  Services services_;
  SessionStream session_;
  MtuSearch mtu_;
  std::optional<PacketNumber> mtu_probe_;
  std::optional<PacketNumber> watched_;  // a large packet of which is not known whether it arrived
  std::uint8_t large_lost_ = 0;          // such in a row that did not
  Parameters peer_;
  PacketNumber sealed_end_ = 0;        // one more than the last number that was sealed
  PacketNumber ordered_expected_ = 0;  // over an ordered carrier: the next number to open

  Instant last_received_at_, last_sent_at_;
  std::optional<Instant> pace_at_, fin_at_, linger_at_, gone_at_, release_at_;
  Instant lingers_until_;  // however much is acknowledged
  std::uint32_t fin_tries_ = 0;
  bool error_unsent_ = false;
  std::unique_ptr<Ending> ending_;  // none before the end
  bool end_unsaid_ = false;
  std::uint64_t
      entropy_;  // which numbers are skipped: cheap, and secret enough for a game of chance
  Traffic traffic_{};
  ConnectionCounts counts_;
  std::vector<FrameNote> notes_;
  base::Queue<Output> outputs_;
};

}  // namespace kith::packet
