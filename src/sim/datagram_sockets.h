// The datagram sockets of virtual hosts, over a DatagramNet: bound addresses of 10.x.y.z, batches
// cut into packets on their way out (GSO) and joined again on their way in (GRO), and the NATs
// before them, which may move at any time.
//
//   send     to an address: that of a host, or the outside of a NAT. What is sent from behind a
//            NAT comes from its outside
//   rebind   a socket gets an outside address, or another one. What still goes to the old one, and
//            what is sent to the inside, is lost, as is what is on the way there
//   read     packets wait in the socket while its process is paused; a crash loses them
// Not modelled: a NAT's filter and its timeout, IPv6, multicast, uplinks of hosts.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/queue.h"
#include "host/world.h"
#include "sim/datagram.h"
#include "sim/input_queue.h"
#include "sim/trace_hash.h"

namespace kith::sim {

struct SocketStats {
  std::uint64_t batches_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t batches_read = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t dropped_no_socket = 0;  // nobody there, or no longer
  std::uint64_t dropped_unread = 0;     // receive_bytes_max
};

class DatagramSockets {
 public:
  static constexpr std::size_t sockets_max = 64;  // of one host
  static constexpr std::size_t batch_bytes_max = 65'536;
  static constexpr std::size_t batch_packets_max = 64;

  DatagramSockets(const DatagramConfig& config, const Topology& topology, EventQueue& queue,
                  InputQueue& inputs, Rng& rng, TraceHash& trace);

  // --- hosts ---
  void add_host() { hosts_.emplace_back(); }
  void start_host(std::uint32_t host, std::uint32_t incarnation);
  void stop_host(std::uint32_t host);

  // --- what machines ask ---
  void listen(Instant now, std::uint32_t host, const codec::Multiaddr& asked,
              const base::IpPort& local);
  /// False when no socket is bound to that.
  bool stop_listening(Instant now, std::uint32_t host, const codec::Multiaddr& bound);
  /// A batch of poll_datagrams.
  void send(Instant now, std::uint32_t host, const base::DatagramsOut& out, ByteView bytes);

  // --- events ---
  /// Of kind datagram: the packet waits in its socket, and a readable event follows at once.
  void on_event(Instant now, const Event& event);
  /// For an event of kind readable: what waits, batch by batch; the bytes hold until the next call.
  std::optional<base::DatagramsIn> next_batch(const Event& event);
  /// Said after the last next_batch: what is left is readable again.
  void finish_reading(Instant now, const Event& event);
  bool is_open(const Event& readable) const;

  // --- what befalls them ---
  /// From now on the host's socket at `port` is seen as `outside`, and reached there only. Its own
  /// address as `outside` takes the NAT away. REQUIRES: nobody else is at `outside`.
  void rebind(std::uint32_t host, std::uint16_t port, const base::IpPort& outside);
  /// Where it is seen.
  base::IpPort address_of(std::uint32_t host, std::uint16_t port) const;
  DatagramNet& net() { return net_; }
  const DatagramNet& net() const { return net_; }
  const SocketStats& stats() const { return stats_; }

 private:
  struct Waiting {
    Payload payload;
    base::IpPort from;
    base::Ecn ecn;
  };
  struct Socket {
    std::uint32_t host = 0;
    std::uint32_t generation = 0;
    base::SocketId id;
    base::IpPort local;
    codec::Multiaddr bound;
    base::Queue<Waiting> waiting;
    std::size_t waiting_bytes = 0;
    bool is_open = false;
    bool is_told = false;  // a readable event is on its way
  };
  struct Host {
    std::vector<std::uint32_t> sockets;  // slots
    std::uint32_t incarnation = 0;
    std::uint32_t next_id = 1;
    std::uint16_t next_port = 0;
  };

  Result<base::IpPort> usable(std::uint32_t host, const base::IpPort& local);
  void close(std::uint32_t slot);
  Socket* find(std::uint32_t host, base::SocketId id);
  std::optional<std::uint32_t> slot_at(const Endpoint& endpoint, bool is_local) const;
  std::optional<Endpoint> find_way(std::uint32_t from, const base::IpPort& to) const;
  void tell(Instant now, std::uint32_t slot);
  bool joins(const base::DatagramsIn& batch, const Waiting& next) const;

  DatagramConfig config_;
  EventQueue& queue_;
  InputQueue& inputs_;
  TraceHash& trace_;
  DatagramNet net_;
  std::vector<Host> hosts_;
  std::vector<Socket> sockets_;
  std::vector<std::uint32_t> free_;
  std::map<base::IpPort, Endpoint> outsides_;  // NATs: who is at an address
  std::map<Endpoint, base::IpPort> natted_;    // and the way back
  Payload read_;                               // of the batch given last
  Bytes batch_;                                // where several are joined
  SocketStats stats_;
};

/// 10.x.y.z of that host.
base::IpPort datagram_address_of(std::uint32_t host, std::uint16_t port);

}  // namespace kith::sim
