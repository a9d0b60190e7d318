// Datagrams between virtual hosts, for packet transports: lost, doubled, overtaken, damaged and
// cut to size as the LinkModel says, with a bounded queue before a slow wire. Nothing answers a
// datagram that does not arrive. Works on any EventQueue; a shell hands it its datagram events.
//
// Limits: one MTU for all paths, no fragments (as with the don't-fragment bit), no ICMP.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

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
};

struct DatagramConfig {
  /// UDP payload of an Ethernet frame with an IPv4 header.
  std::size_t mtu_bytes = 1472;
  /// Before a wire with a bandwidth; what comes on top is dropped.
  Duration queue_max = 200ms;
};

class DatagramNet {
 public:
  /// UDP's own limit over IPv4.
  static constexpr std::size_t datagram_bytes_max = 65507;

  DatagramNet(const DatagramConfig& config, const Topology& topology, EventQueue& queue, Rng& rng)
      : config_(config), topology_(topology), queue_(queue), rng_(rng) {}
  ~DatagramNet() = default;

  /// `too_large` above datagram_bytes_max, as a socket says; all other losses are silent.
  Result<void> send(Instant now, Endpoint from, Endpoint to, ByteView bytes);

  /// What an event of kind datagram delivers; empty when a partition cut it on the way.
  std::optional<Datagram> on_event(Instant now, const Event& event);

  const DatagramStats& stats() const { return stats_; }
  std::size_t buffer_bytes() const { return pool_.bytes_in_use(); }

 private:
  struct Flying {
    Endpoint from;
    Endpoint to;
    Payload payload;
  };
  void launch(Instant departs, Endpoint from, Endpoint to, ByteView bytes);
  bool happens(double probability) { return probability > 0 && rng_.unit() < probability; }

  DatagramConfig config_;
  const Topology& topology_;
  EventQueue& queue_;
  Rng& rng_;
  PayloadPool pool_;
  std::vector<Flying> flying_;
  std::vector<std::uint32_t> free_;
  std::map<std::uint64_t, Instant> busy_until_;  // by path, only those with a bandwidth
  Payload delivered_;
  DatagramStats stats_;
};

}  // namespace kith::sim
