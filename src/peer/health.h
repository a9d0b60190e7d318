// Whether connected peers still answer: a probe every 30 s ±10 %, 5 s for the answer. Half of
// `failures_max` failures in a row make a peer degraded, all of them unhealthy, two successes
// healthy again. A peer without any traffic for `stale_after` is given up.
//
// Own-fault guard (SWIM's Lifeguard): failures are gathered over a window and judged at its end.
// When more than half of the peers heard of in the window failed, the fault is likely ours: nobody
// is blamed and the timeout doubles, up to `timeout_factor_max`; quiet windows take it back.
//
// A machine in small, owned by peer/quality.h. Limits: the connected peers, which the host bounds.
#pragma once

#include <map>
#include <variant>

#include "base/deadline_heap.h"
#include "base/peer_event.h"
#include "base/queue.h"
#include "base/rng.h"

namespace kith::peer {

struct HealthConfig {
  Duration probe_interval = 30s;  // zero: no probes of our own
  std::uint32_t probe_jitter_percent = 10;
  Duration probe_timeout = 5s;
  std::uint32_t failures_max = 3;
  std::uint32_t successes_to_recover = 2;
  Duration stale_after = 300s;
  Duration window = 30s;             // of the own-fault guard
  std::size_t window_peers_min = 3;  // with fewer there is no telling whose fault it is
  int timeout_factor_max = 4;
};

/// Ask the peer whether it is there; answered by probe_succeeded or probe_failed.
struct AskPeer {
  PeerId peer;
};
struct HealthChanged {
  PeerId peer;
  PeerHealth health;
};
/// What its silence costs, the own-fault guard having had its say.
struct Silence {
  PeerId peer;
  std::uint32_t failures;
};
using HealthOutput = std::variant<AskPeer, HealthChanged, Silence>;

class Health {
 public:
  Health(const HealthConfig& config, Rng& rng) : config_(config), rng_(rng) {}

  void connected(Instant now, const PeerId& peer);
  void disconnected(const PeerId& peer);
  /// Anything that the peer sent. Cheap: for every message.
  void traffic(Instant now, const PeerId& peer);
  /// Without a probe on its way a success is traffic and a failure nothing.
  void probe_succeeded(Instant now, const PeerId& peer);
  void probe_failed(Instant now, const PeerId& peer);
  void request_failed(Instant now, const PeerId& peer);

  void on_deadline(Instant now);
  std::optional<Instant> next_deadline() const;
  std::optional<HealthOutput> poll();

  PeerHealth of(const PeerId& peer) const;
  std::size_t size() const { return peers_.size(); }
  /// What a probe is given now: wider while the fault seems to be ours.
  Duration timeout() const { return config_.probe_timeout * timeout_factor_; }

 private:
  struct Peer {
    PeerHealth state = PeerHealth::healthy;
    Instant heard_at;
    Instant next_probe_at;
    std::optional<Instant> timeout_at;  // of the probe on its way
    std::uint32_t failures = 0;         // in a row, judged
    std::uint32_t successes = 0;        // in a row
    // In the open window:
    bool is_counted = false;
    bool is_failing = false;          // failed, and no success since
    std::uint32_t probes_failed = 0;  // in a row
    std::uint32_t silences = 0;       // failed probes and requests
  };
  using Peers = std::map<PeerId, Peer>;

  void open_window(Instant now);
  void close_window();
  void count(Peer& peer, bool has_failed);
  void fail(Instant now, const PeerId& id, Peer& peer, bool is_probe);
  void judge(const PeerId& id, Peer& peer);
  void change(const PeerId& id, Peer& peer, PeerHealth state);
  void serve(Instant now, const PeerId& id, Peer& peer);
  void arm(const PeerId& id, const Peer& peer);
  Duration jittered(Duration interval);

  const HealthConfig config_;
  Rng& rng_;
  Peers peers_;
  mutable base::DeadlineHeap<PeerId> deadlines_;
  std::optional<Instant> window_ends_;  // open while somebody was heard of in it
  std::size_t counted_ = 0;
  std::size_t failing_ = 0;
  int timeout_factor_ = 1;
  base::Queue<HealthOutput> outputs_;
};

}  // namespace kith::peer
