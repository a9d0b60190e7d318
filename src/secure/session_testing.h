// For the tests of sessions: two of them over lists of bytes, on virtual time.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/peer_id.h"
#include "secure/noise_testing.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

namespace kith::secure::session_testing {

/// A node: what its sessions share.
struct SessionNode {
  explicit SessionNode(std::uint8_t number)
      : rng(number),
        key(testing::identity_key(number)),
        config{.identity = make_session_identity(key, crypto::X25519KeyPair::generate(rng)),
               .network = crypto::sha256(base::as_bytes("test")),
               .ciphers = {crypto::CipherId::aes_256_gcm, crypto::CipherId::chacha20_poly1305},
               .parameters = Bytes(3, number)} {}

  PeerId peer() const { return config.identity->peer; }

  SeededRng rng;
  crypto::KeyPair key;
  SessionConfig config;
  Tickets tickets;
};

struct SaidHandshake {
  HandshakeMessage message;
  Bytes bytes;
};

struct EpochKeys {
  Bytes receive, send;
  bool may_send = false;
};

/// One session with what it has said and not yet delivered.
struct SessionSide {
  SessionSide(SessionNode& own_node, Direction direction, std::optional<PeerId> expected,
              Instant now)
      : node(own_node),
        session(own_node.config, direction, std::move(expected), own_node.tickets, own_node.rng,
                now) {
    drain(now);
  }

  void input(Instant now, Session::Input what) {
    session.on_input(now, std::move(what));
    drain(now);
  }
  /// Of a copy, since it is opened in place.
  void hear(Instant now, SaidHandshake said) {
    input(now, HandshakeReceived{said.message, said.bytes});
  }
  void hear_session(Instant now, ByteView bytes) { input(now, SessionReceived{bytes}); }
  void deadline(Instant now) {
    session.on_deadline(now);
    drain(now);
  }

  void drain(Instant now) {
    while (auto output = session.poll_output(now)) {
      ASSERT(!fault);  // nothing follows
      std::visit(Overload{[&](SayHandshake& say) {
                            handshake.push_back({say.message, std::move(say.bytes)});
                          },
                          [&](SaySession& say) { base::append(stream, say.bytes); },
                          [&](KeysReady& ready) { take_keys(ready); },
                          [&](SessionEstablished& value) {
                            ASSERT(!established);
                            established = std::move(value);
                          },
                          [&](SessionConfirmed&) {
                            ASSERT(!is_confirmed);
                            is_confirmed = true;
                          },
                          [&](TicketArrived& ticket) {
                            ++tickets_got;
                            node.tickets.keep(now, ticket.peer, std::move(ticket.ticket),
                                              std::move(ticket.secret));
                          },
                          [&](SessionHint& value) {
                            ASSERT(!hint);
                            hint = std::move(value.error);
                          },
                          [&](SessionFault& value) {
                            fault = std::move(value.error);
                            tells_peer = value.tell_peer;
                          }},
                 *output);
    }
  }

  void take_keys(const KeysReady& ready) {
    cipher = ready.cipher;
    EpochKeys& of_epoch = epochs[ready.epoch];
    if (!of_epoch.receive.empty()) {  // said again, with leave to send
      ASSERT(!of_epoch.may_send && ready.may_send);
      ASSERT(base::equal(of_epoch.send, ready.send.view()));
    }
    of_epoch = {base::to_bytes(ready.receive.view()), base::to_bytes(ready.send.view()),
                ready.may_send};
    if (ready.may_send) send_epoch = ready.epoch;
  }

  /// What it last said of the handshake.
  SaidHandshake last() const {
    ASSERT(!handshake.empty());
    return handshake.back();
  }
  Bytes exported(std::string_view label, std::string_view context = {}) const {
    Bytes out(32);
    session.export_key(label, base::as_bytes(context), out);
    return out;
  }

  SessionNode& node;
  Session session;
  std::vector<SaidHandshake> handshake;
  Bytes stream;
  std::map<std::uint64_t, EpochKeys> epochs;
  std::uint64_t send_epoch = 0;
  crypto::CipherId cipher{};
  std::optional<SessionEstablished> established;
  bool is_confirmed = false;
  std::size_t tickets_got = 0;
  std::optional<Error> hint, fault;
  bool tells_peer = false;
};

struct SessionPair {
  SessionPair(SessionNode& a, SessionNode& b, Instant start = {})
      : now(start),
        initiator(a, Direction::outbound, b.peer(), start),
        responder(b, Direction::inbound, std::nullopt, start) {}

  void shake_hands() {
    responder.hear(now, initiator.last());
    if (responder.handshake.empty()) return;
    initiator.hear(now, responder.last());
    if (initiator.handshake.size() < 2) return;
    responder.hear(now, initiator.last());
    if (responder.handshake.size() < 2) return;
    initiator.hear(now, responder.last());
  }

  /// Session bytes both ways until nobody says more; `piece` bytes at a time.
  void exchange(std::size_t piece = 1000) {
    while (!initiator.stream.empty() || !responder.stream.empty()) {
      carry(initiator, responder, piece);
      carry(responder, initiator, piece);
    }
  }
  void carry(SessionSide& from, SessionSide& to, std::size_t piece) {
    const Bytes bytes = std::exchange(from.stream, {});
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      to.hear_session(now, ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
  }
  /// A packet of `from` arrives, under the newest keys that it may send with.
  void packet(SessionSide& from, SessionSide& to) {
    const EpochKeys& sealed = from.epochs.at(from.send_epoch);
    ASSERT(to.epochs.contains(from.send_epoch));
    ASSERT(to.epochs.at(from.send_epoch).receive == sealed.send);
    to.input(now, EpochUsed{from.send_epoch});
  }
  void settle() {
    exchange();
    packet(initiator, responder);
    packet(responder, initiator);
    exchange();
  }
  void wait(Duration time) {
    now += time;
    initiator.deadline(now);
    responder.deadline(now);
  }

  Instant now;
  SessionSide initiator;
  SessionSide responder;
};

/// That both have each other and the same keys, which nobody else has.
inline void expect_established(const SessionPair& pair, bool is_resumed = false) {
  const SessionSide& a = pair.initiator;
  const SessionSide& b = pair.responder;
  ASSERT_TRUE(a.established && b.established);
  EXPECT_TRUE(a.is_confirmed);
  EXPECT_FALSE(a.fault || b.fault);
  EXPECT_EQ(a.established->peer, b.node.peer());
  EXPECT_EQ(b.established->peer, a.node.peer());
  EXPECT_EQ(a.established->key, b.node.key.public_key());
  EXPECT_EQ(b.established->key, a.node.key.public_key());
  EXPECT_EQ(a.established->id, b.established->id);
  EXPECT_EQ(a.established->parameters, b.node.config.parameters);
  EXPECT_EQ(b.established->parameters, a.node.config.parameters);
  EXPECT_EQ(a.established->is_resumed, is_resumed);
  EXPECT_EQ(b.established->is_resumed, is_resumed);
  EXPECT_EQ(a.cipher, b.cipher);
  const std::uint64_t epoch = a.send_epoch;
  EXPECT_EQ(epoch, b.send_epoch);
  EXPECT_EQ(a.epochs.at(epoch).receive, b.epochs.at(epoch).send);
  EXPECT_EQ(a.epochs.at(epoch).send, b.epochs.at(epoch).receive);
  EXPECT_NE(a.epochs.at(epoch).send, a.epochs.at(epoch).receive);
  EXPECT_EQ(a.exported("x"), b.exported("x"));
}

}  // namespace kith::secure::session_testing
