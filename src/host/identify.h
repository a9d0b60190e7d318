// Identify and identify-push (libp2p specs/identify): /ipfs/id/1.0.0 and /ipfs/id/push/1.0.0.
// The host owns one. It asks each new peer who it is, answers the same question, tells its peers
// when its own answer changes, and checks what it is told: the public key must be the peer's
// (else the peer is at fault), a signed record must be the peer's own (RUSTSEC-2022-0009).
//
// A message may come in up to `messages_max` parts, which concatenate (protobuf merges); in all
// identify_bytes_max bytes, within `timeout`. Pushes from one peer are limited to `push_burst` and
// one each `push_interval`; `push_concurrent_max` of our own are under way at once.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "codec/envelope.h"
#include "codec/identify.h"
#include "host/service.h"

namespace kith::host {

inline constexpr std::string_view identify_protocol = "/ipfs/id/1.0.0";
inline constexpr std::string_view identify_push_protocol = "/ipfs/id/push/1.0.0";

/// What this node says of itself; the observed address is filled in for each peer.
struct IdentifySelf {
  std::string protocol_version;
  std::string agent_version;
  crypto::PublicKey key;
  std::vector<codec::Multiaddr> listen_addresses;
  std::vector<std::string> protocols;
  Bytes signed_record;
};

struct Identified {
  PeerId peer;
  std::shared_ptr<const codec::IdentifyMessage> message;
  bool is_push;
  std::optional<codec::PeerRecord> record;  // the message's, of the peer itself; unverified
};

class Identify final : public Service {
 public:
  static constexpr Duration timeout = 10s;
  static constexpr std::size_t messages_max = 10;
  static constexpr std::uint32_t push_burst = 10;
  static constexpr Duration push_interval = 5s;
  static constexpr std::size_t push_concurrent_max = 32;

  std::vector<std::string> protocols() const override;
  void on_input(Instant now, ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  /// Replaces what we say, and pushes it to every connected peer that takes pushes.
  void set_self(IdentifySelf self);
  /// Where the next inbound StreamUp came from, for the observed address.
  void set_observed(codec::Multiaddr remote) { observed_ = std::move(remote); }
  std::optional<Identified> poll_identified();

 private:
  struct Reading {  // a message on its way in
    PeerId peer;
    bool is_push = false;
    Bytes bytes;  // raw, with the length prefixes
  };
  struct Peer {
    std::shared_ptr<const codec::IdentifyMessage> known;  // empty until it has answered
    std::uint32_t push_tokens = push_burst;
    Instant refilled;
  };

  void on_stream_up(Instant now, const StreamUp& up);
  void on_data(const StreamData& data);
  void on_end(StreamId stream);
  void refuse(StreamId stream, Error error);
  void answer(StreamId stream, bool with_observed);
  bool admit_push(Instant now, Peer& peer);
  void push_next();
  struct Decoded {
    codec::IdentifyMessage message;
    std::optional<codec::PeerRecord> record;
  };
  Result<Decoded> decode(const Reading& reading) const;
  void accept(const Reading& reading, Decoded decoded);
  void read(Instant now, const StreamUp& up, bool is_push);
  std::optional<Reading> stop_reading(StreamId stream);

  IdentifySelf self_;
  codec::Multiaddr observed_;
  std::map<PeerId, Peer> peers_;         // connected ones: the host's limits bound them
  std::map<StreamId, Reading> reading_;  // at most a few a peer: one asked, pushes rate-limited
  mutable base::DeadlineHeap<StreamId> deadlines_;  // of reading_ and pushing_
  std::set<PeerId> to_push_;                        // still to be told
  std::set<StreamId> pushing_;                      // outbound pushes not yet closed
  std::size_t pushes_opening_ = 0;
  base::Queue<Identified> identified_;
};

}  // namespace kith::host
