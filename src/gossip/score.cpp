#include "gossip/score.h"

#include <algorithm>

#include "base/assert.h"

namespace kith::gossip {

void Score::add_peer(Instant now, PeerSlot slot, const PeerId& id, std::uint64_t netgroup) {
  if (peers_.size() <= slot) peers_.resize(slot + 1);
  ASSERT(!peers_[slot]);
  const auto kept = retained_.find(id);
  if (kept != retained_.end() && kept->second.until > now) {
    peers_[slot] = std::move(kept->second.peer);
  } else {
    peers_[slot].emplace();
    peers_[slot]->id = id;
  }
  if (kept != retained_.end()) retained_.erase(kept);
  peers_[slot]->netgroup = netgroup;
  if (netgroup != 0) ++netgroups_[netgroup];
}

void Score::remove_peer(Instant now, PeerSlot slot) {
  ASSERT(peers_[slot]);
  Peer peer = std::move(*peers_[slot]);
  peers_[slot].reset();
  if (peer.netgroup != 0 && --netgroups_[peer.netgroup] == 0) netgroups_.erase(peer.netgroup);
  for (TopicCounters& each : peer.topics) {
    const double missing = deficit(now, each);
    each.failure += missing * missing;
    each.is_in_mesh = false;
    each.first = each.mesh = 0;  // what was good does not wait for it
  }
  peer.gate = 1e9;  // the outside says its standing anew
  peer.app = 0;
  if (score_of(now, peer) >= 0) return;
  if (retained_.size() >= config_.retained_max) {
    const auto soonest = std::min_element(
        retained_.begin(), retained_.end(),
        [](const auto& a, const auto& b) { return a.second.until < b.second.until; });
    retained_.erase(soonest);
  }
  const PeerId id = peer.id;
  retained_[id] = {std::move(peer), now + config_.retain};
}

void Score::add_topic(TopicSlot slot, const std::optional<TopicScoreConfig>& config) {
  if (topics_.size() <= slot) topics_.resize(slot + 1);
  topics_[slot] = Topic{config.value_or(config_.topic), 0};
}

void Score::remove_topic(TopicSlot slot) {
  topics_[slot].reset();
  const auto is_of_topic = [&](const TopicCounters& each) { return each.topic == slot; };
  for (auto& peer : peers_) {
    if (peer) std::erase_if(peer->topics, is_of_topic);
  }
  for (auto& [id, kept] : retained_) std::erase_if(kept.peer.topics, is_of_topic);
}

Score::TopicCounters& Score::counters(PeerSlot slot, TopicSlot topic) {
  Peer& peer = *peers_[slot];
  for (TopicCounters& each : peer.topics) {
    if (each.topic == topic) return each;
  }
  peer.topics.emplace_back();
  peer.topics.back().topic = topic;
  return peer.topics.back();
}

void Score::graft(Instant now, PeerSlot peer, TopicSlot topic) {
  TopicCounters& each = counters(peer, topic);
  each.is_in_mesh = true;
  each.grafted_at = now;
  each.mesh = 0;
}

void Score::prune(Instant now, PeerSlot peer, TopicSlot topic) {
  TopicCounters& each = counters(peer, topic);
  const double missing = deficit(now, each);
  each.failure += missing * missing;
  each.is_in_mesh = false;
}

double Score::first_deliveries(PeerSlot peer, TopicSlot topic) const {
  if (peer >= peers_.size() || !peers_[peer]) return 0;
  for (const TopicCounters& each : peers_[peer]->topics) {
    if (each.topic == topic) return each.first;
  }
  return 0;
}

void Score::first_delivery(PeerSlot peer, TopicSlot topic) {
  if (!topics_[topic]) return;
  TopicCounters& each = counters(peer, topic);
  const TopicScoreConfig& config = topics_[topic]->config;
  each.first = std::min(each.first + 1, config.first_cap);
  if (each.is_in_mesh) each.mesh = std::min(each.mesh + 1, config.mesh_cap);
}

void Score::mesh_delivery(PeerSlot peer, TopicSlot topic) {
  if (!topics_[topic]) return;
  TopicCounters& each = counters(peer, topic);
  if (each.is_in_mesh) each.mesh = std::min(each.mesh + 1, topics_[topic]->config.mesh_cap);
}

void Score::invalid_message(PeerSlot peer, TopicSlot topic) { ++counters(peer, topic).invalid; }

void Score::misbehaved(PeerSlot peer, double count) { peers_[peer]->behaviour += count; }

void Score::set_standing(PeerSlot peer, double app, double gate) {
  peers_[peer]->app = app;
  peers_[peer]->gate = gate;
}

void Score::decay_peer(Peer& peer) const {
  const auto shrink = [&](double& counter, double factor) {
    counter *= factor;
    if (counter < config_.zero) counter = 0;
  };
  shrink(peer.behaviour, config_.behaviour_decay);
  for (TopicCounters& each : peer.topics) {
    if (!topics_[each.topic]) continue;
    const TopicScoreConfig& config = topics_[each.topic]->config;
    shrink(each.first, config.first_decay);
    shrink(each.mesh, config.mesh_decay);
    shrink(each.failure, config.failure_decay);
    shrink(each.invalid, config.invalid_decay);
  }
}

void Score::decay(Instant now) {
  for (auto& peer : peers_) {
    if (peer) decay_peer(*peer);
  }
  for (auto kept = retained_.begin(); kept != retained_.end();) {
    decay_peer(kept->second.peer);
    kept = kept->second.until <= now ? retained_.erase(kept) : std::next(kept);
  }
  find_thresholds(now);
}

void Score::find_thresholds(Instant now) {
  std::vector<std::vector<double>> delivered(topics_.size());
  for (const auto& peer : peers_) {
    if (!peer) continue;
    for (const TopicCounters& each : peer->topics) {
      if (each.is_in_mesh && topics_[each.topic] &&
          now - each.grafted_at >= topics_[each.topic]->config.mesh_activation) {
        delivered[each.topic].push_back(each.mesh);
      }
    }
  }
  for (std::size_t slot = 0; slot < topics_.size(); ++slot) {
    if (!topics_[slot]) continue;
    const TopicScoreConfig& config = topics_[slot]->config;
    double median = 0;
    if (!delivered[slot].empty()) {
      const auto middle =
          delivered[slot].begin() + static_cast<std::ptrdiff_t>(delivered[slot].size() / 2);
      std::nth_element(delivered[slot].begin(), middle, delivered[slot].end());
      median = *middle;
    }
    const double share = median >= config.mesh_median_min ? config.mesh_median_share : 0;
    topics_[slot]->threshold = std::max(config.mesh_threshold, share * median);
  }
}

double Score::deficit(Instant now, const TopicCounters& each) const {
  if (!each.is_in_mesh || !topics_[each.topic]) return 0;
  const Topic& topic = *topics_[each.topic];
  if (now - each.grafted_at < topic.config.mesh_activation) return 0;
  return std::clamp(topic.threshold - each.mesh, 0.0, topic.config.mesh_deficit_max);
}

double Score::contribution(Instant now, const TopicCounters& each) const {
  if (!topics_[each.topic]) return 0;
  const TopicScoreConfig& config = topics_[each.topic]->config;
  double sum = each.first * config.first_weight + each.failure * config.failure_weight +
               each.invalid * each.invalid * config.invalid_weight;
  if (each.is_in_mesh) {
    const std::chrono::duration<double> in_mesh = now - each.grafted_at;
    sum += std::min(in_mesh.count(), config.time_cap) * config.time_weight;
    const double missing = deficit(now, each);
    sum += missing * missing * config.mesh_weight;
  }
  return sum * config.weight;
}

double Score::score_of(Instant now, const Peer& peer) const {
  double sum = 0;
  for (const TopicCounters& each : peer.topics) sum += contribution(now, each);
  sum = std::min(sum, config_.topic_cap) + peer.app * config_.app_weight;
  const auto group = netgroups_.find(peer.netgroup);
  if (group != netgroups_.end() && group->second > config_.netgroup_threshold) {
    const auto surplus = static_cast<double>(group->second - config_.netgroup_threshold);
    sum += surplus * surplus * config_.netgroup_weight;
  }
  const double excess = std::max(peer.behaviour - config_.behaviour_threshold, 0.0);
  sum += excess * excess * config_.behaviour_weight;
  return std::min(sum, peer.gate);
}

double Score::score(Instant now, PeerSlot slot) const { return score_of(now, *peers_[slot]); }

double Score::topic_score(Instant now, PeerSlot slot, TopicSlot topic) const {
  const Peer& peer = *peers_[slot];
  double in_topic = 0;
  for (const TopicCounters& each : peer.topics) {
    if (each.topic != topic) continue;
    in_topic = contribution(now, each);
    // In its own topic a deficit is not paid for by time in the mesh or by first deliveries.
    if (deficit(now, each) > 0) in_topic = std::min(in_topic, -1.0);
  }
  const double all = score_of(now, peer);
  return in_topic < 0 ? std::min(all, in_topic) : all;
}

}  // namespace kith::gossip
