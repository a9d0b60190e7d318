#include "gossip/router.h"

#include <algorithm>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::gossip {

static_assert(base::Machine<Router>);

namespace {

struct ProtocolName {
  std::string_view id;
  Version version;
};
constexpr ProtocolName protocol_names[] = {{"/meshsub/1.3.0", Version::v1_3},
                                           {"/meshsub/1.2.0", Version::v1_2},
                                           {"/meshsub/1.1.0", Version::v1_1},
                                           {"/meshsub/1.0.0", Version::v1_0},
                                           {"/floodsub/1.0.0", Version::floodsub}};

}  // namespace

std::vector<std::string> Router::protocols() {
  std::vector<std::string> ids;
  for (const ProtocolName& each : protocol_names) ids.emplace_back(each.id);
  return ids;
}

std::optional<Version> Router::version_of(std::string_view protocol) {
  for (const ProtocolName& each : protocol_names) {
    if (each.id == protocol) return each.version;
  }
  return std::nullopt;
}

Router::Router(const Config& config, const PeerId& self, const crypto::KeyPair& key,
               std::uint64_t first_seqno, Rng& rng, Log& log, Instant now)
    : config_(config),
      self_(self),
      key_(key),
      next_seqno_(first_seqno),
      rng_(rng),
      log_(log),
      hash_(rng),
      seen_(config.seen),
      cache_(config.message_cache),
      seqnos_(config.seqno),
      backoff_(config.backoff),
      score_(config.score),
      wants_(config.wants),
      mesh_(config.mesh),
      tune_at_(now) {
  ASSERT(config.peers_max < no_narrow_slot && config.mesh.d_hi <= mesh_peers_max);
  const auto delay = static_cast<std::uint64_t>(config.heartbeat_delay.count());
  heartbeat_at_ = now + config.heartbeat_delay +
                  Duration(static_cast<std::int64_t>(delay == 0 ? 0 : rng.below(delay)));
}

Router::~Router() = default;

void Router::on_input(Instant now, Input input) {
  std::visit(Overload{[&](PeerAdded& added) { add_peer(now, added); },
                      [&](PeerGone& gone) { remove_peer(now, gone.peer); },
                      [&](PeerRecorded& recorded) {
                        Peer* found = peer_of(recorded.peer);
                        const bool fits = recorded.envelope.size() <= codec::envelope_bytes_max;
                        if (found != nullptr && fits) found->record = recorded.envelope;
                      },
                      [&](Subscribe& wanted) { subscribe(now, wanted); },
                      [&](Unsubscribe& wanted) { unsubscribe(now, wanted.topic); },
                      [&](Publish& wanted) { publish(now, wanted); },
                      [&](Validated& validated) { on_verdict(now, validated); },
                      [&](SignaturesChecked& checked) { on_signatures(now, checked); },
                      [&](Standing& standing) { set_standing(now, standing); },
                      [&](WallClock& clock) {
                        wall_ = clock.wall;
                        wall_at_ = now;
                      },
                      [&](NetworkSize& told) { network_peers_ = told.peers; },
                      [&](RttMeasured& measured) {
                        if (Peer* found = peer_of(measured.peer)) found->rtt = measured.rtt;
                      },
                      [&](Room& told) {
                        Peer* found = peer_of(told.peer);
                        if (found == nullptr) return;
                        if (told.room > found->room) found->progress_at = now;
                        found->room = told.room;
                        found->is_stalled = found->is_stalled && told.room == 0;
                        if (found->queue.empty() || found->is_ready || told.room == 0) return;
                        found->is_ready = true;
                        ready_.push_back(found->slot);
                      },
                      [&](HeldBack& told) {
                        Peer* held = peer_of(told.peer);
                        if (held == nullptr) return;
                        held->is_held_back = told.is_held_back;
                        held->held_back_until = now;
                      },
                      [&](SendQueueDropped& told) { stats_.dropped_outside += told.frames; }},
             input);
}

void Router::on_deadline(Instant now) {
  run_wants(now);
  if (now >= heartbeat_at_) heartbeat(now);
}

std::optional<Instant> Router::next_deadline() const {
  return base::soonest(heartbeat_at_, wants_.next_deadline());
}

std::optional<Router::Output> Router::poll_output(Instant now) {
  if (!outputs_.empty()) return outputs_.pop_front();
  if (auto batch = next_batch(now)) return batch;
  return next_send(now);
}

// The signatures of one turn go together, so that a worker is woken once.
std::optional<Router::Output> Router::next_batch(Instant now) {
  if (unbatched_.empty()) return std::nullopt;
  const std::size_t count = std::min(unbatched_.size(), config_.signature_batch_max);
  CheckSignatures check{Token{next_batch_++}, {}};
  Batch& batch = batches_[check.token];
  batch.began = now;
  for (std::size_t i = 0; i < count; ++i) {
    InFlight& message = in_flight_[unbatched_[i]];
    // One that was given up (its topic is gone) keeps its place out.
    if (message.state != InFlight::State::signature || !message.job) continue;
    check.batch.push_back(*std::exchange(message.job, std::nullopt));
    batch.messages.push_back(Token{std::uint64_t{message.generation} << 32 | unbatched_[i]});
  }
  unbatched_.erase(unbatched_.begin(), unbatched_.begin() + static_cast<std::ptrdiff_t>(count));
  if (check.batch.empty()) {
    batches_.erase(check.token);
    return next_batch(now);
  }
  return check;
}

std::optional<Router::Output> Router::next_send(Instant) {
  while (!ready_.empty()) {
    const PeerSlot slot = ready_.front();
    Peer* to = peers_[slot].get();
    std::optional<SendQueue::Piece> piece;
    if (to != nullptr) piece = to->queue.pop(config_.send_queue, to->room);
    if (!piece) {
      ready_.pop_front();
      if (to != nullptr) to->is_ready = false;
      continue;
    }
    to->room -= piece->bytes.size();
    (piece->kind == FrameKind::message ? stats_.message_bytes_sent : stats_.control_bytes_sent) +=
        piece->bytes.size();
    ++stats_.frames_sent;
    const bool is_droppable = piece->is_whole && piece->kind != FrameKind::control;
    return SendRpc{to->id, std::move(piece->bytes), piece->kind, is_droppable};
  }
  return std::nullopt;
}

void Router::send(Peer& to, Buffer frame, FrameKind kind, Priority priority) {
  to.queue.push(config_.send_queue, std::move(frame), kind, priority, stats_.dropped);
  if (to.is_ready || to.room == 0 || to.queue.empty()) return;
  to.is_ready = true;
  ready_.push_back(to.slot);
}

void Router::send(Peer& to, const codec::GossipRpc& rpc, FrameKind kind) {
  Bytes frame;
  codec::append_gossip_frame(frame, rpc);
  send(to, Buffer(std::move(frame)), kind);
}

Router::Peer* Router::peer_of(const PeerId& id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : peers_[found->second].get();
}

Router::Topic* Router::topic_of(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : topics_[found->second].get();
}

void Router::say_event(const Peer& about, PeerEventKind kind, PeerEventReason reason,
                       std::string detail) {
  if (kind != PeerEventKind::useful) {
    log_.debug("gossip", "{}: {}", codec::to_text(about.id), detail);
  }
  say(PeerEvent{about.id, kind, reason, std::move(detail)});
}

void Router::say_over_limit(Peer& about, std::string detail) {
  ++stats_.over_limits;
  if (std::exchange(about.said_over_limit, true)) return;
  const bool again = std::exchange(about.was_over_limit, true);
  say_event(about, again ? PeerEventKind::rejected : PeerEventKind::ambiguous,
            PeerEventReason::over_limit, std::move(detail));
}

// --- peers ---------------------------------------------------------------------------------------

void Router::add_peer(Instant now, const PeerAdded& added) {
  if (added.peer == self_ || by_id_.contains(added.peer)) return;
  if (by_id_.size() >= config_.peers_max) {
    log_.warn("gossip", "a peer is not served: {} are already", config_.peers_max);
    return;
  }
  PeerSlot slot = static_cast<PeerSlot>(peers_.size());
  if (free_peers_.empty()) {
    peers_.emplace_back();
  } else {
    slot = free_peers_.back();
    free_peers_.pop_back();
  }
  peers_[slot] = std::make_unique<Peer>(config_, added, slot);
  peers_[slot]->progress_at = now;
  by_id_.emplace(added.peer, slot);
  score_.add_peer(now, slot, added.peer, added.netgroup);
  greet(*peers_[slot]);
}

// Our subscriptions, and with the first of them (v1.3) what we know besides.
void Router::greet(const Peer& to) {
  codec::GossipRpc hello;
  if (to.version == Version::v1_3 && config_.choke.is_on) hello.extensions.emplace(true);
  bool is_first = true;
  const auto flush = [&] {
    if (hello.subscriptions.empty() && !(is_first && hello.extensions)) return;
    send(peer(to.slot), hello, FrameKind::control);
    hello.clear();
    is_first = false;
  };
  for (const auto& [name, slot] : by_name_) {
    if (!topics_[slot]->is_subscribed) continue;
    hello.subscriptions.push_back({true, base::as_bytes(name)});
    if (hello.subscriptions.size() == config_.limits.subscriptions_max) flush();
  }
  flush();
}

void Router::remove_peer(Instant now, const PeerId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const PeerSlot slot = found->second;
  for (const auto& topic : topics_) {
    if (!topic) continue;
    if (has(topic->mesh, slot)) remove_from_mesh(now, *topic, slot);
    remove(topic->peers, slot);
    remove(topic->fanout, slot);
    remove(topic->rescuers, slot);
  }
  for (InFlight& message : in_flight_) {
    if (message.from == slot) message.from = no_slot;
    std::erase_if(message.carriers, [&](const auto& each) { return each.peer == slot; });
  }
  score_.remove_peer(now, slot);
  wants_.forget_peer(now, slot);
  cache_.forget_peer(slot);
  seen_.forget_source(slot);
  by_id_.erase(found);
  // The slot may wait in the ready list: whoever gets it next finds itself there, which is
  // harmless.
  peers_[slot].reset();
  free_peers_.push_back(slot);
  run_wants(now);
}

void Router::set_standing(Instant now, const Standing& standing) {
  Peer* found = peer_of(standing.peer);
  if (found == nullptr) return;
  score_.set_standing(found->slot, standing.app, standing.gate);
  found->is_banned = standing.is_banned && !found->is_direct;
  if (!found->is_banned) return;
  for (const auto& topic : topics_) {
    if (!topic) continue;
    remove(topic->fanout, found->slot);
    if (!has(topic->mesh, found->slot)) continue;
    remove_from_mesh(now, *topic, found->slot);
    send_prune(now, *topic, *found, false, config_.backoff.prune);
  }
}

// --- topics --------------------------------------------------------------------------------------

Router::Topic& Router::make_topic(std::string_view name, const TopicOptions& options) {
  TopicSlot slot = static_cast<TopicSlot>(topics_.size());
  if (free_topics_.empty()) {
    topics_.emplace_back();
  } else {
    slot = free_topics_.back();
    free_topics_.pop_back();
  }
  topics_[slot] = std::make_unique<Topic>(config_, std::string(name), slot, options);
  Topic& topic = *topics_[slot];
  if (!topic.options.policy) topic.options.policy = config_.policy;
  if (topic.options.policy == codec::SignaturePolicy::strict_no_sign) {
    topic.options.id_rule = IdRule::content;
  }
  topic.options.max_age = age_of(options);
  topic.rules = {options.max_age.has_value(), options.is_compressed, config_.message_bytes_max};
  topic.has_header = options.max_age || options.is_compressed;
  by_name_.emplace(topic.name, slot);
  score_.add_topic(slot, options.score);
  for (const auto& each : peers_) {
    if (each && each->topics.contains(name)) add(topic.peers, each->slot);
  }
  return topic;
}

void Router::free_topic(TopicSlot slot) {
  for (std::uint32_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].state != InFlight::State::free && in_flight_[i].topic == slot) finish(i);
  }
  cache_.forget_topic(slot);
  deliveries_.forget_topic(slot);
  backoff_.forget_topic(slot);
  score_.remove_topic(slot);
  by_name_.erase(topics_[slot]->name);
  topics_[slot].reset();
  free_topics_.push_back(slot);
}

void Router::subscribe(Instant now, Subscribe& wanted) {
  if (wanted.topic.size() > config_.limits.topic_bytes_max) {
    return log_.warn("gossip", "not subscribed: a topic of {} bytes, limit {}", wanted.topic.size(),
                     config_.limits.topic_bytes_max);
  }
  Topic* topic = topic_of(wanted.topic);
  if (topic != nullptr && topic->is_subscribed) {
    topic->options.has_validator = wanted.options.has_validator;
    return;
  }
  if (topic == nullptr && by_name_.size() >= config_.topics_max) {
    return log_.warn("gossip", "not subscribed to {}: {} topics are the limit", wanted.topic,
                     config_.topics_max);
  }
  const std::vector<PeerSlot> fanout = topic == nullptr ? std::vector<PeerSlot>() : topic->fanout;
  if (topic != nullptr) free_topic(topic->slot);  // what was published to becomes what is heard
  topic = &make_topic(wanted.topic, wanted.options);
  topic->is_subscribed = true;
  codec::GossipRpc rpc;
  rpc.subscriptions.push_back({true, base::as_bytes(topic->name)});
  Bytes frame;
  codec::append_gossip_frame(frame, rpc);
  const Buffer shared(std::move(frame));
  for (const auto& [id, slot] : by_id_) send(peer(slot), shared, FrameKind::control);
  // Those whom it was published to first, then others up to D.
  for (const PeerSlot slot : fanout) {
    const std::vector<PeerSlot> fit = graftable(now, *topic, false, 0);
    if (topic->mesh.size() >= mesh_.d || !has(fit, slot)) continue;
    add_to_mesh(now, *topic, peer(slot));
    send_graft(now, *topic, peer(slot));
  }
  if (topic->mesh.size() < mesh_.d) {
    fill_mesh(now, *topic, mesh_.d - topic->mesh.size(), false, 0);
  }
}

void Router::unsubscribe(Instant now, const std::string& name) {
  Topic* topic = topic_of(name);
  if (topic == nullptr || !topic->is_subscribed) return;
  codec::GossipRpc rpc;
  rpc.subscriptions.push_back({false, base::as_bytes(topic->name)});
  Bytes frame;
  codec::append_gossip_frame(frame, rpc);
  const Buffer shared(std::move(frame));
  for (const auto& [id, slot] : by_id_) send(peer(slot), shared, FrameKind::control);
  const std::vector<PeerSlot> mesh = topic->mesh;
  for (const PeerSlot slot : mesh) {
    remove_from_mesh(now, *topic, slot);
    send_prune(now, *topic, peer(slot), false, config_.backoff.unsubscribe);
  }
  free_topic(topic->slot);
}

// --- what others may see -------------------------------------------------------------------------

static std::vector<PeerId> ids_of(const std::vector<PeerSlot>& slots,
                                  const std::vector<std::unique_ptr<RouterPeer>>& peers) {
  std::vector<PeerId> ids;
  for (const PeerSlot slot : slots) ids.push_back(peers[slot]->id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<std::string> Router::subscribed() const {
  std::vector<std::string> names;
  for (const auto& [name, slot] : by_name_) {
    if (topics_[slot]->is_subscribed) names.push_back(name);
  }
  return names;
}

const TopicOptions* Router::options_of(std::string_view topic) const {
  const auto found = by_name_.find(topic);
  if (found == by_name_.end() || !topics_[found->second]->is_subscribed) return nullptr;
  return &topics_[found->second]->options;
}

Router::TopicCounts Router::counts_of(std::string_view topic) const {
  const auto found = by_name_.find(topic);
  if (found == by_name_.end()) return {};
  return {topics_[found->second]->published, topics_[found->second]->delivered};
}

std::vector<PeerId> Router::mesh_of(std::string_view topic) const {
  const auto found = by_name_.find(topic);
  if (found == by_name_.end()) return {};
  return ids_of(topics_[found->second]->mesh, peers_);
}

std::vector<PeerId> Router::peers_of(std::string_view topic) const {
  std::vector<PeerId> ids;
  for (const auto& [id, slot] : by_id_) {
    if (peers_[slot]->topics.contains(topic)) ids.push_back(id);
  }
  return ids;
}

std::vector<PeerId> Router::choked_of(std::string_view topic) const {
  const auto found = by_name_.find(topic);
  if (found == by_name_.end()) return {};
  return ids_of(topics_[found->second]->choke.choked(), peers_);
}

std::optional<double> Router::score_of(Instant now, const PeerId& id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return score_.score(now, found->second);
}

Router::Input::Input(const Input&) = default;
Router::Input& Router::Input::operator=(const Input&) = default;
Router::Input::Input(Input&&) noexcept = default;
Router::Input& Router::Input::operator=(Input&&) noexcept = default;
Router::Input::~Input() = default;

}  // namespace kith::gossip
