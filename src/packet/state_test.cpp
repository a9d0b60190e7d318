#include "packet/state.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace kith::packet {
namespace {

using enum State;

constexpr State all_states[states] = {closed,     syn_sent, syn_received, established, fin_wait_1,
                                      fin_wait_2, closing,  time_wait,    close_wait,  last_ack};

// The table of docs/design/packet.md, written once more: a row a state, a letter a type in the
// order of their codes (DATA ACK SYN SYN_ACK FIN FIN_ACK PING PONG FRAGMENT RETRANSMIT
// FLOW_CONTROL), then a sealed ERROR and one that is not.
const std::map<State, std::string> actions = {
    {closed, "--c----------"},
    {syn_sent, "---h--------n"},
    {syn_received, "--h----------"},
    {established,
     "tthhfkttttt"
     "x-"},
    {fin_wait_1,
     "tthhfFttttt"
     "x-"},
    {fin_wait_2,
     "tthhfkttttt"
     "x-"},
    {close_wait,
     "kthhfkttkkt"
     "x-"},
    {closing,
     "kt--fFttkkt"
     "x-"},
    {last_ack,
     "kt--fFttkkt"
     "x-"},
    {time_wait,
     "kk--fkk-kkk"
     "x-"},
};
/// The only cells that lead elsewhere.
const std::map<std::pair<State, PacketType>, State> moves = {
    {{closed, PacketType::syn}, syn_received},  {{established, PacketType::fin}, close_wait},
    {{fin_wait_1, PacketType::fin}, closing},   {{fin_wait_1, PacketType::fin_ack}, fin_wait_2},
    {{fin_wait_2, PacketType::fin}, time_wait}, {{closing, PacketType::fin_ack}, time_wait},
    {{last_ack, PacketType::fin_ack}, closed},
};

char letter_of(Action action) {
  switch (action) {
    case Action::drop: return '-';
    case Action::cookie: return 'c';
    case Action::handshake: return 'h';
    case Action::take: return 't';
    case Action::acknowledge: return 'k';
    case Action::take_fin: return 'f';
    case Action::fin_done: return 'F';
    case Action::hint: return 'n';
    case Action::end: return 'x';
  }
  return '?';
}

TEST(State, EveryCell) {
  ASSERT_EQ(actions.size(), states);
  for (const State state : all_states) {
    SCOPED_TRACE(name_of(state));
    for (std::size_t column = 0; column <= packet_types; ++column) {
      const bool is_sealed = column < packet_types;
      const auto type = static_cast<PacketType>(is_sealed ? column + 1 : packet_types);
      SCOPED_TRACE(name_of(type));
      const Step step = step_of(state, type, is_sealed);
      EXPECT_EQ(letter_of(step.action), actions.at(state)[column]);
      const auto move = moves.find({state, type});
      State next = move == moves.end() ? state : move->second;
      if (step.action == Action::end) next = closed;
      EXPECT_EQ(name_of(step.next), name_of(next));
    }
  }
}

TEST(State, EveryEvent) {
  using Row = std::map<Event, State>;
  const std::map<State, Row> expected = {
      {closed, {{Event::dial, syn_sent}, {Event::accept, syn_received}}},
      {syn_sent, {{Event::keys, established}, {Event::close, closed}}},
      {syn_received, {{Event::keys, established}, {Event::close, closed}}},
      {established, {{Event::close, fin_wait_1}}},
      {fin_wait_1, {}},
      {fin_wait_2, {}},
      {closing, {}},
      {time_wait, {}},
      {close_wait, {{Event::close, last_ack}}},
      {last_ack, {}},
  };
  for (const State state : all_states) {
    SCOPED_TRACE(name_of(state));
    for (std::size_t i = 0; i < events; ++i) {
      const auto event = static_cast<Event>(i);
      Row row = expected.at(state);
      if (state != closed) row[Event::abort] = row[Event::expire] = closed;
      const auto found = row.find(event);
      EXPECT_EQ(after(state, event),
                found == row.end() ? std::nullopt : std::optional(found->second))
          << i;
    }
  }
}

/// What can follow a state by packets that opened, and by events.
std::set<State> next_of(State state) {
  std::set<State> next;
  for (std::size_t type = 1; type <= packet_types; ++type) {
    next.insert(step_of(state, static_cast<PacketType>(type), true).next);
  }
  for (std::size_t i = 0; i < events; ++i) {
    if (const auto then = after(state, static_cast<Event>(i))) next.insert(*then);
  }
  return next;
}

TEST(State, AllAreReachedAndNoneIsATrap) {
  std::set<State> reached{closed};
  for (std::size_t round = 0; round < states; ++round) {
    for (const State state : std::set<State>(reached)) reached.merge(next_of(state));
  }
  EXPECT_EQ(reached.size(), states);
  for (const State state : all_states) {
    if (state != closed) EXPECT_TRUE(next_of(state).contains(closed)) << name_of(state);
  }
}

TEST(State, WhatIsNotSealedMovesNothing) {
  for (const State state : all_states) {
    for (const PacketType type : {PacketType::syn, PacketType::syn_ack, PacketType::error}) {
      const State next = step_of(state, type, false).next;
      // A SYN makes a connection only behind the endpoint's cookie.
      if (state == closed && type == PacketType::syn) continue;
      EXPECT_EQ(name_of(next), name_of(state)) << name_of(type);
    }
  }
}

TEST(State, BothSidesCloseAtOnce) {
  State state = *after(established, Event::close);
  state = step_of(state, PacketType::fin, true).next;
  EXPECT_EQ(state, closing);
  state = step_of(state, PacketType::fin_ack, true).next;
  EXPECT_EQ(state, time_wait);
  EXPECT_EQ(after(state, Event::expire), closed);
}

TEST(State, WhoMaySendAndReceive) {
  const std::set<State> sending{established, close_wait};
  const std::set<State> receiving{established, fin_wait_1, fin_wait_2};
  for (const State state : all_states) {
    EXPECT_EQ(may_send(state), sending.contains(state)) << name_of(state);
    EXPECT_EQ(may_receive(state), receiving.contains(state)) << name_of(state);
  }
}

}  // namespace
}  // namespace kith::packet
