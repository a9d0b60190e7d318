// A sovereign session: who the peer is, and which keys hold when. Four handshake messages (HELLO,
// RESPONSE, AUTH_PROOF, FINAL) by Noise XX, XXpsk3 or NNpsk0, then offers of new keys and tickets
// in an ordered stream that whoever carries the session provides. Knows no packets, no sockets.
// Bytes: docs/protocol/session.md.
//
// Anybody can forge a handshake message, so one that does not open is ignored, counted and changes
// nothing: the true one may still come. Only what opened and is wrong (another identity, a
// signature that does not verify) ends the session at once. Where the carrier is an ordered stream
// (TCP), nobody but the peer can have said it, and what does not open ends the session too, but for
// two answers to a HELLO whose ticket was left out meanwhile.
//
// Limits: a handshake ends within `handshake_timeout`; messages of 4,800 bytes; 4 different HELLOs
// are answered; one rotation at a time, `rotation_gap` apart: a peer's earlier offer waits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/machine.h"
#include "base/rng.h"
#include "crypto/key.h"
#include "crypto/packet_cipher.h"
#include "crypto/x25519.h"
#include "secure/session_keys.h"

namespace kith::secure {

inline constexpr std::size_t session_handshake_bytes_max = 4800;
inline constexpr std::size_t session_parameters_bytes_max = 1024;
inline constexpr std::size_t session_ciphers_max = 8;

/// On the wire, first byte of a handshake payload.
enum class HandshakeMessage : std::uint8_t { hello = 0, response = 1, auth_proof = 2, final = 3 };
/// As STT names them; for statistics.
enum class SessionState : std::uint8_t { init, handshake, active, key_rotating, closing, closed };

/// A static key with the signature that vouches for it. Made once by a node and shared by all its
/// sessions: it spares each of them a key generation and a signature.
struct SessionIdentity {
  crypto::X25519KeyPair key;
  PeerId peer;
  Bytes encoded;  // public key and signature, as a handshake says them
};
std::shared_ptr<const SessionIdentity> make_session_identity(const crypto::KeyPair& identity,
                                                             crypto::X25519KeyPair key);

struct SessionConfig {
  std::shared_ptr<const SessionIdentity> identity = nullptr;
  crypto::Hash256 network{};                           // of the network's name
  std::optional<crypto::Hash256> seed = std::nullopt;  // XXpsk3, and XX refused
  std::vector<crypto::CipherId> ciphers = {};          // most wanted first; none: by the processor
  bool carrier_is_ordered = false;
  Duration handshake_timeout = 30s;
  /// After which an initiator that had no answer to its ticket says HELLO without.
  Duration ticket_patience = 2s;
  std::uint64_t rotate_bytes = 100'000'000;
  std::uint64_t rotate_messages = 1 << 20;
  Duration rotate_interval = 1h;
  Duration rotation_gap = 20ms;
  std::uint32_t tickets_given = 2;  // 0: none
  Bytes parameters =
      {};  // of whoever carries the session: opaque, given to the peer under its keys
};

// Inputs.
struct HandshakeReceived {
  HandshakeMessage message;
  ByteSpan bytes;  // opened in place
};
struct SessionReceived {  // of the ordered stream, in any cut
  ByteView bytes;
};
struct EpochUsed {  // a packet of that epoch has opened
  std::uint64_t epoch;
};
struct Sealed {  // since the last time it was said
  std::uint64_t bytes, packets, messages;
};
/// The peer hinted that it does not take the ticket: HELLO is said without, if it was with one.
/// After `ticket_patience` a session does so by itself.
struct TicketRefused {};
struct RotateNow {};
struct CloseSession {};

// Outputs.
struct SayHandshake {  // until the next one is heard, said again as the carrier sees fit
  HandshakeMessage message;
  Bytes bytes;
};
struct SaySession {
  Bytes bytes;
};
/// Keys of an epoch. Without `may_send` only to open with: the peer may not have its keys yet. Said
/// again with it. Make ciphers of them by direction_keys().
struct KeysReady {
  std::uint64_t epoch;
  crypto::CipherId cipher;
  SessionSecret receive, send;
  bool may_send;
};
/// The peer is who it says. The responder's comes with AUTH_PROOF, the initiator's with RESPONSE.
struct SessionEstablished {
  PeerId peer;
  crypto::PublicKey key;
  crypto::Hash256 id;  // the handshake hash
  Bytes parameters;
  bool is_resumed;
};
/// The initiator's: FINAL came and fits, or a packet of the responder's has opened.
struct SessionConfirmed {};
/// For Tickets::keep().
struct TicketArrived {
  PeerId peer;
  Bytes ticket;
  crypto::SecretBytes secret;
};
/// A HELLO that could be read and not be taken (`refused`: its ticket; `unsupported`: version,
/// pattern or ciphers), for an unsealed hint. Said once; the session goes on.
struct SessionHint {
  Error error;
};
/// The session is over; nothing follows.
struct SessionFault {
  Error error;
  bool tell_peer;  // by a hint
};

class Tickets;  // secure/session_ticket.h: issues, opens once, keeps those for others

class Session {
 public:
  using Input = std::variant<HandshakeReceived, SessionReceived, EpochUsed, Sealed, TicketRefused,
                             RotateNow, CloseSession>;
  using Output = std::variant<SayHandshake, SaySession, KeysReady, SessionEstablished,
                              SessionConfirmed, TicketArrived, SessionHint, SessionFault>;

  /// Config, tickets and rng outlive it. An initiator says HELLO at once, with a ticket for
  /// `expected` if there is one.
  Session(const SessionConfig& config, Direction direction, std::optional<PeerId> expected,
          Tickets& tickets, Rng& rng, Instant now);
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  void on_input(Instant now, Input input);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  SessionState state() const;
  std::uint64_t rotations() const;
  /// Handshake messages that did not open, or came when they had no meaning.
  std::uint64_t ignored() const;
  /// REQUIRES: established, and neither ended nor closed.
  void export_key(std::string_view label, ByteView context, ByteSpan out) const;

 private:
  struct Impl;  // most of it is the handshake, which goes when it is done
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::secure
