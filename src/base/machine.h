// The one shape every protocol here has, and the one driver both shells use.
//
// A machine is a value: it owns its state and touches no socket, clock, file, thread or global
// randomness. The world enters as Inputs, what to do leaves as Outputs. Its laws:
//
//  1. Mutate once, drain poll_output() until empty, arm next_deadline(), wait.
//  2. `now` never goes back; an early or spurious on_deadline() is a no-op.
//  3. A machine never fails: a peer's fault is an Output, our bug an ASSERT.
//  4. Every queue and map has a `*_max`; at the limit refuse, or report the peer.
//  5. No threads, callbacks, globals, clocks. Rng, Config and Log come by constructor.
//  6. Durable before said: Persist{token} goes out, the promise only after Persisted{token}.
//  7. Heavy or blocking work is an Output that an Input answers.
//  8. Variants are for control. Where bytes flow they enter by on_bytes(now, span), are opened in
//     place and handed on as views valid until the next mutation, and leave by
//     poll_transmit(now, span) into the caller's buffer (ByteMachine).
//  9. A parent holds its children by value, routes their outputs, and keeps a ready list and a
//     DeadlineHeap, so that a turn costs what it touches and not what exists.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/time.h"

namespace kith::base {

template <class M>
concept Machine = requires(M m, const M cm, Instant now, typename M::Input in) {
  { m.on_input(now, std::move(in)) } -> std::same_as<void>;
  { m.on_deadline(now) } -> std::same_as<void>;
  { m.poll_output(now) } -> std::same_as<std::optional<typename M::Output>>;
  { cm.next_deadline() } -> std::same_as<std::optional<Instant>>;
};

/// A machine that bytes flow through (law 8). on_bytes takes what it can from the front and says
/// how much; the caller offers the rest again, with more behind it. poll_transmit writes what goes
/// to the wire next and says how much; 0 means nothing to send now, or no room for the next piece.
template <class M>
concept ByteMachine = Machine<M> && requires(M m, Instant now, ByteSpan bytes) {
  { m.on_bytes(now, bytes) } -> std::same_as<std::size_t>;
  { m.poll_transmit(now, bytes) } -> std::same_as<std::size_t>;
};

/// Far above what one turn can produce: a machine that gives more is in a loop of its own.
inline constexpr std::size_t turn_outputs_max = 1'000'000;

/// Hands every pending output of `machine` to `perform`; returns the deadline to arm.
template <Machine M, class Perform>
std::optional<Instant> drain(M& machine, Instant now, Perform&& perform) {
  std::size_t count = 0;
  while (auto output = machine.poll_output(now)) {
    ASSERT(++count <= turn_outputs_max);
    perform(std::move(*output));
  }
  return machine.next_deadline();
}

/// `std::visit` over lambdas, one a type and none generic: a new alternative must not compile
/// until every visitor says what it does with it.
template <class... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};

}  // namespace kith::base

namespace kith {
using base::Overload;
}  // namespace kith
