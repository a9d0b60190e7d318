// The ten states of a connection (TCP's, RFC 9293, without LISTEN, which is the endpoint's) and
// what each of the twelve packet types does in each. The table is all there is: the connection asks
// it and does what it says, and a test walks every cell (docs/design/packet.md, "States").
//
// Cells of sealed types hold for packets that opened and are no replay; what did not open never
// gets here. A stateless reset whose token fits counts as a sealed ERROR.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "packet/header.h"

namespace kith::packet {

enum class State : std::uint8_t {
  closed,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  closing,
  time_wait,
  close_wait,
  last_ack,
};
inline constexpr std::size_t states = 10;
std::string_view name_of(State state);

enum class Action : std::uint8_t {
  drop,         // in silence, and counted
  cookie,       // a SYN to nobody: the endpoint's cookie, then SYN_RECEIVED
  handshake,    // the bytes are the session's; of a message that was had, our last answer again
  take,         // its frames are taken
  acknowledge,  // its number is taken; new bytes of streams or messages would be a fault
  take_fin,     // the peer has said all: FIN_ACK, each time
  fin_done,     // our FIN is acknowledged
  hint,         // anybody may have said it: remembered for a sentence, nothing else
  end,          // the peer has reset the connection
};

/// What to do with a packet, and the state after it.
struct Step {
  Action action = Action::drop;
  State next = State::closed;
  friend bool operator==(const Step&, const Step&) = default;
};
/// REQUIRES: `type` is one of the twelve.
Step step_of(State state, PacketType type, bool is_sealed);

/// What happens to a connection beside packets.
enum class Event : std::uint8_t {
  dial,    // a SYN goes out
  accept,  // a SYN came with its cookie, or with a ticket
  keys,    // the session has keys: both sides may send
  close,   // all is said and acknowledged: FIN goes out; during a handshake: nothing is said
  abort,   // at once; where there are keys with an ERROR
  expire,  // handshake, idle, retries or TIME_WAIT: the time is over
};
inline constexpr std::size_t events = 6;

/// The state after `event`, or nothing when it cannot happen there and is ignored.
std::optional<State> after(State state, Event event);

/// Whether new bytes of streams and messages may be sent.
bool may_send(State state);
/// Whether the peer may still send such.
bool may_receive(State state);

}  // namespace kith::packet
