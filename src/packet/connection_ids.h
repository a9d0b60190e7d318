// Where connection ids come from. An endpoint hands them out, so that it finds a connection by any
// of its ids without a hash table; over TCP and WebSocket there are none.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ip_port.h"
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
  /// What a stateless reset of that id says to a peer there (docs/protocol/packet.md, "Stateless
  /// reset"). It is another one for everybody else: who asks from elsewhere learns nothing of it.
  virtual ResetToken token_of(ConnectionId id, const base::IpPort& peer) const = 0;
};

}  // namespace kith::packet
