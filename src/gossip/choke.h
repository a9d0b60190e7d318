// Kith's choke extension, the receiver's half for one topic: which mesh peers may send whole
// messages and which only announce them. The K that most often deliver first may, the others are
// choked; of those K one is outbound and of another netgroup than the best, so that nobody who
// dialled us fast enough owns what we hear first. When messages come late (only after we asked for
// them) everybody is unchoked for `fallback`: under attack this is plain push.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "base/time.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

struct ChokeConfig {
  bool is_on = true;                   // towards peers that know it
  std::size_t fastest = 3;             // K; 2 where peers are trusted and stay
  std::size_t training_messages = 60;  // between two choices
  Duration choice_interval_min = 5s;
  double loyalty = 1.25;         // a choked peer must be better by this factor
  double credit_decay = 0.7;     // at each choice
  double announce_credit = 0.5;  // for an announcement that was before every body
  double late_share_max = 0.2;   // of the last messages: above, unchoke all
  std::size_t late_messages_min = 10;
  Duration fallback = 60s;
};

struct ChokeCandidate {
  PeerSlot peer = 0;
  bool knows_choke = false;
  bool is_outbound = false;
  std::uint64_t netgroup = 0;
};

class Choke {
 public:
  explicit Choke(const ChokeConfig& config) : config_(config) {}

  /// A message became valid: who brought its body first, whether only because we asked, and who
  /// announced it before anybody sent it.
  void delivered(PeerSlot first, bool was_asked_for);
  void announced_first(PeerSlot peer);
  void forget(PeerSlot peer);

  /// The choice anew when it is time: whom to choke now. Empty when nothing is to change.
  std::optional<std::vector<PeerSlot>> choose(Instant now, std::span<const ChokeCandidate> mesh);
  /// Messages come late: true once, when all are to be unchoked.
  bool begins_fallback(Instant now);

  bool is_choked(PeerSlot peer) const;
  void set_choked(std::vector<PeerSlot> choked) { choked_ = std::move(choked); }
  const std::vector<PeerSlot>& choked() const { return choked_; }

 private:
  double credit_of(PeerSlot peer) const;

  const ChokeConfig config_;
  std::map<PeerSlot, double> credit_;  // of peers in the mesh
  std::vector<PeerSlot> choked_;       // sorted
  std::size_t messages_ = 0;           // since the last choice
  Instant chosen_at_;
  bool has_chosen_ = false;
  double recent_ = 0;  // messages, decayed by each
  double late_ = 0;
  Instant fallback_until_;
};

}  // namespace kith::gossip
