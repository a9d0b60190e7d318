// A node of nothing but packets, for packet_stream.cpp: one UDP socket, one endpoint, a session
// beside each connection. What the house does with many machines is here one loop, so that the
// transport is measured and not the house.
#pragma once

#include <poll.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "codec/peer_id.h"
#include "crypto/key.h"
#include "packet/endpoint.h"
#include "packet_app.h"
#include "rt/datagram_socket.h"
#include "rt/rng_system.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

namespace kith::bench {

class Node {
 public:
  Node(const NodeConfig& config, const base::IpPort& local, App& app)
      : app_(app),
        key_(crypto::KeyPair::generate(rng_)),
        peer_(codec::peer_id_of(key_.public_key())),
        session_config_(make_session(config)),
        spin_(config.spin),
        socket_(*rt::DatagramSocket::open(base::SocketId{1}, local)),
        endpoint_(packet::EndpointConfig{.packet = config.packet}, rng_, real_now()),
        in_(rt::DatagramSocket::batches_max * rt::DatagramSocket::batch_bytes),
        out_(65'536) {}

  Instant now = real_now();
  const PeerId& peer() const { return peer_; }
  std::uint16_t port() const { return socket_.local().port; }
  packet::Endpoint& endpoint() { return endpoint_; }
  packet::Services* services(packet::ConnectionSlot slot) {
    packet::Connection* connection = endpoint_.find(slot);
    return connection == nullptr ? nullptr : &connection->services();
  }
  std::uint64_t rotations(packet::ConnectionSlot slot) {
    const auto found = sessions_.find(slot);
    return found == sessions_.end() ? 0 : found->second->rotations();
  }
  void dial(const base::IpPort& to, std::optional<PeerId> expected) {
    expected_ = expected;
    endpoint_.on_input(now, packet::DialPath{Token{1}, {base::SocketId{1}, to}});
    drain();
  }
  void close(packet::ConnectionSlot slot) {
    endpoint_.on_input(now, packet::ToConnection{slot, packet::CloseConnection{}});
    drain();
  }

  /// One turn: what is there is taken, what may leave leaves; waits when there was nothing.
  void turn() {
    now = real_now();
    bool is_busy = receive();
    if (const auto at = endpoint_.next_deadline(); at && *at <= now) {
      endpoint_.on_deadline(now);
      drain();
    }
    if (soonest_ <= now) run_sessions();
    app_.on_turn();
    drain();
    is_busy = transmit() || is_busy;
    if (is_busy) {
      busy_at_ = now;
    } else if (now - busy_at_ > spin_) {
      wait();
    }
  }

 private:
  std::unique_ptr<secure::SessionConfig> make_session(const NodeConfig& config) {
    auto session = std::make_unique<secure::SessionConfig>();
    session->identity = secure::make_session_identity(key_, crypto::X25519KeyPair::generate(rng_));
    session->ciphers = config.ciphers;
    session->rotate_bytes = config.rotate_bytes;
    session->tickets_given = config.tickets_given;
    return session;
  }

  bool receive() {
    const auto batches = socket_.receive(in_);
    if (!batches || batches->empty()) return false;
    for (base::DatagramsIn batch : *batches) {
      while (!batch.bytes.empty()) {
        batch.bytes = batch.bytes.subspan(endpoint_.on_datagrams(now, batch));
        drain();
      }
    }
    return true;
  }
  bool transmit() {
    std::size_t sent = 0;
    while (sent < (1U << 20)) {
      if (held_.bytes == 0) {
        held_ = endpoint_.poll_datagrams(now, out_);
        held_from_ = 0;
        if (held_.bytes == 0) break;
      }
      const std::size_t done = socket_.send(held_, ByteView(out_).subspan(held_from_, held_.bytes));
      held_from_ += done;
      held_.bytes -= done;
      sent += done;
      if (held_.bytes > 0) break;
      drain();
    }
    return sent > 0;
  }
  void wait() {
    pollfd descriptor{socket_.descriptor(), POLLIN, 0};
    if (held_.bytes > 0) descriptor.events |= POLLOUT;
    Duration time = 100ms;
    if (const auto at = endpoint_.next_deadline()) time = std::clamp(*at - now, Duration{0}, time);
    time = std::clamp(soonest_ - now, Duration{0}, time);
    const timespec limit{time / 1s, (time % 1s).count()};
    ::ppoll(&descriptor, 1, &limit, nullptr);
  }

  /// Of those whose deadline is due; finds the soonest of all.
  void run_sessions() {
    soonest_ = Instant::max();
    for (auto& [slot, session] : sessions_) {
      if (session->next_deadline().value_or(Instant::max()) <= now) session->on_deadline(now);
      drain_session(slot, *session);
    }
  }

  void drain() {
    while (auto output = endpoint_.poll_output(now)) {
      std::visit(Overload{
                     [&](packet::Dialled& dialled) { start(dialled.slot, Direction::outbound); },
                     [&](packet::NotDialled&) {},
                     [&](packet::Incoming& asked) {
                       const bool is_welcome = asked.has_cookie || has_ticket(asked.hello);
                       endpoint_.on_input(
                           now,
                           packet::Decide{asked.token,
                                          is_welcome ? packet::Decide::Verdict::admit
                                                     : packet::Decide::Verdict::ask_for_cookie});
                     },
                     [&](packet::Admitted& admitted) { start(admitted.slot, Direction::inbound); },
                     [&](packet::FromConnection& from) { on_output(from.slot, from.output); },
                 },
                 *output);
    }
  }
  bool has_ticket(ByteView hello) const {
    if (hello.size() < 2 + secure::ticket_bytes) return false;
    return tickets_.open(now, peer_, hello.subspan(2, secure::ticket_bytes)).has_value();
  }
  void start(packet::ConnectionSlot slot, Direction direction) {
    if (session_config_->parameters.empty()) {
      session_config_->parameters = endpoint_.look_at(slot)->parameters();
    }
    auto session = std::make_unique<secure::Session>(
        *session_config_, direction, direction == Direction::outbound ? expected_ : std::nullopt,
        tickets_, rng_, now);
    secure::Session& started = *session;
    sessions_[slot] = std::move(session);
    if (direction == Direction::outbound) known_[slot];
    drain_session(slot, started);
  }
  void say(packet::ConnectionSlot slot, packet::Connection::Input input) {
    endpoint_.on_input(now, packet::ToConnection{slot, std::move(input)});
  }
  void tell_session(packet::ConnectionSlot slot, secure::Session::Input input) {
    const auto found = sessions_.find(slot);
    if (found == sessions_.end()) return;
    found->second->on_input(now, std::move(input));
    drain_session(slot, *found->second);
  }

  void on_output(packet::ConnectionSlot slot, packet::Connection::Output& output) {
    std::visit(
        Overload{
            [&](packet::HandshakeArrived& arrived) {
              tell_session(
                  slot, secure::HandshakeReceived{
                            static_cast<secure::HandshakeMessage>(arrived.message), arrived.bytes});
            },
            [&](packet::HintArrived& hint) {
              if (hint.code == Code::refused) tell_session(slot, secure::TicketRefused{});
            },
            [&](packet::SessionArrived& arrived) {
              tell_session(slot, secure::SessionReceived{arrived.bytes});
            },
            [&](packet::EpochOpened& opened) {
              tell_session(slot, secure::EpochUsed{opened.epoch});
            },
            [&](packet::Traffic& traffic) {
              tell_session(slot, secure::Sealed{traffic.bytes, traffic.packets, traffic.messages});
            },
            [&](packet::PathChanged&) {},
            [&](packet::ConnectionEnded& ended) {
              app_.on_end(slot, packet::copy_of(ended.error));
              sessions_.erase(slot);
              known_.erase(slot);
            },
            [&](packet::ServicesOutput& served) { app_.on_service(slot, served); },
        },
        output);
  }
  void drain_session(packet::ConnectionSlot slot, secure::Session& session) {
    while (auto output = session.poll_output(now)) {
      std::visit(
          Overload{
              [&](secure::SayHandshake& said) {
                say(slot, packet::HandshakeBytes{static_cast<std::uint8_t>(said.message),
                                                 std::move(said.bytes)});
              },
              [&](secure::SaySession& said) {
                say(slot, packet::SessionBytes{std::move(said.bytes)});
              },
              [&](secure::KeysReady& keys) { give_keys(slot, keys); },
              [&](secure::SessionEstablished& established) {
                say(slot, packet::PeerParameters{std::move(established.parameters)});
                if (known_.contains(slot)) {
                  known_[slot] = {established.peer, established.is_resumed};
                }
                up_.push_back(slot);
              },
              [&](secure::SessionConfirmed&) {
                say(slot, packet::HandshakeDone{});
                confirmed_.push_back(slot);
              },
              [&](secure::TicketArrived& arrived) {
                tickets_.keep(now, arrived.peer, std::move(arrived.ticket),
                              std::move(arrived.secret));
                app_.on_ticket(slot);
              },
              [&](secure::SessionHint& hint) { say(slot, packet::HintBytes{hint.error.code}); },
              [&](secure::SessionFault& fault) {
                say(slot, packet::AbortConnection{fault.error.code, fault.error.message});
              },
          },
          *output);
    }
    soonest_ = std::min(soonest_, session.next_deadline().value_or(Instant::max()));
    while (!up_.empty()) {
      const packet::ConnectionSlot raised = up_.back();
      up_.pop_back();
      app_.on_up(raised);
    }
    while (!confirmed_.empty()) {
      const packet::ConnectionSlot raised = confirmed_.back();
      confirmed_.pop_back();
      const auto known = known_.extract(raised);
      app_.on_confirmed(raised, known.mapped().first, known.mapped().second);
    }
  }
  crypto::PacketCipher cipher_of(const secure::DirectionKeys& keys, crypto::CipherId id) {
    return {id, keys.key, keys.iv, schedules_};
  }
  void give_keys(packet::ConnectionSlot slot, const secure::KeysReady& ready) {
    const auto id = static_cast<std::uint8_t>(ready.cipher);
    const secure::DirectionKeys receive = secure::direction_keys(ready.receive, id);
    const secure::DirectionKeys send = secure::direction_keys(ready.send, id);
    packet::SealKeys keys{.epoch = ready.epoch,
                          .receive = cipher_of(receive, ready.cipher),
                          .send = {},
                          .receive_offset_key = {},
                          .send_offset_key = {}};
    if (ready.may_send) keys.send = cipher_of(send, ready.cipher);
    if (ready.epoch == 0) {
      keys.receive_offset_key = crypto::SecretBytes::copy_of(receive.offset_key);
      keys.send_offset_key = crypto::SecretBytes::copy_of(send.offset_key);
    }
    say(slot, std::move(keys));
  }

  rt::SystemRng rng_;
  App& app_;
  crypto::KeyPair key_;
  PeerId peer_;
  std::unique_ptr<secure::SessionConfig> session_config_;
  Duration spin_;
  rt::DatagramSocket socket_;
  secure::Tickets tickets_;
  crypto::KeyScheduleCache schedules_;
  packet::Endpoint endpoint_;
  std::map<packet::ConnectionSlot, std::unique_ptr<secure::Session>> sessions_;
  Instant soonest_ = Instant::max();  // no session has a deadline before it
  std::vector<packet::ConnectionSlot> up_, confirmed_;
  std::map<packet::ConnectionSlot, std::pair<PeerId, bool>> known_;  // dialled, not confirmed
  std::optional<PeerId> expected_;
  Bytes in_, out_;
  base::DatagramsOut held_;
  std::size_t held_from_ = 0;
  Instant busy_at_ = now;
};

}  // namespace kith::bench
