// Kith's choke extension, the receiver's half for one topic: which mesh peers may send whole
// messages and which only announce them. K may, the others are choked.
//
// Of the last messages it is known when each mesh peer first spoke of them, by body or by
// announcement. The K are chosen one by one so that messages come early from somebody: the first
// is the best alone, the next the one that helps most where the first is late. So they complement
// each other, and it counts how late a message was and not only how often. What nobody chosen
// brings is asked for, a round trip later, and that too is part of the reckoning. One of the K is
// outbound and of another netgroup than the best, so that nobody who dialled us fast enough owns
// what we hear first. When messages come late (only after we asked for them) everybody is unchoked
// for `fallback`: under attack this is plain push.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "gossip/mesh.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

struct ChokeConfig {
  bool is_on = true;                   // towards peers that know it
  std::size_t fastest = 8;             // K: a bound; gossip/relay.h does the rest
  std::size_t training_messages = 60;  // between two choices
  Duration choice_interval_min = 5s;
  double loyalty = 1.1;         // another choice must be better by this factor…
  Duration lag_bearable = 2ms;  // …and by so much a message
  double late_share_max = 0.5;  // of the last messages: above, unchoke all
  std::size_t late_messages_min = 10;
  Duration fallback = 60s;
  std::size_t remembered_max = 128;  // messages that a choice goes by
  Duration silence = 500ms;          // a peer that did not speak of a message was so late
  Duration rtt_unknown = 200ms;
};

struct ChokeCandidate {
  PeerSlot peer = 0;
  bool knows_choke = false;
  bool is_outbound = false;
  std::uint64_t netgroup = 0;  // 0: not known
  std::optional<Duration> rtt = {};
};

class Choke {
 public:
  explicit Choke(const ChokeConfig& config) : config_(config) {}

  /// A message became valid whose body `first` brought at `at`, perhaps only because we asked.
  void delivered(Instant at, const MessageKey& key, PeerSlot first, bool was_asked_for);
  /// A peer spoke of a delivered message, before its delivery or after.
  void heard(Instant at, const MessageKey& key, PeerSlot peer, bool sent_body);
  /// A body that was asked for came so long after the request: what its size adds to a round trip.
  void answered(Duration took, std::optional<Duration> rtt);
  void forget(PeerSlot peer);

  /// The choice anew when it is time: whom to choke now. Empty when nothing is to change.
  std::optional<std::vector<PeerSlot>> choose(Instant now, std::span<const ChokeCandidate> mesh);
  /// Messages come late: true once, when all are to be unchoked.
  bool begins_fallback(Instant now);

  bool is_choked(PeerSlot peer) const;
  void set_choked(std::vector<PeerSlot> choked) { choked_ = std::move(choked); }
  const std::vector<PeerSlot>& choked() const { return choked_; }

 private:
  static constexpr std::size_t speakers_max = mesh_peers_max;
  struct Word {
    NarrowSlot peer = 0;
    bool is_body = false;
    std::int32_t lag_us = 0;  // after the body that was first; announcements may be before it
  };
  struct Remembered {
    MessageKey key;
    Instant at;
    std::uint8_t count = 0;
    std::array<Word, speakers_max> words{};
  };
  /// Microseconds after the first word, by message and candidate.
  struct Lags;

  Lags lags_of(std::span<const ChokeCandidate> mesh) const;
  std::vector<std::size_t> pick(const Lags& lags, std::span<const ChokeCandidate> mesh) const;

  const ChokeConfig config_;
  std::vector<Remembered> ring_;  // at most remembered_max
  std::size_t next_ = 0;
  KeyIndex index_;                // to ring_
  std::vector<PeerSlot> choked_;  // sorted
  double body_us_ = 0;            // that a body takes longer than its announcement
  std::size_t messages_ = 0;      // since the last choice
  Instant chosen_at_;
  bool has_chosen_ = false;
  double recent_ = 0;  // messages, decayed by each
  double late_ = 0;
  Instant fallback_until_;
};

}  // namespace kith::gossip
