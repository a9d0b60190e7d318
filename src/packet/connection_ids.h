// Where connection ids come from. An endpoint hands them out, so that it finds a connection by any
// of its ids without a hash table; over TCP and WebSocket there are none.
#pragma once

#include <cstdint>
#include <optional>

#include "packet/frame.h"

namespace kith::packet {

/// A connection of an endpoint, for as long as it lives.
using ConnectionSlot = base::Id<struct ConnectionSlotTag, std::uint32_t>;

class ConnectionIds {
 public:
  virtual ~ConnectionIds() = default;

  /// A fresh id that leads to `slot`; nothing when there are too many.
  virtual std::optional<ConnectionId> take_id(ConnectionSlot slot) = 0;
  virtual void give_back(ConnectionId id) = 0;
  /// What a stateless reset of that id says (docs/protocol/packet.md, "Stateless reset").
  virtual ResetToken token_of(ConnectionId id) const = 0;
};

}  // namespace kith::packet
