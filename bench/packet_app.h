// What packet_node.h's node is made of, and what it tells the measurement.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "packet/endpoint.h"

namespace kith::bench {

struct NodeConfig {
  packet::PacketConfig packet;
  std::vector<crypto::CipherId> ciphers;
  std::uint64_t rotate_bytes = 100'000'000;
  std::uint32_t tickets_given = 2;
  Duration spin = 50us;
};

/// What is measured: told of sessions and of what they carry.
class App {
 public:
  virtual ~App() = default;
  virtual void on_up(packet::ConnectionSlot slot) = 0;
  /// Whoever dialled has heard the last word of the handshake.
  virtual void on_confirmed(packet::ConnectionSlot, const PeerId&, bool is_resumed) = 0;
  virtual void on_service(packet::ConnectionSlot slot, packet::ServicesOutput& output) = 0;
  virtual void on_ticket(packet::ConnectionSlot slot) = 0;
  virtual void on_end(packet::ConnectionSlot slot, const std::optional<Error>& error) = 0;
  /// After each turn: more may be written.
  virtual void on_turn() {}
};

inline Instant real_now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace kith::bench
