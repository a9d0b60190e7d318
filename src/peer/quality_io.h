// The words that go into and come out of peer/quality.h, and what is stored of a peer.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/peer_event.h"
#include "codec/recommendation.h"
#include "peer/bans.h"
#include "peer/ledger.h"

namespace kith::peer {

using base::PeerEvent;  // kith::PeerEvent is the public face's

/// How often each kind of event was seen, by PeerEventKind. Never reset, not even by a restart.
using EventCounts = std::array<std::uint64_t, base::peer_event_kinds>;

/// One line of a peer's history: faults and what was decided. The same fault again raises `count`.
struct HistoryEntry {
  WallTime at;       // the last time
  std::string what;  // a fault's name, "silent", "warned", "banned", "unbanned", "endorsed"
  std::string subsystem;
  std::string reason;
  std::uint64_t count = 1;
  friend bool operator==(const HistoryEntry&, const HistoryEntry&) = default;
};
inline constexpr std::size_t history_text_bytes_max = 128;  // of each text
/// A longer one is cut, between two characters.
std::string history_text(std::string_view text);

struct StoredBan {
  BanCause cause = BanCause::record;
  std::optional<WallTime> until;  // empty: until somebody lifts it
  std::string reason;
  friend bool operator==(const StoredBan&, const StoredBan&) = default;
};

/// All that outlives a run. Points are as of `as_of`; whoever reads them later lets them decay.
struct StoredQuality {
  PeerId peer;
  WallTime as_of;
  Points credit = 0;
  Points fault = 0;
  Points liveness = 0;
  bool is_warned = false;
  bool is_on_probation = false;
  std::optional<StoredBan> ban;
  EventCounts counts{};
  std::optional<WallTime> first_seen;
  std::optional<WallTime> last_seen;
  Duration connected{};               // in all
  std::vector<HistoryEntry> history;  // oldest first
  friend bool operator==(const StoredQuality&, const StoredQuality&) = default;
};

// --- inputs --------------------------------------------------------------------------------------

/// What the wall clock says. First of all, and again now and then: a jump is noticed by it. Bans
/// and decay run on Instants and do not care; only what is stored and shown has dates.
struct WallClock {
  WallTime wall;
};
/// What an earlier run stored. After WallClock, before the peer connects; later it is ignored.
struct Restore {
  StoredQuality stored;
};
/// The first connection of a peer and the end of its last.
struct PeerConnected {
  PeerId peer;
  std::optional<NetGroup> group;  // net_group_of() its address
};
struct PeerDisconnected {
  PeerId peer;
};
/// The operator's own peers: never banned for their record, only disconnected for a proof.
struct SetDirect {
  PeerId peer;
  bool is_direct = true;
};
/// A recommendation that `from` sent, as received. Only its own is taken.
struct RecommendationReceived {
  PeerId from;
  Bytes envelope;
};
struct BanPeer {
  PeerId peer;
  std::optional<Duration> span;  // empty: until UnbanPeer
  std::string reason;
};
/// Lifts a ban and clears the demerit; the peer is on probation.
struct UnbanPeer {
  PeerId peer;
};
struct QualityInput : std::variant<PeerEvent, WallClock, Restore, PeerConnected, PeerDisconnected,
                                   SetDirect, RecommendationReceived, BanPeer, UnbanPeer> {
  using variant::variant;
  QualityInput(const QualityInput&);
  QualityInput& operator=(const QualityInput&);
  QualityInput(QualityInput&&) noexcept;
  QualityInput& operator=(QualityInput&&) noexcept;
  ~QualityInput();
};

// --- outputs -------------------------------------------------------------------------------------

/// For everybody who treats peers differently. Said when something changed that matters, not for
/// each point; Quality::standing() has it to the point.
struct StandingChanged {
  PeerStanding standing;
};
enum class DisconnectCause : std::uint8_t { banned, proof, stale };
struct Disconnect {
  PeerId peer;
  DisconnectCause cause;
  std::string reason;
};
struct PeerBanned {
  PeerId peer;
  Ban ban;
};
/// It ran out or was lifted.
struct BanEnded {
  PeerId peer;
};
struct GroupBanned {
  NetGroup group;
  Instant until;
};
/// Ping the peer; answered by PeerEvent{probe_succeeded} with its round trip, or probe_failed. No
/// answer within `timeout` counts as failed without being told.
struct Probe {
  PeerId peer;
  Duration timeout;
};
/// Upsert. No answer: losing the last seconds is harmless.
struct Persist {
  StoredQuality stored;
};
struct Forget {
  PeerId peer;
};
struct QualityOutput : std::variant<StandingChanged, Disconnect, PeerBanned, BanEnded, GroupBanned,
                                    Probe, Persist, Forget> {
  using variant::variant;
  QualityOutput(const QualityOutput&);
  QualityOutput& operator=(const QualityOutput&);
  QualityOutput(QualityOutput&&) noexcept;
  QualityOutput& operator=(QualityOutput&&) noexcept;
  ~QualityOutput();
};

}  // namespace kith::peer
