// mcache of gossipsub v1.0: the messages of the last heartbeats, to be announced (the newest
// windows) and handed out on IWANT (all of them). Frames are shared Buffers: a message that went to
// ten peers and lies here exists once. Bounded in messages and bytes; what does not fit pushes the
// oldest out. A message that expires is neither announced nor handed out from then on, and gives
// its memory back at the next heartbeat.
#pragma once

#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/peer_event.h"
#include "base/queue.h"
#include "base/time.h"
#include "gossip/message_key.h"

namespace kith::gossip {

using TopicSlot = std::uint32_t;   // a topic inside one router
using PeerSlot = std::uint32_t;    // a peer inside one router
using NarrowSlot = std::uint16_t;  // the same where there are many of them
inline constexpr NarrowSlot no_narrow_slot = UINT16_MAX;
inline constexpr std::uint32_t no_slot = ~std::uint32_t{0};

struct MessageCacheConfig {
  std::size_t windows = 5;         // heartbeats a message is kept
  std::size_t gossip_windows = 3;  // of these, how many are announced
  std::size_t messages_max = 20'000;
  std::size_t bytes_max = 64 << 20;
  std::size_t retransmissions_max = 3;  // a peer and message: more IWANTs are not answered
};

struct CachedMessage {
  MessageKey key;
  Buffer id;
  TopicSlot topic = 0;
  Buffer frame;
  Priority priority = Priority::application;  // of its topic
  WallTime expires = never;
  static constexpr WallTime never{std::numeric_limits<std::int64_t>::max()};
};

class MessageCache {
 public:
  explicit MessageCache(const MessageCacheConfig& config)
      : config_(config), windows_(config.windows) {}

  void put(CachedMessage message);
  const CachedMessage* find(const MessageKey& key) const;
  /// For an IWANT of `peer`: the message, unless the peer has had it too often.
  const CachedMessage* ask(const MessageKey& key, PeerSlot peer, WallTime wall = {});
  /// The ids of a topic in the announced windows, newest first, at most `ids_max`.
  std::vector<ByteView> gossip_ids(TopicSlot topic, std::size_t ids_max, WallTime wall = {}) const;
  /// A heartbeat: the oldest window is forgotten, and what has expired.
  void shift(WallTime wall = {});
  /// The peer's slot is free for another.
  void forget_peer(PeerSlot peer);
  /// The same of a topic: its messages are still handed out, but not announced.
  void forget_topic(TopicSlot topic);

  std::size_t size() const { return index_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Asked {
    PeerSlot peer;
    std::uint8_t count;
  };
  struct Entry {
    CachedMessage message;
    std::vector<Asked> asked;  // peers that sent an IWANT: at most those connected
    std::size_t window = 0;    // number of the heartbeat it came in
    bool is_gone = false;      // it expired and only keeps its place
  };
  const Entry* entry_of(const MessageKey& key) const;
  void drop(Entry& entry);
  void pop_front();

  const MessageCacheConfig config_;
  const std::size_t windows_;
  std::deque<Entry> entries_;  // oldest first
  std::size_t popped_ = 0;     // entries that have gone: entry n stands at n - popped_
  std::size_t now_ = 0;        // number of this heartbeat
  KeyIndex index_;             // to the entry's number, modulo 2^31
  std::size_t bytes_ = 0;
  std::size_t expiring_ = 0;  // of those kept
};

}  // namespace kith::gossip
