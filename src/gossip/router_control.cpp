// Control messages: who has what, who wants what, and who is in whose mesh.
#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"
#include "gossip/router.h"

namespace kith::gossip {

// --- IHAVE, IWANT, IDONTWANT ---------------------------------------------------------------------

void Router::on_ihave(Instant now, Peer& from) {
  if (rpc_.ihave.empty()) return;
  if (!from.is_direct && score_.score(now, from.slot) < config_.thresholds.gossip) return;
  // What it announced while in a mesh may still be on its way after it was pruned.
  const bool was_near = from.left_mesh_at && heartbeats_ <= *from.left_mesh_at + 1;
  const bool is_near = from.knows_choke && (from.meshes > 0 || was_near);
  const std::size_t rpcs_max = is_near ? config_.ihave_rpcs_mesh_max : config_.ihave_rpcs_max;
  if (++from.ihave_rpcs > rpcs_max) return say_over_limit(from, "too many IHAVEs");
  for (const codec::GossipIHave& ihave : rpc_.ihave) {
    const Topic* topic = topic_of(base::as_text(ihave.topic));
    if (topic == nullptr || !topic->is_subscribed) continue;
    // A mesh peer that announces has just got the message; gossip often crosses the message itself.
    const bool is_fresh = from.knows_choke && has(topic->mesh, from.slot);
    const Duration delay = is_fresh ? Duration::zero() : config_.iwant_delay;
    for (const ByteView id : rpc_.ids_of(ihave.ids)) {
      if (++from.ihave_ids > config_.ihave_ids_max) {
        return say_over_limit(from, "too many ids in IHAVEs");
      }
      const MessageKey key = hash_(id);
      if (on_copy(now, from, key, Word::offer)) continue;
      // One that is here and not yet verified gets time to turn out good.
      const bool is_here = checking_ids_.find(key).has_value();
      // What expires may be withheld for that, and who withholds it is not to blame.
      const bool is_promise = !topic->options.max_age;
      wants_.announced(now, key, id, from.slot, is_here ? config_.iwant_delay_checking : delay,
                       is_promise);
    }
  }
}

void Router::on_iwant(Instant now, Peer& from) {
  if (rpc_.iwant.empty()) return;
  if (!from.is_direct && score_.score(now, from.slot) < config_.thresholds.gossip) return;
  for (const codec::GossipIdRange& list : rpc_.iwant) {
    for (const ByteView id : rpc_.ids_of(list)) {
      // Who asks and does not read gets no more: answers must not push out what the mesh sends.
      if (from.queue.bytes() > config_.send_queue.bytes_max / 2 ||
          from.queue.frames() > config_.send_queue.frames_max / 2) {
        return;
      }
      const MessageKey key = hash_(id);
      if (from.unwanted.contains(now, key)) continue;
      const CachedMessage* message = cache_.ask(key, from.slot, wall(now));
      if (message == nullptr) continue;
      if (message->topic != no_slot) topics_[message->topic]->relay.asked(key, from.slot);
      ++stats_.messages_sent;
      send(from, message->frame, FrameKind::message, message->priority);
    }
  }
}

void Router::on_idontwant(Instant now, Peer& from) {
  if (rpc_.idontwant.empty() || from.version < Version::v1_2) return;
  if (++from.idontwant_rpcs > config_.idontwant_rpcs_max) {
    return say_over_limit(from, "too many IDONTWANTs");
  }
  std::size_t taken = 0;
  for (const codec::GossipIdRange& list : rpc_.idontwant) {
    for (const ByteView id : rpc_.ids_of(list)) {
      if (++taken > config_.idontwant_ids_max) return;
      const MessageKey key = hash_(id);
      from.unwanted.check_and_mark(now, key);
      on_copy(now, from, key, Word::denial);
    }
  }
}

// Of what was asked of a peer together, one promise at random.
void Router::watch_one(PeerSlot slot, std::span<const std::pair<MessageKey, Buffer>> asked) {
  const auto is_promise = [&](const auto& each) { return wants_.is_promise(each.first); };
  const auto promises = std::ranges::count_if(asked, is_promise);
  if (promises == 0) return;
  auto left = rng_.below(static_cast<std::uint64_t>(promises));
  for (const auto& each : asked) {
    if (is_promise(each) && left-- == 0) return wants_.watch(each.first, slot);
  }
}

// Asks for what is due, a peer's ids together; and counts promises that were not kept.
void Router::run_wants(Instant now) {
  std::map<PeerSlot, std::vector<std::pair<MessageKey, Buffer>>> asked;
  const auto timeout_of = [&](PeerSlot slot) { return wants_.timeout(peer(slot).rtt); };
  while (auto step = wants_.pop_due(now, timeout_of)) {
    if (step->kind == Wants::Step::Kind::ask) {
      asked[step->peer].emplace_back(step->key, std::move(step->id));
      continue;
    }
    Peer& to = peer(step->peer);
    const bool had_time = !to.held_back_until || now >= *to.held_back_until + config_.wants.promise;
    if (to.is_held_back || !had_time) continue;  // the answer may be what waits unread
    ++stats_.broken_promises;
    score_.misbehaved(to.slot, 1);
    if (std::exchange(to.said_broken_promise, true)) continue;
    say_event(to, PeerEventKind::ambiguous, PeerEventReason::broken_promise,
              "announced a message and did not send it");
  }
  for (const auto& [slot, wanted] : asked) {
    std::vector<Buffer> ids;
    for (const auto& [key, id] : wanted) ids.push_back(id);
    watch_one(slot, wanted);
    send_iwants(peer(slot), ids);
  }
}

// In RPCs that stay below 16 KiB of control, whatever the ids' size.
void Router::send_iwants(Peer& to, std::span<const Buffer> ids) {
  const std::size_t ids_max =
      config_.limits.control_bytes_max / (config_.limits.message_id_bytes_max + 4);
  stats_.iwant_ids_sent += ids.size();
  while (!ids.empty()) {
    const std::size_t count = std::min(ids.size(), std::max<std::size_t>(ids_max, 1));
    codec::GossipRpc rpc;
    std::vector<ByteView> views;
    for (const Buffer& id : ids.first(count)) views.push_back(id.view());
    rpc.iwant.push_back(rpc.add_ids(views));
    send(to, rpc, FrameKind::urgent);
    ids = ids.subspan(count);
  }
}

// --- GRAFT, PRUNE --------------------------------------------------------------------------------

void Router::add_to_mesh(Instant now, Topic& topic, Peer& who) {
  if (!add(topic.mesh, who.slot)) return;
  ASSERT(topic.mesh.size() <= mesh_.d_hi);
  ++stats_.grafts;
  ++who.meshes;
  score_.graft(now, who.slot, topic.slot);
}

void Router::remove_from_mesh(Instant now, Topic& topic, PeerSlot slot) {
  if (!remove(topic.mesh, slot)) return;
  ++stats_.prunes;
  --peer(slot).meshes;
  peer(slot).left_mesh_at = heartbeats_;
  remove(topic.choked_us, slot);
  topic.choke.forget(slot);
  topic.relay.forget(slot);
  score_.prune(now, slot, topic.slot);
}

void Router::send_graft(Instant, Topic& topic, Peer& to) {
  codec::GossipRpc rpc;
  rpc.graft.push_back(base::as_bytes(topic.name));
  send(to, rpc, FrameKind::control);
}

// Also keeps the back-off it tells the peer of.
void Router::send_prune(Instant now, Topic& topic, Peer& to, bool with_px, Duration backoff) {
  backoff_.add(now, topic.slot, to.id, backoff);
  codec::GossipRpc rpc;
  codec::GossipPrune prune;
  prune.topic = base::as_bytes(topic.name);
  if (to.version >= Version::v1_1) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(backoff).count();
    prune.backoff_seconds = static_cast<std::uint64_t>(seconds);
  }
  if (with_px && config_.is_px_on && to.version >= Version::v1_1) {
    // rust-libp2p reads at most 16 KiB of control in an RPC.
    std::size_t bytes_left = config_.limits.control_bytes_max - 1024;
    for (const PeerSlot slot : sample(topic.peers, topic.peers.size(), rng_)) {
      const Peer& other = peer(slot);
      const std::size_t size = other.record.size() + PeerId::bytes_max + 12;
      if (prune.peer_count == config_.px_peers) break;
      if (slot == to.slot || other.record.empty() || size > bytes_left) continue;
      if (score_.topic_score(now, slot, topic.slot) < 0) continue;
      bytes_left -= size;
      rpc.px_peers.push_back({other.id.bytes(), other.record.view()});
      ++prune.peer_count;
    }
  }
  rpc.prune.push_back(prune);
  send(to, rpc, FrameKind::control);
}

void Router::on_graft(Instant now, Peer& from) {
  for (const ByteView name : rpc_.graft) {
    Topic* topic = topic_of(base::as_text(name));
    // Of topics we are not in: no answer and no state, so there is nothing to gain (A15).
    if (topic == nullptr || !topic->is_subscribed || has(topic->mesh, from.slot)) continue;
    if (const auto with_px = refuses_graft(now, from, *topic)) {
      send_prune(now, *topic, from, *with_px, config_.backoff.prune);
      continue;
    }
    // Who grafts is subscribed, even where that news is still to come.
    if (from.topics.size() < config_.topics_per_peer_max) from.topics.emplace(topic->name);
    add(topic->peers, from.slot);
    add_to_mesh(now, *topic, from);
  }
}

// Empty: the peer may join. Otherwise whether the PRUNE may carry other peers.
std::optional<bool> Router::refuses_graft(Instant now, Peer& from, Topic& topic) {
  if (from.is_direct) {
    log_.warn("gossip", "direct peer {} grafts us: it does not hold us for one",
              codec::to_text(from.id));
    return false;
  }
  if (const auto end = backoff_.ends_at(now, topic.slot, from.id)) {
    const bool is_flood = *end - config_.backoff.prune + config_.graft_flood > now;
    score_.misbehaved(from.slot, is_flood ? 2 : 1);
    say_event(from, is_flood ? PeerEventKind::rejected : PeerEventKind::ambiguous,
              PeerEventReason::graft_in_backoff, "GRAFT before its back-off was over");
    return false;
  }
  if (from.is_stalled || score_.topic_score(now, from.slot, topic.slot) < 0) return false;
  if (topic.mesh.size() < mesh_.d_hi) return std::nullopt;
  // Full. One that brings messages first takes the place of one that brings hardly any: a mesh full
  // of those who hand nothing on must not be closed to those who do (A31). One that we dialled may
  // take the place of one that dialled us, until there are D_out.
  constexpr double clearly = 2;
  auto worst = least_useful(topic);
  const auto worth = [&](PeerSlot of) { return score_.first_deliveries(of, topic.slot); };
  const bool is_useful = worst && worth(from.slot) > clearly + clearly * worth(*worst);
  if (!is_useful) {
    if (!from.is_outbound) return true;
    worst = choose_replaced(mesh_, candidates_of(now, topic, topic.mesh));
  }
  if (!worst) return true;
  remove_from_mesh(now, topic, *worst);
  send_prune(now, topic, peer(*worst), true, config_.backoff.prune);
  return std::nullopt;
}

void Router::on_prune(Instant now, Peer& from) {
  for (const codec::GossipPrune& prune : rpc_.prune) {
    Topic* topic = topic_of(base::as_text(prune.topic));
    if (topic == nullptr || !topic->is_subscribed) continue;
    remove_from_mesh(now, *topic, from.slot);
    backoff_.add(now, topic->slot, from.id, backoff_.clamp(prune.backoff_seconds));
    on_px(now, from, prune);
  }
}

// PX is an invitation to dial whoever the peer likes: only from those in good standing, of peers
// that vouch for themselves, and few (A19).
void Router::on_px(Instant now, Peer& from, const codec::GossipPrune& prune) {
  if (prune.peer_count == 0 || !config_.is_px_on) return;
  if (!from.is_direct && score_.score(now, from.slot) < config_.thresholds.accept_px) return;
  ConnectPeers connect;
  for (const codec::GossipPxPeer& each : rpc_.peers_of(prune)) {
    if (px_dials_ + connect.records.size() >= config_.px_dials_max) break;
    const auto id = codec::peer_id_from_bytes(each.peer);
    // Without a record there is nothing but hearsay; our own peers we know already.
    if (!id || each.record.empty() || *id == self_ || by_id_.contains(*id)) continue;
    auto record = codec::open_peer_record(each.record);
    if (!record || record->peer != *id) {
      say_event(from, PeerEventKind::rejected, PeerEventReason::bad_record,
                "PX with a record that does not hold");
      return;
    }
    std::erase_if(record->addresses, [&](const codec::Multiaddr& address) {
      const codec::AddrScope scope = codec::scope_of(address);
      return scope != codec::AddrScope::global && !config_.px_takes_private_addresses;
    });
    if (!record->addresses.empty()) connect.records.push_back(*std::move(record));
  }
  px_dials_ += connect.records.size();
  if (!connect.records.empty()) say(std::move(connect));
}

// --- the choke extension -------------------------------------------------------------------------

// What the peer wants of us. Only mesh links can be choked, and only while they last.
void Router::on_choke(Peer& from) {
  if (!from.knows_choke) return;
  for (const ByteView name : rpc_.choke) {
    Topic* topic = topic_of(base::as_text(name));
    if (topic != nullptr && has(topic->mesh, from.slot)) add(topic->choked_us, from.slot);
  }
  for (const ByteView name : rpc_.unchoke) {
    if (Topic* topic = topic_of(base::as_text(name))) remove(topic->choked_us, from.slot);
  }
}

}  // namespace kith::gossip
