// Two sessions on a wire that the input rules: messages are carried, dropped, repeated, bent, cut
// and made up, time passes, keys rotate. The first byte chooses: bit 0 a seed, bit 1 a ticket, bit
// 2 an ordered carrier. Whatever happens: nobody is taken for another, two that both have keys of
// an epoch have the same, and nothing follows a fault.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "base/rng.h"
#include "codec/peer_id.h"
#include "crypto/key.h"
#include "input.h"
#include "secure/session.h"
#include "secure/session_ticket.h"

namespace {

using namespace kith;
using namespace kith::secure;

crypto::KeyPair identity_key(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(number);
  return crypto::KeyPair::from_seed(seed);
}

struct Node {
  explicit Node(std::uint8_t number) : rng(number) {
    config.identity =
        make_session_identity(identity_key(number), crypto::X25519KeyPair::generate(rng));
    config.parameters = Bytes(4, number);
  }
  SeededRng rng;
  SessionConfig config;
  Tickets tickets;
};

struct Side {
  Side(Node& own, Direction direction, std::optional<PeerId> expected, Instant now)
      : node(own), session(own.config, direction, std::move(expected), own.tickets, own.rng, now) {
    drain(now);
  }

  void input(Instant now, Session::Input what) {
    session.on_input(now, std::move(what));
    drain(now);
  }
  void hear(Instant now, std::uint8_t kind, Bytes bytes) {
    input(now, HandshakeReceived{static_cast<HandshakeMessage>(kind & 3), bytes});
  }

  void drain(Instant now) {
    while (auto output = session.poll_output(now)) {
      ASSERT(!failed);
      std::visit(Overload{[&](SayHandshake& say) {
                            message = static_cast<std::uint8_t>(say.message);
                            said = std::move(say.bytes);
                            ASSERT(said.size() <= session_handshake_bytes_max);
                          },
                          [&](SaySession& say) { base::append(stream, say.bytes); },
                          [&](KeysReady& keys) {
                            ASSERT(peer);
                            send[keys.epoch] = base::to_bytes(keys.send.view());
                            receive[keys.epoch] = base::to_bytes(keys.receive.view());
                            if (keys.may_send) send_epoch = keys.epoch;
                          },
                          [&](SessionEstablished& value) {
                            ASSERT(!peer);
                            peer = value.peer;
                            id = value.id;
                          },
                          [&](SessionConfirmed&) {}, [&](SessionHint&) {},
                          [&](TicketArrived& ticket) {
                            node.tickets.keep(now, ticket.peer, std::move(ticket.ticket),
                                              std::move(ticket.secret));
                          },
                          [&](SessionFault&) { failed = true; }},
                 *output);
    }
    ASSERT(!failed || session.state() == SessionState::closed);
  }

  Node& node;
  Session session;
  std::uint8_t message = 0;
  Bytes said;
  Bytes stream;
  std::map<std::uint64_t, Bytes> send, receive;
  std::uint64_t send_epoch = 0;
  std::optional<PeerId> peer;
  crypto::Hash256 id{};
  bool failed = false;
};

void carry_stream(Instant now, Side& from, Side& to, fuzz::Input& input) {
  if (!to.peer) return;
  const std::size_t size = std::min<std::size_t>(from.stream.size(), 1u + input.byte());
  const Bytes piece(from.stream.begin(), from.stream.begin() + static_cast<std::ptrdiff_t>(size));
  from.stream.erase(from.stream.begin(), from.stream.begin() + static_cast<std::ptrdiff_t>(size));
  to.input(now, SessionReceived{piece});
}

void one_step(Instant& now, Side& from, Side& to, std::uint8_t what, fuzz::Input& input) {
  switch (what) {
    case 0:
    case 1: return to.hear(now, from.message, from.said);
    case 2: {
      Bytes bent = from.said;
      if (!bent.empty()) bent[(input.byte() * 256u + input.byte()) % bent.size()] ^= input.byte();
      return to.hear(now, from.message, bent);
    }
    case 3: {
      Bytes cut = from.said;
      cut.resize((input.byte() * 256u + input.byte()) % 5000);
      return to.hear(now, from.message, cut);
    }
    case 4: return to.hear(now, input.byte(), base::to_bytes(input.bytes(input.byte())));
    case 5: return carry_stream(now, from, to, input);
    case 6:
      if (from.failed || from.send.empty() || !to.receive.contains(from.send_epoch)) return;
      return to.input(now, EpochUsed{from.send_epoch});
    case 7: return from.input(now, RotateNow{});
    case 8: return from.input(now, Sealed{input.byte() * 1'000'000u, input.byte() * 10'000u, 1});
    case 9: return from.input(now, TicketRefused{});
    case 10:
      now += Duration(static_cast<std::int64_t>(input.byte()) * 20'000'000);
      from.session.on_deadline(now);
      from.drain(now);
      // Whoever goes by it would turn for ever.
      ASSERT(!from.session.next_deadline() || *from.session.next_deadline() > now);
      return;
    case 11: return to.input(now, EpochUsed{input.byte()});
    default:  // a peer that means harm, under its keys
      to.input(now, SessionReceived{input.bytes(input.byte())});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input{{data, size}};
  const std::uint8_t choice = input.byte();
  Node a(1);
  Node b(2);
  if ((choice & 1) != 0) a.config.seed = b.config.seed = crypto::Hash256{7};
  a.config.carrier_is_ordered = b.config.carrier_is_ordered = (choice & 4) != 0;
  Instant now{};
  if ((choice & 2) != 0) {
    const SessionSecret secret = SessionSecret::copy_of(Bytes(32, 9));
    a.tickets.keep(
        now, b.config.identity->peer,
        b.tickets.issue(now, b.config.identity->peer, a.config.identity->peer, secret, b.rng),
        SessionSecret::copy_of(secret.view()));
  }
  Side initiator(a, Direction::outbound, b.config.identity->peer, now);
  Side responder(b, Direction::inbound, std::nullopt, now);
  bool is_honest = true;  // neither has been told what only the other could have said
  for (int step = 0; step < 200 && !input.rest.empty(); ++step) {
    const std::uint8_t byte = input.byte();
    Side& from = (byte & 128) != 0 ? responder : initiator;
    Side& to = (byte & 128) != 0 ? initiator : responder;
    const std::uint8_t what = byte % 13;
    is_honest = is_honest && what != 12 && what != 11;
    one_step(now, from, to, what, input);
    if (initiator.peer) ASSERT(*initiator.peer == b.config.identity->peer);
    if (responder.peer) ASSERT(*responder.peer == a.config.identity->peer);
    if (!initiator.peer || !responder.peer) continue;
    ASSERT(initiator.id == responder.id);
    for (const auto& [epoch, secret] : initiator.send) {
      if (!is_honest || !responder.receive.contains(epoch)) continue;
      ASSERT(responder.receive.at(epoch) == secret);
      ASSERT(responder.send.at(epoch) == initiator.receive.at(epoch));
    }
  }
  return 0;
}
