#include "secure/session_ticket.h"

#include <gtest/gtest.h>

#include "secure/session_testing.h"

namespace kith::secure {
namespace {

using session_testing::expect_established;
using session_testing::SaidHandshake;
using session_testing::SessionNode;
using session_testing::SessionPair;
using session_testing::SessionSide;

SessionSecret ticket_secret(std::uint8_t fill) {
  return SessionSecret::copy_of(Bytes(session_secret_bytes, fill));
}
PeerId ticket_peer(std::uint8_t number) {
  return codec::peer_id_of(testing::identity_key(number).public_key());
}

/// Two nodes that have met, so that each holds tickets of the other.
struct TicketNodes {
  TicketNodes() : a(1), b(2) { meet({}); }
  void meet(Instant now) {
    SessionPair pair(a, b, now);
    pair.shake_hands();
    pair.exchange();
  }
  SessionNode a, b;
};

TEST(Tickets, OpensOnceForItsIssuerAndNamesItsHolder) {
  SeededRng rng(1);
  Tickets tickets;
  const Bytes ticket = tickets.issue({}, ticket_peer(1), ticket_peer(2), ticket_secret(7), rng);
  EXPECT_EQ(ticket.size(), ticket_bytes);
  EXPECT_EQ(tickets.open({}, ticket_peer(3), ticket).error().code, Code::refused);
  for (int i = 0; i < 2; ++i) {  // looking uses nothing up
    const auto opened = tickets.open({}, ticket_peer(1), ticket);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->holder, ticket_peer(2));
    EXPECT_TRUE(base::equal(opened->secret.view(), ticket_secret(7).view()));
  }
  const auto opened = tickets.open({}, ticket_peer(1), ticket);
  EXPECT_TRUE(tickets.use(*opened));
  EXPECT_FALSE(tickets.use(*opened));
  const auto again = tickets.open({}, ticket_peer(1), ticket);
  ASSERT_FALSE(again.has_value());
  EXPECT_NE(again.error().message.find("used"), std::string::npos);
}

TEST(Tickets, UsingOneUsesNoOtherUp) {
  SeededRng rng(1);
  Tickets tickets;
  std::vector<Bytes> all;
  for (int i = 0; i < 70; ++i) {
    all.push_back(tickets.issue({}, ticket_peer(1), ticket_peer(2), ticket_secret(7), rng));
  }
  for (std::size_t i = 0; i < all.size(); i += 2) {
    ASSERT_TRUE(tickets.use(*tickets.open({}, ticket_peer(1), all[i])));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(tickets.open({}, ticket_peer(1), all[i]).has_value(), i % 2 == 1) << i;
  }
}

TEST(Tickets, NoneThatWasChangedOpens) {
  SeededRng rng(1);
  Tickets tickets;
  const Bytes ticket = tickets.issue({}, ticket_peer(1), ticket_peer(2), ticket_secret(7), rng);
  for (std::size_t bit = 0; bit < ticket.size() * 8; ++bit) {
    Bytes bent = ticket;
    bent[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(tickets.open({}, ticket_peer(1), bent).has_value()) << bit;
  }
  for (std::size_t size = 0; size < ticket.size(); ++size) {
    EXPECT_FALSE(tickets.open({}, ticket_peer(1), ByteView(ticket).first(size)).has_value());
  }
  Tickets others;
  (void)others.issue({}, ticket_peer(1), ticket_peer(2), ticket_secret(7), rng);
  EXPECT_FALSE(others.open({}, ticket_peer(1), ticket).has_value());
  EXPECT_TRUE(tickets.open({}, ticket_peer(1), ticket).has_value());
}

TEST(Tickets, HoldsADay) {
  SeededRng rng(1);
  Tickets tickets;
  const Bytes ticket = tickets.issue({}, ticket_peer(1), ticket_peer(2), ticket_secret(7), rng);
  const Instant issued{};
  EXPECT_TRUE(tickets.open(issued + 24h - 1ns, ticket_peer(1), ticket).has_value());
  EXPECT_EQ(tickets.open(issued + 24h, ticket_peer(1), ticket).error().code, Code::refused);
}

TEST(Tickets, KeysChangeEachTwelveHoursAndThreeAreHeld) {
  SeededRng rng(1);
  Tickets tickets;
  const auto key_of = [&](Instant now) {
    const Bytes ticket = tickets.issue(now, ticket_peer(1), ticket_peer(2), ticket_secret(7), rng);
    return Bytes(ticket.begin(), ticket.begin() + ticket_key_id_bytes);
  };
  const Instant start{};
  const Bytes first = key_of(start);
  EXPECT_EQ(key_of(start + 12h - 1ns), first);
  const Bytes late =
      tickets.issue(start + 12h - 1ns, ticket_peer(1), ticket_peer(2), ticket_secret(7), rng);
  EXPECT_NE(key_of(start + 12h), first);
  (void)key_of(start + 24h);
  EXPECT_TRUE(tickets.open(start + 36h - 2ns, ticket_peer(1), late).has_value());
  (void)key_of(start + 36h - 2ns);
  EXPECT_TRUE(tickets.open(start + 36h - 2ns, ticket_peer(1), late).has_value());
  (void)key_of(start + 36h);  // the fourth: the first is gone
  EXPECT_FALSE(tickets.open(start + 36h - 2ns, ticket_peer(1), late).has_value());
}

TEST(Tickets, AKeyWhoseSerialsAreUsedUpChangesEarly) {
  SeededRng rng(1);
  constexpr std::uint32_t serials = 100;
  Tickets tickets(serials);
  const PeerId own = ticket_peer(1);
  const PeerId holder = ticket_peer(2);
  const SessionSecret secret = ticket_secret(7);
  const Bytes first = tickets.issue({}, own, holder, secret, rng);
  Bytes last;
  for (std::uint32_t i = 1; i < serials; ++i) {
    last = tickets.issue({}, own, holder, secret, rng);
  }
  const Bytes next = tickets.issue({}, own, holder, secret, rng);
  EXPECT_TRUE(std::equal(first.begin(), first.begin() + ticket_key_id_bytes, last.begin()));
  EXPECT_FALSE(std::equal(first.begin(), first.begin() + ticket_key_id_bytes, next.begin()));
  EXPECT_TRUE(tickets.use(*tickets.open({}, own, last)));
  EXPECT_FALSE(tickets.open({}, own, last).has_value());
  EXPECT_TRUE(tickets.open({}, own, first).has_value());
}

TEST(Tickets, KeepsTheNewestTwoOfAPeerForADay) {
  Tickets tickets;
  const PeerId issuer = ticket_peer(1);
  const Instant start{};
  for (std::uint8_t i = 0; i < 3; ++i) {
    tickets.keep(start + i * 1s, issuer, Bytes(ticket_bytes, i), ticket_secret(i));
  }
  EXPECT_EQ(tickets.kept(), 2u);
  EXPECT_FALSE(tickets.take(start, ticket_peer(2)));
  const auto newest = tickets.take(start + 24h, issuer);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->ticket.front(), 2);
  EXPECT_EQ(newest->secret.view().front(), 2);
  EXPECT_EQ(tickets.kept(), 1u);
  EXPECT_FALSE(tickets.take(start + 24h + 1s, issuer));  // a day old
  EXPECT_EQ(tickets.kept(), 0u);
  tickets.keep(start, issuer, Bytes(ticket_bytes - 1), ticket_secret(1));
  EXPECT_EQ(tickets.kept(), 0u);
}

TEST(Tickets, OfTooManyPeersTheOldestGoes) {
  Tickets tickets;
  std::vector<PeerId> peers;
  for (std::size_t i = 0; i <= Tickets::kept_max; ++i) {
    Bytes name(34);
    name[0] = 0x12;
    name[1] = 32;
    name[2] = static_cast<std::uint8_t>(i * 7);  // not in order
    name[3] = static_cast<std::uint8_t>(i >> 8);
    name[4] = static_cast<std::uint8_t>(i);
    peers.push_back(*PeerId::from_multihash(name));
  }
  for (std::size_t i = 0; i < Tickets::kept_max; ++i) {
    tickets.keep({}, peers[i], Bytes(ticket_bytes), ticket_secret(1));
  }
  EXPECT_EQ(tickets.kept(), Tickets::kept_max);
  tickets.keep({}, peers.back(), Bytes(ticket_bytes), ticket_secret(1));
  EXPECT_EQ(tickets.kept(), Tickets::kept_max);
  EXPECT_FALSE(tickets.take({}, peers.front()));
  EXPECT_TRUE(tickets.take({}, peers[1]));
  EXPECT_TRUE(tickets.take({}, peers.back()));
}

TEST(SessionTicket, WithOneThePeersMeetAgainWithoutSignatures) {
  TicketNodes nodes;
  SessionPair pair(nodes.a, nodes.b);
  EXPECT_EQ(pair.initiator.last().bytes[1], 3);
  pair.shake_hands();
  expect_established(pair, true);
  pair.exchange();
  EXPECT_EQ(pair.initiator.tickets_got, 2u);
  // The other way round as well: tickets were given by both.
  SessionPair back(nodes.b, nodes.a);
  EXPECT_EQ(back.initiator.last().bytes[1], 3);
  back.shake_hands();
  expect_established(back, true);
}

TEST(SessionTicket, WithASeedItReplacesTheProofOfIt) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.seed = b.config.seed = crypto::Hash256{4};
  for (const bool is_resumed : {false, true, true}) {
    SessionPair pair(a, b);
    pair.shake_hands();
    pair.exchange();
    expect_established(pair, is_resumed);
  }
}

TEST(SessionTicket, AReplayedHelloIsRefusedAndTheWayWithoutIsTaken) {
  TicketNodes nodes;
  SessionPair pair(nodes.a, nodes.b);
  const SaidHandshake hello = pair.initiator.last();
  pair.shake_hands();
  SessionSide again(nodes.b, Direction::inbound, std::nullopt, {});
  again.hear({}, hello);
  EXPECT_TRUE(again.handshake.empty());
  ASSERT_TRUE(again.hint);
  EXPECT_EQ(again.hint->code, Code::refused);
  EXPECT_FALSE(again.fault);
}

TEST(SessionTicket, ARefusedOneIsLeftOutAfterTheHint) {
  for (const bool is_ordered : {false, true}) {
    TicketNodes nodes;
    nodes.b.tickets = Tickets();  // the issuer was restarted
    nodes.a.config.carrier_is_ordered = nodes.b.config.carrier_is_ordered = is_ordered;
    SessionPair pair(nodes.a, nodes.b);
    pair.responder.hear(pair.now, pair.initiator.last());
    ASSERT_TRUE(pair.responder.hint && !pair.responder.fault);
    EXPECT_EQ(pair.responder.hint->code, Code::refused);
    pair.initiator.input(pair.now, TicketRefused{});
    pair.initiator.input(pair.now, TicketRefused{});  // forged or not: once
    EXPECT_EQ(pair.initiator.handshake.size(), 2u);
    pair.shake_hands();
    ASSERT_TRUE(pair.responder.established);
    expect_established(pair, false);
  }
}

TEST(SessionTicket, WithoutAHintItIsLeftOutAfterTwoSeconds) {
  TicketNodes nodes;
  nodes.b.tickets = Tickets();
  SessionPair pair(nodes.a, nodes.b);
  EXPECT_EQ(*pair.initiator.session.next_deadline(), pair.now + 2s);
  pair.wait(2s - 1ns);
  EXPECT_EQ(pair.initiator.handshake.size(), 1u);
  pair.wait(1ns);
  EXPECT_EQ(pair.initiator.handshake.size(), 2u);
  EXPECT_EQ(pair.initiator.last().bytes[1], 1);
  pair.shake_hands();
  expect_established(pair, false);
}

TEST(SessionTicket, AnAnswerToTheTicketThatComesTooLateDoesNoHarm) {
  for (const bool is_ordered : {false, true}) {
    TicketNodes nodes;
    nodes.a.config.carrier_is_ordered = nodes.b.config.carrier_is_ordered = is_ordered;
    SessionPair pair(nodes.a, nodes.b);
    pair.responder.hear(pair.now, pair.initiator.last());
    const SaidHandshake late = pair.responder.last();
    if (is_ordered) {
      pair.wait(2s);
    } else {
      pair.initiator.input(pair.now, TicketRefused{});  // somebody forged a hint
    }
    ASSERT_EQ(pair.initiator.handshake.size(), 2u);
    pair.initiator.hear(pair.now, late);
    EXPECT_FALSE(pair.initiator.established || pair.initiator.fault);
    EXPECT_EQ(pair.initiator.session.ignored(), 1u);
    pair.shake_hands();
    ASSERT_TRUE(pair.responder.established);
    expect_established(pair, false);
  }
}

TEST(SessionTicket, OverAnOrderedCarrierAThirdAnswerThatDoesNotOpenEndsIt) {
  for (const std::size_t bad : {2u, 3u}) {
    TicketNodes nodes;
    nodes.a.config.carrier_is_ordered = nodes.b.config.carrier_is_ordered = true;
    SessionPair pair(nodes.a, nodes.b);
    pair.responder.hear(pair.now, pair.initiator.last());
    const SaidHandshake late = pair.responder.last();
    pair.wait(2s);
    for (std::size_t i = 0; i < bad; ++i) pair.initiator.hear(pair.now, late);
    EXPECT_EQ(pair.initiator.fault.has_value(), bad == 3);
    if (bad == 3) {
      EXPECT_TRUE(pair.initiator.tells_peer);
      continue;
    }
    pair.shake_hands();
    ASSERT_TRUE(pair.responder.established);
    expect_established(pair, false);
  }
}

TEST(SessionTicket, OverAnOrderedCarrierAnAnswerThatDoesNotOpenUnderTheTicketEndsIt) {
  TicketNodes nodes;
  nodes.a.config.carrier_is_ordered = nodes.b.config.carrier_is_ordered = true;
  SessionPair pair(nodes.a, nodes.b);
  pair.responder.hear(pair.now, pair.initiator.last());
  SaidHandshake bent = pair.responder.last();
  bent.bytes.back() ^= 1;
  pair.initiator.hear(pair.now, bent);
  ASSERT_TRUE(pair.initiator.fault);
}

TEST(SessionTicket, AnExpiredOneCostsAFullHandshake) {
  TicketNodes nodes;
  SessionPair kept_too_long(nodes.a, nodes.b, Instant{} + 24h);
  EXPECT_EQ(kept_too_long.initiator.last().bytes[1], 1);  // the holder knows it itself
  nodes.meet(Instant{} + 25h);
  // The issuer's clock says a day, the holder's does not.
  SessionSide initiator(nodes.a, Direction::outbound, nodes.b.peer(), Instant{} + 25h);
  SessionSide responder(nodes.b, Direction::inbound, std::nullopt, Instant{} + 49h);
  responder.hear(Instant{} + 49h, initiator.last());
  ASSERT_TRUE(responder.hint);
  EXPECT_EQ(responder.hint->code, Code::refused);
}

TEST(SessionTicket, AnotherIdentityCannotUseIt) {
  TicketNodes nodes;
  SessionNode thief(3);
  auto stolen = nodes.a.tickets.take({}, nodes.b.peer());
  ASSERT_TRUE(stolen);
  // The bytes travel in the open; the secret beside them does not.
  thief.tickets.keep({}, nodes.b.peer(), stolen->ticket, ticket_secret(9));
  SessionPair pair(thief, nodes.b);
  ASSERT_EQ(pair.initiator.last().bytes[1], 3);
  pair.responder.hear(pair.now, pair.initiator.last());
  EXPECT_TRUE(pair.responder.handshake.empty());
  EXPECT_EQ(pair.responder.session.ignored(), 1u);
  // And the true holder's still works: the thief has not used it up.
  nodes.a.tickets.keep({}, nodes.b.peer(), std::move(stolen->ticket), std::move(stolen->secret));
  SessionPair holder(nodes.a, nodes.b);
  holder.shake_hands();
  expect_established(holder, true);
}

TEST(SessionTicket, AtAnotherIssuerItIsRefused) {
  TicketNodes nodes;
  SessionNode other(3);
  auto ticket = nodes.a.tickets.take({}, nodes.b.peer());
  nodes.a.tickets.keep({}, other.peer(), std::move(ticket->ticket), std::move(ticket->secret));
  SessionPair pair(nodes.a, other);
  pair.responder.hear(pair.now, pair.initiator.last());
  ASSERT_TRUE(pair.responder.hint);
  EXPECT_EQ(pair.responder.hint->code, Code::refused);
}

TEST(SessionTicket, NoneAreGivenWhereNoneAreWanted) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.tickets_given = b.config.tickets_given = 0;
  SessionPair pair(a, b);
  pair.shake_hands();
  EXPECT_TRUE(pair.initiator.stream.empty() && pair.responder.stream.empty());
}

TEST(SessionTicket, MoreThanTwoAtOnceAreAFault) {
  SessionNode a(1);
  SessionNode b(2);
  a.config.tickets_given = 3;
  SessionPair pair(a, b);
  pair.shake_hands();
  pair.exchange();
  ASSERT_TRUE(pair.responder.fault);
  EXPECT_EQ(pair.responder.fault->code, Code::protocol);
}

TEST(SessionTicket, OneIsGivenAtARotationAnHourAfterTheLast) {
  SessionNode a(1);
  SessionNode b(2);
  SessionPair pair(a, b);
  pair.shake_hands();
  pair.exchange();
  const auto rotate = [&] {
    pair.initiator.input(pair.now, RotateNow{});
    pair.settle();
  };
  pair.now += 59min;
  rotate();
  EXPECT_EQ(pair.initiator.session.rotations(), 1u);
  EXPECT_EQ(pair.initiator.tickets_got, 2u);
  pair.now += 1min;
  rotate();
  EXPECT_EQ(pair.initiator.tickets_got, 3u);
  EXPECT_EQ(pair.responder.tickets_got, 3u);
  EXPECT_FALSE(pair.initiator.fault || pair.responder.fault);
}

}  // namespace
}  // namespace kith::secure
