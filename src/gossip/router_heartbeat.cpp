// Once a second: meshes are kept in shape, messages announced, links choked, counters begun anew.
#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "gossip/router.h"

namespace kith::gossip {

void Router::heartbeat(Instant now) {
  // After a long sleep there is one heartbeat, not a hundred.
  heartbeat_at_ =
      std::max(heartbeat_at_ + config_.heartbeat_interval, now + config_.heartbeat_interval / 2);
  ++heartbeats_;
  px_dials_ = 0;
  check_peers(now);
  backoff_.expire(now);
  seen_.expire(now);
  score_.decay(now);
  auto changed = seqnos_.take_changed(config_.seqnos_stored_max);
  if (!changed.empty()) say(StoreSeqnos{std::move(changed)});
  for (std::uint32_t slot = 0; slot < in_flight_.size(); ++slot) {
    const InFlight& message = in_flight_[slot];
    const bool is_old = now - message.began >= config_.check_timeout;
    if (message.state != InFlight::State::free && is_old) finish(slot);
  }
  std::erase_if(batches_,
                [&](const auto& each) { return now - each.second.began >= config_.check_timeout; });
  tune_fanout(now);
  for (std::size_t slot = 0; slot < topics_.size(); ++slot) {
    if (!topics_[slot]) continue;
    Topic& topic = *topics_[slot];
    if (topic.is_subscribed) {
      maintain_mesh(now, topic);
      choose_choked(now, topic);
      topic.relay.settle(now);
    } else if (now - topic.published_at >= config_.fanout_ttl) {
      free_topic(topic.slot);
      continue;
    } else if (!config_.flood_publish) {
      maintain_fanout(now, topic);
    }
    emit_gossip(now, topic);
  }
  cache_.shift(wall(now));
  run_wants(now);
}

// One step at a time, and before the meshes are looked after: none is above D_hi at any time, and
// none is filled or cut further than any heartbeat does.
void Router::tune_fanout(Instant now) {
  if (config_.fanout.hops_max == 0 || now < tune_at_) return;
  tune_at_ = now + config_.fanout.interval;
  const std::size_t wanted = fanout_for(config_.fanout, config_.mesh.d, network_peers_);
  if (wanted == mesh_.d) return;
  const std::size_t d = wanted > mesh_.d ? mesh_.d + 1 : mesh_.d - 1;
  mesh_ = d == config_.mesh.d ? config_.mesh : degrees_of(d);
}

void Router::check_peers(Instant now) {
  for (const auto& [id, slot] : by_id_) {
    Peer& each = peer(slot);
    each.ihave_rpcs = each.ihave_ids = each.idontwant_rpcs = each.own_announced = 0;
    each.said_over_limit = each.said_broken_promise = false;
    each.unwanted.expire(now);
    each.queue.rest();
    if (each.queue.empty()) {
      each.progress_at = now;
    } else if (!each.is_stalled && now - each.progress_at >= config_.stalled_after) {
      each.is_stalled = true;
      say_event(each, PeerEventKind::ambiguous, PeerEventReason::stalled,
                base::format("reads nothing; {} frames wait", each.queue.frames()));
    }
  }
}

std::vector<MeshCandidate> Router::candidates_of(Instant now, const Topic& topic,
                                                 std::span<const PeerSlot> slots) {
  std::vector<MeshCandidate> candidates;
  for (const PeerSlot slot : slots) {
    candidates.push_back({slot, score_.topic_score(now, slot, topic.slot), peer(slot).is_outbound});
  }
  return candidates;
}

// Who of the topic may be grafted; sorted.
std::vector<PeerSlot> Router::graftable(Instant now, const Topic& topic, bool outbound_only,
                                        double score_min) {
  std::vector<PeerSlot> fit;
  for (const PeerSlot slot : topic.peers) {
    const Peer& each = peer(slot);
    if (each.is_direct || each.is_banned || each.is_stalled) continue;
    if (each.version == Version::floodsub || (outbound_only && !each.is_outbound)) continue;
    if (has(topic.mesh, slot) || !backoff_.may_graft(now, topic.slot, each.id)) continue;
    if (score_.topic_score(now, slot, topic.slot) < score_min) continue;
    fit.push_back(slot);
  }
  return fit;
}

void Router::fill_mesh(Instant now, Topic& topic, std::size_t count, bool outbound_only,
                       double score_min) {
  for (const PeerSlot slot : sample(graftable(now, topic, outbound_only, score_min), count, rng_)) {
    if (topic.mesh.size() >= mesh_.d_hi) return;
    add_to_mesh(now, topic, peer(slot));
    send_graft(now, topic, peer(slot));
  }
}

void Router::maintain_mesh(Instant now, Topic& topic) {
  const MeshConfig& mesh = mesh_;
  const auto prune = [&](PeerSlot slot, bool with_px) {
    remove_from_mesh(now, topic, slot);
    send_prune(now, topic, peer(slot), with_px, config_.backoff.prune);
  };
  const std::vector<PeerSlot> before = topic.mesh;
  for (const PeerSlot slot : before) {
    const bool is_bad = score_.topic_score(now, slot, topic.slot) < 0;
    if (is_bad || peer(slot).is_stalled) prune(slot, false);
  }
  if (topic.mesh.size() < mesh.d_lo) {
    fill_mesh(now, topic, mesh.d - topic.mesh.size(), false, 0);
  }
  if (topic.mesh.size() >= mesh.d_hi) {
    for (const PeerSlot slot : choose_pruned(mesh, candidates_of(now, topic, topic.mesh), rng_)) {
      prune(slot, true);
    }
  }
  if (topic.mesh.size() >= mesh.d_lo) {
    const auto outbound = static_cast<std::size_t>(
        std::count_if(topic.mesh.begin(), topic.mesh.end(),
                      [&](PeerSlot slot) { return peer(slot).is_outbound; }));
    if (outbound < mesh.d_out) fill_mesh(now, topic, mesh.d_out - outbound, true, 0);
  }
  graft_rescuers(now, topic);
  const auto every = static_cast<std::uint64_t>(config_.opportunistic_graft_heartbeats);
  if (every > 0 && heartbeats_ % every == 0 && topic.mesh.size() > 1) {
    const double median = median_score(candidates_of(now, topic, topic.mesh));
    if (median < config_.thresholds.opportunistic_graft) {
      // Strictly better than the median, or nothing is gained.
      fill_mesh(now, topic, config_.opportunistic_graft_peers, false, std::max(0.0, median + 1e-9));
    }
  }
}

bool Router::is_rescued(const Topic& topic) const {
  return topic.rescued >= 2 && topic.rescued >= topic.heard * config_.rescue_share_min;
}

// Who brought the fewest messages first, of several anyone; of outbound ones D_out stay.
std::optional<PeerSlot> Router::least_useful(const Topic& topic) {
  const auto outbound = static_cast<std::size_t>(
      std::count_if(topic.mesh.begin(), topic.mesh.end(),
                    [&](PeerSlot slot) { return peers_[slot]->is_outbound; }));
  std::optional<PeerSlot> worst;
  for (const PeerSlot slot : sample(topic.mesh, topic.mesh.size(), rng_)) {
    if (peers_[slot]->is_outbound && outbound <= mesh_.d_out) continue;
    const auto worth = [&](PeerSlot of) { return score_.first_deliveries(of, topic.slot); };
    if (!worst || worth(slot) < worth(*worst)) worst = slot;
  }
  return worst;
}

// A mesh that hands nothing on, whatever it says: its members stay within every rule, and only what
// others had to be asked for shows it. Those others take the places of the members that were worth
// the least (A31, covert flash); in a mesh that works only of those that were worth less than they.
void Router::graft_rescuers(Instant now, Topic& topic) {
  const std::vector<PeerSlot> rescuers = std::exchange(topic.rescuers, {});
  if (rescuers.empty()) return;
  const std::vector<PeerSlot> fit = graftable(now, topic, false, 0);
  const auto worth = [&](PeerSlot of) { return score_.first_deliveries(of, topic.slot); };
  std::vector<PeerSlot> grafted;
  for (const PeerSlot slot : sample(rescuers, rescuers.size(), rng_)) {
    if (grafted.size() == config_.opportunistic_graft_peers) return;
    if (!has(fit, slot)) continue;
    if (topic.mesh.size() >= mesh_.d) {
      const auto worst = least_useful(topic);
      if (!worst || has(grafted, *worst)) return;
      if (!is_rescued(topic) && worth(slot) <= worth(*worst)) continue;
      remove_from_mesh(now, topic, *worst);
      send_prune(now, topic, peer(*worst), false, config_.backoff.prune);
    }
    add_to_mesh(now, topic, peer(slot));
    send_graft(now, topic, peer(slot));
    add(grafted, slot);
  }
}

void Router::maintain_fanout(Instant now, Topic& topic) {
  std::erase_if(topic.fanout, [&](PeerSlot slot) {
    return score_.score(now, slot) < config_.thresholds.publish || peer(slot).is_stalled;
  });
  if (topic.fanout.size() >= mesh_.d) return;
  std::vector<PeerSlot> fit;
  for (const PeerSlot slot : topic.peers) {
    const Peer& each = peer(slot);
    if (each.is_direct || each.is_banned || has(topic.fanout, slot)) continue;
    if (score_.score(now, slot) >= config_.thresholds.publish) fit.push_back(slot);
  }
  for (const PeerSlot slot : sample(fit, mesh_.d - topic.fanout.size(), rng_)) {
    add(topic.fanout, slot);
  }
}

// IHAVE to some outside the mesh: so that whoever the mesh fails learns what it missed.
void Router::emit_gossip(Instant now, Topic& topic) {
  std::vector<PeerSlot> fit;
  for (const PeerSlot slot : topic.peers) {
    const Peer& each = peer(slot);
    if (each.is_direct || each.is_banned || each.is_stalled) continue;
    if (each.version == Version::floodsub) continue;
    if (has(topic.mesh, slot) || has(topic.fanout, slot)) continue;
    if (score_.score(now, slot) >= config_.thresholds.gossip) fit.push_back(slot);
  }
  if (fit.empty()) return;
  // rust-libp2p reads at most 16 KiB of control in an RPC, and go takes ten IHAVEs a heartbeat.
  const std::size_t ids_max = config_.ihave_ids_max;
  std::vector<ByteView> ids = cache_.gossip_ids(topic.slot, ids_max, wall(now));
  if (ids.empty()) return;
  std::vector<Buffer> frames;
  const std::size_t frames_max = std::max<std::size_t>(config_.ihave_rpcs_max / 2, 1);
  for (std::size_t at = 0; at < ids.size() && frames.size() < frames_max;) {
    codec::GossipRpc rpc;
    std::size_t bytes = topic.name.size() + 16;
    const std::size_t first = at;
    while (at < ids.size() &&
           (at == first || bytes + ids[at].size() + 4 < config_.limits.control_bytes_max)) {
      bytes += ids[at++].size() + 4;
    }
    rpc.ihave.push_back(
        {base::as_bytes(topic.name), rpc.add_ids(std::span(ids).subspan(first, at - first))});
    Bytes frame;
    codec::append_gossip_frame(frame, rpc);
    frames.emplace_back(std::move(frame));
    for (std::size_t i = first; i < at; ++i) ++stats_.ihave_ids_sent;
  }
  for (const PeerSlot slot : choose_told(topic, std::move(fit))) {
    for (const Buffer& frame : frames) send(peer(slot), frame, FrameKind::gossip);
  }
}

// Whom this heartbeat tells. Each peer has its turn once in as many heartbeats as a message is
// announced, so that nobody who knows us can miss one, whatever its mesh is like: by chance alone a
// quarter a heartbeat leaves four in ten untold. Others at random make up the number.
std::vector<PeerSlot> Router::choose_told(const Topic& topic, std::vector<PeerSlot> fit) {
  // While the mesh fails, and it will not fail us alone, everybody is told.
  if (is_rescued(topic)) return fit;
  const auto windows =
      static_cast<std::uint64_t>(std::max<std::size_t>(config_.message_cache.gossip_windows, 1));
  std::vector<PeerSlot> told, rest;
  for (const PeerSlot slot : fit) {
    std::array<std::uint8_t, 4> name{};  // whose turn comes when, is nobody's to know
    for (std::size_t i = 0; i < name.size(); ++i) {
      name[i] = static_cast<std::uint8_t>(slot >> (8 * i));
    }
    ((heartbeats_ + hash_(name).low) % windows == 0 ? told : rest).push_back(slot);
  }
  const auto share =
      static_cast<std::size_t>(config_.gossip_factor * static_cast<double>(fit.size()));
  const std::size_t wanted = std::max(config_.d_lazy, share);
  const std::size_t missing = wanted - std::min(wanted, told.size());
  for (const PeerSlot slot : sample(std::move(rest), missing, rng_)) told.push_back(slot);
  return told;
}

void Router::choose_choked(Instant now, Topic& topic) {
  if (topic.choke.begins_fallback(now)) {
    ++stats_.choke_fallbacks;
    return set_choked(topic, {});
  }
  std::vector<ChokeCandidate> mesh;
  for (const PeerSlot slot : topic.mesh) {
    const Peer& each = peer(slot);
    mesh.push_back({slot, each.knows_choke, each.is_outbound, each.netgroup, each.rtt});
  }
  if (auto choked = topic.choke.choose(now, mesh)) set_choked(topic, *std::move(choked));
}

// Tells the peers what has changed for them.
void Router::set_choked(Topic& topic, std::vector<PeerSlot> choked) {
  const std::vector<PeerSlot> before = topic.choke.choked();
  for (const PeerSlot slot : topic.mesh) {
    if (has(before, slot) == has(choked, slot)) continue;
    codec::GossipRpc rpc;
    auto& to = has(choked, slot) ? rpc.choke : rpc.unchoke;
    to.push_back(base::as_bytes(topic.name));
    ++stats_.chokes_sent;
    send(peer(slot), rpc, FrameKind::control);
  }
  topic.choke.set_choked(std::move(choked));
}

}  // namespace kith::gossip
