// The gossip router: libp2p pubsub (specs pubsub/README; gossipsub v1.0 to v1.3, floodsub for old
// peers) as one machine. Subscribe to topics, publish to them; what others publish comes out once,
// checked. gossip/router_io.h has all inputs and outputs.
//
// How it is driven, besides the laws of base/machine.h:
//  - Each direction is a stream of its own. Ours: open it with the best of protocols() the peer
//    speaks, say PeerAdded, and write each SendRpc's bytes, in order. The peer's: cut its bytes
//    into frames (varint length, codec/frame.h, at most Config::limits.rpc_bytes_max) and give each
//    body to on_rpc(). A stream that ends: PeerGone, and PeerAdded again when it is reopened.
//  - Room is back-pressure: SendRpc never says more bytes than the peer has room for; what waits is
//    bounded by Config::send_queue, and dropped from the least important.
//  - CheckSignatures goes to workers, Validate to the application; their answers may come in any
//    order, or not at all (Config::check_timeout).
//  - PeerEvent goes to the quality model, which answers with Standing. Nobody is banned here.
//  - After a restart replays are refused when what StoreSeqnos said was stored, and import_seqnos()
//    is called with it before the first PeerAdded.
//
// Deviations from go-libp2p-pubsub, each for an attack of docs/protocol/gossip.md: a mesh is never
// above D_hi; IDONTWANT goes out only when a signature has been verified; a full seen cache refuses
// new messages; ids are unknown until verified, so that a forgery cannot take a message's place.
// Beyond the specifications, where a topic asks for it: messages that expire, compressed messages.
// Not there: PREAMBLE, partial messages.
#pragma once

#include <map>
#include <memory>
#include <string_view>

#include "base/log.h"
#include "base/machine.h"
#include "base/queue.h"
#include "crypto/key.h"
#include "gossip/deliveries.h"
#include "gossip/router_state.h"

namespace kith::gossip {

/// Counted since the start; shells sum and show them.
struct RouterStats {
  std::uint64_t rpcs_received = 0;
  std::uint64_t rpcs_ignored = 0;  // of graylisted or banned peers
  std::uint64_t rpcs_malformed = 0;
  std::uint64_t messages_received = 0;  // all copies
  std::uint64_t duplicates = 0;
  std::uint64_t delivered = 0;  // accepted, from others
  std::uint64_t published = 0;
  std::uint64_t rejected = 0;
  std::uint64_t ignored = 0;             // the application's verdict
  std::uint64_t replayed = 0;            // refused by the seqno
  std::uint64_t expired = 0;             // too old, of topics with max_age
  std::uint64_t refused_full = 0;        // the seen cache or the check queue was full
  std::uint64_t refused_unfair = 0;      // a peer's share of a nearly full seen cache
  std::uint64_t unguarded = 0;           // accepted of authors for whom the seqno guard had no room
  std::uint64_t frames_sent = 0;         // messages and control, to all peers
  std::uint64_t messages_sent = 0;       // queued copies
  std::uint64_t message_bytes_sent = 0;  // of frames with messages, and…
  std::uint64_t control_bytes_sent = 0;  // …of all others
  std::uint64_t dropped_outside = 0;     // frames; SendQueueDropped
  SendDrops dropped;                     // from send queues
  std::uint64_t ihave_ids_sent = 0;
  std::uint64_t iwant_ids_sent = 0;
  std::uint64_t idontwant_sent = 0;
  std::uint64_t broken_promises = 0;
  std::uint64_t grafts = 0;  // mesh links made
  std::uint64_t prunes = 0;  // mesh links ended
  std::uint64_t chokes_sent = 0;
  std::uint64_t choke_fallbacks = 0;
  std::uint64_t over_limits = 0;
  std::uint64_t frames_dropped() const { return dropped.total() + dropped_outside; }
};

class Router {
 public:
  struct Input : std::variant<PeerAdded, PeerGone, PeerRecorded, Subscribe, Unsubscribe, Publish,
                              Validated, SignaturesChecked, Standing, WallClock, NetworkSize,
                              RttMeasured, Room, HeldBack, SendQueueDropped> {
    using variant::variant;
    Input(const Input&);
    Input& operator=(const Input&);
    Input(Input&&) noexcept;
    Input& operator=(Input&&) noexcept;
    ~Input();
  };
  using Output = std::variant<SendRpc, Deliver, Validate, Settled, CheckSignatures, PeerEvent,
                              ConnectPeers, StoreSeqnos, Published>;

  /// `self` is the id of `key`. `first_seqno`: Unix nanoseconds, so that seqnos go on growing over
  /// restarts (kubo refuses others). All references outlive the router.
  Router(const Config& config, const PeerId& self, const crypto::KeyPair& key,
         std::uint64_t first_seqno, Rng& rng, Log& log, Instant now);
  ~Router();

  /// The protocol ids this router speaks, the best first.
  static std::vector<std::string> protocols();
  /// Of a negotiated id; empty for a stranger.
  static std::optional<Version> version_of(std::string_view protocol);

  void on_input(Instant now, Input);
  /// One RPC of a peer, without its length. Views into `bytes` do not outlive the call.
  void on_rpc(Instant now, const PeerId& peer, ByteView bytes);
  void on_deadline(Instant now);
  std::optional<Output> poll_output(Instant now);
  std::optional<Instant> next_deadline() const;

  std::vector<AuthorSeqno> export_seqnos() const { return seqnos_.export_all(); }
  void import_seqnos(Instant now, std::span<const AuthorSeqno> authors) {
    seqnos_.import(now, authors);
  }

  const RouterStats& stats() const { return stats_; }
  std::size_t peer_count() const { return by_id_.size(); }
  std::size_t topic_count() const { return by_name_.size(); }
  std::size_t seen_count() const { return seen_.size(); }
  /// Messages that were announced and have not come.
  std::size_t wanted_count() const { return wants_.size(); }
  /// D, which grows with the network.
  std::size_t fanout() const { return mesh_.d; }
  /// Of a topic this node is subscribed to; null for others.
  const TopicOptions* options_of(std::string_view topic) const;
  /// The topics this node is subscribed to, by name.
  std::vector<std::string> subscribed() const;
  /// The mesh of a topic, in the order of the peers' ids; empty when not subscribed.
  std::vector<PeerId> mesh_of(std::string_view topic) const;
  struct TopicCounts {
    std::uint64_t published = 0;
    std::uint64_t delivered = 0;  // of others
  };
  TopicCounts counts_of(std::string_view topic) const;
  std::vector<PeerId> peers_of(std::string_view topic) const;
  std::optional<double> score_of(Instant now, const PeerId& peer) const;
  /// Mesh peers that this node has choked in the topic.
  std::vector<PeerId> choked_of(std::string_view topic) const;

 private:
  using Peer = RouterPeer;
  using Topic = RouterTopic;

  // router.cpp: peers, topics, the machine's frame.
  void add_peer(Instant now, const PeerAdded& added);
  void remove_peer(Instant now, const PeerId& id);
  void set_standing(Instant now, const Standing& standing);
  void subscribe(Instant now, Subscribe& wanted);
  void unsubscribe(Instant now, const std::string& name);
  Topic& make_topic(std::string_view name, const TopicOptions& options);
  void free_topic(TopicSlot slot);
  void greet(const Peer& peer);
  Peer* peer_of(const PeerId& id);
  Topic* topic_of(std::string_view name);
  Peer& peer(PeerSlot slot) { return *peers_[slot]; }
  void say(Output output) { outputs_.push_back(std::move(output)); }
  void say_event(const Peer& peer, PeerEventKind kind, PeerEventReason reason,
                 std::string detail = {});
  void say_over_limit(Peer& peer, std::string detail);
  void send(Peer& peer, Buffer frame, FrameKind kind, Priority priority = Priority::application);
  void send(Peer& peer, const codec::GossipRpc& rpc, FrameKind kind);
  std::optional<Output> next_send(Instant now);
  std::optional<Output> next_batch(Instant now);

  // router_receive.cpp: RPCs and the messages in them.
  void on_subscriptions(Instant now, Peer& peer);
  void on_extensions(Peer& peer, bool is_first);
  void on_message(Instant now, Peer& peer, const codec::GossipMessage& message);
  void on_new_message(Instant now, Peer& peer, Topic& topic, const codec::GossipMessage& message,
                      ByteView id, const MessageKey& key);
  enum class Word : std::uint8_t { body, offer, denial };  // IHAVE, IDONTWANT
  bool on_copy(Instant now, Peer& peer, const MessageKey& key, Word word);
  void on_signatures(Instant now, const SignaturesChecked& checked);
  void on_verdict(Instant now, const Validated& validated);
  void on_verified(Instant now, std::uint32_t slot);
  void tell_choke(Topic& topic, InFlight& message, bool was_asked_for);
  void count_rescue(Topic& topic, const InFlight& message, bool was_asked_for);
  void accept(Instant now, InFlight& message);
  void reject(Instant now, InFlight& message, std::string detail);
  void blame(Instant now, Peer& peer, Topic& topic, std::string detail);
  std::optional<std::uint32_t> new_in_flight();
  void end_checking(std::uint32_t slot);
  void finish(std::uint32_t slot);
  Token token_of(std::uint32_t slot) const;
  InFlight* in_flight(Token token);
  bool is_unfair(const Peer& peer) const;
  bool id_of(const Topic& topic, const codec::GossipMessage& message, Bytes& id) const;

  // router_data.cpp: topics whose messages have a header.
  WallTime wall(Instant now) const;
  Result<Buffer> with_header(Instant now, const Topic& topic, const Buffer& payload,
                             WallTime& expires);
  bool is_timely(Instant now, Peer& peer, Topic& topic, const codec::GossipMessage& message,
                 WallTime& expires);
  bool unpack(const Topic& topic, InFlight& message);

  // router_control.cpp: what peers say about messages and meshes.
  void on_ihave(Instant now, Peer& peer);
  void on_iwant(Instant now, Peer& peer);
  void on_idontwant(Instant now, Peer& peer);
  void on_graft(Instant now, Peer& peer);
  std::optional<bool> refuses_graft(Instant now, Peer& peer, Topic& topic);  // and with PX?
  void on_prune(Instant now, Peer& peer);
  void on_px(Instant now, Peer& peer, const codec::GossipPrune& prune);
  void on_choke(Peer& peer);
  void run_wants(Instant now);
  void watch_one(PeerSlot slot, std::span<const std::pair<MessageKey, Buffer>> asked);
  void send_iwants(Peer& peer, std::span<const Buffer> ids);
  void add_to_mesh(Instant now, Topic& topic, Peer& peer);
  void remove_from_mesh(Instant now, Topic& topic, PeerSlot slot);
  void send_graft(Instant now, Topic& topic, Peer& peer);
  void send_prune(Instant now, Topic& topic, Peer& peer, bool with_px, Duration backoff);

  // router_publish.cpp: messages out.
  void publish(Instant now, Publish& wanted);
  Result<std::size_t> try_publish(Instant now, Publish& wanted);
  Result<codec::GossipFrame> make_message(const Topic& topic, const Buffer& data, Bytes& id,
                                          Message& message);
  std::size_t send_own(Instant now, Topic& topic, const codec::GossipFrame& frame, ByteView id);
  void announce(const Topic& topic, ByteView id, Peer& to, Buffer& shared);
  bool is_announced(const Topic& topic, const InFlight& message, const Peer& to) const;
  PeerSlot parent_of(const Topic& topic, const InFlight& message) const;
  bool is_news(Instant now, const InFlight& message, const Peer& to);
  void forward(Instant now, Topic& topic, const InFlight& message);
  void send_idontwant(Instant now, Topic& topic, const InFlight& message,
                      std::span<const PeerSlot> asked);

  // router_heartbeat.cpp
  void heartbeat(Instant now);
  void tune_fanout(Instant now);
  void maintain_mesh(Instant now, Topic& topic);
  void fill_mesh(Instant now, Topic& topic, std::size_t count, bool outbound_only,
                 double score_min);
  void graft_rescuers(Instant now, Topic& topic);
  bool is_rescued(const Topic& topic) const;
  std::optional<PeerSlot> least_useful(const Topic& topic);
  void maintain_fanout(Instant now, Topic& topic);
  void emit_gossip(Instant now, Topic& topic);
  std::vector<PeerSlot> choose_told(const Topic& topic, std::vector<PeerSlot> fit);
  void choose_choked(Instant now, Topic& topic);
  void set_choked(Topic& topic, std::vector<PeerSlot> choked);
  void check_peers(Instant now);
  std::vector<MeshCandidate> candidates_of(Instant now, const Topic& topic,
                                           std::span<const PeerSlot> slots);
  std::vector<PeerSlot> graftable(Instant now, const Topic& topic, bool outbound_only,
                                  double score_min);

  const Config& config_;
  const PeerId self_;
  const crypto::KeyPair& key_;
  std::uint64_t next_seqno_;
  Rng& rng_;
  Log& log_;
  const KeyHasher hash_;
  RouterStats stats_;

  std::map<PeerId, PeerSlot> by_id_;
  std::vector<std::unique_ptr<Peer>> peers_;  // by slot; at most Config::peers_max
  std::vector<PeerSlot> free_peers_;
  std::map<std::string, TopicSlot, std::less<>> by_name_;
  std::vector<std::unique_ptr<Topic>> topics_;  // by slot; at most Config::topics_max
  std::vector<TopicSlot> free_topics_;

  SeenCache seen_;
  MessageCache cache_;
  SeqnoGuard seqnos_;
  Backoff backoff_;
  Score score_;
  mutable Wants wants_;
  Deliveries deliveries_;

  std::vector<InFlight> in_flight_;  // at most Config::in_flight_max
  std::vector<std::uint32_t> free_in_flight_;
  KeyIndex checking_;      // body keys of those whose signature is being checked
  KeyIndex checking_ids_;  // and their keys, one each: not to be asked for in the meantime
  KeyIndex validating_;    // keys of those at the application
  std::vector<std::uint32_t> unbatched_;
  struct Batch {
    Instant began;
    std::vector<Token> messages;
  };
  std::map<Token, Batch> batches_;  // ended by their answer or by Config::check_timeout
  std::uint64_t next_batch_ = 1;

  MeshConfig mesh_;
  std::size_t network_peers_ = 0;
  Instant tune_at_;
  WallTime wall_;  // it was so at wall_at_
  Instant wall_at_;
  codec::TopicDataCodec topic_data_;

  codec::GossipRpc rpc_;  // the one being read; kept for its memory
  Bytes id_;              // of the message being read
  base::Queue<Output> outputs_;
  base::Queue<PeerSlot> ready_;  // peers with something to send and room for it
  Instant heartbeat_at_;
  std::uint64_t heartbeats_ = 0;
  std::size_t px_dials_ = 0;  // since the last heartbeat
};

}  // namespace kith::gossip
