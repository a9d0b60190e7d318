// The virtual internet of streams: hosts with addresses 10.x.y.z, listeners, and links that behave
// as TCP connections do when seen from a program. It knows nothing of machines: the world asks it
// where bytes may go and tells it what became of them.
//
//   dial      one round trip; refused where nothing listens; silence (a partition, a host without
//             power, a lost packet) repeats the request after 1, 2, 4… s until the dial's timeout
//   bytes     ordered and reliable. A segment is what the machine gave at once. A lost packet of
//             it costs a retransmission timeout, during which all behind it waits
//   window    a sender has at most window_bytes without receipt; receipts leave when the machine
//             at the other end has taken the bytes, so that back-pressure reaches the sender
//   close     with flush: the bytes, then `fin`; the other end reads all and sees Code::closed.
//             Without: `reset`, which drops what is not yet on the wire; the other end sees it
//             after the bytes before it
//   silence   bytes to a host that is cut off or has no power are repeated with growing pauses,
//             for give_up; a host that came back answers them with a reset
// Not modelled: slow start, congestion control, header bytes, half-closed streams, a backlog.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/rng.h"
#include "host/world.h"
#include "sim/input_queue.h"
#include "sim/stream_link.h"
#include "sim/topology.h"
#include "sim/trace_hash.h"

namespace kith::sim {

struct NetworkConfig {
  /// Per direction; a receiver that refuses bytes costs at most this.
  std::uint32_t window_bytes = 1U << 20;
  /// Until a sender without receipts gives up; Linux's tcp_retries2 comes to 924 s.
  Duration give_up = 924s;
  /// How long CloseLink may flush.
  Duration flush_max = 1s;
};

/// What the world has to do after an event of the network.
struct NetworkTask {
  enum class Kind : std::uint8_t { none, read, write };
  Kind kind = Kind::none;
  LinkRef link;
};

struct NetworkStats {
  std::uint64_t dials = 0;
  std::uint64_t dials_failed = 0;
  std::uint64_t links_opened = 0;  // a link counts once
  std::uint64_t links_reset = 0;
  std::uint64_t segments = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_delivered = 0;
  std::uint64_t retransmissions = 0;
  std::uint64_t segments_corrupted = 0;
};

enum class CrashKind : std::uint8_t {
  power,    // silence: peers keep half-open links, dials get no answer
  process,  // the host lives on: its links are reset, dials refused
};

using Ipv4 = std::array<std::uint8_t, 4>;
Ipv4 ip_of(std::uint32_t host);

class Network {
 public:
  /// More than one machine's poll_transmit may give; read and sent as one.
  static constexpr std::size_t segment_bytes_max = 2 * host::link_transmit_bytes_min;

  Network(const NetworkConfig& config, const Topology& topology, EventQueue& queue,
          InputQueue& inputs, Rng& rng, TraceHash& trace);

  // --- hosts ---
  /// The next host, down at first. `uplink` limits all that it sends together; 0 is no limit.
  void add_host(std::uint64_t uplink_bytes_per_s = 0);
  void start_host(std::uint32_t host, std::uint32_t incarnation);
  void stop_host(Instant now, std::uint32_t host, CrashKind kind);

  // --- what machines ask ---
  void listen(Instant now, std::uint32_t host, const codec::Multiaddr& asked);
  void stop_listening(std::uint32_t host, const codec::Multiaddr& bound);
  void dial(Instant now, std::uint32_t host, const host::DialLink& dial);
  /// Gives the link when it has to be flushed: transmit, and say nothing_to_send at the end.
  std::optional<LinkRef> close(Instant now, std::uint32_t host, const host::CloseLink& close);
  /// An established link of that host; empty once it has ended.
  std::optional<LinkRef> find(std::uint32_t host, LinkId id) const;

  // --- sending ---
  /// The machine said TransmitReady. False when the link waits for room already.
  bool set_ready(LinkRef ref);
  /// Bytes that may be sent now, perhaps fewer than link_transmit_bytes_min.
  std::size_t room(Instant now, LinkRef ref);
  void send(Instant now, LinkRef ref, ByteSpan bytes);
  void nothing_to_send(Instant now, LinkRef ref);
  /// A `write` task follows when there is room again.
  void await_room(Instant now, LinkRef ref);

  // --- receiving ---
  bool has_unread(Instant now, LinkRef ref) const;
  /// Takes the next segment from the wire; the span begins with what the machine left last time.
  ByteSpan read(Instant now, LinkRef ref);
  void taken(LinkRef ref, std::size_t count);
  /// The machine wants no bytes; nothing is read until resume_reads.
  void block_reads(LinkRef ref);
  bool is_read_blocked(LinkRef ref) const;
  void resume_reads(Instant now, LinkRef ref);
  /// Waits for what comes next; said whenever reading ends.
  void await_bytes(Instant now, LinkRef ref);

  // --- state ---
  NetworkTask on_event(Instant now, const Event& event);
  bool is_current(LinkRef ref) const;
  LinkId id_of(LinkRef ref) const { return links_[ref.slot].sides[ref.side].id; }
  const NetworkStats& stats() const { return stats_; }
  /// Bytes of buffers that links hold: in flight, unread, or left by machines.
  std::size_t buffer_bytes() const { return pool_.bytes_in_use(); }
  std::size_t links_alive() const { return links_.size() - free_links_.size(); }

 private:
  struct Listener {
    std::uint16_t port;
    codec::Multiaddr bound;
    bool loopback_only;
  };
  struct IdEntry {
    LinkId id;
    std::uint32_t slot;
    std::uint8_t side;
  };
  struct Host {
    std::vector<Listener> listeners;
    std::vector<IdEntry> ids;  // sorted
    std::uint64_t uplink_bytes_per_s = 0;
    Instant uplink_busy_until;
    std::uint64_t next_accepted_id = 1;
    std::uint32_t incarnation = 0;
    std::uint16_t next_port = 0;
    bool is_running = false;
    bool has_power = false;
  };

  // network_dial.cpp: handshakes, listeners
  void send_syn(Instant now, std::uint32_t slot);
  void on_syn(Instant now, std::uint32_t slot);
  void on_syn_ack(Instant now, std::uint32_t slot);
  void accept(Instant now, std::uint32_t slot);
  void fail_dial(Instant now, std::uint32_t slot, Error error);
  bool listens(const Host& host, std::uint16_t port, bool loopback) const;
  bool passes(std::uint32_t from, std::uint32_t to);
  std::uint16_t ephemeral_port(Host& host);

  // network_flow.cpp: items, receipts, repetition
  Flow& flow(LinkRef ref) { return links_[ref.slot].flows[ref.side]; }
  Flow& incoming(LinkRef ref) { return links_[ref.slot].flows[1 - ref.side]; }
  std::uint32_t sender(LinkRef flow) const { return links_[flow.slot].sides[flow.side].node; }
  std::uint32_t receiver(LinkRef flow) const { return links_[flow.slot].sides[1 - flow.side].node; }
  void push_item(Instant now, LinkRef ref, ItemKind kind, Payload payload);
  void schedule(Instant now, LinkRef ref, Item& item);
  Duration retransmission_delay(LinkRef ref, std::size_t packets);
  Duration round_trip(LinkRef ref) const;
  void drop_items(Instant now, LinkRef ref);
  void clear_flow(Flow& flow);
  void acknowledge(Instant now, LinkRef ref, std::uint32_t bytes);
  void push_ack(Instant now, LinkRef ref, std::uint32_t bytes);
  void absorb_acks(Instant now, Flow& flow);
  void arm_writable(Instant now, LinkRef ref);
  void arm_arrival(Instant now, LinkRef ref);
  void stall(Instant now, LinkRef ref);
  void hold_for_retry(Instant now, LinkRef ref);
  void on_retry(Instant now, LinkRef ref);
  NetworkTask on_arrival(Instant now, LinkRef receiver);
  void on_unwanted(Instant now, LinkRef receiver);

  // network.cpp
  std::uint32_t new_link();
  void remember_id(std::uint32_t host, LinkId id, std::uint32_t slot, std::uint8_t side);
  void forget_id(std::uint32_t host, LinkId id);
  void push_event(Instant at, EventKind kind, LinkRef ref);
  void post(Instant at, const Side& side, host::WorldInput input);
  void close_side(Instant now, LinkRef ref, Error error);
  void abort(Instant now, LinkRef ref, Error error);
  void maybe_free(std::uint32_t slot);

  NetworkConfig config_;
  const Topology& topology_;
  EventQueue& queue_;
  InputQueue& inputs_;
  Rng& rng_;
  TraceHash& trace_;
  PayloadPool pool_;
  Slab<Item> items_;
  Slab<Ack> acks_;
  std::vector<Host> hosts_;
  std::vector<Link> links_;
  std::vector<std::uint32_t> free_links_;
  NetworkStats stats_;
};

}  // namespace kith::sim
