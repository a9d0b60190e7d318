#include "secure/session.h"

#include <algorithm>

#include "base/format.h"
#include "base/queue.h"
#include "codec/peer_id.h"
#include "secure/session_handshake.h"
#include "secure/session_message.h"
#include "secure/session_rotation.h"

namespace kith::secure {

namespace {

/// Between tickets given at rotations, which may be many a second.
constexpr Duration ticket_interval = 1h;
/// So many answers to a HELLO with a ticket may still come after one without was said.
constexpr std::uint8_t late_answers_max = 2;

}  // namespace

std::shared_ptr<const SessionIdentity> make_session_identity(const crypto::KeyPair& identity,
                                                             crypto::X25519KeyPair key) {
  const crypto::Signature signature = identity.sign(session_signed_bytes(key.public_key()));
  const crypto::PublicKey public_key = identity.public_key();
  Bytes encoded = encode_identity(public_key, signature);
  return std::make_shared<const SessionIdentity>(
      SessionIdentity{std::move(key), codec::peer_id_of(public_key), std::move(encoded)});
}

/// What is needed until the peer has confirmed; then it goes, so that idle costs little.
struct SessionGreeting {
  Instant ends;
  std::optional<Instant> ticket_ends;  // of the patience with it
  std::uint8_t late_answers = 0;       // that may come and do not open, once it is left out
  std::optional<Error> last_refusal;   // for the sentence of a timeout
  crypto::Hash256 last_said{};         // hash of the RESPONSE that the carrier says again
  std::unique_ptr<SessionInitiator> initiator;  // these go when it is established
  std::unique_ptr<SessionResponder> responder;
  crypto::Hash256 id{};             // what FINAL
  SessionSecret confirm_responder;  // is to prove
};

struct Session::Impl {
  Impl(const SessionConfig& own_config, Direction own_direction, std::optional<PeerId> expected,
       Tickets& own_tickets, Rng& source, Instant now);

  void on_handshake(Instant now, const HandshakeReceived& received);
  void on_hello(Instant now, ByteSpan bytes);
  void on_response(Instant now, ByteSpan bytes);
  void on_auth_proof(Instant now, ByteSpan bytes);
  void on_final(Instant now, ByteView bytes);
  void establish(Instant now, SessionAgreement& agreement);
  void confirm(Instant now);
  void refuse(HandshakeRefusal refusal);
  void out_of_turn(std::string_view what);
  void on_session_bytes(Instant now, ByteView bytes);
  Result<void> on_session_message(Instant now, ByteView message);
  void on_epoch_used(Instant now, std::uint64_t epoch);
  void on_ticket_refused();
  void on_deadline(Instant now);
  void time_out();
  std::optional<Instant> next_deadline() const;
  Result<void> take_ticket(ByteView id, ByteView ticket);
  void give_ticket(Instant now);
  void give_ticket_of_rotation(Instant now);
  void say(HandshakeMessage message, Bytes bytes);
  void fault(Error error, bool tell_peer);
  void end();
  void check(Result<void> result) {
    if (!result) fault(std::move(result).error(), false);
  }

  const SessionConfig& config;
  Tickets& tickets;
  Rng& rng;
  Direction direction;
  bool is_over = false;
  bool has_hinted = false;
  std::uint64_t ignored = 0;
  std::unique_ptr<SessionGreeting> greeting;  // none once confirmed

  std::optional<SessionRotation> rotation;  // from here on: established
  PeerId peer;
  SessionSecret exporter;
  Bytes partial;  // a message of the stream that is not whole yet
  std::uint32_t tickets_taken = 0;
  Instant last_ticket;
  std::uint64_t rotations_seen = 0;
  base::Queue<Output> outputs;
};

Session::Impl::Impl(const SessionConfig& own_config, Direction own_direction,
                    std::optional<PeerId> expected, Tickets& own_tickets, Rng& source, Instant now)
    : config(own_config),
      tickets(own_tickets),
      rng(source),
      direction(own_direction),
      greeting(std::make_unique<SessionGreeting>()) {
  ASSERT(config.identity != nullptr);
  ASSERT(config.ciphers.size() <= session_ciphers_max);
  ASSERT(config.parameters.size() <= session_parameters_bytes_max);
  greeting->ends = now + config.handshake_timeout;
  if (direction == Direction::inbound) {
    greeting->responder = std::make_unique<SessionResponder>(config, expected, tickets);
    return;
  }
  greeting->initiator = std::make_unique<SessionInitiator>(config, expected, tickets, now);
  if (greeting->initiator->has_ticket()) greeting->ticket_ends = now + config.ticket_patience;
  say(HandshakeMessage::hello, greeting->initiator->hello(rng));
}

void Session::Impl::say(HandshakeMessage message, Bytes bytes) {
  outputs.push_back(SayHandshake{message, std::move(bytes)});
}

void Session::Impl::on_handshake(Instant now, const HandshakeReceived& received) {
  if (received.bytes.size() > session_handshake_bytes_max) {
    refuse({{Code::too_large, base::format("a handshake message of {} bytes, at most {}",
                                           received.bytes.size(), session_handshake_bytes_max)}});
    return;
  }
  switch (received.message) {
    case HandshakeMessage::hello: return on_hello(now, received.bytes);
    case HandshakeMessage::response: return on_response(now, received.bytes);
    case HandshakeMessage::auth_proof: return on_auth_proof(now, received.bytes);
    case HandshakeMessage::final: return on_final(now, received.bytes);
  }
  out_of_turn("of an unknown kind");
}

/// One that has no meaning here, or not any more.
void Session::Impl::out_of_turn(std::string_view what) {
  refuse({{Code::protocol, base::format("a handshake message {}", what)}});
}

void Session::Impl::refuse(HandshakeRefusal refusal) {
  ++ignored;
  if (refusal.is_proof) return fault(std::move(refusal.error), true);
  const bool is_ticket = refusal.error.code == Code::refused;
  if (config.carrier_is_ordered && !is_ticket) return fault(std::move(refusal.error), true);
  if (refusal.is_hint && !has_hinted) {
    has_hinted = true;
    outputs.push_back(SessionHint{refusal.error});
  }
  if (greeting) greeting->last_refusal = std::move(refusal.error);
}

void Session::Impl::on_hello(Instant now, ByteSpan bytes) {
  if (direction == Direction::outbound) return out_of_turn("HELLO from a responder");
  if (!greeting) return;  // said again, after the handshake
  auto response = greeting->responder->on_hello(now, bytes, rng);
  if (!response) return refuse(std::move(response).error());
  // A repeated HELLO is answered by the carrier, if its answer was the last.
  const crypto::Hash256 hash = crypto::sha256(*response);
  if (hash == greeting->last_said) return;
  greeting->last_said = hash;
  say(HandshakeMessage::response, std::move(*response));
}

void Session::Impl::on_response(Instant now, ByteSpan bytes) {
  if (direction == Direction::inbound) return out_of_turn("RESPONSE from an initiator");
  if (!greeting || !greeting->initiator) return;
  auto answered = greeting->initiator->on_response(bytes, rng);
  if (!answered) {
    const bool is_late = !answered.error().is_proof && greeting->late_answers > 0;
    if (!is_late) return refuse(std::move(answered).error());
    --greeting->late_answers;
    ++ignored;
    greeting->last_refusal = std::move(answered.error().error);
    return;
  }
  greeting->confirm_responder = std::move(answered->agreement.extras.confirm_responder);
  greeting->id = answered->agreement.peer.id;
  greeting->ticket_ends.reset();
  greeting->last_refusal.reset();
  greeting->initiator.reset();
  outputs.push_back(answered->agreement.peer);
  say(HandshakeMessage::auth_proof, std::move(answered->auth_proof));
  establish(now, answered->agreement);
}

void Session::Impl::on_auth_proof(Instant now, ByteSpan bytes) {
  if (direction == Direction::outbound) return out_of_turn("AUTH_PROOF from a responder");
  if (!greeting) return;
  auto proved = greeting->responder->on_auth_proof(bytes);
  if (!proved) return refuse(std::move(proved).error());
  greeting.reset();
  outputs.push_back(proved->agreement.peer);
  say(HandshakeMessage::final, std::move(proved->final));
  establish(now, proved->agreement);
  for (std::uint32_t i = 0; i < config.tickets_given; ++i) give_ticket(now);
}

void Session::Impl::establish(Instant now, SessionAgreement& agreement) {
  peer = agreement.peer.peer;
  exporter = std::move(agreement.extras.exporter);
  last_ticket = now;
  rotation.emplace(config, direction, agreement, rng, now, outputs);
}

void Session::Impl::on_final(Instant now, ByteView bytes) {
  if (direction == Direction::inbound) return out_of_turn("FINAL from an initiator");
  if (!greeting) return;
  if (!rotation) return out_of_turn("FINAL before RESPONSE");
  if (!crypto::equal_in_constant_time(confirmation(greeting->confirm_responder, greeting->id),
                                      bytes)) {
    return refuse({{Code::bad_signature, "FINAL does not fit the handshake"}});
  }
  confirm(now);
}

void Session::Impl::confirm(Instant now) {
  greeting.reset();
  outputs.push_back(SessionConfirmed{});
  for (std::uint32_t i = 0; i < config.tickets_given; ++i) give_ticket(now);
}

void Session::Impl::on_ticket_refused() {
  if (!greeting || !greeting->initiator || !greeting->initiator->has_ticket()) return;
  greeting->ticket_ends.reset();
  greeting->late_answers = late_answers_max;
  greeting->initiator->drop_ticket();
  say(HandshakeMessage::hello, greeting->initiator->hello(rng));
}

void Session::Impl::on_session_bytes(Instant now, ByteView bytes) {
  if (!rotation) return fault({Code::protocol, "session bytes before the handshake"}, false);
  while (!bytes.empty() && !is_over) {
    const std::uint8_t type = partial.empty() ? bytes.front() : partial.front();
    const std::size_t size = session_message_bytes(type);
    if (size == 0) {
      return fault({Code::protocol, base::format("a session message of type {}", type)}, false);
    }
    const std::size_t missing = size - partial.size();
    if (bytes.size() < missing) return base::append(partial, bytes);
    ByteView message = bytes.first(missing);
    Bytes whole;
    if (!partial.empty()) {
      whole = std::exchange(partial, {});
      base::append(whole, message);
      message = whole;
    }
    bytes = bytes.subspan(missing);
    check(on_session_message(now, message));
    if (!is_over) give_ticket_of_rotation(now);
  }
}

Result<void> Session::Impl::on_session_message(Instant now, ByteView message) {
  codec::Reader from(message);
  const auto type = static_cast<SessionMessage>(TRY(from.u8()));
  if (type == SessionMessage::ticket) {
    const ByteView ticket_id = TRY(from.bytes(ticket_id_bytes));
    return take_ticket(ticket_id, from.rest());
  }
  const std::uint64_t epoch = TRY(from.u64());
  crypto::X25519Public key;
  const ByteView bytes = from.rest();
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return type == SessionMessage::offer ? rotation->on_offer(now, epoch, key, outputs)
                                       : rotation->on_accept(now, epoch, key, outputs);
}

Result<void> Session::Impl::take_ticket(ByteView ticket_id, ByteView ticket) {
  const std::uint64_t most = Tickets::kept_a_peer_max + rotation->rotations();
  if (tickets_taken >= most) {
    return fail(Code::protocol,
                base::format("ticket {} of a session, at most {} by now", tickets_taken + 1, most));
  }
  ++tickets_taken;
  outputs.push_back(TicketArrived{peer, base::to_bytes(ticket), ticket_psk(exporter, ticket_id)});
  return {};
}

void Session::Impl::give_ticket(Instant now) {
  if (!Tickets::can_hold(peer) || !Tickets::can_hold(config.identity->peer)) return;
  TicketId ticket_id;
  rng.fill(ticket_id);
  const SessionSecret secret = ticket_psk(exporter, ticket_id);
  const Bytes ticket = tickets.issue(now, config.identity->peer, peer, secret, rng);
  outputs.push_back(SaySession{encode_ticket_message(ticket_id, ticket)});
  last_ticket = now;
}

void Session::Impl::give_ticket_of_rotation(Instant now) {
  if (rotation->rotations() == rotations_seen) return;
  rotations_seen = rotation->rotations();
  const bool is_due = now - last_ticket >= ticket_interval;
  if (is_due && !greeting && config.tickets_given > 0) give_ticket(now);
}

void Session::Impl::on_epoch_used(Instant now, std::uint64_t epoch) {
  if (!rotation) return;
  if (greeting) confirm(now);
  rotation->on_epoch_used(now, epoch, outputs);
}

void Session::Impl::on_deadline(Instant now) {
  if (greeting && now >= greeting->ends) return time_out();
  if (greeting && greeting->ticket_ends && now >= *greeting->ticket_ends) on_ticket_refused();
  if (!rotation) return;
  check(rotation->on_deadline(now, outputs));
  if (!is_over) give_ticket_of_rotation(now);
}

void Session::Impl::time_out() {
  const auto& last = greeting->last_refusal;
  const std::string_view seed = config.seed && last ? "; perhaps another seed" : "";
  fault({Code::timeout,
         base::format("no handshake within {} ms{}{}{}", base::to_ms(config.handshake_timeout),
                      last ? "; the last message: " : "", last ? last->message : "", seed)},
        false);
}

std::optional<Instant> Session::Impl::next_deadline() const {
  if (is_over) return std::nullopt;
  std::optional<Instant> next;
  if (greeting) next = base::soonest(greeting->ends, greeting->ticket_ends);
  if (rotation) next = base::soonest(next, rotation->next_deadline());
  return next;
}

void Session::Impl::fault(Error error, bool tell_peer) {
  end();
  outputs.push_back(SessionFault{std::move(error), tell_peer});
}

void Session::Impl::end() {
  is_over = true;
  greeting.reset();
  rotation.reset();
  exporter = SessionSecret();
  partial = {};
}

Session::Session(const SessionConfig& config, Direction direction, std::optional<PeerId> expected,
                 Tickets& tickets, Rng& rng, Instant now)
    : impl_(std::make_unique<Impl>(config, direction, expected, tickets, rng, now)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::on_input(Instant now, Input input) {
  Impl& impl = *impl_;
  if (impl.is_over) return;
  std::visit(
      Overload{[&](const HandshakeReceived& received) { impl.on_handshake(now, received); },
               [&](const SessionReceived& received) { impl.on_session_bytes(now, received.bytes); },
               [&](const EpochUsed& used) { impl.on_epoch_used(now, used.epoch); },
               [&](const Sealed& sealed) {
                 if (impl.rotation) impl.check(impl.rotation->on_sealed(now, sealed, impl.outputs));
               },
               [&](const TicketRefused&) { impl.on_ticket_refused(); },
               [&](const RotateNow&) {
                 if (impl.rotation) impl.rotation->on_rotate_now(now, impl.outputs);
               },
               [&](const CloseSession&) { impl.end(); }},
      input);
}

void Session::on_deadline(Instant now) {
  if (!impl_->is_over) impl_->on_deadline(now);
}

std::optional<Session::Output> Session::poll_output(Instant) {
  if (impl_->outputs.empty()) {
    impl_->outputs = {};  // most sessions say nothing for hours
    return std::nullopt;
  }
  return impl_->outputs.pop_front();
}

std::optional<Instant> Session::next_deadline() const { return impl_->next_deadline(); }

SessionState Session::state() const {
  const Impl& impl = *impl_;
  if (impl.is_over) {
    return impl.outputs.empty() ? SessionState::closed : SessionState::closing;
  }
  if (impl.rotation) {
    return impl.rotation->is_rotating() ? SessionState::key_rotating : SessionState::active;
  }
  const auto& responder = impl.greeting->responder;
  const bool has_heard_nothing = responder && responder->is_empty();
  return has_heard_nothing ? SessionState::init : SessionState::handshake;
}

std::uint64_t Session::rotations() const {
  return impl_->rotation ? impl_->rotation->rotations() : 0;
}

std::uint64_t Session::ignored() const { return impl_->ignored; }

void Session::export_key(std::string_view label, ByteView context, ByteSpan out) const {
  ASSERT(!impl_->exporter.empty());
  secure::export_key(impl_->exporter, label, context, out);
}

static_assert(base::Machine<Session>);

}  // namespace kith::secure
