// The score of gossipsub v1.1, "Peer Scoring": P1 to P7 with decay, a topic cap, and the two things
// that the published attacks on it ask for (CVE-2022-47547). A gate from outside (the quality
// model) caps the sum, so that no good deed pays for a bad one; and topic_score() judges a peer in
// one topic by that topic too, so that good topics do not pay for a bad one (A30).
//
// P3's threshold is the larger of a fixed one and a share of what the mesh's median delivers:
// without a known message rate there is no fixed one, and a silent peer still stands out. P6 counts
// netgroups, not addresses. Scores are local to a node, so doubles are fine. Limits: negative
// scores of peers that have gone are kept for `retain`, at most `retained_max`.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

/// Weights and decays a topic. A decay is a factor a second; d = 0.01^(1 s / T) forgets in T.
struct TopicScoreConfig {
  double weight = 1;
  double time_weight = 0.01;  // P1, a second in the mesh
  double time_cap = 100;
  double first_weight = 0.5;  // P2, a message delivered first
  double first_decay = 0.97;
  double first_cap = 20;
  double mesh_weight = -0.05;  // P3, the deficit squared
  double mesh_decay = 0.97;
  double mesh_cap = 400;
  double mesh_threshold = 0;       // absolute, in decayed messages
  double mesh_median_share = 0.1;  // relative; 0: off
  double mesh_median_min = 5;      // decayed messages; a quieter topic says nothing about a peer
  double mesh_deficit_max = 20;    // so that one busy topic cannot outweigh everything
  Duration mesh_activation = 30s;  // in the mesh for so long before P3 counts
  double failure_weight = -0.05;   // P3b
  double failure_decay = 0.97;
  double invalid_weight = -10;  // P4, the invalid messages squared
  double invalid_decay = 0.999;
};

struct ScoreConfig {
  TopicScoreConfig topic;       // of topics that bring none of their own
  double topic_cap = 30;        // of the sum over topics
  double app_weight = 1;        // P5 comes ready-made
  double netgroup_weight = -5;  // P6
  std::size_t netgroup_threshold = 8;
  double behaviour_weight = -10;  // P7
  double behaviour_threshold = 6;
  double behaviour_decay = 0.986;
  double zero = 0.01;       // a decayed counter below is 0
  Duration retain = 3600s;  // a negative score outlives its connection by so long
  std::size_t retained_max = 10'000;
};

class Score {
 public:
  explicit Score(const ScoreConfig& config) : config_(config) {}

  void add_peer(Instant now, PeerSlot peer, const PeerId& id, std::uint64_t netgroup);
  void remove_peer(Instant now, PeerSlot peer);
  void add_topic(TopicSlot topic, const std::optional<TopicScoreConfig>& config);
  void remove_topic(TopicSlot topic);

  void graft(Instant now, PeerSlot peer, TopicSlot topic);
  void prune(Instant now, PeerSlot peer, TopicSlot topic);
  void first_delivery(PeerSlot peer, TopicSlot topic);
  void mesh_delivery(PeerSlot peer, TopicSlot topic);
  void invalid_message(PeerSlot peer, TopicSlot topic);
  void misbehaved(PeerSlot peer, double count);
  /// P5 and the gate: the score is never above it.
  void set_standing(PeerSlot peer, double app, double gate);

  /// Once a second.
  void decay(Instant now);

  double score(Instant now, PeerSlot peer) const;
  /// The lower of score() and what the peer's doings in the topic come to.
  double topic_score(Instant now, PeerSlot peer, TopicSlot topic) const;
  /// P2's counter: messages that the peer brought first, of late.
  double first_deliveries(PeerSlot peer, TopicSlot topic) const;
  std::size_t retained() const { return retained_.size(); }

 private:
  struct TopicCounters {
    TopicSlot topic = 0;
    bool is_in_mesh = false;
    Instant grafted_at;
    double first = 0;
    double mesh = 0;
    double failure = 0;
    double invalid = 0;
  };
  struct Peer {
    PeerId id;
    std::uint64_t netgroup = 0;
    double app = 0;
    double gate = 1e9;
    double behaviour = 0;
    std::vector<TopicCounters> topics;  // at most as many as the router has
  };
  struct Topic {
    TopicScoreConfig config;
    double threshold = 0;  // of P3, now
  };
  struct Retained {
    Peer peer;
    Instant until;
  };

  TopicCounters& counters(PeerSlot peer, TopicSlot topic);
  double contribution(Instant now, const TopicCounters& counters) const;
  double deficit(Instant now, const TopicCounters& counters) const;
  double score_of(Instant now, const Peer& peer) const;
  void decay_peer(Peer& peer) const;
  void find_thresholds(Instant now);

  const ScoreConfig config_;
  std::vector<std::optional<Peer>> peers_;    // by slot
  std::vector<std::optional<Topic>> topics_;  // by slot
  std::map<std::uint64_t, std::size_t> netgroups_;
  std::map<PeerId, Retained> retained_;
};

}  // namespace kith::gossip
