// For tests: one router on virtual time, and peers that say whatever a test wants.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "codec/peer_id.h"
#include "codec/varint.h"
#include "gossip/router.h"

namespace kith::gossip::test {

inline constexpr Instant start{1h};

struct Identity {
  explicit Identity(std::uint32_t n) : key(make(n)), id(codec::peer_id_of(key.public_key())) {}
  static crypto::KeyPair make(std::uint32_t n) {
    std::array<std::uint8_t, 32> seed{};
    for (std::size_t i = 0; i < 4; ++i) seed[i] = static_cast<std::uint8_t>(n >> (8 * i));
    seed[31] = 1;
    return crypto::KeyPair::from_seed(seed);
  }
  crypto::KeyPair key;
  PeerId id;
};

inline const Identity& identity(std::uint32_t n) {
  static std::map<std::uint32_t, Identity> all;
  return all.try_emplace(n, n).first->second;
}

/// A decoded RPC and the bytes that it points into.
struct SentRpc {
  explicit SentRpc(ByteView body) : bytes(base::to_bytes(body)) {
    ASSERT(codec::decode_gossip_rpc(bytes, {}, rpc).has_value());
  }
  SentRpc(SentRpc&&) = default;
  Bytes bytes;
  codec::GossipRpc rpc;
};

inline Bytes body_of(const codec::GossipRpc& rpc) {
  Bytes frame;
  codec::append_gossip_frame(frame, rpc);
  const auto length = codec::read_varint(frame).value();
  return {frame.begin() + static_cast<std::ptrdiff_t>(length.size), frame.end()};
}

inline std::array<std::uint8_t, 8> seqno_bytes(std::uint64_t seqno) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(seqno >> (8 * (7 - i)));
  return bytes;
}

/// The id under IdRule::author_seqno.
inline Bytes id_of(std::uint32_t author, std::uint64_t seqno) {
  Bytes id = base::to_bytes(identity(author).id.bytes());
  base::append(id, seqno_bytes(seqno));
  return id;
}

/// The body of an RPC with one signed message; `change` may spoil it before it is encoded.
template <class Change>
Bytes signed_message(std::uint32_t author, std::uint64_t seqno, std::string_view topic,
                     ByteView data, Change&& change) {
  const auto seqno_field = seqno_bytes(seqno);
  codec::GossipMessage message;
  message.from = identity(author).id.bytes();
  message.data = data;
  message.seqno = seqno_field;
  message.topic = base::as_bytes(topic);
  const crypto::Signature signature = codec::sign_gossip_message(identity(author).key, message);
  message.signature = signature;
  change(message);
  codec::GossipRpc rpc;
  rpc.publish.push_back(message);
  return body_of(rpc);
}
inline Bytes signed_message(std::uint32_t author, std::uint64_t seqno, std::string_view topic,
                            std::string_view data = "data") {
  return signed_message(author, seqno, topic, base::as_bytes(data), [](auto&) {});
}
inline Bytes anonymous_message(std::string_view topic, std::string_view data) {
  codec::GossipMessage message;
  message.data = base::as_bytes(data);
  message.topic = base::as_bytes(topic);
  codec::GossipRpc rpc;
  rpc.publish.push_back(message);
  return body_of(rpc);
}

inline TopicOptions anonymous() {
  TopicOptions options;
  options.policy = codec::SignaturePolicy::strict_no_sign;
  return options;
}

class RouterBench {
 public:
  explicit RouterBench(Config config_ = {}, std::uint64_t seed = 1)
      : config(std::move(config_)),
        rng(seed),
        router(config, identity(0).id, identity(0).key, 1'700'000'000'000'000'000ull, rng,
               base::null_log(), start) {}

  void input(Router::Input in) {
    router.on_input(now, std::move(in));
    drain();
  }
  void raw(std::uint32_t n, ByteView body) {
    router.on_rpc(now, identity(n).id, body);
    drain();
  }
  void rpc(std::uint32_t n, const codec::GossipRpc& value) { raw(n, body_of(value)); }

  void add_peer(std::uint32_t n, Version version = Version::v1_2,
                Direction direction = Direction::inbound, std::uint64_t netgroup = 0,
                bool is_direct = false) {
    input(PeerAdded{identity(n).id, version, direction, is_direct, netgroup, room});
  }
  void subscribe(std::string topic, TopicOptions options = {}) {
    input(Subscribe{std::move(topic), std::move(options)});
  }
  void peer_subscribes(std::uint32_t n, std::string_view topic, bool is_subscribed = true) {
    codec::GossipRpc value;
    value.subscriptions.push_back({is_subscribed, base::as_bytes(topic)});
    rpc(n, value);
  }
  void graft(std::uint32_t n, std::string_view topic) {
    codec::GossipRpc value;
    value.graft.push_back(base::as_bytes(topic));
    rpc(n, value);
  }
  void prune(std::uint32_t n, std::string_view topic, std::optional<std::uint64_t> backoff = {}) {
    codec::GossipRpc value;
    value.prune.push_back({base::as_bytes(topic), 0, 0, backoff});
    rpc(n, value);
  }
  void ihave(std::uint32_t n, std::string_view topic, ByteView id) {
    codec::GossipRpc value;
    value.ihave.push_back({base::as_bytes(topic), value.add_ids({&id, 1})});
    rpc(n, value);
  }
  void iwant(std::uint32_t n, ByteView id) {
    codec::GossipRpc value;
    value.iwant.push_back(value.add_ids({&id, 1}));
    rpc(n, value);
  }
  void idontwant(std::uint32_t n, ByteView id) {
    codec::GossipRpc value;
    value.idontwant.push_back(value.add_ids({&id, 1}));
    rpc(n, value);
  }

  /// Time passes, deadline by deadline.
  void run_for(Duration duration) {
    const Instant end = now + duration;
    while (true) {
      const auto deadline = router.next_deadline();
      if (!deadline || *deadline > end) break;
      now = std::max(now, *deadline);
      router.on_deadline(now);
      drain();
    }
    now = end;
  }

  void drain() {
    base::drain(router, now, [&](Router::Output output) {
      std::visit(Overload{[&](SendRpc& send) { take(send); },
                          [&](Deliver& deliver) { delivered.push_back(deliver.message); },
                          [&](Validate& validate) { to_validate.push_back(validate); },
                          [&](Settled& each) { settled.push_back(each.token); },
                          [&](CheckSignatures& check) { to_check.push_back(std::move(check)); },
                          [&](PeerEvent& event) { events.push_back(event); },
                          [&](ConnectPeers& connect) {
                            for (auto& each : connect.records) connects.push_back(each);
                          },
                          [&](StoreSeqnos& store) {
                            for (auto& each : store.authors) stored.push_back(each);
                          },
                          [&](Published& each) { published.push_back(each); }},
                 output);
    });
    while (checks_signatures && !to_check.empty()) check_next();
  }
  /// Does a worker's work on the oldest batch.
  void check_next() {
    const CheckSignatures check = std::move(to_check.front());
    to_check.pop_front();
    SignaturesChecked checked{check.token, {}};
    for (const SignatureJob& job : check.batch) {
      checked.results.push_back(
          codec::verify_gossip_signature(job.key, job.signed_part.view(), job.signature.view())
              .has_value());
    }
    input(std::move(checked));
  }

  /// What was sent to a peer since the last call.
  std::vector<SentRpc> sent_to(std::uint32_t n) { return std::exchange(sent[identity(n).id], {}); }
  std::size_t count_events(std::uint32_t n, PeerEventReason reason,
                           std::optional<PeerEventKind> kind = std::nullopt) const {
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [&](const PeerEvent& event) {
          return event.peer == identity(n).id && event.reason == reason &&
                 (!kind || event.kind == *kind);
        }));
  }
  bool is_in_mesh(std::uint32_t n, std::string_view topic) const {
    const auto mesh = router.mesh_of(topic);
    return std::find(mesh.begin(), mesh.end(), identity(n).id) != mesh.end();
  }
  double score(std::uint32_t n) const { return router.score_of(now, identity(n).id).value(); }

  const Config config;
  SeededRng rng;
  Instant now = start;
  std::size_t room = std::size_t{1} << 40;
  bool checks_signatures = true;
  Router router;
  std::map<PeerId, std::vector<SentRpc>> sent;
  std::map<PeerId, Bytes> partial;
  std::vector<Message> delivered;
  std::deque<Validate> to_validate;
  std::vector<Token> settled;
  std::deque<CheckSignatures> to_check;
  std::vector<PeerEvent> events;
  std::vector<codec::PeerRecord> connects;
  std::vector<Published> published;
  std::vector<AuthorSeqno> stored;

 private:
  void take(const SendRpc& send) {
    Bytes& bytes = partial[send.peer];
    base::append(bytes, send.bytes.view());
    while (true) {
      const auto length = codec::peek_varint(bytes).value();
      if (!length || bytes.size() < length->size + length->value) return;
      const auto size = length->size + static_cast<std::size_t>(length->value);
      sent[send.peer].emplace_back(ByteView(bytes).subspan(length->size, size - length->size));
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    }
  }
};

// What of a kind stands in RPCs that were sent.
inline std::size_t count_messages(const std::vector<SentRpc>& rpcs) {
  std::size_t count = 0;
  for (const SentRpc& each : rpcs) count += each.rpc.publish.size();
  return count;
}
inline std::size_t count_grafts(const std::vector<SentRpc>& rpcs) {
  std::size_t count = 0;
  for (const SentRpc& each : rpcs) count += each.rpc.graft.size();
  return count;
}
inline std::size_t count_prunes(const std::vector<SentRpc>& rpcs) {
  std::size_t count = 0;
  for (const SentRpc& each : rpcs) count += each.rpc.prune.size();
  return count;
}
inline std::size_t count_iwant_ids(const std::vector<SentRpc>& rpcs) {
  std::size_t count = 0;
  for (const SentRpc& each : rpcs) {
    for (const auto& list : each.rpc.iwant) count += list.count;
  }
  return count;
}
inline std::size_t count_ihave_ids(const std::vector<SentRpc>& rpcs) {
  std::size_t count = 0;
  for (const SentRpc& each : rpcs) {
    for (const auto& list : each.rpc.ihave) count += list.ids.count;
  }
  return count;
}
inline std::size_t count_idontwant_ids(const std::vector<SentRpc>& rpcs) {
  std::size_t count = 0;
  for (const SentRpc& each : rpcs) {
    for (const auto& list : each.rpc.idontwant) count += list.count;
  }
  return count;
}

}  // namespace kith::gossip::test
