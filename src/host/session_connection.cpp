#include "host/session_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/endian.h"
#include "base/format.h"
#include "host/link_shaper.h"
#include "host/world.h"
#include "secure/session_keys.h"

namespace kith::host {
namespace {

/// Between round trips told to the host.
constexpr Duration session_measure_interval = 10s;
/// Of an ordered carrier: the longest, which every room of a link holds.
constexpr std::size_t session_frame_bytes_max =
    SessionConnection::frame_length_bytes + packet::packet_bytes_max;
static_assert(session_frame_bytes_max <= link_transmit_bytes_min);
/// Between pieces of credit, where the bandwidth of downloads has a limit.
constexpr Duration session_credit_pause = 250ms;
/// A later one of a message is none.
constexpr Duration session_deadline_max = 24h * 365;
/// The id that both ends of an ordered link have: it is the link that says which connection it is.
constexpr packet::ConnectionId session_link_id{1};

/// packet::Services, as a stream set sees them.
class PacketPort final : public StreamMuxer {
 public:
  explicit PacketPort(packet::Services* services) : services_(services) {}

  Result<Opened> open(Instant) override {
    if (services_ == nullptr) return fail(Code::closed, "the connection has ended");
    const auto stream = TRY(services_->open_stream(packet::importance_default));
    return Opened{stream, services_->room(stream)};
  }
  void write(Instant, LocalStream stream, Buffer data) override {
    if (services_ != nullptr) services_->write(stream, std::move(data));
  }
  void finish(Instant, LocalStream stream) override {
    if (services_ != nullptr) services_->finish(stream);
  }
  void reset(Instant, LocalStream stream) override {
    if (services_ != nullptr) services_->reset(stream, 0);
  }
  void consume(Instant now, LocalStream stream, std::size_t bytes) override {
    if (services_ != nullptr) services_->consume(now, stream, bytes);
  }

 private:
  packet::Services* services_;
};

}  // namespace

SessionShared::SessionShared(const SessionConnectionConfig& config)
    : config_(config), datagrams_(config.session), ordered_(config.session) {
  datagrams_.carrier_is_ordered = false;
  ordered_.carrier_is_ordered = true;
}

const secure::SessionConfig& SessionShared::session_on(packet::Carrier carrier,
                                                       const packet::Connection& connection) {
  secure::SessionConfig& config = carrier == packet::Carrier::datagrams ? datagrams_ : ordered_;
  if (config.parameters.empty()) config.parameters = connection.parameters();
  return config;
}

bool SessionShared::has_good_ticket(Instant now, const PeerId& own, ByteView hello) const {
  // u8 version, u8 pattern, and then the ticket (docs/protocol/session.md).
  static constexpr std::size_t at = 2;
  if (hello.size() < at + secure::ticket_bytes) return false;
  return tickets_.open(now, own, hello.subspan(at, secure::ticket_bytes)).has_value();
}

SessionConnection::SessionConnection(const ConnectionContext& context, SessionShared& shared,
                                     LinkId link, Direction direction,
                                     std::optional<PeerId> expected, packet::Endpoint& endpoint,
                                     packet::ConnectionSlot slot, Instant now)
    : context_(context),
      shared_(shared),
      endpoint_(&endpoint),
      slot_(slot),
      streams_(context, link),
      measure_at_(now) {
  const packet::Connection* connection = look();
  ASSERT(connection != nullptr);
  session_.emplace(shared.session_on(packet::Carrier::datagrams, *connection), direction, expected,
                   shared.tickets(), context.rng, now);
  carry(now);
}

SessionConnection::SessionConnection(const ConnectionContext& context, SessionShared& shared,
                                     LinkId link, Direction direction,
                                     std::optional<PeerId> expected, Instant now)
    : context_(context),
      shared_(shared),
      own_(std::make_unique<packet::Connection>(
          shared.config().packet, packet::Carrier::ordered, direction, packet::Path{},
          session_link_id, context.rng, now, nullptr, packet::ConnectionSlot{},
          direction == Direction::inbound ? session_link_id : packet::ConnectionId{})),
      streams_(context, link),
      measure_at_(now) {
  session_.emplace(shared.session_on(packet::Carrier::ordered, *own_), direction, expected,
                   shared.tickets(), context.rng, now);
  carry(now);
}

SessionConnection::~SessionConnection() = default;

// --- between session and packets -----------------------------------------------------------------

const packet::Connection* SessionConnection::look() const {
  return own_ ? own_.get() : endpoint_->look_at(slot_);
}

packet::Services* SessionConnection::services() {
  packet::Connection* connection = own_ ? own_.get() : endpoint_->find(slot_);
  return connection == nullptr ? nullptr : &connection->services();
}

void SessionConnection::to_packets(Instant now, packet::Connection::Input input) {
  if (own_) {
    own_->on_input(now, std::move(input));
  } else {
    endpoint_->on_input(now, packet::ToConnection{slot_, std::move(input)});
  }
}

// Carries what each says to the other until both are quiet. What an endpoint's connection says
// comes by itself, since its parent drains the endpoint.
void SessionConnection::carry(Instant now) {
  for (bool is_busy = true; is_busy;) {
    is_busy = false;
    while (auto output = session_->poll_output(now)) {
      is_busy = true;
      on_session_output(now, *output);
    }
    if (!own_) continue;
    while (auto output = own_->poll_output(now)) {
      is_busy = true;
      on_packet_output(now, std::move(*output));
    }
  }
}

void SessionConnection::on_session_output(Instant now, secure::Session::Output& output) {
  if (has_ended_) return;
  std::visit(
      Overload{
          [&](secure::SayHandshake& say) {
            to_packets(now, packet::HandshakeBytes{static_cast<std::uint8_t>(say.message),
                                                   std::move(say.bytes)});
          },
          [&](secure::SaySession& say) {
            const packet::Connection* connection = look();
            if (connection == nullptr) return;
            if (say.bytes.size() > connection->session_room()) {
              secure::SessionFault fault{
                  {Code::limit, "the peer does not acknowledge what the session says"}, true};
              return on_session_fault(now, fault);
            }
            to_packets(now, packet::SessionBytes{std::move(say.bytes)});
          },
          [&](secure::KeysReady& keys) { on_keys(now, keys); },
          [&](secure::SessionEstablished& e) { on_established(now, e); },
          [&](secure::SessionConfirmed&) { to_packets(now, packet::HandshakeDone{}); },
          [&](secure::TicketArrived& t) {
            shared_.tickets().keep(now, t.peer, std::move(t.ticket), std::move(t.secret));
          },
          [&](secure::SessionHint& hint) { to_packets(now, packet::HintBytes{hint.error.code}); },
          [&](secure::SessionFault& fault) { on_session_fault(now, fault); }},
      output);
}

void SessionConnection::on_keys(Instant now, const secure::KeysReady& keys) {
  cipher_ = keys.cipher;
  packet::SealKeys seal{};
  seal.epoch = keys.epoch;
  const auto cipher_of = [&](const secure::SessionSecret& secret,
                             std::optional<crypto::SecretBytes>& offset_key) {
    const auto direction = secure::direction_keys(secret, static_cast<std::uint8_t>(keys.cipher));
    if (keys.epoch == 0) offset_key = crypto::SecretBytes::copy_of(direction.offset_key);
    return crypto::PacketCipher(keys.cipher, direction.key, direction.iv, shared_.schedules());
  };
  // Said again when it may be sent with too; each cipher is handed over once.
  if (opened_epoch_ != keys.epoch) {
    opened_epoch_ = keys.epoch;
    seal.receive = cipher_of(keys.receive, seal.receive_offset_key);
  }
  if (keys.may_send && sent_epoch_ != keys.epoch) {
    sent_epoch_ = keys.epoch;
    seal.send = cipher_of(keys.send, seal.send_offset_key);
  }
  if (seal.receive || seal.send) to_packets(now, std::move(seal));
}

void SessionConnection::on_established(Instant now, secure::SessionEstablished& established) {
  to_packets(now, packet::PeerParameters{std::move(established.parameters)});
  if (phase_ != Phase::handshake) return;
  phase_ = Phase::up;
  streams_.set_peer(established.peer, established.id);
  context_.outbox.push_back(
      ConnectionUp{established.peer, std::move(established.key), established.id});
}

void SessionConnection::on_session_fault(Instant now, secure::SessionFault& failed) {
  if (failed.tell_peer || phase_ == Phase::up) return abort(now, std::move(failed.error));
  to_packets(now, packet::CloseConnection{});  // while hands are shaken: in silence
  fault(std::move(failed.error));
}

void SessionConnection::on_packet_output(Instant now, packet::Connection::Output&& output) {
  std::visit(Overload{[&](packet::HandshakeArrived& arrived) {
                        session_->on_input(
                            now, secure::HandshakeReceived{
                                     static_cast<secure::HandshakeMessage>(arrived.message),
                                     arrived.bytes});
                      },
                      [&](packet::HintArrived& hint) {
                        if (hint.code == Code::refused) {
                          session_->on_input(now, secure::TicketRefused{});
                        }
                      },
                      [&](packet::SessionArrived& arrived) {
                        session_->on_input(now, secure::SessionReceived{arrived.bytes});
                      },
                      [&](packet::EpochOpened& opened) {
                        session_->on_input(now, secure::EpochUsed{opened.epoch});
                      },
                      [&](packet::Traffic& traffic) {
                        session_->on_input(
                            now, secure::Sealed{traffic.bytes, traffic.packets, traffic.messages});
                        measure(now);
                      },
                      [](packet::PathChanged&) {},
                      [&](packet::ConnectionEnded& ended) { on_packets_ended(ended); },
                      [&](packet::ServicesOutput& services) { return on_services(now, services); }},
             output);
  if (!own_ && !std::holds_alternative<packet::ServicesOutput>(output)) carry(now);
}

void SessionConnection::on_packets_ended(const packet::ConnectionEnded& ended) {
  has_ended_ = true;
  fault(ended.error != nullptr ? *ended.error : Error{Code::closed, "the connection was closed"});
}

void SessionConnection::on_services(Instant now, packet::ServicesOutput& output) {
  packet::Services* services = this->services();
  PacketPort port(services);
  std::visit(
      Overload{
          [&](packet::StreamAccepted& a) {
            if (!takes_streams()) return port.reset(now, a.stream);
            streams_.on_accepted(now, port, a.stream, a.room);
          },
          [&](packet::StreamBytes& b) { streams_.on_bytes(now, port, b.stream, b.data); },
          [&](packet::StreamWritable& w) { streams_.on_writable(w.stream, w.room); },
          [&](packet::StreamFinished& f) { streams_.on_finished(now, port, f.stream); },
          // Nobody here goes on reading where nobody reads what is written.
          [&](packet::StreamStopped& stopped) { port.reset(now, stopped.stream); },
          [&](packet::StreamClosed& c) { streams_.on_closed(c.stream, packet::copy_of(c.error)); },
          [&](packet::MessageArrived& message) {
            if (services != nullptr) services->consume_message(message.number);
            on_message(now, message.pieces);  // they stay until the next batch
          },
          [&](packet::MessageDone& done) { on_message_done(done); },
          [&](packet::DatagramArrived& datagram) { on_datagram(now, datagram.data); }},
      output);
}

// --- messages ------------------------------------------------------------------------------------

void SessionConnection::send_message(Instant now, packet::Services* services,
                                     SendMessageFor& request) {
  SendMessage& send = request.send;
  const auto refuse = [&](Error error) {
    context_.outbox.push_back(
        Routed{request.owner, MessageDone{send.token, false, std::move(error)}});
  };
  if (services == nullptr || is_closing_) {
    return refuse({Code::closed,
                   is_closing_ ? "the connection is being closed" : "the connection is not up"});
  }
  packet::MessageOptions options{.importance = send.importance, .attempts = send.attempts};
  if (send.deadline) {
    options.deadline = now + std::clamp(*send.deadline, Duration::zero(), session_deadline_max);
  }
  const auto number = services->send_message(now, std::move(send.data), options);
  if (!number) return refuse(number.error());
  sent_.emplace(*number, Sent{request.owner, send.token});
}

// Whoever has the protocol that is named at the front; null when nobody has, or no name is there,
// and then the connection has ended.
const ProtocolTable::value_type* SessionConnection::claimant(Instant now,
                                                             std::span<const ByteView> pieces) {
  std::array<char, message_protocol_bytes_max> room;
  const auto name = protocol_of(pieces, room);
  if (!name) {
    abort(now, {Code::malformed, "a message or datagram without the name of a protocol"});
    return nullptr;
  }
  const auto found = context_.protocols.find(*name);
  if (found != context_.protocols.end()) return &*found;
  ++messages_unclaimed_;
  return nullptr;
}

void SessionConnection::on_message(Instant now, std::span<const ByteView> pieces) {
  if (!is_up()) return;
  const auto* to = claimant(now, pieces);
  if (to == nullptr) return;
  // What came in several packets or was compressed lives in the connection, which may end before
  // the owner's turn.
  Bytes data;
  std::size_t size = 0, skipped = 1 + to->first.size();
  for (const ByteView piece : pieces) size += piece.size();
  data.reserve(size - skipped);
  for (const ByteView piece : pieces) {
    const std::size_t skip = std::min(skipped, piece.size());
    skipped -= skip;
    base::append(data, piece.subspan(skip));
  }
  context_.outbox.push_back(
      Routed{to->second, MessageReceived{streams_.peer(), to->first, Buffer(std::move(data))}});
}

void SessionConnection::on_datagram(Instant now, ByteView data) {
  if (!is_up()) return;
  const auto* to = claimant(now, {&data, 1});
  if (to == nullptr) return;
  context_.outbox.push_back(
      Routed{to->second,
             DatagramReceived{streams_.peer(), to->first, data.subspan(1 + to->first.size())}});
}

void SessionConnection::on_message_done(const packet::MessageDone& done) {
  const auto found = sent_.find(done.number);
  if (found == sent_.end()) return;
  MessageDone answer{found->second.token, done.was_delivered};
  const packet::Connection* connection = look();
  if (!done.was_delivered &&
      (connection == nullptr || connection->state() == packet::State::closed)) {
    answer.error = Error{Code::closed, "the connection has ended"};
  }
  context_.outbox.push_back(Routed{found->second.owner, std::move(answer)});
  sent_.erase(found);
}

bool SessionConnection::export_key(std::string_view label, ByteSpan out) const {
  if (!is_up()) return false;
  session_->export_key(label, {}, out);
  return true;
}

// --- time and the host ---------------------------------------------------------------------------

// The host's idea of the round trip comes from pings over yamux; here packets measure it anyway.
void SessionConnection::measure(Instant now) {
  if (!is_up() || own_ || now < measure_at_) return;
  const packet::Connection* connection = look();
  if (connection == nullptr) return;
  const Duration rtt = connection->stats().rtt;
  if (rtt <= Duration::zero()) return;
  measure_at_ = now + session_measure_interval;
  context_.outbox.push_back(RoundTripMeasured{rtt});
}

void SessionConnection::on_input(Instant now, Input input) {
  packet::Services* services = phase_ == Phase::up ? this->services() : nullptr;
  if (auto* open = std::get_if<OpenFor>(&input)) {
    if (services == nullptr) {
      return streams_.refuse_open(*open, {Code::closed, "the connection is not up"});
    }
    if (is_closing_) {
      return streams_.refuse_open(*open, {Code::closed, "the connection is being closed"});
    }
  }
  if (auto* message = std::get_if<SendMessageFor>(&input)) {
    send_message(now, services, *message);
    return carry(now);
  }
  if (services == nullptr) return;
  PacketPort port(services);
  const auto local = [](StreamId id) { return StreamSet::local(id); };
  std::visit(
      Overload{[&](OpenFor& open) { streams_.open(now, port, std::move(open)); },
               [&](Write& write) {
                 if (!streams_.take_room(local(write.stream), write.data.size())) return;
                 port.write(now, local(write.stream), std::move(write.data));
               },
               [&](Finish& finish) { port.finish(now, local(finish.stream)); },
               [&](Reset& reset) { port.reset(now, local(reset.stream)); },
               [&](Consume& c) { port.consume(now, local(c.stream), c.bytes); },
               [&](Prioritize& p) { services->set_importance(local(p.stream), p.importance); },
               [&](CloseGracefully&) { is_closing_ = true; }, [](SendMessageFor&) {},
               // Too large a one is lost, as others are on their way.
               [&](SendDatagram& send) {
                 if (is_closing_) return;
                 (void)services->send_datagram(std::move(send.data));
               }},
      input);
  carry(now);
}

std::optional<SessionConnection::Output> SessionConnection::poll_output(Instant now) {
  if (!context_.outbox.empty()) return context_.outbox.pop_front();
  give_credit(now);
  return std::nullopt;
}

// One socket has all packets, so none is left unread: until they are paid for, no credit for more.
void SessionConnection::give_credit(Instant now) {
  if (own_ || phase_ != Phase::up) return;
  if (context_.download == nullptr || !context_.download->is_limited()) return;
  if (credit_at_ && now < *credit_at_) return;
  credit_at_.reset();
  const packet::Connection* connection = look();
  if (connection == nullptr || connection->services().held_credit() == 0) return;
  if (!context_.download->may_move(streams_.link())) return;  // drained again once it may
  services()->give_credit(now, context_.download->quantum());
  if (connection->services().held_credit() > 0) credit_at_ = now + session_credit_pause;
}

void SessionConnection::on_deadline(Instant now) {
  if (has_ended_) return;
  if (close_at_ && now >= *close_at_) {
    close_at_.reset();
    to_packets(now, packet::AbortConnection{Code::closed, "the connection was closed"});
  }
  if (phase_ != Phase::dead) {
    PacketPort port(services());
    streams_.on_deadline(now, port);
    session_->on_deadline(now);
  }
  if (own_) own_->on_deadline(now);
  carry(now);
}

std::optional<Instant> SessionConnection::next_deadline() const {
  if (has_ended_) return std::nullopt;
  std::optional<Instant> deadline = base::soonest(close_at_, credit_at_);
  if (phase_ != Phase::dead) {
    deadline = base::soonest(deadline, streams_.next_deadline());
    deadline = base::soonest(deadline, session_->next_deadline());
  }
  return own_ ? base::soonest(deadline, own_->next_deadline()) : deadline;
}

void SessionConnection::close(Instant now, bool flush) {
  is_closing_ = true;
  if (has_ended_ || close_at_) return;
  if (flush) {
    close_at_ = now + shared_.config().close_timeout;
    to_packets(now, packet::CloseConnection{});
  } else {
    to_packets(now, packet::AbortConnection{Code::closed, "the connection was closed"});
  }
  carry(now);
}

void SessionConnection::shut_down(Instant, const Error& error) {
  has_ended_ = true;
  fault(error);
}

void SessionConnection::fault(Error error) {
  if (phase_ == Phase::dead) return;
  phase_ = Phase::dead;
  streams_.end_all(error);
  for (const auto& [number, sent] : std::exchange(sent_, {})) {
    context_.outbox.push_back(Routed{sent.owner, MessageDone{sent.token, false, error}});
  }
  context_.outbox.push_back(ConnectionFault{std::move(error)});
}

/// The peer is told, then the host.
void SessionConnection::abort(Instant now, Error error) {
  to_packets(now, packet::AbortConnection{error.code, error.message});
  fault(std::move(error));
}

SessionStats SessionConnection::stats() const {
  SessionStats all;
  all.transport = own_ ? "tcp" : "udp";
  if (cipher_) all.cipher = crypto::name_of(*cipher_);
  all.rotations = session_->rotations();
  all.messages_unclaimed = messages_unclaimed_;
  const packet::Connection* connection = look();
  if (connection == nullptr) return all;
  const packet::ConnectionStats from = connection->stats();
  all.state = packet::name_of(from.state);
  all.rtt = from.rtt;
  all.rtt_least = from.rtt_least;
  all.window = from.recovery.window;
  all.bytes_in_flight = from.recovery.bytes_in_flight;
  all.delivery_rate = from.recovery.delivery_rate;
  all.bytes_received = from.bytes_received;
  all.bytes_sent = from.bytes_sent;
  all.packets_received = from.packets_received;
  all.packets_sent = from.packets_sent;
  all.packets_dropped = from.packets_dropped;
  all.packets_lost = from.recovery.packets_lost;
  all.packets_resent = from.packets_resent;
  all.packets_spurious = from.recovery.packets_spurious;
  all.path_changes = from.path_changes;
  all.mtu_bytes = from.mtu_bytes;
  return all;
}

// --- ordered links -------------------------------------------------------------------------------

std::optional<bool> SessionConnection::is_session(ByteView bytes) {
  // A frame is shorter than 64 KiB, so that its length begins with two zeros, and a packet begins
  // with its magic. A nonce might look like that once in 2^32.
  static constexpr std::uint8_t magic[] = {packet::header_magic >> 8, packet::header_magic & 0xff};
  static constexpr std::size_t magic_at = frame_length_bytes;
  for (std::size_t i = 0; i < std::min(bytes.size(), magic_at + sizeof magic); ++i) {
    if (i < 2 && bytes[i] != 0) return false;
    if (i >= magic_at && bytes[i] != magic[i - magic_at]) return false;
  }
  if (bytes.size() < magic_at + sizeof magic) return std::nullopt;
  return true;
}

std::size_t SessionConnection::on_bytes(Instant now, ByteSpan bytes) {
  ASSERT(own_);
  own_->on_batch_begin();
  std::size_t taken = 0;
  while (phase_ != Phase::dead) {
    const auto frame = take_frame(now, bytes.subspan(taken));
    if (!frame) break;
    taken += *frame;
    carry(now);
  }
  if (taken > 0 && !has_ended_) {
    own_->on_batch_end(now);
    carry(now);
  }
  return phase_ == Phase::dead ? bytes.size() : taken;
}

// The bytes of the frame that was taken; nothing while it is not there as a whole.
std::optional<std::size_t> SessionConnection::take_frame(Instant now, ByteSpan bytes) {
  if (bytes.size() < frame_length_bytes) return std::nullopt;
  const std::size_t size = base::load_big_endian<std::uint32_t>(bytes, 0);
  if (size < packet::header_bytes || size > packet::packet_bytes_max) {
    abort(now, {Code::malformed, base::format("a frame of {} bytes; packets have {} to {}", size,
                                              packet::header_bytes, packet::packet_bytes_max)});
    return std::nullopt;
  }
  if (bytes.size() - frame_length_bytes < size) return std::nullopt;
  const ByteSpan packet = bytes.subspan(frame_length_bytes, size);
  packet::Header header;
  const packet::HeaderFault wrong = packet::decode_header(packet, header);
  if (wrong != packet::HeaderFault::none) {
    abort(now,
          {Code::malformed, base::format("a frame that is no packet: {}", packet::name_of(wrong))});
    return std::nullopt;
  }
  // What it says goes to the session before the next packet in any case.
  own_->on_packet(now, packet::Path{}, header, packet, base::Ecn::none);
  return frame_length_bytes + size;
}

std::size_t SessionConnection::poll_transmit(Instant now, ByteSpan room) {
  ASSERT(own_);
  // Not in a shorter rest: what only the longest packets hold would be lost instead of waiting.
  std::size_t used = 0;
  while (room.size() - used >= session_frame_bytes_max) {
    const ByteSpan rest = room.subspan(used + frame_length_bytes);
    const auto out = own_->poll_packets(now, rest.first(packet::packet_bytes_max));
    if (out.bytes == 0) break;
    base::store_big_endian(room, used, static_cast<std::uint32_t>(out.bytes));
    used += frame_length_bytes + out.bytes;
  }
  carry(now);
  return used;
}

bool SessionConnection::has_transmit(Instant now) const { return own_ && own_->has_transmit(now); }

}  // namespace kith::host
