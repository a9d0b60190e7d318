// The router's parameters. Those of the specification carry its names; where implementations differ
// the reason stands beside the value. The parts' own parameters are in their headers.
#pragma once

#include "codec/gossip_rpc.h"
#include "gossip/backoff.h"
#include "gossip/choke.h"
#include "gossip/fanout.h"
#include "gossip/mesh.h"
#include "gossip/message_cache.h"
#include "gossip/relay.h"
#include "gossip/score.h"
#include "gossip/seen_cache.h"
#include "gossip/send_queue.h"
#include "gossip/seqno_guard.h"
#include "gossip/wants.h"

namespace kith::gossip {

struct Thresholds {
  double gossip = -10;    // below: no IHAVE or IWANT to or from the peer
  double publish = -25;   // below: our own messages are not sent to it
  double graylist = -50;  // below: its RPCs are not read
  double accept_px = 20;  // from there: its PX is believed
  double opportunistic_graft = 1;
};

struct Config {
  MeshConfig mesh;              // at first, and the least that `fanout` makes of it
  FanoutConfig fanout;          // wants NetworkSize
  std::size_t d_lazy = 6;       // peers outside the mesh that hear gossip…
  double gossip_factor = 0.25;  // …or this share of them, if that is more
  Duration heartbeat_interval = 1s;
  Duration heartbeat_delay = 100ms;  // of the first one; each router adds up to as much at random
  Duration fanout_ttl = 60s;
  int opportunistic_graft_heartbeats = 60;
  std::size_t opportunistic_graft_peers = 2;
  double rescue_share_min = 0.1;  // of messages that came first from outside the mesh: it fails
  bool flood_publish = true;  // own messages go to every peer of the topic, not only to the mesh…
  std::size_t flood_publish_bytes_max = 16 << 10;  // …larger ones are announced to those outside

  MessageCacheConfig message_cache;
  SeenConfig seen;
  SeqnoGuardConfig seqno;
  BackoffConfig backoff;
  Duration graft_flood = 10s;  // a GRAFT so soon after a PRUNE counts twice
  ScoreConfig score;
  Thresholds thresholds;
  ChokeConfig choke;
  RelayConfig relay;
  WantsConfig wants;
  SendQueueConfig send_queue;
  Duration stalled_after = 30s;  // no room for so long: the peer reads nothing (A36)

  /// Of topics whose options name none.
  codec::SignaturePolicy policy = codec::SignaturePolicy::strict_sign;

  codec::GossipLimits limits;
  std::size_t message_bytes_max = 1 << 20;  // of data; the spec's
  std::size_t topics_max = 1000;            // subscribed or published to by this node
  std::size_t topics_per_peer_max = 100;    // what a peer may subscribe to (A04); rust's
  std::size_t peers_max = 4096;             // further ones are refused
  std::size_t in_flight_max = 8192;  // messages being checked; more are ignored. go's throttle
  std::size_t signature_batch_max = 64;
  std::size_t seqnos_stored_max = 1024;  // authors a heartbeat
  Duration check_timeout = 60s;          // an answer that does not come: as if ignored
  Duration expiry_skew = 30s;            // clocks of honest nodes differ by less
  Duration delivery_window = 2s;  // a copy so long after the first still shows that a peer delivers

  // A heartbeat, from one peer (go's).
  std::size_t ihave_rpcs_max = 10;
  std::size_t ihave_rpcs_mesh_max = 1000;  // of one in a mesh that knows the extension
  std::size_t ihave_ids_max = 5000;
  std::size_t idontwant_rpcs_max = 1000;
  std::size_t idontwant_ids_max = 10;     // an RPC
  std::size_t idontwant_kept_max = 4096;  // a peer, three heartbeats long
  int idontwant_heartbeats = 3;
  std::size_t idontwant_bytes_min = 1024;  // smaller messages are not worth it (A11)
  Duration iwant_delay = 10ms;  // after gossip: of IWANTs sent at once most cross the message

  Duration iwant_delay_checking = 100ms;  // while a copy's signature is being checked

  bool is_px_on = true;  // PRUNEs carry records of other peers
  std::size_t px_peers = 16;
  std::size_t px_dials_max = 8;             // a heartbeat (A19)
  bool px_takes_private_addresses = false;  // for networks that are not the Internet
};

}  // namespace kith::gossip
