// The messages of the last moments, and which mesh peers were seen to have them: what P3 counts. A
// peer has a message when it sends it, announces it, or says that it does not want it. Also which
// of them were invalid, so that whoever sends such a one a moment later is charged too. A ring of
// bounded size: when messages come faster than it lasts, copies that come late are not counted.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "base/time.h"
#include "gossip/mesh.h"
#include "gossip/message_cache.h"

namespace kith::gossip {

class Deliveries {
 public:
  static constexpr std::size_t entries_max = 2048;
  static constexpr std::size_t credited_max = mesh_peers_max + 1;  // and whoever was first

  struct Entry {
    MessageKey key;
    TopicSlot topic = no_slot;
    Instant at;
    bool is_invalid = false;
    std::uint8_t count = 0;
    std::array<NarrowSlot, credited_max> credited{};

    /// True the first time for each peer.
    bool credit(PeerSlot peer) {
      const auto end = credited.begin() + count;
      if (count == credited_max || std::find(credited.begin(), end, peer) != end) return false;
      credited[count++] = static_cast<NarrowSlot>(peer);
      return true;
    }
  };

  Entry& add(Instant now, const MessageKey& key, TopicSlot topic, bool is_invalid) {
    if (ring_.size() < entries_max) {
      ring_.emplace_back();
      next_ = ring_.size() - 1;
    } else {
      next_ = (next_ + 1) % entries_max;
      if (index_.find(ring_[next_].key) == next_) index_.erase(ring_[next_].key);
    }
    if (index_.find(key)) index_.erase(key);
    ring_[next_] = {key, topic, now, is_invalid, 0, {}};
    index_.insert(key, static_cast<std::uint32_t>(next_));
    return ring_[next_];
  }
  Entry* find(Instant now, const MessageKey& key, Duration window) {
    const auto at = index_.find(key);
    if (!at || now - ring_[*at].at > window || ring_[*at].topic == no_slot) return nullptr;
    return &ring_[*at];
  }
  void forget_topic(TopicSlot topic) {
    for (Entry& entry : ring_) {
      if (entry.topic == topic) entry.topic = no_slot;
    }
  }

 private:
  std::vector<Entry> ring_;
  std::size_t next_ = 0;
  KeyIndex index_;
};

}  // namespace kith::gossip
