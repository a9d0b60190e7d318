// The four messages of a session's handshake, each side by itself: bytes in, bytes and the peer's
// identity out. Internal to secure/; session.h says when they are said and what follows.
//
// Each function says why it did not take a message: `ignored` when anybody could have made it, and
// then nothing has changed; `is_proof` when only the peer could, and then the handshake is over.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "secure/noise_pattern.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

namespace kith::secure {

/// What a handshake leaves.
struct SessionAgreement {
  SessionEstablished peer;
  crypto::CipherId cipher;
  SessionSecret from_initiator, from_responder;
  SessionExtras extras;
};

struct HandshakeRefusal {
  Error error;
  bool is_proof = false;
  bool is_hint = false;  // worth an unsealed hint; never of a proof, which ends the session
};
template <class T>
using Heard = std::expected<T, HandshakeRefusal>;

/// Of a config: its own, or the processor's.
std::vector<crypto::CipherId> session_ciphers(const SessionConfig& config);

class SessionInitiator {
 public:
  SessionInitiator(const SessionConfig& config, std::optional<PeerId> expected, Tickets& tickets,
                   Instant now);

  bool has_ticket() const { return ticket_.has_value(); }
  void drop_ticket() { ticket_.reset(); }
  /// Of a new Noise handshake each time.
  Bytes hello(Rng& rng);

  struct Answered {
    Bytes auth_proof;
    SessionAgreement agreement;
  };
  Heard<Answered> on_response(ByteSpan bytes, Rng& rng);

 private:
  Result<Answered> conclude(ByteView payload, Rng& rng);

  const SessionConfig& config_;
  std::optional<PeerId> expected_;
  std::optional<Tickets::Kept> ticket_;
  std::optional<NoiseHandshake> noise_;
};

class SessionResponder {
 public:
  static constexpr std::size_t hellos_max = 4;

  SessionResponder(const SessionConfig& config, std::optional<PeerId> expected, Tickets& tickets)
      : config_(config), expected_(expected), tickets_(tickets) {}

  bool is_empty() const { return candidates_.empty(); }
  /// RESPONSE; of a HELLO that was had the same one again.
  Heard<Bytes> on_hello(Instant now, ByteSpan bytes, Rng& rng);

  struct Proved {
    Bytes final;
    SessionAgreement agreement;
  };
  Heard<Proved> on_auth_proof(ByteSpan bytes);

 private:
  /// A HELLO that was answered. The first few are kept: whoever copies and alters one cannot push
  /// the true one out.
  struct Candidate {
    crypto::Hash256 hello;
    NoiseHandshake noise;
    crypto::CipherId cipher;
    Bytes response;
    std::optional<PeerId> holder;  // of the ticket
    Bytes parameters;              // with a ticket
  };
  struct Hello;

  Heard<Candidate> read_hello(Instant now, ByteSpan bytes);
  Heard<Candidate> read_noise(const Hello& hello, ByteSpan message);
  Result<void> write_response(Candidate& candidate, Rng& rng) const;
  Result<SessionAgreement> judge(Candidate& candidate, ByteView payload) const;

  const SessionConfig& config_;
  std::optional<PeerId> expected_;
  Tickets& tickets_;
  std::vector<Candidate> candidates_;
};

}  // namespace kith::secure
