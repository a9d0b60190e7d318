#include "codec/gossip_rpc.h"

#include "base/format.h"
#include "codec/pb_wire.h"
#include "codec/peer_id.h"
#include "codec/public_key.h"
#include "codec/varint.h"

namespace kith::codec {

namespace {

// RPC.
constexpr std::uint32_t subscriptions_field = 1;
constexpr std::uint32_t publish_field = 2;
constexpr std::uint32_t control_field = 3;
// Over 0x200000, four bytes on the wire: an experiment (v1.3). "KIT" as a number. The same number
// names the extension in ControlExtensions and its messages in RPC.
constexpr std::uint32_t choke_field = 0x4b4954;
// SubOpts.
constexpr std::uint32_t subscribe_field = 1;
constexpr std::uint32_t subscription_topic_field = 2;
// Message.
constexpr std::uint32_t from_field = 1;
constexpr std::uint32_t data_field = 2;
constexpr std::uint32_t seqno_field = 3;
constexpr std::uint32_t topic_field = 4;
constexpr std::uint32_t signature_field = 5;
constexpr std::uint32_t key_field = 6;
// ControlMessage.
constexpr std::uint32_t ihave_field = 1;
constexpr std::uint32_t iwant_field = 2;
constexpr std::uint32_t graft_field = 3;
constexpr std::uint32_t prune_field = 4;
constexpr std::uint32_t idontwant_field = 5;
constexpr std::uint32_t extensions_field = 6;
// IHAVE has its topic before its ids; IWANT and IDONTWANT have ids only.
constexpr std::uint32_t control_topic_field = 1;
constexpr std::uint32_t ihave_ids_field = 2;
constexpr std::uint32_t ids_field = 1;
constexpr std::uint32_t prune_peers_field = 2;
constexpr std::uint32_t prune_backoff_field = 3;
constexpr std::uint32_t px_peer_field = 1;
constexpr std::uint32_t px_record_field = 2;
// The choke extension's message.
constexpr std::uint32_t choke_topics_field = 1;
constexpr std::uint32_t unchoke_topics_field = 2;

class Decoder {
 public:
  Decoder(const GossipLimits& limits, GossipRpc& rpc) : limits_(limits), rpc_(rpc) {}

  Result<void> take_rpc(ByteView bytes) {
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number == subscriptions_field) {
        const ByteView entry = TRY(bytes_of(*field, "subscription"));
        TRY_VOID(take_subscription(entry));
      } else if (field->number == publish_field) {
        const ByteView entry = TRY(bytes_of(*field, "message"));
        TRY_VOID(take_message(entry));
      } else if (field->number == control_field) {
        const ByteView entry = TRY(bytes_of(*field, "control"));
        TRY_VOID(take_control(entry));
      } else if (field->number == choke_field) {
        const ByteView entry = TRY(bytes_of(*field, "choke"));
        TRY_VOID(take_choke(entry));
      }
    }
    return {};
  }

 private:
  Result<ByteView> bytes_of(const PbField& field, std::string_view what) const {
    return field.as_bytes(what, limits_.rpc_bytes_max);
  }
  Result<ByteView> topic_of(const PbField& field) const {
    return field.as_bytes("topic", limits_.topic_bytes_max);
  }
  template <class T>
  Result<void> check_room(const std::vector<T>& items, std::size_t items_max, Code code,
                          std::string_view what) const {
    if (items.size() < items_max) return {};
    return fail(code, base::format("RPC with over {} {}", items_max, what));
  }
  static Result<void> charge(std::size_t& used, std::size_t bytes, std::size_t bytes_max,
                             std::string_view what) {
    used += bytes;
    if (used <= bytes_max) return {};
    return fail(Code::too_large, base::format("RPC with over {} bytes of {}", bytes_max, what));
  }

  Result<void> take_subscription(ByteView bytes) {
    TRY_VOID(
        check_room(rpc_.subscriptions, limits_.subscriptions_max, Code::limit, "subscriptions"));
    GossipSubscription subscription;
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number == subscribe_field) {
        subscription.is_subscribed = TRY(field->as_varint("subscribe")) != 0;
      } else if (field->number == subscription_topic_field) {
        subscription.topic = TRY(topic_of(*field));
      }
    }
    rpc_.subscriptions.push_back(subscription);
    return {};
  }

  Result<void> take_message(ByteView bytes) {
    TRY_VOID(check_room(rpc_.publish, limits_.messages_max, Code::too_large, "messages"));
    GossipMessage message;
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      switch (field->number) {
        case from_field: message.from = TRY(bytes_of(*field, "from")); break;
        case data_field: message.data = TRY(bytes_of(*field, "data")); break;
        case seqno_field: message.seqno = TRY(bytes_of(*field, "seqno")); break;
        case topic_field: message.topic = TRY(topic_of(*field)); break;
        case signature_field: message.signature = TRY(bytes_of(*field, "signature")); break;
        case key_field: message.key = TRY(bytes_of(*field, "key")); break;
        default: break;  // a field of a later pubsub
      }
    }
    rpc_.publish.push_back(message);
    return {};
  }

  // The budgets are charged with the size of each entry before it is looked into (A06), over all
  // control messages of the RPC: protobuf lets there be several.
  Result<void> take_control(ByteView bytes) {
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      const std::size_t size = field->bytes.size() + 2;
      if (field->number == ihave_field) {
        TRY_VOID(charge(ihave_bytes_, size, limits_.ihave_bytes_max, "IHAVE"));
        const ByteView entry = TRY(bytes_of(*field, "IHAVE"));
        TRY_VOID(take_ihave(entry));
      } else if (field->number == prune_field) {
        TRY_VOID(charge(prune_bytes_, size, limits_.prune_bytes_max, "PRUNE"));
        const ByteView entry = TRY(bytes_of(*field, "PRUNE"));
        TRY_VOID(take_prune(entry));
      } else {
        TRY_VOID(charge(control_bytes_, size, limits_.control_bytes_max, "control"));
        TRY_VOID(take_small_control(*field));
      }
    }
    return {};
  }

  Result<void> take_small_control(const PbField& field) {
    if (field.number == iwant_field) return take_ids(field, "IWANT", rpc_.iwant);
    if (field.number == idontwant_field) return take_ids(field, "IDONTWANT", rpc_.idontwant);
    if (field.number == graft_field) return take_graft(TRY(bytes_of(field, "GRAFT")));
    if (field.number == extensions_field) {
      return take_extensions(TRY(bytes_of(field, "extensions")));
    }
    return {};
  }

  Result<void> add_id(const PbField& field, GossipIdRange& range) {
    const ByteView id = TRY(bytes_of(field, "message id"));
    if (rpc_.ids.size() >= limits_.ids_max || id.size() > limits_.message_id_bytes_max ||
        id.empty()) {
      ++rpc_.ids_left_out;
    } else {
      rpc_.ids.push_back(id);
      ++range.count;
    }
    return {};
  }

  Result<void> take_ids(const PbField& entry, std::string_view what,
                        std::vector<GossipIdRange>& to) {
    TRY_VOID(check_room(to, limits_.control_entries_max, Code::too_large, what));
    GossipIdRange range{rpc_.ids.size(), 0};
    PbReader reader(TRY(bytes_of(entry, what)));
    while (const auto field = TRY(reader.next())) {
      if (field->number == ids_field) TRY_VOID(add_id(*field, range));
    }
    to.push_back(range);
    return {};
  }

  Result<void> take_ihave(ByteView bytes) {
    TRY_VOID(check_room(rpc_.ihave, limits_.control_entries_max, Code::too_large, "IHAVE"));
    GossipIHave ihave;
    ihave.ids.first = rpc_.ids.size();
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number == control_topic_field) ihave.topic = TRY(topic_of(*field));
      if (field->number == ihave_ids_field) TRY_VOID(add_id(*field, ihave.ids));
    }
    rpc_.ihave.push_back(ihave);
    return {};
  }

  Result<void> take_graft(ByteView bytes) {
    TRY_VOID(check_room(rpc_.graft, limits_.control_entries_max, Code::too_large, "GRAFTs"));
    ByteView topic;
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number == control_topic_field) topic = TRY(topic_of(*field));
    }
    rpc_.graft.push_back(topic);
    return {};
  }

  Result<void> take_prune(ByteView bytes) {
    TRY_VOID(check_room(rpc_.prune, limits_.control_entries_max, Code::too_large, "PRUNEs"));
    GossipPrune prune;
    prune.first_peer = rpc_.px_peers.size();
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number == control_topic_field) {
        prune.topic = TRY(topic_of(*field));
      } else if (field->number == prune_peers_field) {
        const ByteView entry = TRY(bytes_of(*field, "peer of a PRUNE"));
        TRY_VOID(take_px_peer(entry, prune));
      } else if (field->number == prune_backoff_field) {
        prune.backoff_seconds = TRY(field->as_varint("backoff"));
      }
    }
    rpc_.prune.push_back(prune);
    return {};
  }

  Result<void> take_px_peer(ByteView bytes, GossipPrune& prune) {
    if (prune.peer_count >= limits_.px_peers_max) return {};
    GossipPxPeer peer;
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number == px_peer_field) peer.peer = TRY(bytes_of(*field, "peer id"));
      if (field->number == px_record_field) peer.record = TRY(bytes_of(*field, "peer record"));
    }
    rpc_.px_peers.push_back(peer);
    ++prune.peer_count;
    return {};
  }

  Result<void> take_extensions(ByteView bytes) {
    if (!rpc_.extensions) rpc_.extensions.emplace();
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number == choke_field) {
        rpc_.extensions->has_choke = TRY(field->as_varint("choke extension")) != 0;
      }
    }
    return {};
  }

  Result<void> take_choke(ByteView bytes) {
    TRY_VOID(charge(control_bytes_, bytes.size() + 5, limits_.control_bytes_max, "control"));
    PbReader reader(bytes);
    while (const auto field = TRY(reader.next())) {
      if (field->number != choke_topics_field && field->number != unchoke_topics_field) continue;
      auto& to = field->number == choke_topics_field ? rpc_.choke : rpc_.unchoke;
      TRY_VOID(check_room(to, limits_.control_entries_max, Code::too_large, "choked topics"));
      to.push_back(TRY(topic_of(*field)));
    }
    return {};
  }

  const GossipLimits& limits_;
  GossipRpc& rpc_;
  std::size_t ihave_bytes_ = 0;
  std::size_t prune_bytes_ = 0;
  std::size_t control_bytes_ = 0;
};

// All field keys of a Message take one byte.
std::size_t size_of(const std::optional<ByteView>& field) {
  return field ? 1 + varint_size(field->size()) + field->size() : 0;
}

void append_field(Bytes& to, std::uint32_t number, const std::optional<ByteView>& field) {
  if (field) append_pb_bytes(to, number, *field);
}

std::size_t signed_size_of(const GossipMessage& message) {
  return size_of(message.from) + size_of(message.data) + size_of(message.seqno) +
         size_of(message.topic);
}

// What libp2p signs: the message encoded anew without signature and key, in field order.
void append_signed_part(Bytes& to, const GossipMessage& message) {
  append_field(to, from_field, message.from);
  append_field(to, data_field, message.data);
  append_field(to, seqno_field, message.seqno);
  append_field(to, topic_field, message.topic);
}

std::size_t size_of(const GossipMessage& message) {
  return signed_size_of(message) + size_of(message.signature) + size_of(message.key);
}

void append_message(Bytes& to, const GossipMessage& message) {
  append_pb_header(to, publish_field, size_of(message));
  append_signed_part(to, message);
  append_field(to, signature_field, message.signature);
  append_field(to, key_field, message.key);
}

void append_id_lists(Bytes& to, std::uint32_t number, const GossipRpc& rpc,
                     std::span<const GossipIdRange> lists) {
  Bytes entry;
  for (const GossipIdRange& list : lists) {
    entry.clear();
    for (const ByteView id : rpc.ids_of(list)) append_pb_bytes(entry, ids_field, id);
    append_pb_bytes(to, number, entry);
  }
}

Bytes encode_prune(const GossipRpc& rpc, const GossipPrune& prune) {
  Bytes entry;
  append_pb_bytes(entry, control_topic_field, prune.topic);
  for (const GossipPxPeer& peer : rpc.peers_of(prune)) {
    Bytes info;
    append_pb_bytes(info, px_peer_field, peer.peer);
    if (!peer.record.empty()) append_pb_bytes(info, px_record_field, peer.record);
    append_pb_bytes(entry, prune_peers_field, info);
  }
  if (prune.backoff_seconds) append_pb_varint(entry, prune_backoff_field, *prune.backoff_seconds);
  return entry;
}

Bytes encode_control(const GossipRpc& rpc) {
  Bytes control;
  for (const GossipIHave& ihave : rpc.ihave) {
    Bytes entry;
    append_pb_bytes(entry, control_topic_field, ihave.topic);
    for (const ByteView id : rpc.ids_of(ihave.ids)) append_pb_bytes(entry, ihave_ids_field, id);
    append_pb_bytes(control, ihave_field, entry);
  }
  append_id_lists(control, iwant_field, rpc, rpc.iwant);
  for (const ByteView topic : rpc.graft) {
    append_pb_header(control, graft_field, 1 + varint_size(topic.size()) + topic.size());
    append_pb_bytes(control, control_topic_field, topic);
  }
  for (const GossipPrune& prune : rpc.prune) {
    append_pb_bytes(control, prune_field, encode_prune(rpc, prune));
  }
  append_id_lists(control, idontwant_field, rpc, rpc.idontwant);
  if (rpc.extensions) {
    Bytes extensions;
    if (rpc.extensions->has_choke) append_pb_varint(extensions, choke_field, 1);
    append_pb_bytes(control, extensions_field, extensions);
  }
  return control;
}

Bytes signing_bytes(std::size_t size) {
  Bytes bytes;
  bytes.reserve(gossip_signature_prefix.size() + size);
  base::append(bytes, base::as_bytes(gossip_signature_prefix));
  return bytes;
}

Result<std::optional<crypto::PublicKey>> check_unsigned(const GossipMessage& message) {
  if (message.from || message.seqno || message.signature || message.key) {
    return fail(Code::protocol,
                "gossip message that should be anonymous has from, seqno, "
                "signature or key");
  }
  return std::optional<crypto::PublicKey>();
}

}  // namespace

void GossipRpc::clear() {
  subscriptions.clear();
  publish.clear();
  ihave.clear();
  iwant.clear();
  graft.clear();
  prune.clear();
  idontwant.clear();
  choke.clear();
  unchoke.clear();
  extensions.reset();
  ids.clear();
  px_peers.clear();
  ids_left_out = 0;
}

bool GossipRpc::has_control() const {
  return !ihave.empty() || !iwant.empty() || !graft.empty() || !prune.empty() ||
         !idontwant.empty() || extensions.has_value();
}

GossipIdRange GossipRpc::add_ids(std::span<const ByteView> views) {
  const GossipIdRange range{ids.size(), views.size()};
  ids.insert(ids.end(), views.begin(), views.end());
  return range;
}

Result<void> decode_gossip_rpc(ByteView bytes, const GossipLimits& limits, GossipRpc& rpc) {
  rpc.clear();
  if (bytes.size() > limits.rpc_bytes_max) {
    return fail(Code::too_large,
                base::format("RPC of {} bytes, limit {}", bytes.size(), limits.rpc_bytes_max));
  }
  return Decoder(limits, rpc).take_rpc(bytes);
}

void append_gossip_frame(Bytes& to, const GossipRpc& rpc) {
  Bytes body;
  for (const GossipSubscription& subscription : rpc.subscriptions) {
    Bytes entry;
    append_pb_varint(entry, subscribe_field, subscription.is_subscribed ? 1 : 0);
    append_pb_bytes(entry, subscription_topic_field, subscription.topic);
    append_pb_bytes(body, subscriptions_field, entry);
  }
  for (const GossipMessage& message : rpc.publish) append_message(body, message);
  if (rpc.has_control()) append_pb_bytes(body, control_field, encode_control(rpc));
  if (!rpc.choke.empty() || !rpc.unchoke.empty()) {
    Bytes choke;
    for (const ByteView topic : rpc.choke) append_pb_bytes(choke, choke_topics_field, topic);
    for (const ByteView topic : rpc.unchoke) append_pb_bytes(choke, unchoke_topics_field, topic);
    append_pb_bytes(body, choke_field, choke);
  }
  append_varint(to, body.size());
  base::append(to, body);
}

GossipFrame::GossipFrame(const GossipMessage& message) {
  const std::size_t message_size = size_of(message);
  const std::size_t rpc_size = 1 + varint_size(message_size) + message_size;
  Bytes bytes;
  bytes.reserve(varint_size(rpc_size) + rpc_size);
  append_varint(bytes, rpc_size);
  signed_at_ = bytes.size() + rpc_size - message_size;
  signed_size_ = signed_size_of(message);
  if (message.data) {
    data_size_ = message.data->size();
    data_at_ = signed_at_ + size_of(message.from) + 1 + varint_size(data_size_);
  }
  append_message(bytes, message);
  bytes_ = Buffer(std::move(bytes));
}

Result<std::optional<crypto::PublicKey>> check_gossip_policy(const GossipMessage& message,
                                                             SignaturePolicy policy) {
  if (policy == SignaturePolicy::strict_no_sign) return check_unsigned(message);
  if (!message.from) return fail(Code::protocol, "gossip message without author");
  if (!message.seqno || message.seqno->size() != gossip_seqno_bytes) {
    return fail(Code::protocol, base::format("gossip message with a seqno of {} bytes, not 8",
                                             message.seqno ? message.seqno->size() : 0));
  }
  if (!message.signature || message.signature->empty() ||
      message.signature->size() > crypto::signature_bytes_max) {
    return fail(Code::bad_signature, "gossip message without a signature of a possible size");
  }
  const PeerId author = TRY(peer_id_from_bytes(*message.from));
  if (!message.key) {
    std::optional<crypto::PublicKey> inlined = key_inside(author);
    if (!inlined) return fail(Code::bad_key, "gossip message without its author's key");
    TRY_VOID(crypto::check(*inlined));
    return inlined;
  }
  crypto::PublicKey key = TRY(decode_public_key(*message.key));
  if (peer_id_of(key) != author) {
    return fail(Code::wrong_peer, "gossip message whose key is not its author's");
  }
  TRY_VOID(crypto::check(key));
  return std::optional(std::move(key));
}

Result<void> verify_gossip_signature(const crypto::PublicKey& key, ByteView signed_part,
                                     ByteView signature) {
  Bytes bytes = signing_bytes(signed_part.size());
  base::append(bytes, signed_part);
  return crypto::verify(key, bytes, signature);
}

crypto::Signature sign_gossip_message(const crypto::KeyPair& key, const GossipMessage& message) {
  Bytes bytes = signing_bytes(signed_size_of(message));
  append_signed_part(bytes, message);
  return key.sign(bytes);
}

std::uint64_t gossip_seqno(ByteView seqno) {
  ASSERT(seqno.size() == gossip_seqno_bytes);
  std::uint64_t value = 0;
  for (const std::uint8_t byte : seqno) value = value << 8 | byte;
  return value;
}

}  // namespace kith::codec
