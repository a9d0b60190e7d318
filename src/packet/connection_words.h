// The words of a connection: its configuration, what is told to it, what it tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "crypto/packet_cipher.h"
#include "crypto/secret.h"
#include "packet/mtu.h"
#include "packet/paths.h"
#include "packet/recovery.h"
#include "packet/services.h"
#include "packet/state.h"

namespace kith::packet {

/// Datagrams that may be lost, or frames of an ordered stream: then acknowledgements, pacing, MTU
/// and paths are off, numbers follow each other exactly, and what does not open is a fault.
enum class Carrier : std::uint8_t { datagrams, ordered };

struct PacketConfig {
  ServicesConfig services;
  RecoveryConfig recovery;
  MtuConfig mtu;
  std::size_t packet_bytes_max = 65'507;  // that this side takes
  Duration handshake_retry = 250ms;       // doubled each time, up to…
  Duration handshake_retry_max = 4s;
  Duration handshake_timeout = 30s;
  Duration idle_timeout = 60s, keep_alive = 15s;
  /// How long a close waits for what is not acknowledged: since something was, and in all.
  Duration linger = 10s, linger_max = 60s;
  Duration release_after = 250ms;  // of idleness, or 3 probe timeouts, until memory is given back
};

/// An unsealed ERROR that is a hint: this, and a u16 of kith::Code. Others are the endpoint's.
inline constexpr std::uint8_t bare_hint = 1;
inline constexpr std::uint16_t hint_payload_bytes = 3;

// Inputs beside those of Services, which is reached by services().
/// What the session says in its handshake; until the next one it is said again and again.
struct HandshakeBytes {
  std::uint8_t message;
  Bytes bytes;
};
/// Why our session does not answer the peer's HELLO, `refused` or `unsupported`: said once,
/// unsealed, and only before our first message. Anybody could have said it, so the peer believes
/// little of it.
struct HintBytes {
  Code code;
};
/// The session needs the handshake no more: the peer has the last message.
struct HandshakeDone {};
/// At most session_room() bytes.
struct SessionBytes {
  Bytes bytes;
};
/// Of secure/'s KeysReady; the parent makes ciphers of its secrets.
struct SealKeys {
  std::uint64_t epoch;
  std::optional<crypto::PacketCipher> receive, send;
  /// Of epoch 0 alone, 32 bytes: what hides where numbers begin.
  std::optional<crypto::SecretBytes> receive_offset_key, send_offset_key;
};
/// `malformed` ones end the connection.
struct PeerParameters {
  Bytes bytes;
};
/// When all that was written has been acknowledged; `linger` bounds that.
struct CloseConnection {};
/// At once; the peer hears code and reason (at most close_reason_bytes_max).
struct AbortConnection {
  Code code;
  std::string reason;
};
/// This side has another address; a spare id of the peer is taken for it.
struct MoveTo {
  Path path;
};

// Outputs beside those of Services.
struct HandshakeArrived {
  std::uint8_t message;
  ByteSpan bytes;  // opened in place
};
/// In SYN_SENT, once: the peer, or anybody, says why HELLO is not answered. `refused`: its ticket;
/// `unsupported`: all of it.
struct HintArrived {
  Code code;
};
struct SessionArrived {
  ByteView bytes;
};
/// The first packet of that epoch has opened.
struct EpochOpened {
  std::uint64_t epoch;
};
/// Sealed since the last time.
struct Traffic {
  std::uint64_t bytes, packets, messages;
};
struct PathChanged {
  Path path;
};
/// Nothing follows. Without an error both sides had said all.
struct ConnectionEnded {
  const Error* error;  // or null; as long as the connection
};

struct ConnectionCounts {
  std::uint64_t bytes_received = 0, bytes_sent = 0, packets_received = 0, packets_sent = 0;
  std::uint64_t packets_dropped = 0;  // of them: those that did not open, came twice, or too early
  std::uint64_t packets_resent = 0;   // RETRANSMIT: with bytes of which some had been lost
  std::uint64_t path_changes = 0;
};
struct ConnectionStats : ConnectionCounts {
  State state = State::closed;
  Duration rtt{0}, rtt_least{0};
  RecoveryStats recovery;
  std::uint64_t epoch = 0;  // of what is sent
  std::size_t mtu_bytes = 0;
};

}  // namespace kith::packet
