// Which messages were here: a FIFO of (key, when, who) with an index. All live equally long, so the
// oldest goes first and eviction is exact in time. Memory is bounded by `entries_max` and grows
// only with what is in it.
//
// When it is full of young entries it does not forget one to take another: that is how a flood of
// unique messages makes a node deliver old ones twice (A35). It says `full`, and its owner drops.
// It also counts how many entries each source brought, so that the owner knows whose flood it is.
#pragma once

#include "base/time.h"
#include "gossip/message_key.h"

namespace kith::gossip {

struct SeenConfig {
  std::size_t entries_max = 10'000;  // about 70 bytes each
  Duration ttl = 300s;
  Duration young_max = 120s;  // the spec's seen TTL: an entry younger than this is never evicted
};

class SeenCache {
 public:
  enum class Mark : std::uint8_t { fresh, seen, full };
  static constexpr std::uint32_t no_source = ~std::uint32_t{0};

  explicit SeenCache(const SeenConfig& config) : config_(config) {}

  /// One step: was it here, and now it was. `source` is a small number, or no_source.
  Mark check_and_mark(Instant now, const MessageKey& key, std::uint32_t source = no_source);
  bool contains(Instant now, const MessageKey& key) const;
  /// Forgets what is over its time. check_and_mark() does it too.
  void expire(Instant now);

  std::size_t count_of(std::uint32_t source) const {
    return source < counts_.size() ? counts_[source] : 0;
  }
  /// The number is free for another source.
  void forget_source(std::uint32_t source);

  std::size_t size() const { return count_; }
  bool is_nearly_full() const { return count_ * 4 >= config_.entries_max * 3; }
  std::size_t entries_max() const { return config_.entries_max; }

 private:
  struct Entry {
    MessageKey key;
    Instant at;
    std::uint32_t source = no_source;
  };
  Entry& entry(std::size_t i) { return ring_[(first_ + i) & (ring_.size() - 1)]; }
  void pop_front();
  void grow();

  const SeenConfig config_;
  std::vector<Entry> ring_;  // its size is a power of two
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  KeyIndex index_;  // to a place in ring_
  std::vector<std::uint32_t> counts_;
};

}  // namespace kith::gossip
