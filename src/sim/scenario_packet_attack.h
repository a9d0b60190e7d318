// The attacker of the scenario "packet": sees some of all packets and their addresses, and sends
// what it likes from any address. It repeats, bends and redirects what it saw, floods with SYNs,
// leaves handshakes half open, forges resets.
//
// Not done: hints (unsealed ERRORs) to whoever shakes hands, by somebody on the path. Those may end
// a handshake, by design.
#pragma once

#include <cstdint>

#include "sim/scenario_packet_net.h"

namespace kith::sim {

class PacketAttacker {
 public:
  explicit PacketAttacker(PacketNet& net);

  void attack(std::uint32_t packets);
  std::uint64_t sent() const { return sent_; }
  std::uint64_t half_open() const { return half_open_; }

 private:
  void repeat();
  void bend();
  void redirect();
  void noise();
  void flood();
  void open_half();
  void forge_reset();
  void on_answer(const Datagram& datagram);
  void say_hello(const base::IpPort& from, std::uint32_t to, ByteView cookie,
                 packet::ConnectionId own);
  void send(const base::IpPort& from, std::uint32_t to, ByteView bytes);
  base::IpPort any_address();
  std::uint32_t any_node() { return static_cast<std::uint32_t>(rng_.below(net_.nodes())); }
  const TappedPacket* any_tapped();

  PacketNet& net_;
  SeededRng& rng_;
  Bytes hello_;  // of somebody's SYN
  std::uint64_t sent_ = 0, half_open_ = 0;
};

}  // namespace kith::sim
