// RPCs in: subscriptions, extensions, and a message's way from its first copy to a verdict.
#include "base/format.h"
#include "codec/peer_id.h"
#include "crypto/hash.h"
#include "gossip/router.h"

namespace kith::gossip {

static Buffer payload_of(const RouterTopic& topic, const InFlight& message) {
  return topic.has_header ? message.payload : message.frame.data();
}

void Router::on_rpc(Instant now, const PeerId& id, ByteView bytes) {
  Peer* from = peer_of(id);
  if (from == nullptr) return;
  ++stats_.rpcs_received;
  const bool is_graylisted =
      !from->is_direct && score_.score(now, from->slot) < config_.thresholds.graylist;
  if (from->is_banned || is_graylisted) {
    ++stats_.rpcs_ignored;
    return;
  }
  const auto read = codec::decode_gossip_rpc(bytes, config_.limits, rpc_);
  if (!read) {
    ++stats_.rpcs_malformed;
    if (read.error().code == Code::limit) {
      return say_over_limit(*from, base::to_string(read.error()));
    }
    return say_event(*from, PeerEventKind::rejected, PeerEventReason::malformed_rpc,
                     base::to_string(read.error()));
  }
  const bool is_first = !std::exchange(from->has_spoken, true);
  on_extensions(*from, is_first);
  on_subscriptions(now, *from);
  for (const codec::GossipMessage& message : rpc_.publish) on_message(now, *from, message);
  if (from->version == Version::floodsub) return;  // has no control, whatever it sends (A07)
  if (rpc_.ids_left_out > 0) say_over_limit(*from, "message ids over a limit");
  on_choke(*from);
  on_ihave(now, *from);
  on_iwant(now, *from);
  on_idontwant(now, *from);
  on_graft(now, *from);
  on_prune(now, *from);
  run_wants(now);
}

void Router::on_extensions(Peer& from, bool is_first) {
  if (!rpc_.extensions || from.version != Version::v1_3) return;
  if (!is_first) {
    return say_event(from, PeerEventKind::rejected, PeerEventReason::bad_extensions,
                     "extensions outside the first RPC");
  }
  from.knows_choke = rpc_.extensions->has_choke && config_.choke.is_on;
}

void Router::on_subscriptions(Instant now, Peer& from) {
  for (const codec::GossipSubscription& each : rpc_.subscriptions) {
    const std::string_view name = base::as_text(each.topic);
    Topic* topic = topic_of(name);
    if (!each.is_subscribed) {
      const auto found = from.topics.find(name);
      if (found == from.topics.end()) continue;
      from.topics.erase(found);
      if (topic == nullptr) continue;
      if (has(topic->mesh, from.slot)) remove_from_mesh(now, *topic, from.slot);
      remove(topic->peers, from.slot);
      remove(topic->fanout, from.slot);
    } else if (!from.topics.contains(name)) {
      if (from.topics.size() >= config_.topics_per_peer_max) {
        say_over_limit(from,
                       base::format("subscribes to over {} topics", config_.topics_per_peer_max));
        return;
      }
      from.topics.emplace(name);
      if (topic == nullptr) continue;
      add(topic->peers, from.slot);
      // A young mesh does not wait for the heartbeat.
      if (topic->is_subscribed && topic->mesh.size() < mesh_.d_lo &&
          has(graftable(now, *topic, false, 0), from.slot)) {
        add_to_mesh(now, *topic, from);
        send_graft(now, *topic, from);
      }
    }
  }
}

// False: the message has no id, so it is not valid.
bool Router::id_of(const Topic& topic, const codec::GossipMessage& message, Bytes& id) const {
  id.clear();
  if (topic.options.id_function) {
    id = topic.options.id_function(topic.name, message);
    if (id.size() > config_.limits.message_id_bytes_max) {
      id.resize(config_.limits.message_id_bytes_max);
    }
  } else if (topic.options.id_rule == IdRule::author_seqno) {
    if (!message.from || !message.seqno) return false;
    if (message.from->size() + message.seqno->size() > config_.limits.message_id_bytes_max) {
      return false;
    }
    base::append(id, *message.from);
    base::append(id, *message.seqno);
  } else {
    std::array<std::uint8_t, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i) {
      length[i] = static_cast<std::uint8_t>(std::uint64_t{topic.name.size()} >> (8 * i));
    }
    const crypto::Hash256 hash = crypto::sha256(
        {ByteView(length), base::as_bytes(topic.name), message.data.value_or(ByteView())});
    base::append(id, ByteView(hash).first(20));
  }
  return !id.empty();
}

void Router::on_message(Instant now, Peer& from, const codec::GossipMessage& message) {
  ++stats_.messages_received;
  Topic* topic = topic_of(base::as_text(message.topic.value_or(ByteView())));
  // Not ours any more, or never was: peers and we may disagree for a moment.
  if (topic == nullptr || !topic->is_subscribed) return;
  // Size and form come before the id: what an id function does is not for any bytes (A29).
  if (message.data.value_or(ByteView()).size() > config_.message_bytes_max) {
    return blame(now, from, *topic, "message over the size limit");
  }
  if (!id_of(*topic, message, id_)) {
    return blame(now, from, *topic, "message without author or seqno");
  }
  const MessageKey key = hash_(id_);
  if (on_copy(now, from, key, Word::body)) {
    ++stats_.duplicates;
  } else {
    on_new_message(now, from, *topic, message, id_, key);
  }
}

// A message that was here: who has it is noted. False: it was not here.
bool Router::on_copy(Instant now, Peer& from, const MessageKey& key, Word word) {
  const bool sent_body = word == Word::body;
  // Who only says that it has the message is of no use to us: that is cheap to say.
  const auto note = [&](Topic& topic) {
    if (!has(topic.mesh, from.slot)) return;
    topic.relay.had(key, from.slot);
    if (word != Word::denial) topic.choke.heard(now, key, from.slot, sent_body);
  };
  if (const auto slot = validating_.find(key)) {
    note(*topics_[in_flight_[*slot].topic]);
    in_flight_[*slot].carried_by(from.slot, sent_body, now);
    return true;
  }
  if (!seen_.contains(now, key)) return false;
  Deliveries::Entry* entry = deliveries_.find(now, key, config_.delivery_window);
  if (entry == nullptr) return true;
  note(*topics_[entry->topic]);
  // Of what is valid only the mesh's copies count, and a mesh has room in the entry.
  if (!entry->is_invalid && !has(topics_[entry->topic]->mesh, from.slot)) return true;
  if (!entry->credit(from.slot)) return true;
  if (entry->is_invalid) {
    if (sent_body) blame(now, from, *topics_[entry->topic], "message known to be invalid");
  } else {
    score_.mesh_delivery(from.slot, entry->topic);
  }
  return true;
}

void Router::blame(Instant, Peer& from, Topic& topic, std::string detail) {
  ++stats_.rejected;
  score_.invalid_message(from.slot, topic.slot);
  say_event(from, PeerEventKind::rejected, PeerEventReason::invalid_message, std::move(detail));
}

// One peer alone may not use up what is left of the seen cache (A35).
bool Router::is_unfair(const Peer& from) const {
  if (!seen_.is_nearly_full() || by_id_.size() < 2) return false;
  return seen_.count_of(from.slot) >= seen_.entries_max() / 4;
}

void Router::on_new_message(Instant now, Peer& from, Topic& topic,
                            const codec::GossipMessage& message, ByteView id,
                            const MessageKey& key) {
  if (message.from && base::equal(*message.from, self_.bytes())) return;  // ours, come back late
  auto verify_by = codec::check_gossip_policy(message, *topic.options.policy);
  if (!verify_by) return blame(now, from, topic, base::to_string(verify_by.error()));
  std::optional<PeerId> author;
  std::optional<std::uint64_t> seqno;
  if (*verify_by) {
    author = PeerId::from_multihash(*message.from);
    seqno = codec::gossip_seqno(*message.seqno);
    if (!seqnos_.is_fresh(now, *author, *seqno)) {
      ++stats_.replayed;
      return;
    }
  }
  WallTime expires = CachedMessage::never;
  if (topic.has_header && !is_timely(now, from, topic, message, expires)) return;
  if (is_unfair(from)) {
    ++stats_.refused_unfair;
    return;
  }
  MessageKey body_key = key;
  if (*verify_by) {
    Bytes named(id.begin(), id.end());
    base::append(named, *message.signature);
    body_key = hash_(named);
    if (const auto slot = checking_.find(body_key)) {
      ++stats_.duplicates;
      in_flight_[*slot].carried_by(from.slot, true, now);
      return;
    }
  }
  const auto slot = new_in_flight();
  if (!slot) {
    ++stats_.refused_full;
    return;
  }
  InFlight& entry = in_flight_[*slot];
  entry.key = key;
  entry.body_key = body_key;
  entry.id = Buffer(id);
  entry.topic = topic.slot;
  entry.from = from.slot;
  entry.from_id = from.id;
  entry.frame = codec::GossipFrame(message);
  entry.author = author;
  entry.seqno = seqno;
  entry.expires = expires;
  entry.began = now;
  entry.state = InFlight::State::signature;
  if (!*verify_by) return on_verified(now, *slot);
  entry.job =
      SignatureJob{**std::move(verify_by), entry.frame.signed_part(), Buffer(*message.signature)};
  checking_.insert(body_key, *slot);
  if (!checking_ids_.find(key)) checking_ids_.insert(key, *slot);
  unbatched_.push_back(*slot);
}

std::optional<std::uint32_t> Router::new_in_flight() {
  if (!free_in_flight_.empty()) {
    const std::uint32_t slot = free_in_flight_.back();
    free_in_flight_.pop_back();
    return slot;
  }
  if (in_flight_.size() >= config_.in_flight_max) return std::nullopt;
  in_flight_.emplace_back();
  return static_cast<std::uint32_t>(in_flight_.size() - 1);
}

void Router::end_checking(std::uint32_t slot) {
  const InFlight& message = in_flight_[slot];
  if (checking_.find(message.body_key) == slot) checking_.erase(message.body_key);
  if (checking_ids_.find(message.key) == slot) checking_ids_.erase(message.key);
}

void Router::finish(std::uint32_t slot) {
  InFlight& message = in_flight_[slot];
  end_checking(slot);
  if (validating_.find(message.key) == slot) {  // Validate was said
    validating_.erase(message.key);
    say(Settled{token_of(slot)});
  }
  const std::uint32_t generation = message.generation + 1;
  message = {};
  message.generation = generation;
  free_in_flight_.push_back(slot);
}

Token Router::token_of(std::uint32_t slot) const {
  return Token{std::uint64_t{in_flight_[slot].generation} << 32 | slot};
}

InFlight* Router::in_flight(Token token) {
  const auto slot = static_cast<std::uint32_t>(token.value);
  if (slot >= in_flight_.size()) return nullptr;
  InFlight& message = in_flight_[slot];
  const bool is_it = message.generation == static_cast<std::uint32_t>(token.value >> 32) &&
                     message.state != InFlight::State::free;
  return is_it ? &message : nullptr;
}

void Router::on_signatures(Instant now, const SignaturesChecked& checked) {
  const auto batch = batches_.find(checked.token);
  if (batch == batches_.end()) return;
  const std::vector<Token> members = std::move(batch->second.messages);
  batches_.erase(batch);
  for (std::size_t i = 0; i < members.size(); ++i) {
    InFlight* message = in_flight(members[i]);
    if (message == nullptr || message->state != InFlight::State::signature) continue;
    if (i < checked.results.size() && checked.results[i]) {
      on_verified(now, static_cast<std::uint32_t>(members[i].value));
    } else {
      reject(now, *message, "signature does not verify");
      finish(static_cast<std::uint32_t>(members[i].value));
    }
  }
  run_wants(now);
}

// From here on the id is known to be the message's own: it is marked, asked for no more, and others
// are told not to send it.
void Router::on_verified(Instant now, std::uint32_t slot) {
  InFlight& message = in_flight_[slot];
  Topic& topic = *topics_[message.topic];
  end_checking(slot);
  const auto mark = seen_.check_and_mark(now, message.key, message.from);
  if (mark != SeenCache::Mark::fresh) {
    ++(mark == SeenCache::Mark::full ? stats_.refused_full : stats_.duplicates);
    return finish(slot);
  }
  const bool was_asked_for =
      message.from != no_slot && wants_.asked_at(message.key, message.from).has_value();
  tell_choke(topic, message, was_asked_for);
  count_rescue(topic, message, was_asked_for);
  const std::vector<PeerSlot> asked = wants_.arrived(message.key);
  send_idontwant(now, topic, message, asked);
  message.state = InFlight::State::validation;  // copies of it are known by its id from here on
  if (topic.has_header && !unpack(topic, message)) {
    reject(now, message, "data that does not decompress");
    return finish(slot);
  }
  if (!topic.options.has_validator) {
    accept(now, message);
    return finish(slot);
  }
  validating_.insert(message.key, slot);
  say(Validate{token_of(slot),
               {topic.name, message.id, payload_of(topic, message), message.author, message.seqno,
                message.from_id}});
}

void Router::count_rescue(Topic& topic, const InFlight& message, bool was_asked_for) {
  constexpr double decay = 0.97;
  // An author outside the mesh announces its own large messages: that the mesh did not bring them
  // first says nothing.
  const bool is_own = message.author && *message.author == message.from_id;
  const bool is_rescue =
      was_asked_for && message.from != no_slot && !is_own && !has(topic.mesh, message.from);
  topic.heard = topic.heard * decay + 1;
  topic.rescued = topic.rescued * decay + (is_rescue ? 1 : 0);
  if (is_rescue) add(topic.rescuers, message.from);
}

// Who of the mesh spoke of the message, and when.
void Router::tell_choke(Topic& topic, InFlight& message, bool was_asked_for) {
  const auto announcements = wants_.announcements(message.key);
  if (message.from != no_slot && has(topic.mesh, message.from)) {
    topic.choke.delivered(message.began, message.key, message.from, was_asked_for);
  }
  for (const auto& each : announcements) {
    if (has(topic.mesh, each.peer)) topic.choke.heard(each.at, message.key, each.peer, false);
    // It need not be told again.
    if (each.peer != message.from) message.carried_by(each.peer, false, each.at);
  }
  if (const auto at =
          message.from == no_slot ? std::nullopt : wants_.asked_at(message.key, message.from)) {
    topic.choke.answered(message.began - *at, peer(message.from).rtt);
  }
  for (const InFlight::Carrier& each : message.carriers) {
    if (has(topic.mesh, each.peer)) {
      topic.choke.heard(each.at, message.key, each.peer, each.sent_body);
    }
  }
}

void Router::on_verdict(Instant now, const Validated& validated) {
  InFlight* message = in_flight(validated.token);
  if (message == nullptr || message->state != InFlight::State::validation) return;
  switch (validated.verdict) {
    case Verdict::accept: accept(now, *message); break;
    case Verdict::reject: reject(now, *message, "refused by the application"); break;
    case Verdict::ignore: ++stats_.ignored; break;
  }
  finish(static_cast<std::uint32_t>(validated.token.value));
}

void Router::accept(Instant now, InFlight& message) {
  Topic& topic = *topics_[message.topic];
  // A message that overtook its replay guard while it was checked.
  if (message.author) {
    if (!seqnos_.is_fresh(now, *message.author, *message.seqno)) {
      ++stats_.replayed;
      return;
    }
    if (!seqnos_.mark(now, *message.author, *message.seqno)) ++stats_.unguarded;
  }
  ++stats_.delivered;
  ++topic.delivered;
  Deliveries::Entry& entry = deliveries_.add(now, message.key, topic.slot, false);
  if (message.from != no_slot) {
    Peer& from = peer(message.from);
    entry.credit(message.from);
    score_.first_delivery(message.from, topic.slot);
    if (!from.useful_at || now - *from.useful_at >= 1s) {
      from.useful_at = now;
      say_event(from, PeerEventKind::useful, PeerEventReason::first_delivery);
    }
  }
  for (const InFlight::Carrier& each : message.carriers) {
    if (!has(topic.mesh, each.peer)) continue;
    if (entry.credit(each.peer)) score_.mesh_delivery(each.peer, topic.slot);
  }
  // What expired while it was checked is taken, but nobody else would.
  if (message.expires > wall(now)) {
    cache_.put({message.key, message.id, topic.slot, message.frame.bytes(), topic.options.priority,
                message.expires});
    forward(now, topic, message);
  }
  say(Deliver{{topic.name, message.id, payload_of(topic, message), message.author, message.seqno,
               message.from_id}});
}

// Everybody who sent the message's body answers for it: they should have checked it themselves.
void Router::reject(Instant now, InFlight& message, std::string detail) {
  Topic& topic = *topics_[message.topic];
  Deliveries::Entry* entry = nullptr;
  if (message.state == InFlight::State::validation) {
    entry = &deliveries_.add(now, message.key, topic.slot, true);
  }
  const auto charge = [&](PeerSlot slot) {
    if (slot == no_slot || (entry != nullptr && !entry->credit(slot))) return;
    blame(now, peer(slot), topic, detail);
  };
  charge(message.from);
  for (const InFlight::Carrier& each : message.carriers) {
    if (each.sent_body) charge(each.peer);
  }
}

}  // namespace kith::gossip
