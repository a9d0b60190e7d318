// The RPC of libp2p pubsub (specs pubsub/README, gossipsub v1.0 to v1.3), by hand over
// codec/pb_wire.h: it is hot, and its messages are signed. Decoding copies nothing: every view
// points into the given bytes, and a GossipRpc that is used again allocates nothing. A field that
// is absent and one that is empty are told apart: StrictNoSign is about absence.
//
// Limits are checked before anything is kept (GossipLimits). Deviation from rust-libp2p's 16 KiB
// for all control: what honest go peers inflate far beyond it, IHAVE lists and the peer records of
// PRUNE, has budgets of its own. Extensions: Kith's choke (docs/protocol/gossip.md), experimental.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "crypto/key.h"

namespace kith::codec {

struct GossipLimits {
  std::size_t rpc_bytes_max = (1 << 20) + 1024;  // go's and the spec's 1 MiB, and the envelope
  std::size_t subscriptions_max = 100;           // an RPC (A04); rust-libp2p's
  std::size_t topic_bytes_max = 256;
  std::size_t messages_max = 8192;           // an RPC: an empty one costs two bytes
  std::size_t control_bytes_max = 16384;     // an RPC, all but the next two (A06)
  std::size_t ihave_bytes_max = 320 * 1024;  // 5,000 ids of 64 bytes: what go sends at once
  std::size_t prune_bytes_max = 64 * 1024;   // 16 signed records of up to 1 KiB, a few topics
  std::size_t control_entries_max = 500;     // an RPC and kind: GRAFTs, PRUNEs, lists of ids (A07)
  std::size_t message_id_bytes_max = 128;    // a longer one is left out
  std::size_t ids_max = 5000;                // an RPC, all lists; go's. What is over it is left out
  std::size_t px_peers_max = 16;             // a PRUNE (A19); what is over it is left out
};

struct GossipSubscription {
  bool is_subscribed = false;
  ByteView topic;
};

struct GossipMessage {
  std::optional<ByteView> from;
  std::optional<ByteView> data;
  std::optional<ByteView> seqno;
  std::optional<ByteView> topic;
  std::optional<ByteView> signature;
  std::optional<ByteView> key;
};

/// A run of GossipRpc::ids.
struct GossipIdRange {
  std::size_t first = 0;
  std::size_t count = 0;
};
struct GossipIHave {
  ByteView topic;
  GossipIdRange ids;
};
struct GossipPxPeer {
  ByteView peer;    // a peer id, unchecked
  ByteView record;  // a signed envelope, unopened; empty for none
};
struct GossipPrune {
  ByteView topic;
  std::size_t first_peer = 0;  // of GossipRpc::px_peers
  std::size_t peer_count = 0;
  std::optional<std::uint64_t> backoff_seconds;  // hostile: any 64 bits (A01 to A03)
};
/// What a peer says about itself in its first RPC (v1.3).
struct GossipExtensions {
  bool has_choke = false;
};

struct GossipRpc {
  std::vector<GossipSubscription> subscriptions;
  std::vector<GossipMessage> publish;
  std::vector<GossipIHave> ihave;
  std::vector<GossipIdRange> iwant;
  std::vector<ByteView> graft;  // topics
  std::vector<GossipPrune> prune;
  std::vector<GossipIdRange> idontwant;
  std::vector<ByteView> choke;    // topics whose messages are to be announced, not sent
  std::vector<ByteView> unchoke;  // topics whose messages are to be sent again
  std::optional<GossipExtensions> extensions;
  std::vector<ByteView> ids;
  std::vector<GossipPxPeer> px_peers;
  std::size_t ids_left_out = 0;  // over a limit

  /// Empties it and keeps the memory.
  void clear();
  bool has_control() const;
  std::span<const ByteView> ids_of(const GossipIdRange& range) const {
    return std::span(ids).subspan(range.first, range.count);
  }
  std::span<const GossipPxPeer> peers_of(const GossipPrune& prune_) const {
    return std::span(px_peers).subspan(prune_.first_peer, prune_.peer_count);
  }
  /// For writing: adds ids to the pool.
  GossipIdRange add_ids(std::span<const ByteView> views);
};

/// Reads one RPC (a frame without its length) into `rpc`, which is cleared first. `limit`: more
/// subscriptions than allowed; `too_large`: over another limit; `malformed`, `truncated`: not
/// protobuf. After an error `rpc` is not to be used.
Result<void> decode_gossip_rpc(ByteView bytes, const GossipLimits& limits, GossipRpc& rpc);

/// Appends a frame: the length as varint, then the RPC.
void append_gossip_frame(Bytes& to, const GossipRpc& rpc);

/// One message as a frame of its own, ready to be sent to many: encoded once, unknown fields of the
/// original left out. What is signed is one run of its bytes.
class GossipFrame {
 public:
  GossipFrame() = default;
  explicit GossipFrame(const GossipMessage& message);

  const Buffer& bytes() const { return bytes_; }
  Buffer data() const { return bytes_.slice(data_at_, data_size_); }
  ByteView data_view() const { return bytes_.view().subspan(data_at_, data_size_); }
  /// from, data, seqno and topic, each with its key.
  Buffer signed_part() const { return bytes_.slice(signed_at_, signed_size_); }

 private:
  Buffer bytes_;
  std::size_t data_at_ = 0;
  std::size_t data_size_ = 0;
  std::size_t signed_at_ = 0;
  std::size_t signed_size_ = 0;
};

/// strict_sign: from, seqno and signature must be there and right; strict_no_sign: they, and key,
/// must be absent (A25).
enum class SignaturePolicy : std::uint8_t { strict_sign, strict_no_sign };

inline constexpr std::string_view gossip_signature_prefix = "libp2p-pubsub:";
inline constexpr std::size_t gossip_seqno_bytes = 8;

/// Everything that can be said of a message without signature arithmetic: the fields that the
/// policy wants are there, no others; seqno has 8 bytes (A28), `from` is a peer id, the key hashes
/// to it, whatever its type (A23). strict_sign: the key by which to verify.
Result<std::optional<crypto::PublicKey>> check_gossip_policy(const GossipMessage& message,
                                                             SignaturePolicy policy);

/// Verifies a signature over "libp2p-pubsub:" and `signed_part`. Pure, and heavy: for a worker.
Result<void> verify_gossip_signature(const crypto::PublicKey& key, ByteView signed_part,
                                     ByteView signature);

/// Signs a message whose fields are set, all but signature and key.
crypto::Signature sign_gossip_message(const crypto::KeyPair& key, const GossipMessage& message);

/// Big-endian. REQUIRES: 8 bytes.
std::uint64_t gossip_seqno(ByteView seqno);

}  // namespace kith::codec
