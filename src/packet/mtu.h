// How large packets may be on a path (RFC 8899, datagram packetization layer PMTU discovery):
// probes of a few usual sizes, three tries each, again after ten minutes; back to the least that
// every path has when large packets vanish. ICMP is never believed.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace kith::packet {

struct MtuConfig {
  std::size_t bytes_min = 1200;  // of UDP payload; every path carries it
  std::size_t bytes = 1400;      // looked for first
  std::size_t bytes_max = 1472;
  bool discovers = true;  // beyond `bytes`
};

class MtuSearch {
 public:
  static constexpr std::uint32_t tries_max = 3;
  static constexpr Duration again_after = 10min;

  MtuSearch(const MtuConfig& config, std::size_t peer_bytes_max);

  /// What packets may have now.
  std::size_t bytes() const { return bytes_; }
  /// The size of the probe that is to leave now.
  std::optional<std::size_t> probe_due(Instant now) const;
  void on_probe_sent() { is_under_way_ = true; }
  void on_probe_acked(Instant now);
  void on_probe_lost(Instant now);
  /// Large packets do not arrive, small ones do, or nothing does.
  void on_black_hole(Instant now);
  /// Another path: all over again.
  void reset();
  std::optional<Instant> next_deadline() const;

 private:
  std::optional<std::size_t> next_size() const;
  void pause(Instant now);

  MtuConfig config_;
  std::size_t limit_;  // of both sides
  std::size_t bytes_;
  std::uint32_t tries_ = 0;
  bool is_under_way_ = false;
  std::optional<Instant> paused_until_;
};

}  // namespace kith::packet
