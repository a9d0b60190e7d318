// Bandwidth: how many bytes a second all links together send and receive. A link that finds its
// direction spent waits and is told to go on once there is room again. Links take turns: while some
// wait, one that has just moved bytes goes behind them. What moves at once (one read, one write)
// may be more than there was room for; the rest is owed before anybody goes on. Bytes are those of
// the links, handshakes among them; TCP's and IP's headers are not counted.
#pragma once

#include <map>
#include <vector>

#include "peer/limits.h"

namespace kith::host {

struct ShapingConfig {
  std::uint64_t upload = 0;  // bytes a second; 0: as much as goes
  std::uint64_t download = 0;
};

/// One direction.
class ShapedLane {
 public:
  /// `bytes_per_second` 0: it never makes anybody wait.
  explicit ShapedLane(std::uint64_t bytes_per_second);

  bool is_limited() const { return shaper_.has_value(); }
  /// What a link may take at once where it can be held to that.
  std::uint64_t quantum() const { return quantum_; }
  /// Whether the link may go on; if not it has a place among those that on_deadline gives.
  bool may_move(LinkId link) const;
  void on_moved(Instant now, std::uint64_t bytes);
  void forget(LinkId link);
  /// When to call on_deadline, whether or not anybody waits: they may ask outside of a turn.
  std::optional<Instant> next_deadline() const;
  /// Those that wait, first come first, if it is time. They keep their places until they ask.
  std::vector<LinkId> on_deadline(Instant now);
  /// Times that a link had to wait.
  std::uint64_t waits() const { return waits_; }

 private:
  std::optional<peer::Shaper> shaper_;
  std::uint64_t quantum_ = 0;
  std::optional<Instant> opens_at_;  // empty: open
  Instant moved_at_;
  // Asking changes only who waits.
  mutable bool is_round_over_ = false;  // open, and somebody was sent behind the others
  mutable std::map<std::uint64_t, LinkId> waiting_;  // by place
  mutable std::map<LinkId, std::uint64_t> places_;
  mutable std::uint64_t next_place_ = 0;
  mutable std::uint64_t waits_ = 0;
};

}  // namespace kith::host
