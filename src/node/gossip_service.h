// Gossip on streams: carries the router's RPCs (gossip/router.h) over a stream each way and peer,
// and tells it who is there. Ours is opened with the best version that the peer speaks and opened
// anew when it closes while the connection stays (A37); of the peer's the latest counts.
//
// A peer has as many messages read as its limits allow (peer/limits.h), an RPC without messages
// being one. An RPC is read whole; while it is not paid for, what comes next waits, and so, once
// the stream's window is full, does the peer: nothing is lost here, and a peer that sends too much
// is the one to choose what it drops.
//
// Limits: `reopen_delay`, doubling, between attempts at one peer; bytes that come before the router
// knows the peer, or are too many, wait unconsumed, so that yamux's window bounds them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/deadline_heap.h"
#include "base/queue.h"
#include "codec/frame.h"
#include "gossip/config.h"
#include "gossip/router.h"
#include "host/host.h"
#include "host/service.h"
#include "host/world.h"
#include "peer/limits.h"

namespace kith::node {

using base::PeerEvent;

class GossipService final : public host::Service {
 public:
  /// What leaves the node, or concerns its other parts.
  using Result =
      std::variant<gossip::Deliver, gossip::Validate, gossip::Settled, gossip::Published,
                   host::VerifySignatures, host::StoreSeqnos, gossip::ConnectPeers, PeerEvent>;

  /// Its place in LimitsConfig::kinds.
  static constexpr peer::LimitKind limit_kind{0};
  static constexpr Duration reopen_delay = 1s;
  static constexpr Duration reopen_delay_max = 60s;

  /// All outlive it.
  GossipService(const gossip::Config& config, peer::Limits& limits, const host::Host& host,
                const crypto::KeyPair& key, Rng& rng, Log& log)
      : config_(config), limits_(limits), host_(host), key_(key), rng_(rng), log_(log) {}

  /// Before anything else.
  void start(Instant now);

  std::vector<std::string> protocols() const override { return gossip::Router::protocols(); }
  bool is_guarded() const override { return false; }  // open_later()
  void on_input(Instant now, host::ServiceEvent event) override;
  void on_deadline(Instant now) override;
  std::optional<Instant> next_deadline() const override;

  /// What an earlier run had seen; before the first peer.
  void import_seqnos(Instant now, std::span<const host::StoredSeqno> seqnos);
  void to_router(Instant now, gossip::Router::Input input);
  /// What the peer sent costs as much as so many messages more: it is read later for that.
  void owe(Instant now, const PeerId& peer, std::uint64_t messages);
  std::optional<Result> poll_result();
  /// Times that a peer's messages had to wait for its limit.
  std::uint64_t paused() const { return paused_; }
  const gossip::Router* router() const { return router_ ? &*router_ : nullptr; }

 private:
  struct Peer {
    Direction direction = Direction::inbound;
    std::uint64_t netgroup = 0;
    std::vector<std::string> spoken;  // protocols of ours that it speaks, the best first
    Buffer record;                    // signed, of identify; empty: none
    std::optional<StreamId> out;
    bool is_opening = false;
    Duration reopen_after = reopen_delay;
    std::optional<StreamId> in;
    std::optional<codec::FrameReader> reader;
    Bytes unread;               // came before `out` was up, or while it owes; not consumed
    std::size_t unread_at = 0;  // of it, from the front, are read after all
    bool owes = false;          // was read beyond its limit
    bool has_ended = false;     // sends nothing more on `in`
  };

  void on_identified(Instant now, const host::PeerIdentified& identified);
  void on_stream_up(Instant now, const host::StreamUp& up);
  void tell_record(Instant now, const PeerId& id, const Peer& peer);
  void on_inbound(const host::StreamUp& up, Peer& peer);
  void on_data(Instant now, const host::StreamData& data);
  void on_stream_down(Instant now, StreamId stream);
  std::size_t read(Instant now, const PeerId& id, Peer& peer, ByteView bytes);
  void read_on(Instant now, const PeerId& id, Peer& peer);
  bool settle(Instant now, const PeerId& id, Peer& peer);
  void finish_read(Peer& peer);
  void open(const PeerId& id, Peer& peer);
  void open_later(Instant now, const PeerId& id, Peer& peer);
  void tell_network_size(Instant now);
  void drain(Instant now);

  const gossip::Config& config_;
  peer::Limits& limits_;
  const host::Host& host_;
  const crypto::KeyPair& key_;
  Rng& rng_;
  Log& log_;
  std::optional<gossip::Router> router_;
  std::map<PeerId, Peer> peers_;         // connected ones: the host's limits bound them
  std::map<StreamId, PeerId> outbound_;  // ours
  std::map<StreamId, PeerId> inbound_;   // the latest of each peer
  mutable base::DeadlineHeap<PeerId> reopening_;
  mutable base::DeadlineHeap<PeerId> paying_;  // those that owe
  std::uint64_t paused_ = 0;
  gossip::NetworkEstimate network_;
  host::PeerBook::Told told_;  // of it, so far
  base::Queue<Result> results_;
};

}  // namespace kith::node
