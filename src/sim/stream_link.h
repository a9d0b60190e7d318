// The state of one simulated TCP connection: two sides, and from each side a flow of items to the
// other. Plain data; network.h has the rules. An idle link costs about 300 bytes, both sides
// together, and no buffer.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "sim/payload_pool.h"

namespace kith::sim {

inline constexpr std::uint32_t nothing = 0xffff'ffff;

/// What a flow carries, in order. `open` is the dialler's last word of the handshake.
enum class ItemKind : std::uint8_t { open, data, fin, reset };

struct Item {
  Instant depart;   // when its last byte is on the wire
  Instant arrival;  // Instant::max() while the flow is stalled
  Payload payload;
  std::uint32_t next = nothing;
  ItemKind kind = ItemKind::data;
};

/// Receipts on their way back to the sender.
struct Ack {
  Instant arrival;
  std::uint32_t bytes = 0;
  std::uint32_t next = nothing;
};

/// Values in a slab, linked by index: queues that cost nothing when empty and never allocate in a
/// steady run.
template <class T>
class Slab {
 public:
  std::uint32_t take(const T& value) {
    if (free_ == nothing) {
      values_.push_back(value);
      return static_cast<std::uint32_t>(values_.size() - 1);
    }
    const std::uint32_t index = free_;
    free_ = values_[index].next;
    values_[index] = value;
    return index;
  }
  void give_back(std::uint32_t index) {
    values_[index].next = free_;
    free_ = index;
  }
  T& operator[](std::uint32_t index) { return values_[index]; }
  const T& operator[](std::uint32_t index) const { return values_[index]; }

 private:
  std::vector<T> values_;
  std::uint32_t free_ = nothing;
};

struct Fifo {
  std::uint32_t head = nothing;
  std::uint32_t tail = nothing;
  bool empty() const { return head == nothing; }

  template <class T>
  void push(Slab<T>& slab, const T& value) {
    const std::uint32_t index = slab.take(value);
    if (empty()) {
      head = index;
    } else {
      slab[tail].next = index;
    }
    tail = index;
  }
  template <class T>
  void pop(Slab<T>& slab) {
    const std::uint32_t index = head;
    head = slab[index].next;
    if (head == nothing) tail = nothing;
    slab.give_back(index);
  }
};

/// From one side to the other. What is counted as in flight is what the sender has no receipt for.
struct Flow {
  Fifo items;
  Fifo acks;
  Payload tail;          // taken from the wire, not yet by the receiving machine
  Instant busy_until;    // the wire is serialising until then
  Instant last_arrival;  // nothing overtakes
  Instant stalled_since;
  std::uint32_t in_flight_bytes = 0;
  std::uint32_t acks_bytes = 0;      // of `acks`
  std::uint32_t ack_held_bytes = 0;  // receipts that a partition holds back
  std::uint8_t retries = 0;
  bool arrival_armed = false;
  bool retry_armed = false;
  bool stalled = false;         // items wait for a retransmission
  bool read_blocked = false;    // the receiving machine wants no bytes
  bool transmit_ready = false;  // the sending machine has bytes
  bool room_awaited = false;    // and there is no room for them
  bool writable_armed = false;
  bool finished = false;  // fin or reset is among the items, or was
};

enum class SideState : std::uint8_t {
  dialing,      // side 0 only
  handshaking,  // side 1 only: no id yet, its machine knows nothing
  open,
  flushing,  // CloseLink with flush was said
  closed,
};

struct Side {
  std::uint32_t node = nothing;
  std::uint32_t incarnation = 0;
  LinkId id;
  std::uint16_t port = 0;
  SideState state = SideState::closed;
};

struct Link {
  std::array<Side, 2> sides;  // 0 dialled, 1 accepted
  std::array<Flow, 2> flows;  // flow i leaves side i
  std::uint32_t generation = 0;
  std::uint8_t syn_attempts = 0;
};
static_assert(sizeof(Link) <= 256);

/// Names one side of a link; outdated once the slot is used again.
struct LinkRef {
  std::uint32_t slot = nothing;
  std::uint32_t generation = 0;
  std::uint8_t side = 0;
  friend bool operator==(const LinkRef&, const LinkRef&) = default;
};
inline LinkRef other_end(LinkRef ref) {
  return {ref.slot, ref.generation, static_cast<std::uint8_t>(1 - ref.side)};
}

}  // namespace kith::sim
