// The peers this node has heard of: where they may be reached, and how dialling them went.
//
// Signed peer records (codec/envelope.h) beat hearsay: once a peer has vouched for its addresses,
// those alone are dialled, and of two records the higher sequence number holds. Hearsay is kept
// only for peers without a record. Limits: `peers_max` peers; room is made by one that is not
// connected, first of those never reached (inventing peers must not push out the real ones), the
// longest untouched first. `addresses_max` addresses a peer, of hearsay the latest.
//
// Whoever tells an address is believed only when the address's scope is at least as wide as that of
// its own: a peer on the Internet must not make us dial our loopback or our private network, one on
// this machine or in this network may. `AddrScope::unspecified` is ourselves: all is believed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "base/time.h"
#include "codec/envelope.h"
#include "host/world.h"

namespace kith::host {

struct PeerBookConfig {
  std::size_t peers_max = 10'000;
  std::size_t addresses_max = 16;
  Duration backoff_min = 5s;  // after the first failed dial; doubles with each further one
  Duration backoff_max = 10min;
  /// So many dials in a row that failed while others were reached, and the peer is forgotten; with
  /// the back-offs above these are two and a half hours. 0: never.
  std::uint32_t failures_max = 20;
};

class PeerBook {
 public:
  struct Entry {
    std::vector<codec::Multiaddr> addresses;  // without /p2p
    Bytes signed_record;                      // the envelope; empty while all is hearsay
    std::uint64_t sequence = 0;
    bool is_verified = false;                            // the record's signature was checked
    codec::AddrScope teller = codec::AddrScope::global;  // the nearest that told of the record
    WallTime last_seen;                                  // connected at that time; 0 for never
    Instant touched;
    Instant retry_at;
    std::uint32_t failures = 0;  // dials in a row
    std::uint32_t lost = 0;      // of them, those that were not our own network's fault
    bool is_connected = false;
  };

  /// `self` is never stored.
  PeerBook(const PeerBookConfig& config, const PeerId& self, Rng& rng)
      : config_(config), self_(self), rng_(rng) {}

  /// Hearsay: ignored when a signed record is there. True when something new was kept.
  bool learn_addresses(Instant now, const PeerId& peer,
                       const std::vector<codec::Multiaddr>& addresses, codec::AddrScope teller);
  /// Keeps an envelope, verified by the time its addresses are dialled or it is handed on; the peer
  /// when it was news, empty when it was old or our own.
  Result<std::optional<PeerId>> learn_record(Instant now, ByteView envelope,
                                             codec::AddrScope teller);
  /// A record that came over an authenticated connection from the peer whose record it is: its
  /// addresses hold, whatever was known. The signature is verified before others get it from us.
  void learn_from_author(Instant now, const codec::PeerRecord& record, ByteView envelope,
                         codec::AddrScope teller);
  /// What an earlier run remembered; its signed record is verified again.
  void restore(Instant now, const StoredPeer& stored);

  void on_connected(Instant now, WallTime wall, const PeerId& peer);
  void on_disconnected(Instant now, const PeerId& peer);
  /// `counts`: this node reached others meanwhile. True when that was once too often and the peer
  /// is forgotten.
  bool on_dial_failed(Instant now, const PeerId& peer, bool counts);
  void forget(const PeerId& peer);

  const Entry* find(const PeerId& peer) const;
  /// What the store should keep of the peer.
  std::optional<StoredPeer> to_store(const PeerId& peer) const;
  /// Up to `count` unconnected peers that have addresses and whose back-off is over, drawn evenly.
  std::vector<PeerId> pick_to_dial(Instant now, std::size_t count);
  /// Up to `count` signed records other than `except`'s, drawn evenly.
  std::vector<Bytes> sample_records(const PeerId& except, std::size_t count);
  std::size_t size() const { return entries_.size(); }
  /// Records that learn_record() was told of peers other than ourselves; of them, those of peers
  /// that were here already. For guessing how large the network is.
  struct Told {
    std::uint64_t records = 0;
    std::uint64_t known = 0;
  };
  const Told& told() const { return told_; }

 private:
  using Entries = std::map<PeerId, Entry>;

  struct Rank {  // the order of making room
    bool was_reached;
    Instant touched;
    PeerId peer;
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  static Rank rank_of(const PeerId& peer, const Entry& entry) {
    return {entry.last_seen.unix_ms != 0, entry.touched, peer};
  }

  Entry& touch(Instant now, const PeerId& peer);
  void keep_record(Entry& entry, const codec::PeerRecord& record, ByteView envelope,
                   codec::AddrScope teller);
  static bool confirm(Entry& entry);
  void make_room(std::size_t size_max);
  /// Where a walk over all peers begins, so that each is as likely as the next.
  Entries::iterator random_start();

  const PeerBookConfig config_;
  const PeerId self_;
  Rng& rng_;
  Entries entries_;
  std::set<Rank> evictable_;  // the unconnected ones
  Told told_;
};

}  // namespace kith::host
