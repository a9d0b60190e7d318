// Consensus on streams (/kith/consensus/1.0.0): carries the messages of consensus/engine_io.h, a
// stream each way and peer, and knows which peer is which validator. The first frame of a stream
// says of which chain the sender is and, when it is a validator, proves it: a signature by the
// validator's key over the Noise handshake hash of the connection and the sender's peer id, so that
// nobody can carry the proof to another connection. In a private mesh it also proves, by an HMAC of
// the same, to know the secret that the validators share. Grammar: docs/protocol/consensus.md,
// "Streams".
//
// Only proven validators of the present set may send what is large; what others may send (requests,
// votes they hand on) is small and limited in rate. Each peer has a queue of `queue_bytes_max`;
// when a peer does not read, the oldest of it goes, and the protocol says it again when it matters.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "base/token_bucket.h"
#include "codec/chain_message.h"
#include "codec/frame.h"
#include "codec/signer_message.h"
#include "consensus/engine_io.h"
#include "host/service.h"

namespace kith::node {

inline constexpr std::string_view consensus_protocol = "/kith/consensus/1.0.0";

struct ConsensusServiceConfig {
  codec::Hash genesis{};
  /// Of a private mesh of validators: with it, who does not prove to know it is not listened to.
  std::optional<codec::Hash> mesh_token = {};
  std::size_t queue_bytes_max = 32 * 1024 * 1024;
  std::size_t small_bytes_max = 16 * 1024;  // of a frame from who is no proven validator…
  base::TokenRate small_rate{100, 200};     // …and how many
  std::size_t frame_bytes_max = codec::consensus_message_bytes_max;
};

class ConsensusService final : public host::Service {
 public:
  /// A validator of the set proved itself.
  struct Proven {
    codec::ValidatorKey key{};
    PeerId peer;
  };
  using Result = std::variant<consensus::Heard, Proven>;

  static constexpr Duration reopen_delay = 1s;
  static constexpr Duration reopen_delay_max = 30s;

  /// `key`: of this node when it validates.
  ConsensusService(const ConsensusServiceConfig& config, const PeerId& self,
                   std::optional<codec::ValidatorKey> key);

  std::vector<std::string> protocols() const override { return {std::string(consensus_protocol)}; }
  bool is_guarded() const override { return false; }  // open_later()
  void on_input(Instant now, host::ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override { return reopening_.soonest(); }

  /// Whose proof counts from now on.
  void set_validators(const codec::ValidatorSet& validators);
  /// To all peers that speak the protocol.
  void broadcast(const Buffer& message);
  void send(const codec::ValidatorKey& to, const Buffer& message);
  void send(const PeerId& to, const Buffer& message);

  /// A proof on a channel that is to be signed; answered by on_signed(). What is sent on the stream
  /// waits for it.
  std::optional<codec::SignHello> poll_ask();
  /// With an error the hello goes out without a key: this node is heard as one that follows.
  void on_signed(const codec::SignHello& asked, const base::Result<crypto::Signature>& signature);
  /// Whoever was said hello to without the key is said it again.
  void on_key_usable();

  std::optional<Result> poll_result();
  /// Proven validators of the present set that are connected.
  std::size_t validators_connected() const;
  std::optional<PeerId> peer_of(const codec::ValidatorKey& key) const;
  std::size_t peers() const { return peers_.size(); }
  /// Messages that found no room.
  std::uint64_t dropped() const { return dropped_; }
  /// Streams whose hello was refused.
  std::uint64_t refused() const { return refused_; }

 private:
  struct Peer {
    std::optional<StreamId> out, in;
    std::optional<crypto::Hash256> out_channel;  // its hello waits for a signature
    bool is_unproven = false;                    // its hello had none
    bool speaks = false;
    bool is_opening = false;
    Duration reopen_after = reopen_delay;
    std::size_t room = 0;
    base::Queue<Buffer> queue;  // framed
    std::size_t queue_bytes = 0;
    Buffer rest;  // of the message whose front was written
    // Inbound.
    crypto::Hash256 channel{};
    std::optional<codec::FrameReader> reader;
    bool has_said_hello = false;
    std::optional<codec::ValidatorKey> key;  // proven on this stream
    std::optional<base::TokenBucket> small;
  };

  void on_stream_up(Instant now, const host::StreamUp& up);
  void on_stream_down(Instant now, StreamId stream);
  void on_data(Instant now, const host::StreamData& data);
  void on_frame(Instant now, const PeerId& id, Peer& peer, ByteView frame);
  base::Result<void> on_hello(const PeerId& id, Peer& peer, ByteView frame);
  void say_hello(Peer& peer, const crypto::Hash256& channel,
                 const std::optional<crypto::Signature>& signature);
  bool is_validator(const Peer& peer) const;
  void open(const PeerId& id, Peer& peer);
  void open_later(Instant now, const PeerId& id, Peer& peer);
  void enqueue(Peer& peer, const Buffer& message);
  void flush(Peer& peer);

  const ConsensusServiceConfig config_;
  const PeerId self_;
  const std::optional<codec::ValidatorKey> key_;
  std::set<codec::ValidatorKey> validators_;
  std::map<PeerId, Peer> peers_;
  std::map<StreamId, PeerId> outbound_, inbound_;
  mutable base::DeadlineHeap<PeerId> reopening_;
  base::Queue<Result> results_;
  base::Queue<codec::SignHello> asks_;
  std::uint64_t dropped_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace kith::node
