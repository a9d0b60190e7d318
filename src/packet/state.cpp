#include "packet/state.h"

#include "base/assert.h"

namespace kith::packet {
namespace {

using enum State;

constexpr Step stay(State state, Action action) { return {action, state}; }

/// Of states that have keys, for types whose only effect is that their frames are read.
constexpr Action reading(State state) {
  switch (state) {
    case established:
    case fin_wait_1:
    case fin_wait_2: return Action::take;
    // The peer has said FIN: nothing new can follow, only what was sent twice.
    case close_wait:
    case closing:
    case last_ack:
    case time_wait: return Action::acknowledge;
    case closed:
    case syn_sent:
    case syn_received: return Action::drop;
  }
  UNREACHABLE();
}

constexpr bool has_keys(State state) { return reading(state) != Action::drop; }

/// ACK, PING, PONG and FLOW_CONTROL carry nothing that a FIN would end.
constexpr Step on_control(State state, PacketType type) {
  if (!has_keys(state)) return stay(state, Action::drop);
  if (state != time_wait) return stay(state, Action::take);
  return stay(state, type == PacketType::pong ? Action::drop : Action::acknowledge);
}

constexpr Step on_syn(State state) {
  switch (state) {
    case closed: return {Action::cookie, syn_received};
    case syn_received:
    case established:
    case fin_wait_1:
    case fin_wait_2:
    case close_wait: return stay(state, Action::handshake);
    case syn_sent:
    case closing:
    case time_wait:
    case last_ack: return stay(state, Action::drop);
  }
  UNREACHABLE();
}

constexpr Step on_syn_ack(State state) {
  switch (state) {
    case syn_sent:
    case established:
    case fin_wait_1:
    case fin_wait_2:
    case close_wait: return stay(state, Action::handshake);
    case closed:
    case syn_received:
    case closing:
    case time_wait:
    case last_ack: return stay(state, Action::drop);
  }
  UNREACHABLE();
}

constexpr Step on_fin(State state) {
  switch (state) {
    case established: return {Action::take_fin, close_wait};
    case fin_wait_1: return {Action::take_fin, closing};
    case fin_wait_2: return {Action::take_fin, time_wait};
    case close_wait:
    case closing:
    case time_wait:
    case last_ack: return stay(state, Action::take_fin);
    case closed:
    case syn_sent:
    case syn_received: return stay(state, Action::drop);
  }
  UNREACHABLE();
}

constexpr Step on_fin_ack(State state) {
  switch (state) {
    case fin_wait_1: return {Action::fin_done, fin_wait_2};
    case closing: return {Action::fin_done, time_wait};
    case last_ack: return {Action::fin_done, closed};
    case established:
    case fin_wait_2:
    case close_wait:
    case time_wait: return stay(state, Action::acknowledge);
    case closed:
    case syn_sent:
    case syn_received: return stay(state, Action::drop);
  }
  UNREACHABLE();
}

constexpr Step on_error(State state, bool is_sealed) {
  if (!is_sealed) return stay(state, state == syn_sent ? Action::hint : Action::drop);
  return has_keys(state) ? Step{Action::end, closed} : stay(state, Action::drop);
}

}  // namespace

std::string_view name_of(State state) {
  switch (state) {
    case closed: return "CLOSED";
    case syn_sent: return "SYN_SENT";
    case syn_received: return "SYN_RECEIVED";
    case established: return "ESTABLISHED";
    case fin_wait_1: return "FIN_WAIT_1";
    case fin_wait_2: return "FIN_WAIT_2";
    case closing: return "CLOSING";
    case time_wait: return "TIME_WAIT";
    case close_wait: return "CLOSE_WAIT";
    case last_ack: return "LAST_ACK";
  }
  UNREACHABLE();
}

Step step_of(State state, PacketType type, bool is_sealed) {
  switch (type) {
    case PacketType::data:
    case PacketType::fragment:
    case PacketType::retransmit: return stay(state, reading(state));
    case PacketType::ack:
    case PacketType::ping:
    case PacketType::pong:
    case PacketType::flow_control: return on_control(state, type);
    case PacketType::syn: return on_syn(state);
    case PacketType::syn_ack: return on_syn_ack(state);
    case PacketType::fin: return on_fin(state);
    case PacketType::fin_ack: return on_fin_ack(state);
    case PacketType::error: return on_error(state, is_sealed);
  }
  UNREACHABLE();
}

std::optional<State> after(State state, Event event) {
  const bool is_shaking = state == syn_sent || state == syn_received;
  switch (event) {
    case Event::dial:
      if (state == closed) return syn_sent;
      return std::nullopt;
    case Event::accept:
      if (state == closed) return syn_received;
      return std::nullopt;
    case Event::keys:
      if (is_shaking) return established;
      return std::nullopt;
    case Event::close:
      if (is_shaking) return closed;
      if (state == established) return fin_wait_1;
      if (state == close_wait) return last_ack;
      return std::nullopt;
    case Event::abort:
    case Event::expire:
      if (state == closed) return std::nullopt;
      return closed;
  }
  UNREACHABLE();
}

bool may_send(State state) { return state == established || state == close_wait; }

bool may_receive(State state) { return reading(state) == Action::take; }

}  // namespace kith::packet
