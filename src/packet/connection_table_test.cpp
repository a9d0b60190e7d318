// The table of states with live connections: each of them is brought into each state and given a
// right packet of each type, and what it did is compared with step_of().
#include <gtest/gtest.h>

#include "packet/sealer_test_util.h"

namespace kith::packet {
namespace {

using enum State;

constexpr State all_states[] = {closed,     syn_sent, syn_received, established, fin_wait_1,
                                fin_wait_2, closing,  time_wait,    close_wait,  last_ack};
constexpr Direction both_directions[] = {Direction::inbound, Direction::outbound};

TestPacket fin() { return {.type = PacketType::fin, .frames = {FinFrame{}}}; }
TestPacket fin_ack() { return {.type = PacketType::fin_ack, .frames = {FinFrame{}}}; }

bool can_be(State state, Direction direction) {
  if (state == syn_sent) return direction == Direction::outbound;
  if (state == syn_received) return direction == Direction::inbound;
  return true;
}

/// A connection in `state`; what may be said of a FIN was said.
std::unique_ptr<LoneConnection> connection_in(State state, Direction direction) {
  auto lone = std::make_unique<LoneConnection>(direction);
  if (state == syn_sent) {
    lone->input(HandshakeBytes{0, base::to_bytes("hello")});
    lone->flush();
  }
  if (state == syn_received || state == syn_sent) return lone;
  lone->shake();
  const auto write_something = [&] {
    const auto stream = lone->connection.services().open_stream(importance_default);
    ASSERT_TRUE(stream);
    lone->connection.services().write(*stream, Buffer(ByteView(base::to_bytes("unheard"))));
    lone->flush();
  };
  switch (state) {
    case syn_sent:
    case syn_received:
    case established: break;
    case closed: lone->input(AbortConnection{Code::closed, "enough"}); break;
    case fin_wait_1: lone->input(CloseConnection{}); break;
    case fin_wait_2:
      lone->input(CloseConnection{});
      lone->say(fin_ack());
      break;
    case closing:
      lone->input(CloseConnection{});
      lone->say(fin());
      break;
    case time_wait:
      lone->input(CloseConnection{});
      lone->say(fin_ack());
      lone->say(fin());
      break;
    case close_wait:  // it stays there while something of it is not acknowledged
      write_something();
      lone->say(fin());
      break;
    case last_ack: lone->say(fin()); break;
  }
  lone->flush();
  lone->drain();
  return lone;
}

/// A packet as the peer would say it: something new where the type may carry it.
TestPacket packet_of(PacketType type, const LoneConnection& lone) {
  const StreamNumber peers = lone.is_initiator ? 2 : 1;
  TestPacket packet{.type = type};
  switch (type) {
    case PacketType::data:
    case PacketType::retransmit:
      packet.flags = flag_reliable;
      packet.frames = {StreamFrame{peers, 0, base::as_bytes("new"), false}};
      break;
    case PacketType::ack:
    case PacketType::flow_control:
      packet.frames = {CreditFrame{CreditKind::streams, 0, 5000}};
      break;
    case PacketType::fin: return fin();
    case PacketType::fin_ack: return fin_ack();
    case PacketType::ping: packet.frames = {PingFrame{{1, 2, 3}, false}}; break;
    case PacketType::pong: packet.frames = {PingFrame{{1, 2, 3}, true}}; break;
    case PacketType::fragment:
      packet.flags = flag_reliable | flag_fragmented;
      packet.fragment_total = 2;
      packet.payload = {0, 0, 0, 4, 'a', 'b'};
      break;
    case PacketType::error: packet.frames = {CloseFrame{7, base::as_bytes("over")}}; break;
    case PacketType::syn:
    case PacketType::syn_ack: break;
  }
  return packet;
}

struct Effect {
  State state;
  std::uint64_t dropped = 0;
  std::size_t accepted = 0, assembled = 0, handshakes = 0;
  bool has_ended_now = false, is_taken_once_only = false;
  std::vector<PacketType> answers;
};

Effect effect_of(LoneConnection& lone, const Bytes& packet) {
  const std::uint64_t dropped = lone.connection.stats().packets_dropped;
  const std::size_t accepted = lone.accepted, handshakes = lone.handshakes;
  const bool had_ended = lone.ended.has_value();
  // Without the end of a batch: what the connection does next by itself is another step.
  lone.deliver(packet, {}, false);
  Effect effect{.state = lone.connection.state(), .answers = {}};
  effect.dropped = lone.connection.stats().packets_dropped - dropped;
  effect.accepted = lone.accepted - accepted;
  effect.assembled = lone.connection.services().held().messages_assembled;
  effect.handshakes = lone.handshakes - handshakes;
  effect.has_ended_now = lone.ended && !had_ended;
  effect.answers = lone.flush_types();
  if (lone.connection.state() != closed) {
    const std::uint64_t before = lone.connection.stats().packets_dropped;
    lone.deliver(packet, {}, false);
    effect.is_taken_once_only = lone.connection.stats().packets_dropped == before + 1;
  }
  return effect;
}

bool says(const Effect& effect, PacketType type) {
  return std::ranges::find(effect.answers, type) != effect.answers.end();
}

void check(const Effect& effect, Action action, PacketType type, State state) {
  const bool is_content = type == PacketType::data || type == PacketType::retransmit;
  switch (action) {
    case Action::drop:
      EXPECT_EQ(effect.accepted + effect.assembled + effect.handshakes, 0U);
      EXPECT_TRUE(effect.answers.empty());
      EXPECT_FALSE(effect.has_ended_now);
      break;
    case Action::take:
      EXPECT_EQ(effect.accepted, is_content ? 1U : 0U);
      EXPECT_EQ(effect.assembled, type == PacketType::fragment ? 1U : 0U);
      EXPECT_EQ(says(effect, PacketType::pong), type == PacketType::ping);
      break;
    case Action::acknowledge:
      EXPECT_EQ(effect.accepted + effect.assembled, 0U);
      EXPECT_FALSE(effect.has_ended_now);
      break;
    case Action::take_fin: EXPECT_TRUE(says(effect, PacketType::fin_ack)); break;
    case Action::fin_done: EXPECT_FALSE(says(effect, PacketType::fin)); break;
    case Action::end: EXPECT_EQ(effect.has_ended_now, state != time_wait); break;
    case Action::cookie:
    case Action::handshake:
    case Action::hint: FAIL() << "not of a sealed packet";
  }
}

TEST(ConnectionTable, EverySealedPacketDoesInEveryStateWhatTheTableSays) {
  std::size_t cells = 0;
  for (const State state : all_states) {
    for (const Direction direction : both_directions) {
      if (!can_be(state, direction)) continue;
      for (std::uint8_t code = 1; code <= packet_types; ++code) {
        const auto type = static_cast<PacketType>(code);
        if (sealing_of(type) == Sealing::never) continue;
        const auto lone = connection_in(state, direction);
        ASSERT_EQ(lone->connection.state(), state) << name_of(state);
        SCOPED_TRACE(std::string(name_of(state)) + " " + std::string(name_of(type)));
        const Step step = step_of(state, type, true);
        const Effect effect = effect_of(*lone, lone->sealer.seal(packet_of(type, *lone)));
        EXPECT_EQ(name_of(effect.state), name_of(step.next));
        check(effect, step.action, type, state);
        const bool has_keys = state != closed && state != syn_sent && state != syn_received;
        if (step.action != Action::drop) EXPECT_EQ(effect.dropped, 0U);
        if (step.action == Action::drop && state != closed) EXPECT_EQ(effect.dropped, 1U);
        // Whatever the table says: its number is used up by what opened.
        if (has_keys && step.next != closed) EXPECT_TRUE(effect.is_taken_once_only);
        ++cells;
      }
    }
  }
  EXPECT_EQ(cells, 10U * (8 * 2 + 2));
}

TEST(ConnectionTable, HandshakePacketsDoInEveryStateWhatTheTableSays) {
  for (const State state : all_states) {
    for (const PacketType type : {PacketType::syn, PacketType::syn_ack}) {
      // A side gets only those of the other one.
      const bool is_inbound = type == PacketType::syn;
      const Direction direction = is_inbound ? Direction::inbound : Direction::outbound;
      if (!can_be(state, direction) || state == closed) continue;
      SCOPED_TRACE(std::string(name_of(state)) + " " + std::string(name_of(type)));
      const auto lone = connection_in(state, direction);
      const Step step = step_of(state, type, false);
      const std::uint8_t message =
          is_inbound ? (state == syn_received ? 0 : 2) : (state == syn_sent ? 1 : 3);
      const Effect effect = effect_of(
          *lone,
          test_handshake(type, LoneConnection::own_id, LoneConnection::peer_id, message, "said"));
      EXPECT_EQ(name_of(effect.state), name_of(step.next));
      if (step.action == Action::handshake) {
        // To the session, or of a message that was had our last answer again.
        const bool is_repeated = is_inbound && state != syn_received;
        EXPECT_EQ(effect.handshakes, is_repeated ? 0U : 1U);
        EXPECT_EQ(says(effect, PacketType::syn_ack), is_repeated);
        EXPECT_EQ(effect.dropped, 0U);
      } else {
        EXPECT_EQ(step.action, Action::drop);
        check(effect, step.action, type, state);
        EXPECT_EQ(effect.dropped, 1U);
      }
    }
  }
}

TEST(ConnectionTable, HandshakePacketsOfTheWrongSideAreDropped) {
  for (const State state : {syn_sent, established, fin_wait_1, close_wait}) {
    const auto lone = connection_in(state, Direction::outbound);
    const Effect effect = effect_of(*lone, test_handshake(PacketType::syn, LoneConnection::own_id,
                                                          LoneConnection::peer_id, 2, "said"));
    EXPECT_EQ(effect.state, state);
    EXPECT_EQ(effect.dropped, 1U);
    EXPECT_EQ(effect.handshakes, 0U);
    EXPECT_TRUE(effect.answers.empty());
  }
}

TEST(ConnectionTable, UnsealedErrorsChangeNoStateAndShortenOnlyTheWaitOfSynSent) {
  for (const State state : all_states) {
    for (const Direction direction : both_directions) {
      if (!can_be(state, direction)) continue;
      const auto lone = connection_in(state, direction);
      const auto before = lone->connection.next_deadline();
      const Bytes hint = test_hint({}, Code::unsupported);
      const bool is_taken =
          lone->connection.on_hint(lone->now, ByteView(hint).subspan(header_bytes));
      EXPECT_EQ(is_taken, state == syn_sent);
      EXPECT_EQ(lone->connection.state(), state);
      EXPECT_EQ(step_of(state, PacketType::error, false).next, state);
      if (state != syn_sent) EXPECT_EQ(lone->connection.next_deadline(), before);
    }
  }
  const auto lone = connection_in(syn_sent, Direction::outbound);
  const auto hear = [&lone](Code code, std::size_t bytes = 3) {
    const Bytes hint = test_hint({}, code, bytes);
    return lone->connection.on_hint(lone->now, ByteView(hint).subspan(header_bytes));
  };
  EXPECT_FALSE(hear(Code::unsupported, 2) || hear(Code::unsupported, 4));
  EXPECT_FALSE(hear(Code{}) || hear(Code::timeout) || hear(static_cast<Code>(60'000)));
  EXPECT_TRUE(hear(Code::unsupported));
  lone->pass(2999ms);
  EXPECT_EQ(lone->connection.state(), syn_sent);
  lone->pass(1ms);
  EXPECT_EQ(lone->connection.state(), closed);
  ASSERT_TRUE(lone->ended && lone->ended->error);
  EXPECT_EQ(lone->ended->error->code, Code::timeout);
  EXPECT_NE(lone->ended->error->message.find("somebody answered \"unsupported\""),
            std::string::npos);
}

TEST(ConnectionTable, AHintAboutTheTicketShortensNothing) {
  const auto lone = connection_in(syn_sent, Direction::outbound);
  const auto before = lone->connection.next_deadline();
  const Bytes hint = test_hint({}, Code::refused);
  EXPECT_TRUE(lone->connection.on_hint(lone->now, ByteView(hint).subspan(header_bytes)));
  EXPECT_EQ(lone->connection.next_deadline(), before);
}

TEST(ConnectionTable, ASynToNobodyGetsACookieAndNoConnection) {
  TestPair pair;
  pair.inject(true, TestPair::address(7),
              test_handshake(PacketType::syn, {}, ConnectionId{77}, 0, "hello"));
  pair.pass(1s);
  EXPECT_EQ(step_of(closed, PacketType::syn, false).action, Action::cookie);
  EXPECT_EQ(pair.b.endpoint.stats().cookies_sent, 1U);
  EXPECT_EQ(pair.b.endpoint.connection_count(), 0U);
  EXPECT_EQ(pair.b.incoming, 0U);
}

// --- local events --------------------------------------------------------------------------------

void expect_after(State state, Event event, const LoneConnection& lone) {
  EXPECT_EQ(name_of(lone.connection.state()), name_of(after(state, event).value_or(state)));
}

TEST(ConnectionTable, CloseDoesInEveryStateWhatTheTableSays) {
  for (const State state : all_states) {
    for (const Direction direction : both_directions) {
      if (!can_be(state, direction)) continue;
      SCOPED_TRACE(name_of(state));
      const auto lone = connection_in(state, direction);
      const auto was_ended = lone->ended.has_value();
      lone->input(CloseConnection{});
      // CLOSE_WAIT goes on when what is unheard was acknowledged.
      if (state == close_wait) {
        EXPECT_EQ(lone->connection.state(), close_wait);
        for (PacketNumber number = 0; number < 4; ++number) {
          if (lone->connection.state() == close_wait) {
            lone->say({.type = PacketType::ack, .frames = {}, .ack = number});
          }
        }
      }
      expect_after(state, Event::close, *lone);
      if (state == syn_sent || state == syn_received) {
        EXPECT_TRUE(lone->ended && !lone->ended->error);
        EXPECT_TRUE(lone->flush().empty());
      } else if (state == established || state == close_wait) {
        EXPECT_EQ(std::ranges::count(lone->flush_types(), PacketType::fin), 1);
        EXPECT_FALSE(lone->ended);
      } else {
        EXPECT_EQ(lone->ended.has_value(), was_ended);
      }
    }
  }
}

TEST(ConnectionTable, AbortEndsEveryStateAndSaysSoWhereThereAreKeys) {
  for (const State state : all_states) {
    for (const Direction direction : both_directions) {
      if (!can_be(state, direction)) continue;
      SCOPED_TRACE(name_of(state));
      const auto lone = connection_in(state, direction);
      lone->input(AbortConnection{Code::refused, "no more"});
      expect_after(state, Event::abort, *lone);
      const auto types = lone->flush_types();
      const bool has_keys = state != closed && state != syn_sent && state != syn_received;
      EXPECT_EQ(types.size(), has_keys ? 1U : 0U);
      if (has_keys) EXPECT_EQ(types.front(), PacketType::error);
      EXPECT_TRUE(lone->ended);
    }
  }
}

TEST(ConnectionTable, TimeEndsEveryState) {
  for (const State state : all_states) {
    for (const Direction direction : both_directions) {
      if (!can_be(state, direction)) continue;
      SCOPED_TRACE(name_of(state));
      const auto lone = connection_in(state, direction);
      lone->pass(61s);
      expect_after(state, Event::expire, *lone);
      EXPECT_TRUE(lone->ended);
      EXPECT_FALSE(lone->connection.next_deadline());
    }
  }
}

TEST(ConnectionTable, KeysChangeAStateOnlyWhileHandsAreShaken) {
  for (const State state : all_states) {
    for (const Direction direction : both_directions) {
      if (!can_be(state, direction)) continue;
      SCOPED_TRACE(name_of(state));
      const auto lone = connection_in(state, direction);
      lone->input(
          test_keys(lone->is_initiator, state == syn_sent || state == syn_received ? 0 : 1));
      expect_after(state, Event::keys, *lone);
    }
  }
}

TEST(ConnectionTable, TheConstructorsAreDialAndAccept) {
  const LoneConnection dialled(Direction::outbound), accepted(Direction::inbound);
  EXPECT_EQ(dialled.connection.state(), *after(closed, Event::dial));
  EXPECT_EQ(accepted.connection.state(), *after(closed, Event::accept));
}

}  // namespace
}  // namespace kith::packet
