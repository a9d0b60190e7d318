// The real world around one host::WorldMachine: TCP links, datagram sockets, timers, name
// resolution and the peer store, all on the one thread that calls run(). The words are
// host/world.h's.
//
// A turn is one mutation, then every output performed, then the bytes of every link that said
// TransmitReady, then the datagrams, then one timer. Bytes are read into one buffer that all links
// share and written from another, so that an idle link costs no buffer (a WebSocket one of 4 KiB);
// only what a socket did not take, and an incomplete frame, are kept by link.
//
// Limits: `ReactorConfig`. Deviations: a link whose socket takes no byte for `write_stall_max`
// while bytes wait is closed with Code::timeout.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "host/world.h"
#include "rt/chain_disk.h"
#include "rt/peer_store.h"
#include "rt/quality_store.h"
#include "rt/signer_address.h"

namespace kith::rt {

struct DatagramOptions;

struct ReactorConfig {
  /// One recv fills at most this much. 256 KiB: larger gains nothing and leaves the L2 cache.
  std::size_t read_buffer_bytes = 256 * 1024;
  std::size_t transmit_buffer_bytes = 256 * 1024;
  /// What one link may read, or write, before the others have their turn.
  std::size_t link_turn_bytes_max = 1024 * 1024;
  /// Links of both directions, dials under way included; over it new ones are refused.
  std::size_t links_max = 16384;
  std::size_t listeners_max = 64;  // of TCP; and as many of datagrams
  int listen_backlog = 1024;
  std::size_t accepts_per_turn_max = 64;
  Duration write_stall_max = 30s;
  Duration flush_max = 1s;
  /// TCP_CONGESTION, for example "bbr"; empty leaves the system's. Ignored with a log line when
  /// the system does not have it.
  std::string tcp_congestion = {};
  /// SO_SNDBUF of links; 0 leaves it to the kernel, which tunes it better. For tests.
  int send_buffer_bytes = 0;
  /// How long the loop looks for packets again and again before it waits, after packets came, if
  /// half of the last waits ended within that. 0: never. Waking costs 25 us, on virtual machines.
  std::uint32_t spin_us = 50;
  const DatagramOptions* datagrams = nullptr;  // for tests; outlives the reactor
  /// "1.2.3.4:53"; empty for the system's resolvers.
  std::vector<std::string> dns_servers = {};
  Duration resolve_max = 10s;
  /// Threads for work that machines ask for; made when the first comes. 0: one less than the
  /// processors, at least one.
  std::size_t workers = 0;
  /// The remote signer that TellSigner speaks to.
  std::optional<SignerAddress> signer = {};
  const crypto::KeyPair* identity = nullptr;  // the node's; with a signer, outlives the reactor
};

/// Counted since the start; read on the reactor's thread.
struct ReactorStats {
  std::uint64_t turns = 0;
  std::uint64_t timer_arms = 0;
  std::uint64_t reads = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t sends = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t sends_partial = 0;
  std::uint64_t read_pauses = 0;
  std::uint64_t write_stalls = 0;
  std::uint64_t links_accepted = 0;
  std::uint64_t accepts_refused = 0;
  std::uint64_t links_dialled = 0;
  std::uint64_t dials_failed = 0;
  std::uint64_t links_open = 0;  // now
  std::uint64_t bytes_kept = 0;  // now: incomplete frames and unsent remainders
  std::uint64_t resolves = 0;
  std::uint64_t datagram_reads = 0;         // that brought packets
  std::uint64_t datagram_batches_read = 0;  // packets of one sender, joined by the kernel
  std::uint64_t datagram_bytes_read = 0;
  std::uint64_t datagram_sends = 0;
  std::uint64_t datagram_bytes_sent = 0;
  std::uint64_t datagram_send_pauses = 0;  // the kernel took no more
  std::uint64_t spins = 0;                 // begun
  std::uint64_t spins_won = 0;             // that a packet ended
};

class Reactor {
 public:
  /// `machine`, `log` and the stores (may be null: nothing is remembered) outlive the reactor. So
  /// does `chain`, which a machine that asks for AppendLog or WriteChain REQUIRES.
  Reactor(host::WorldMachine& machine, ReactorConfig config, Log& log, PeerStore* peers,
          QualityStore* quality = nullptr, ChainDisk* chain = nullptr);
  /// Closes every socket. REQUIRES: run() has returned, or was never called.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Gives the machine the wall clock, then serves until stop(). Once in a reactor's life.
  void run();
  /// Any thread: run() returns after the turn in progress. Links are not said goodbye to; a clean
  /// end closes them first and waits for LinkClosed.
  void stop();
  /// Any thread: runs `work` on the reactor's thread as the mutation of a turn of its own.
  void post(std::function<void()> work);
  /// The reactor's thread: the same at once, or inside the turn that is in progress.
  void turn(const std::function<void()>& work);
  /// Calls `work` once, `after` from now, as a turn. Any thread. For shell work only; what a
  /// machine waits for is its deadline.
  void post_after(Duration after, std::function<void()> work);

  /// The clock. Any thread.
  Instant now() const;
  /// The time of the turn in progress: what a machine that is mutated inside one must be given.
  /// The reactor's thread.
  Instant turn_now() const;
  /// Called after each turn, when all outputs are performed: the owner drains its own replies and
  /// events there. It may mutate the machine; the turn then goes on until all is quiet.
  void set_after_turn(std::function<void()> after_turn);

  const ReactorStats& stats() const;

  /// The inside, for the files of this folder (reactor_impl.h).
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace kith::rt
