// The words that go into and come out of gossip/router.h.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "codec/envelope.h"
#include "codec/gossip_rpc.h"
#include "gossip/score.h"
#include "gossip/send_queue.h"
#include "gossip/seqno_guard.h"

namespace kith::gossip {

/// What the peer's stream was negotiated as; protocol_of() has the ids.
enum class Version : std::uint8_t { floodsub, v1_0, v1_1, v1_2, v1_3 };

/// How messages of a topic are named. Every node of a network must use the same rule.
enum class IdRule : std::uint8_t {
  author_seqno,  // from || seqno: libp2p's default; wants strict_sign
  content,       // the first 20 bytes of SHA-256(u64le(|topic|) || topic || data)
};
/// A rule of the application's own: pure, bounded in time, of any message (A29). Its result is cut
/// off at GossipLimits::message_id_bytes_max; empty refuses the message as invalid.
using MessageIdFunction =
    std::function<Bytes(std::string_view topic, const codec::GossipMessage& message)>;

/// With `max_age` or `is_compressed` the topic's messages have a header (codec/topic_data.h), and
/// all its nodes must be told the same; ids, id_function's too, are of the data with its header.
struct TopicOptions {
  std::optional<codec::SignaturePolicy> policy;  // empty: Config::policy
  IdRule id_rule = IdRule::author_seqno;         // strict_no_sign makes it `content`
  MessageIdFunction id_function;
  bool has_validator = false;  // Validate goes out for each message; otherwise all are accepted
  bool delivers_own = true;    // Deliver for what this node publishes
  /// What goes first to a peer that several messages wait for (gossip/send_queue.h). Each node's
  /// own choice.
  Priority priority = Priority::application;
  std::optional<TopicScoreConfig> score;
  /// Messages expire so long after they were published: from then on they are ignored, not handed
  /// on and not announced. 1 ms to a year; wants WallClock.
  std::optional<Duration> max_age;
  bool is_compressed = false;
};

struct Message {
  std::string topic;
  Buffer id;
  Buffer data;
  std::optional<PeerId> author;  // verified; empty under strict_no_sign
  std::optional<std::uint64_t> seqno;
  std::optional<PeerId> received_from;  // empty for our own
};

enum class Verdict : std::uint8_t {
  accept,  // deliver and hand on
  reject,  // invalid: do not, and it counts against whoever sent it (P4)
  ignore,  // neither, and nobody is to blame
};

// --- inputs --------------------------------------------------------------------------------------

/// A peer's gossip streams are up, ours to it and its to us. A stream that closes while the
/// connection stays is PeerGone, and PeerAdded when it is open again (A37).
struct PeerAdded {
  PeerId peer;
  Version version = Version::v1_1;
  Direction direction = Direction::inbound;  // outbound: we dialled it
  bool is_direct = false;      // an agreed neighbour: always served, never in a mesh, never scored
  std::uint64_t netgroup = 0;  // of its address, for P6 and the choke; 0: none
  std::size_t room = 0;        // bytes SendRpc may say now
};
struct PeerGone {
  PeerId peer;
};
/// The peer's signed record (identify), to be handed to others in PRUNEs.
struct PeerRecorded {
  PeerId peer;
  Buffer envelope;
};
/// Subscribing again replaces nothing but `has_validator`.
struct Subscribe {
  std::string topic;
  TopicOptions options;
};
struct Unsubscribe {
  std::string topic;
};
/// Answered by Published. A topic that is not subscribed to needs `options`, or the default holds.
struct Publish {
  Token token;
  std::string topic;
  Buffer data;
  TopicOptions options;  // of a topic that is not subscribed to
};
/// Answers Validate.
struct Validated {
  Token token;
  Verdict verdict;
};
/// Answers CheckSignatures: one result each, in order.
struct SignaturesChecked {
  Token token;
  std::vector<bool> results;
};
/// The date. Before the first message of a topic with max_age, then each minute or so and after a
/// jump; in between it goes on with `now`.
struct WallClock {
  WallTime wall;
};
/// About how many peers the network has (gossip/fanout.h); now and then.
struct NetworkSize {
  std::size_t peers = 0;
};
/// The quality model's word: P5, and a gate that the score never exceeds. A banned peer's RPCs are
/// not read and it leaves every mesh; the disconnecting is the speaker's business.
struct Standing {
  PeerId peer;
  double app = 0;
  double gate = 1e9;
  bool is_banned = false;
};
struct RttMeasured {
  PeerId peer;
  Duration rtt;
};
/// Replaces what the router was told before, less what it has said since.
struct Room {
  PeerId peer;
  std::size_t room;
};
/// What the peer sent is not read for now, by whoever carries its RPCs: what it promised and does
/// not seem to give is not its fault.
struct HeldBack {
  PeerId peer;
  bool is_held_back;
};
/// Frames that somebody further out dropped after SendRpc: for the count only.
struct SendQueueDropped {
  PeerId peer;
  std::size_t frames = 0;
};

// --- outputs -------------------------------------------------------------------------------------

/// The next bytes of our stream to the peer: frames with their lengths, ready to be written. Never
/// more than the room it has.
struct SendRpc {
  PeerId peer;
  Buffer bytes;
  FrameKind kind = FrameKind::control;
  /// A whole frame that is not control: a shaper further out may drop it and say SendQueueDropped.
  bool is_droppable = false;
};
struct Deliver {
  Message message;
};
struct Validate {
  Token token;
  Message message;
};
/// A Validate is over, and its token dead: it was answered, it took too long, or the topic was
/// left. Once for each; a Deliver, if there is one, came just before.
struct Settled {
  Token token;
};
struct SignatureJob {
  crypto::PublicKey key;
  Buffer signed_part;
  Buffer signature;
};
/// For a worker: codec::verify_gossip_signature() for each.
struct CheckSignatures {
  Token token;
  std::vector<SignatureJob> batch;
};

enum class PeerEventKind : std::uint8_t { useful, ambiguous, rejected, fatal };
enum class PeerEventReason : std::uint8_t {
  first_delivery,    // useful, at most once a second and peer
  broken_promise,    // ambiguous: announced and not delivered
  over_limit,        // ambiguous, once a heartbeat; `rejected` when it happens again
  graft_in_backoff,  // ambiguous; `rejected` within the flood window
  stalled,           // ambiguous: reads nothing for Config::stalled_after; close its streams
  invalid_message,   // rejected: policy, key, signature or the application's verdict
  malformed_rpc,     // rejected
  bad_extensions,    // rejected: not in the first RPC, or twice
  bad_record,        // rejected: PX with a record that does not verify
};
/// What the peer did, for the quality model. Only what it did itself: nothing that A sends makes an
/// event about B. The router bans nobody.
struct PeerEvent {
  PeerId peer;
  PeerEventKind kind;
  PeerEventReason reason;
  std::string detail;  // a sentence, for the log; may be empty
};
/// Peers that somebody in good standing recommends: records that verify, of peers that are not
/// connected, with addresses worth dialling. Dialling them is a favour, not a duty.
struct ConnectPeers {
  std::vector<codec::PeerRecord> records;
};
/// To be kept for import_seqnos() after a restart: authors whose messages were accepted since the
/// last heartbeat.
struct StoreSeqnos {
  std::vector<AuthorSeqno> authors;
};
struct Published {
  Token token;
  Result<std::size_t> recipients;  // peers it was queued for now; 0 when nobody is there
};

}  // namespace kith::gossip
