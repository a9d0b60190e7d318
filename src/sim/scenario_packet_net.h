// The world of the scenario "packet": nodes of packets alone over a DatagramNet, in virtual time.
// Each pair of nodes has its own NAT and its own addresses, so that what befalls one session is not
// what befalls another: a node's socket n is at 10.n.x.y, at a port that its NAT towards a peer
// chooses. Packets wait for their node's next turn, `tick` apart; those of one sender that follow
// each other are then given as one batch, as GRO does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "sim/datagram.h"
#include "sim/event_queue.h"
#include "sim/scenario_packet_node.h"
#include "sim/topology.h"
#include "sim/trace_hash.h"

namespace kith::sim {

struct PacketNetConfig {
  std::uint32_t nodes = 2;
  std::uint64_t seed = 1;
  Duration tick = 200us;
  PacketNodeConfig node;
  /// Keeps copies of some packets, for attackers.
  bool is_tapped = false;
};

/// What packets came by, for those who forge and repeat.
struct TappedPacket {
  std::uint32_t from = 0, to = 0;
  base::IpPort seen_from, sent_to;
  Bytes bytes;
};

class PacketNet {
 public:
  static constexpr std::uint16_t port_first = 4771;
  static constexpr std::size_t taps = 64;

  /// Config and app outlive it.
  PacketNet(const PacketNetConfig& config, PacketApp& app);
  ~PacketNet();

  Instant now() const { return now_; }
  std::uint64_t events() const { return events_; }
  std::uint64_t trace() const { return trace_.value(); }
  Topology& topology() { return topology_; }
  DatagramNet& datagrams() { return net_; }
  PacketNode& node(std::uint32_t index) { return *nodes_[index]->node; }
  std::uint32_t nodes() const { return config_.nodes; }
  /// One host more than there are nodes, that sends what it likes.
  std::uint32_t attacker() const { return config_.nodes; }

  /// Calls `on_action(payload, link)` at `at`.
  void at(Instant at, std::uint32_t payload, std::uint32_t link);
  std::function<void(std::uint32_t payload, std::uint32_t link)> on_action;
  /// A node whose deadline stays in the past however often it is woken.
  std::function<void(std::uint32_t node)> on_restless;
  static constexpr std::uint32_t restless_turns = 100;
  /// What the attacker's host gets.
  std::function<void(const Datagram& datagram)> on_attacker;

  /// Until nothing more happens up to `limit`, or `is_done`.
  void run(Instant limit, const std::function<bool()>& is_done);
  /// To be said of a node whose endpoint was used outside of its turn.
  void turn(std::uint32_t index);
  void restart(std::uint32_t index);
  /// After the end: the last packet's bytes are kept until the next one.
  void release_delivered();

  // --- addresses of a node as a peer sees it ---
  base::IpPort address_of(std::uint32_t of, std::uint32_t peer) const;
  packet::Path path(std::uint32_t from, std::uint32_t to) const;
  /// Its NAT forgets: another port, and what goes to the old one is lost.
  void rebind(std::uint32_t of, std::uint32_t peer);
  /// It has one more socket, with another address, and then perhaps not the old ones.
  base::SocketId move(std::uint32_t of, std::uint32_t peer, bool old_ones_die);

  /// A packet of the attacker's that says to come from `from`.
  void attack(const base::IpPort& from, std::uint32_t to, ByteView bytes);
  const std::vector<TappedPacket>& tapped() const { return tapped_; }
  SeededRng& attack_rng() { return attack_rng_; }

 private:
  struct Waiting {
    base::IpPort from;
    base::SocketId socket;
    base::Ecn ecn;
    Payload payload;
  };
  struct Host {
    std::unique_ptr<PacketNode> node;
    std::vector<Waiting> inbox;
    std::optional<Instant> wakes_at;
    std::uint32_t due_again = 0;  // turns in a row after which something was still due
  };
  struct Side {
    std::uint16_t rebinds = 0;
    std::uint8_t socket = 1, least_socket = 1;
  };

  std::uint64_t key(std::uint32_t of, std::uint32_t peer) const {
    return std::uint64_t{of} * (config_.nodes + 1) + peer;
  }
  Side& side(std::uint32_t of, std::uint32_t peer) { return sides_[key(of, peer)]; }
  const Side& side(std::uint32_t of, std::uint32_t peer) const { return sides_[key(of, peer)]; }
  base::IpPort address(std::uint32_t of, std::uint32_t peer, std::uint8_t socket) const;
  Instant next_tick(Instant at) const;
  void wake(std::uint32_t index, Instant at);
  void deliver(const Event& event);
  void read(Host& host);
  void transmit(std::uint32_t index);
  void send(std::uint32_t from, const base::DatagramsOut& out, ByteView packet);
  void tap(const TappedPacket& packet, ByteView bytes);

  const PacketNetConfig& config_;
  Instant now_ = Instant{} + 1h;
  SeededRng rng_, attack_rng_;
  Topology topology_;
  EventQueue queue_;
  DatagramNet net_;
  TraceHash trace_;
  std::vector<std::unique_ptr<Host>> nodes_;
  std::vector<Side> sides_;
  std::vector<TappedPacket> tapped_;
  std::uint64_t tap_countdown_ = 0;
  std::uint64_t events_ = 0;
  Bytes room_ = Bytes(65'536), batch_ = Bytes(65'536);
};

}  // namespace kith::sim
