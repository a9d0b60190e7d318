// What a message is known by inside the router: 128 bits of its id, hashed with a secret of this
// node. Ids are whatever peers say; their hashes are of one size, and a peer that cannot compute
// them cannot make tables slow. SipHash-2-4 with 128 bits of output (Aumasson and Bernstein).
//
// KeyIndex is the table for them: key to number, open addressing, no allocation a message. It is
// for look-up only: it cannot be walked, so its order cannot leak.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"

namespace kith::gossip {

struct MessageKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend auto operator<=>(const MessageKey&, const MessageKey&) = default;
};

class KeyHasher {
 public:
  explicit KeyHasher(Rng& rng) : k0_(rng.next()), k1_(rng.next()) {}
  KeyHasher(std::uint64_t k0, std::uint64_t k1) : k0_(k0), k1_(k1) {}
  MessageKey operator()(ByteView id) const;

 private:
  std::uint64_t k0_;
  std::uint64_t k1_;
};

class KeyIndex {
 public:
  /// REQUIRES: `key` is not there; value < 2^32 - 1.
  void insert(const MessageKey& key, std::uint32_t value);
  std::optional<std::uint32_t> find(const MessageKey& key) const;
  /// REQUIRES: `key` is there.
  void erase(const MessageKey& key);
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return slots_.size(); }

 private:
  struct Slot {
    MessageKey key;
    std::uint32_t value_plus_one = 0;  // 0: free
  };
  std::size_t place_of(const MessageKey& key) const {  // of the key, or of the free slot for it
    std::size_t at = home(key);
    while (slots_[at].value_plus_one != 0 && slots_[at].key != key) at = next(at);
    return at;
  }
  std::size_t home(const MessageKey& key) const { return key.low & (slots_.size() - 1); }
  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most three quarters full
  std::size_t size_ = 0;
};

}  // namespace kith::gossip
