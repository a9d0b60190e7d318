// The sender's half of Kith's extension, for one topic: is a body worth sending, or does the peer
// have the message already by the time ours arrives? That depends on where the message came from:
// what neighbour A brings reaches B sooner by another way, always; what C brings does not. So each
// pair (from, to) remembers how often the peer turned out to have had it, and a pair that is nearly
// always late announces instead of sending. The peer asks for what it lacks, one round trip later,
// and a few such questions turn the pair eager again.
//
// That a peer had it is seen from its own words: nobody sends, announces or declines (IDONTWANT) a
// message to the one he has it from. Lies about that hurt the liar alone: he is sent less.
// Limits: `remembered_max` messages whose outcome is not known yet; pairs of mesh peers.
#pragma once

#include <array>
#include <deque>
#include <vector>

#include "base/time.h"
#include "gossip/mesh.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

struct RelayConfig {
  bool is_on = true;          // towards peers that know the extension
  double lazy_above = 0.9;    // the share of bodies that came too late: announce
  double eager_below = 0.7;   // send again
  double weight = 0.15;       // of the latest outcome; about the last seven
  double weight_asked = 0.2;  // of an announcement that was answered by a request
  std::uint16_t samples_min = 4;
  std::size_t bytes_min = 128;  // smaller frames are not worth the question
  Duration settle = 2s;         // after so long all has been said
  std::size_t remembered_max = 512;
};

class Relay {
 public:
  static constexpr std::size_t targets_max = mesh_peers_max;

  explicit Relay(const RelayConfig& config) : config_(config) {}

  /// Whether a message that `from` brought (no_slot: somebody outside the mesh) is announced to
  /// `to` rather than sent.
  bool is_lazy(PeerSlot from, PeerSlot to) const;
  /// A message that came from `from` begins to be handed on.
  void begin(Instant now, const MessageKey& key, PeerSlot from);
  /// …to this peer; of the message begun last.
  void handed(PeerSlot to, bool is_body);
  /// The peer had it from somebody else.
  void had(const MessageKey& key, PeerSlot peer);
  /// The peer asked for it.
  void asked(const MessageKey& key, PeerSlot peer);
  /// Draws the lessons of messages that are old enough.
  void settle(Instant now);
  /// The peer left the mesh.
  void forget(PeerSlot peer);

  std::size_t pairs() const { return pairs_.size(); }
  std::size_t remembered() const { return messages_.size(); }

 private:
  enum class Outcome : std::uint8_t { sent, announced, too_late, requested };
  struct Target {
    NarrowSlot peer = no_narrow_slot;
    Outcome outcome = Outcome::sent;
    bool was_body = false;
  };
  struct Handed {
    MessageKey key;
    Instant at;
    PeerSlot from = no_slot;
    std::uint8_t count = 0;
    std::array<Target, targets_max> targets{};
  };
  struct Pair {
    PeerSlot from = no_slot;
    PeerSlot to = no_slot;
    float late = 0;  // share
    std::uint16_t samples = 0;
    bool is_lazy = false;
  };

  Target* target(const MessageKey& key, PeerSlot peer);
  void learn(const Handed& message, bool is_settled);
  void learn(Pair& pair, const Target& target);
  void pop_front(bool is_settled);
  static bool before(const Pair& a, const Pair& b) {
    return a.from != b.from ? a.from < b.from : a.to < b.to;
  }

  const RelayConfig config_;
  std::deque<Handed> messages_;  // oldest first
  std::uint32_t popped_ = 0;     // message n stands at n - popped_
  KeyIndex index_;               // to n
  std::vector<Pair> pairs_;      // sorted
};

}  // namespace kith::gossip
