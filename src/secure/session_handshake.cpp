#include "secure/session_handshake.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "secure/session_message.h"

namespace kith::secure {

namespace {

std::unexpected<HandshakeRefusal> handshake_ignored(Error error) {
  return std::unexpected(HandshakeRefusal{std::move(error), false, false});
}
std::unexpected<HandshakeRefusal> handshake_hinted(Error error) {
  return std::unexpected(HandshakeRefusal{std::move(error), false, true});
}
std::unexpected<HandshakeRefusal> handshake_failed(Error error) {
  return std::unexpected(HandshakeRefusal{std::move(error), true, false});
}

NoisePattern full_pattern(const SessionConfig& config) {
  return config.seed ? NoisePattern::xx_psk3 : NoisePattern::xx;
}

NoiseHandshake full_handshake(const SessionConfig& config, Direction direction) {
  const SessionSecret psk = config.seed ? seed_psk(*config.seed) : SessionSecret();
  const NoisePattern pattern = full_pattern(config);
  return NoiseHandshake(pattern, direction, &config.identity->key, psk.view(),
                        session_prologue(pattern, config.network, {}));
}

NoiseHandshake resumed_handshake(const SessionConfig& config, Direction direction, ByteView ticket,
                                 const SessionSecret& secret) {
  return NoiseHandshake(NoisePattern::nn_psk0, direction, nullptr, secret.view(),
                        session_prologue(NoisePattern::nn_psk0, config.network, ticket));
}

Result<void> check_expected(const PeerId& peer, const std::optional<PeerId>& expected) {
  if (!expected || *expected == peer) return {};
  return fail(Code::wrong_peer, base::format("peer is {}, expected {}", codec::to_text(peer),
                                             codec::to_text(*expected)));
}

/// Who the other side is: dialled, and vouched for by its signature over the static key.
Result<SessionEstablished> check_identity(codec::Reader& from, const NoiseHandshake& noise,
                                          const std::optional<PeerId>& expected) {
  SessionIdentityRead identity = TRY(decode_identity(from));
  TRY_VOID(check_expected(identity.peer, expected));
  TRY_VOID(crypto::verify(identity.key, session_signed_bytes(noise.remote_static()),
                          identity.signature));
  SessionEstablished peer{identity.peer, std::move(identity.key), {}, {}, false};
  return peer;
}

Result<SessionEstablished> resumed_peer(const PeerId& peer) {
  auto key = codec::key_inside(peer);
  if (!key) {
    return fail(Code::unsupported,
                base::format("{} came back by a ticket, and its id does not hold its key",
                             codec::to_text(peer)));
  }
  return SessionEstablished{peer, std::move(*key), {}, {}, true};
}

/// What a finished Noise handshake leaves.
SessionAgreement agreement_of(SessionEstablished peer, crypto::CipherId cipher,
                              const NoiseHandshake& noise) {
  NoiseHandshake::Secrets secrets = noise.split();
  peer.id = noise.handshake_hash();
  return {std::move(peer), cipher, std::move(secrets.from_initiator),
          std::move(secrets.from_responder), session_extras(noise.chaining_key())};
}

Bytes confirmation_bytes(const SessionSecret& key, const crypto::Hash256& handshake) {
  return base::to_bytes(ByteView(confirmation(key, handshake)));
}

}  // namespace

std::vector<crypto::CipherId> session_ciphers(const SessionConfig& config) {
  if (!config.ciphers.empty()) return config.ciphers;
  const auto preferred = crypto::preferred_ciphers();
  return {preferred.begin(), preferred.end()};
}

SessionInitiator::SessionInitiator(const SessionConfig& config, std::optional<PeerId> expected,
                                   Tickets& tickets, Instant now)
    : config_(config), expected_(expected) {
  if (expected_ && Tickets::can_hold(*expected_)) ticket_ = tickets.take(now, *expected_);
}

Bytes SessionInitiator::hello(Rng& rng) {
  const ByteView ticket = ticket_ ? ByteView(ticket_->ticket) : ByteView();
  noise_.emplace(ticket_ ? resumed_handshake(config_, Direction::outbound, ticket, ticket_->secret)
                         : full_handshake(config_, Direction::outbound));
  Bytes payload;
  codec::Writer to(payload);
  encode_ciphers(to, session_ciphers(config_));
  if (ticket_) encode_parameters(to, config_.parameters);
  Bytes out = encode_hello_start(noise_->pattern(), ticket);
  const auto written = noise_->write_message(rng, payload, out);
  ASSERT(written.has_value());  // the first message needs no key of the peer's
  return out;
}

Heard<SessionInitiator::Answered> SessionInitiator::on_response(ByteSpan bytes, Rng& rng) {
  const auto payload = noise_->read_message(bytes);
  if (!payload) return handshake_ignored(payload.error());
  auto answered = conclude(*payload, rng);
  if (!answered) return handshake_failed(std::move(answered).error());
  return std::move(*answered);
}

Result<SessionInitiator::Answered> SessionInitiator::conclude(ByteView payload, Rng& rng) {
  const bool is_resumed = noise_->pattern() == NoisePattern::nn_psk0;
  codec::Reader from(payload);
  const std::uint8_t cipher = TRY(from.u8());
  const auto offered = session_ciphers(config_);
  if (std::find(offered.begin(), offered.end(), static_cast<crypto::CipherId>(cipher)) ==
      offered.end()) {
    return fail(Code::protocol, base::format("cipher {} was chosen and not offered", cipher));
  }
  SessionEstablished peer =
      is_resumed ? TRY(resumed_peer(*expected_)) : TRY(check_identity(from, *noise_, expected_));
  peer.parameters = TRY(decode_parameters(from));
  TRY_VOID(from.finish());

  Answered answered;
  if (!is_resumed) {
    Bytes own = config_.identity->encoded;
    codec::Writer to(own);
    encode_parameters(to, config_.parameters);
    TRY_VOID(noise_->write_message(rng, own, answered.auth_proof));
  }
  answered.agreement =
      agreement_of(std::move(peer), static_cast<crypto::CipherId>(cipher), *noise_);
  if (is_resumed) {
    answered.auth_proof =
        confirmation_bytes(answered.agreement.extras.confirm_initiator, answered.agreement.peer.id);
  }
  return answered;
}

struct SessionResponder::Hello {
  HelloStart start;
  std::optional<Tickets::Opened> ticket;
};

Heard<Bytes> SessionResponder::on_hello(Instant now, ByteSpan bytes, Rng& rng) {
  const crypto::Hash256 hash = crypto::sha256(ByteView(bytes));
  for (const Candidate& candidate : candidates_) {
    if (candidate.hello == hash) return candidate.response;
  }
  if (candidates_.size() == hellos_max) {
    return handshake_ignored(
        {Code::limit, base::format("a HELLO after {} different ones", hellos_max)});
  }
  auto candidate = read_hello(now, bytes);
  if (!candidate) return std::unexpected(std::move(candidate).error());
  candidate->hello = hash;
  const auto written = write_response(*candidate, rng);
  if (!written) return handshake_ignored(written.error());
  candidates_.push_back(std::move(*candidate));
  return candidates_.back().response;
}

Heard<SessionResponder::Candidate> SessionResponder::read_hello(Instant now, ByteSpan bytes) {
  const auto start = decode_hello_start(bytes);
  if (!start) {
    return start.error().code == Code::unsupported ? handshake_hinted(start.error())
                                                   : handshake_ignored(start.error());
  }
  Hello hello{*start, std::nullopt};
  if (start->pattern == NoisePattern::nn_psk0) {
    auto ticket = tickets_.open(now, config_.identity->peer, start->ticket);
    if (!ticket) return handshake_hinted(std::move(ticket).error());
    hello.ticket = std::move(*ticket);
  } else if (start->pattern != full_pattern(config_)) {
    return handshake_hinted({Code::unsupported, config_.seed
                                                    ? "a handshake without this network's seed"
                                                    : "a handshake with a seed, here is none"});
  }
  auto candidate = read_noise(hello, bytes.subspan(start->bytes));
  // Only now: whoever alters a HELLO must not use up its ticket.
  if (candidate && hello.ticket && !tickets_.use(*hello.ticket)) {
    return handshake_hinted({Code::refused, "a ticket that was used before"});
  }
  return candidate;
}

Heard<SessionResponder::Candidate> SessionResponder::read_noise(const Hello& hello,
                                                                ByteSpan message) {
  NoiseHandshake noise = hello.ticket ? resumed_handshake(config_, Direction::inbound,
                                                          hello.start.ticket, hello.ticket->secret)
                                      : full_handshake(config_, Direction::inbound);
  const auto payload = noise.read_message(message);
  if (!payload) return handshake_ignored(payload.error());
  codec::Reader from(*payload);
  const auto theirs = decode_ciphers(from);
  if (!theirs) return handshake_ignored(theirs.error());
  Bytes parameters;
  if (hello.ticket) {
    auto read = decode_parameters(from);
    if (!read) return handshake_ignored(std::move(read).error());
    parameters = std::move(*read);
  }
  if (const auto finished = from.finish(); !finished) return handshake_ignored(finished.error());

  const auto ours = session_ciphers(config_);
  const auto chosen = std::find_first_of(theirs->begin(), theirs->end(), ours.begin(), ours.end());
  if (chosen == theirs->end()) {
    return handshake_hinted({Code::unsupported, "no cipher in common"});
  }
  std::optional<PeerId> holder;
  if (hello.ticket) holder = hello.ticket->holder;
  return Candidate{{}, std::move(noise), *chosen, {}, holder, std::move(parameters)};
}

Result<void> SessionResponder::write_response(Candidate& candidate, Rng& rng) const {
  Bytes payload{static_cast<std::uint8_t>(candidate.cipher)};
  if (!candidate.holder) base::append(payload, config_.identity->encoded);
  codec::Writer to(payload);
  encode_parameters(to, config_.parameters);
  return candidate.noise.write_message(rng, payload, candidate.response);
}

Heard<SessionResponder::Proved> SessionResponder::on_auth_proof(ByteSpan bytes) {
  std::optional<Error> last;
  for (Candidate& candidate : candidates_) {
    Result<ByteView> payload = ByteView();
    Bytes copy;  // opening destroys what the next candidate is to open
    if (candidate.holder) {
      const auto extras = session_extras(candidate.noise.chaining_key());
      const auto proof = confirmation(extras.confirm_initiator, candidate.noise.handshake_hash());
      if (!crypto::equal_in_constant_time(proof, bytes)) {
        payload = fail(Code::bad_signature, "AUTH_PROOF does not fit the ticket");
      }
    } else {
      copy.assign(bytes.begin(), bytes.end());
      payload = candidate.noise.read_message(copy);
    }
    if (!payload) {
      last = payload.error();
      continue;
    }
    auto agreement = judge(candidate, *payload);
    if (!agreement) return handshake_failed(std::move(agreement).error());
    Bytes final = confirmation_bytes(agreement->extras.confirm_responder, agreement->peer.id);
    return Proved{std::move(final), std::move(*agreement)};
  }
  return handshake_ignored(last.value_or(Error{Code::protocol, "AUTH_PROOF before HELLO"}));
}

Result<SessionAgreement> SessionResponder::judge(Candidate& candidate, ByteView payload) const {
  if (candidate.holder) {
    TRY_VOID(check_expected(*candidate.holder, expected_));
    SessionEstablished peer = TRY(resumed_peer(*candidate.holder));
    peer.parameters = std::move(candidate.parameters);
    return agreement_of(std::move(peer), candidate.cipher, candidate.noise);
  }
  codec::Reader from(payload);
  SessionEstablished peer = TRY(check_identity(from, candidate.noise, expected_));
  peer.parameters = TRY(decode_parameters(from));
  TRY_VOID(from.finish());
  return agreement_of(std::move(peer), candidate.cipher, candidate.noise);
}

}  // namespace kith::secure
