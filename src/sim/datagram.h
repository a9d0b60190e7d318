// Datagrams between virtual hosts, for packet transports: lost, doubled, overtaken and damaged as
// the LinkModel says, with a bounded queue before a slow wire, which marks (ECN) before it drops.
// Nothing answers a datagram that does not arrive. Works on any EventQueue; a shell hands it its
// datagram events. Who may send from where, and who receives, is datagram_sockets.h's.
//
// Limits: no fragments (as with the don't-fragment bit), no ICMP.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/ip_port.h"
#include "base/rng.h"
#include "sim/event_queue.h"
#include "sim/payload_pool.h"
#include "sim/topology.h"

namespace kith::sim {

struct Endpoint {
  std::uint32_t host = 0;
  std::uint16_t port = 0;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

struct Datagram {
  Endpoint from;
  Endpoint to;
  ByteSpan bytes;  // valid until the next on_event
  base::Ecn ecn = base::Ecn::none;
  base::IpPort seen_from, sent_to;  // as the packet says; NATs may have changed them
};

struct DatagramStats {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t reordered = 0;
  std::uint64_t dropped_too_large = 0;  // over the MTU, silently
  std::uint64_t dropped_queue_full = 0;
  std::uint64_t dropped_cut = 0;
  std::uint64_t marked = 0;  // congested
};

struct DatagramConfig {
  /// UDP payload of an Ethernet frame with an IPv4 header; of paths without one of their own.
  std::size_t mtu_bytes = 1472;
  /// Before a wire with a bandwidth; what comes on top is dropped.
  Duration queue_max = 200ms;
  /// Packets that allow it are marked, from this much on.
  Duration queue_marks = 100ms;
  /// Of one socket, for packets that its process has not read.
  std::size_t receive_bytes_max = std::size_t{4} << 20;
  /// Packets of one sender that wait together are given as one batch, as GRO does.
  bool coalesces = true;
};

class DatagramNet {
 public:
  /// UDP's own limit over IPv4.
  static constexpr std::size_t datagram_bytes_max = 65507;

  DatagramNet(const DatagramConfig& config, const Topology& topology, EventQueue& queue, Rng& rng)
      : config_(config), topology_(topology), queue_(queue), rng_(rng) {}
  ~DatagramNet() = default;

  /// `too_large` above datagram_bytes_max, as a socket says; all other losses are silent.
  Result<void> send(Instant now, Endpoint from, Endpoint to, ByteView bytes,
                    base::Ecn ecn = base::Ecn::none, const base::IpPort& seen_from = {},
                    const base::IpPort& sent_to = {});

  /// Larger payloads vanish between these two hosts, in this direction, from now on.
  void set_mtu(std::uint32_t from, std::uint32_t to, std::size_t bytes);
  /// After `skip` more packets from `from` to `to` that are not lost, one arrives with its bit
  /// number `bit` turned (modulo its length; the first bit is the lowest of the first byte).
  void turn_bit(std::uint32_t from, std::uint32_t to, std::uint64_t skip, std::uint64_t bit);

  /// What an event of kind datagram delivers; empty when a partition cut it on the way.
  std::optional<Datagram> on_event(Instant now, const Event& event);
  /// The bytes of what on_event gave last, to keep; they go back by release().
  Payload take_delivered() { return std::exchange(delivered_, {}); }
  void release(Payload& payload) { pool_.release(payload); }

  const DatagramStats& stats() const { return stats_; }
  std::size_t buffer_bytes() const { return pool_.bytes_in_use(); }

 private:
  struct Flying {
    Endpoint from;
    Endpoint to;
    Payload payload;
    base::Ecn ecn;
    base::IpPort seen_from, sent_to;
  };
  struct TurnedBit {
    std::uint64_t path;
    std::uint64_t skip;
    std::uint64_t bit;
  };
  void launch(Instant departs, const Flying& packet, ByteView bytes);
  void turn_planned(std::uint64_t path, ByteSpan bytes);
  std::optional<Instant> pass_queue(Instant now, const LinkModel& model, std::uint64_t path,
                                    std::size_t bytes, base::Ecn& ecn);
  bool happens(double probability) { return probability > 0 && rng_.unit() < probability; }

  DatagramConfig config_;
  const Topology& topology_;
  EventQueue& queue_;
  Rng& rng_;
  PayloadPool pool_;
  std::vector<Flying> flying_;
  std::vector<std::uint32_t> free_;
  std::map<std::uint64_t, Instant> busy_until_;  // by path, only those with a bandwidth
  std::map<std::uint64_t, std::size_t> mtus_;    // by path, only those with one of their own
  std::vector<TurnedBit> turned_bits_;           // as many as a test plans
  Payload delivered_;
  DatagramStats stats_;
};

}  // namespace kith::sim
