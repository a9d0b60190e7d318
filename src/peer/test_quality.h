// For tests: a Quality in virtual time, what it said, and keys for signed recommendations.
#pragma once

#include <array>

#include "base/machine.h"
#include "codec/peer_id.h"
#include "peer/quality.h"

namespace kith::peer {

inline crypto::KeyPair test_key(std::uint32_t number) {
  std::array<std::uint8_t, 32> seed{};
  for (std::size_t i = 0; i < 4; ++i) seed[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return crypto::KeyPair::from_seed(seed);
}
/// The peer of test_key(): some microseconds.
inline PeerId test_keyed_peer(std::uint32_t number) {
  return codec::peer_id_of(test_key(number).public_key());
}
/// A peer without a key: cheap, well-formed.
inline PeerId test_peer(std::uint32_t number) {
  Bytes hash = {0x12, 0x20};
  hash.resize(34, 0);
  for (std::size_t i = 0; i < 4; ++i)
    hash[2 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return codec::peer_id_from_bytes(hash).value();
}

/// Defaults, but nobody is probed or given up: for tests of the ledger alone.
inline QualityConfig quiet_config() {
  QualityConfig config;
  config.health.probe_interval = Duration::zero();
  config.health.stale_after = 24h * 365 * 100;
  return config;
}

struct QualityBench {
  explicit QualityBench(const QualityConfig& with = quiet_config(), Instant start = Instant(1h))
      : config(with), now(start) {
    input(WallClock{WallTime{1'700'000'000'000}});
  }

  void input(QualityInput in) {
    quality.on_input(now, std::move(in));
    drain();
  }
  void event(const PeerId& peer, PeerEventKind kind, std::string reason = "test") {
    input(PeerEvent{peer, kind, "test", std::move(reason)});
  }
  void events(const PeerId& peer, PeerEventKind kind, int count, Duration apart) {
    for (int i = 0; i < count; ++i) {
      wait(apart);
      event(peer, kind);
    }
  }
  void connect(const PeerId& peer, std::optional<NetGroup> group = {}) {
    input(PeerConnected{peer, group});
  }
  /// Serves every deadline up to `span` from now.
  void wait(Duration span) {
    const Instant end = now + span;
    for (auto next = quality.next_deadline(); next && *next <= end;
         next = quality.next_deadline()) {
      now = std::max(now, *next);
      quality.on_deadline(now);
      drain();
    }
    now = end;
  }
  void drain() {
    while (auto output = quality.poll_output(now)) {
      if (const auto* probe = std::get_if<Probe>(&*output)) probed.push_back(probe->peer);
      said.push_back(std::move(*output));
    }
    answer();
  }
  /// Answers the probes that wait, as `answers` says.
  void answer() {
    while (!probed.empty() && answers) {
      const PeerId peer = probed.front();
      probed.erase(probed.begin());
      if (!answers(peer)) continue;
      quality.on_input(now, PeerEvent{peer, PeerEventKind::probe_succeeded, "ping", "", 20ms});
      while (auto output = quality.poll_output(now)) said.push_back(std::move(*output));
    }
    probed.clear();
  }
  template <class O>
  std::vector<O> take() {
    std::vector<O> taken;
    std::erase_if(said, [&](QualityOutput& output) {
      auto* found = std::get_if<O>(&output);
      if (found != nullptr) taken.push_back(std::move(*found));
      return found != nullptr;
    });
    return taken;
  }
  PeerStanding of(const PeerId& peer) const { return quality.standing(now, peer); }
  StoredQuality stored(const PeerId& peer) {
    take<Persist>();
    if (quality.report(now, peer)) input(SetDirect{peer, of(peer).is_direct});  // has it stored
    quality.persist_all(now);
    drain();
    StoredQuality last;
    for (auto& persist : take<Persist>()) {
      if (persist.stored.peer == peer) last = std::move(persist.stored);
    }
    return last;
  }

  const QualityConfig config;
  SeededRng rng{1};
  Instant now;
  Quality quality{config, test_peer(999'999), rng};
  std::vector<QualityOutput> said;
  std::vector<PeerId> probed;
  std::function<bool(const PeerId&)> answers = [](const PeerId&) { return true; };
};

}  // namespace kith::peer
