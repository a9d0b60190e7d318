// Messages out: our own, and those of others handed on.
#include <algorithm>

#include "base/format.h"
#include "gossip/router.h"

namespace kith::gossip {

void Router::publish(Instant now, Publish& wanted) {
  auto recipients = try_publish(now, wanted);
  say(Published{wanted.token, std::move(recipients)});
}

static bool has_rules(const RouterTopic& topic, const TopicOptions& wanted) {
  return topic.options.max_age == age_of(wanted) &&
         topic.options.is_compressed == wanted.is_compressed &&
         topic.options.priority == wanted.priority;
}

Result<std::size_t> Router::try_publish(Instant now, Publish& wanted) {
  if (wanted.data.size() > config_.message_bytes_max) {
    return fail(Code::too_large, base::format("message of {} bytes, limit {}", wanted.data.size(),
                                              config_.message_bytes_max));
  }
  if (wanted.topic.size() > config_.limits.topic_bytes_max) {
    return fail(Code::too_large, base::format("topic of {} bytes, limit {}", wanted.topic.size(),
                                              config_.limits.topic_bytes_max));
  }
  Topic* topic = topic_of(wanted.topic);
  if (topic == nullptr && by_name_.size() >= config_.topics_max) {
    return fail(Code::limit, base::format("over {} topics", config_.topics_max));
  }
  // While nothing is heard of it, the options are those of each publication.
  if (topic != nullptr && !topic->is_subscribed && !has_rules(*topic, wanted.options)) {
    free_topic(topic->slot);
    topic = nullptr;
  }
  if (topic == nullptr) topic = &make_topic(wanted.topic, wanted.options);
  topic->published_at = now;
  Bytes id;
  Message message;
  WallTime expires = CachedMessage::never;
  Buffer framed;
  if (topic->has_header) framed = TRY(with_header(now, *topic, wanted.data, expires));
  const Buffer& data = topic->has_header ? framed : wanted.data;
  const codec::GossipFrame frame = TRY(make_message(*topic, data, id, message));
  const MessageKey key = hash_(id);
  switch (seen_.check_and_mark(now, key)) {
    case SeenCache::Mark::fresh: break;
    case SeenCache::Mark::seen: return fail(Code::exists, "this message was published already");
    case SeenCache::Mark::full:
      ++stats_.refused_full;
      return fail(Code::limit, "too many messages for the seen cache; publish slower");
  }
  ++stats_.published;
  ++topic->published;
  cache_.put({key, Buffer(id), topic->slot, frame.bytes(), topic->options.priority, expires});
  const std::size_t recipients = send_own(now, *topic, frame, id);
  if (topic->is_subscribed && topic->options.delivers_own) {
    message.topic = topic->name;
    message.id = Buffer(id);
    message.data = topic->has_header ? wanted.data : frame.data();
    say(Deliver{std::move(message)});
  }
  return recipients;
}

Result<codec::GossipFrame> Router::make_message(const Topic& topic, const Buffer& data, Bytes& id,
                                                Message& message) {
  codec::GossipMessage wire;
  wire.data = data.view();
  wire.topic = base::as_bytes(topic.name);
  std::array<std::uint8_t, codec::gossip_seqno_bytes> seqno{};
  crypto::Signature signature{};
  Bytes key;
  if (topic.options.policy == codec::SignaturePolicy::strict_sign) {
    message.author = self_;
    message.seqno = ++next_seqno_;
    for (std::size_t i = 0; i < seqno.size(); ++i) {
      seqno[i] = static_cast<std::uint8_t>(next_seqno_ >> (8 * (seqno.size() - 1 - i)));
    }
    wire.from = self_.bytes();
    wire.seqno = seqno;
    // An Ed25519 id holds its key, so the message need not (specs pubsub, "Message Signing").
    signature = codec::sign_gossip_message(key_, wire);
    wire.signature = signature;
  }
  if (!id_of(topic, wire, id)) {
    return fail(Code::usage, "the topic's rule gives this message no id");
  }
  return codec::GossipFrame(wire);
}

// Our own messages go to everybody who is not known to be bad, so that the mesh's enemies cannot
// keep them in (flood publishing); without that to the mesh, or to a fanout. A large one is
// announced to those outside the mesh, so that the mesh need not wait for the uplink: but only to
// those whose question we would answer, and not more often than they take from somebody outside
// their own mesh, of which the heartbeat's gossip needs its part.
std::size_t Router::send_own(Instant now, Topic& topic, const codec::GossipFrame& frame,
                             ByteView id) {
  std::vector<PeerSlot> to;
  if (!topic.is_subscribed && !config_.flood_publish) maintain_fanout(now, topic);
  for (const PeerSlot slot : topic.peers) {
    const Peer& each = peer(slot);
    if (each.is_banned) continue;
    const bool is_good = score_.score(now, slot) >= config_.thresholds.publish;
    const bool is_near = config_.flood_publish || each.version == Version::floodsub ||
                         has(topic.mesh, slot) || has(topic.fanout, slot);
    if (each.is_direct || (is_good && is_near)) to.push_back(slot);
  }
  const bool is_large = frame.bytes().size() > config_.flood_publish_bytes_max;
  Buffer announcement;
  for (const PeerSlot slot : to) {
    const bool is_outside = topic.is_subscribed && !topic.mesh.empty() && !has(topic.mesh, slot) &&
                            !peer(slot).is_direct && peer(slot).version != Version::floodsub;
    if (is_large && is_outside && peer(slot).own_announced < config_.ihave_rpcs_max / 4 &&
        score_.score(now, slot) >= config_.thresholds.gossip) {
      ++peer(slot).own_announced;
      announce(topic, id, peer(slot), announcement);
    } else {
      ++stats_.messages_sent;
      send(peer(slot), frame.bytes(), FrameKind::message, topic.options.priority);
    }
  }
  return to.size();
}

// `shared` is made for the first and serves all.
void Router::announce(const Topic& topic, ByteView id, Peer& to, Buffer& shared) {
  if (shared.empty()) {
    codec::GossipRpc rpc;
    rpc.ihave.push_back({base::as_bytes(topic.name), rpc.add_ids({&id, 1})});
    Bytes bytes;
    codec::append_gossip_frame(bytes, rpc);
    shared = Buffer(std::move(bytes));
  }
  ++stats_.ihave_ids_sent;
  send(to, shared, FrameKind::urgent);
}

// Whom the message would reach too late as a body, or who wants none, is told of it.
bool Router::is_announced(const Topic& topic, const InFlight& message, const Peer& to) const {
  if (has(topic.choked_us, to.slot)) return true;
  if (!config_.relay.is_on || !to.knows_choke || !has(topic.mesh, to.slot)) return false;
  if (message.frame.bytes().size() < config_.relay.bytes_min) return false;
  return topic.relay.is_lazy(parent_of(topic, message), to.slot);
}

PeerSlot Router::parent_of(const Topic& topic, const InFlight& message) const {
  return message.from != no_slot && has(topic.mesh, message.from) ? message.from : no_slot;
}

// Whether the peer may not have it yet, for all we know.
bool Router::is_news(Instant now, const InFlight& message, const Peer& to) {
  if (to.slot == message.from || message.carrier(to.slot) != nullptr) return false;
  if (message.author && *message.author == to.id) return false;
  return !to.unwanted.contains(now, message.key);
}

void Router::forward(Instant now, Topic& topic, const InFlight& message) {
  Buffer announcement;
  topic.relay.begin(now, message.key, parent_of(topic, message));
  for (const PeerSlot slot : topic.peers) {
    Peer& to = peer(slot);
    const bool is_flooded = to.version == Version::floodsub && !to.is_banned &&
                            score_.score(now, slot) >= config_.thresholds.publish;
    if (!has(topic.mesh, slot) && !to.is_direct && !is_flooded) continue;
    if (!is_news(now, message, to)) continue;
    const bool is_lazy =
        is_announced(topic, message, to) &&
        score_.score(now, slot) >= config_.thresholds.gossip;  // or it asks in vain
    const bool is_learnt = to.knows_choke && has(topic.mesh, slot) && !has(topic.choked_us, slot);
    if (is_learnt) topic.relay.handed(slot, !is_lazy);
    if (is_lazy) {
      announce(topic, message.id.view(), to, announcement);
    } else {
      ++stats_.messages_sent;
      send(to, message.frame.bytes(), FrameKind::message, topic.options.priority);
    }
  }
}

// To those in the mesh who would send it, and those we asked for it. All of it together is less
// than the message was (A11): nobody gets more out of us than he sends.
void Router::send_idontwant(Instant now, Topic& topic, const InFlight& message,
                            std::span<const PeerSlot> asked) {
  const std::size_t size = message.frame.data_view().size();
  if (size < config_.idontwant_bytes_min) return;
  Buffer shared;
  std::size_t bytes_left = size;
  const auto tell = [&](PeerSlot slot) {
    Peer& to = peer(slot);
    const InFlight::Carrier* carrier = message.carrier(slot);
    const bool has_sent = carrier != nullptr && carrier->sent_body;
    if (slot == message.from || has_sent || to.version < Version::v1_2) return;
    // The announcement that is about to go there says it too.
    if (!topic.options.has_validator && to.knows_choke && has(topic.mesh, slot) &&
        is_news(now, message, to) && is_announced(topic, message, to)) {
      return;
    }
    if (shared.empty()) {
      codec::GossipRpc rpc;
      const ByteView id = message.id.view();
      rpc.idontwant.push_back(rpc.add_ids({&id, 1}));
      Bytes bytes;
      codec::append_gossip_frame(bytes, rpc);
      shared = Buffer(std::move(bytes));
    }
    if (shared.size() > bytes_left) return;
    bytes_left -= shared.size();
    ++stats_.idontwant_sent;
    send(to, shared, FrameKind::urgent);
  };
  for (const PeerSlot slot : topic.mesh) {
    if (!topic.choke.is_choked(slot)) tell(slot);
  }
  for (const PeerSlot slot : asked) {
    if (!has(topic.mesh, slot) || topic.choke.is_choked(slot)) tell(slot);
  }
}

}  // namespace kith::gossip
