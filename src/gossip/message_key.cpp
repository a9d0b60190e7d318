#include "gossip/message_key.h"

#include <bit>

namespace kith::gossip {

namespace {

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  std::uint64_t fold() const { return v0 ^ v1 ^ v2 ^ v3; }
};

std::uint64_t little_endian(ByteView bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) word = word << 8 | bytes[i - 1];
  return word;
}

}  // namespace

MessageKey KeyHasher::operator()(ByteView id) const {
  SipState state{k0_ ^ 0x736f6d6570736575, k1_ ^ 0x646f72616e646f6d ^ 0xee,
                 k0_ ^ 0x6c7967656e657261, k1_ ^ 0x7465646279746573};
  const std::uint64_t length = id.size();
  for (; id.size() >= 8; id = id.subspan(8)) state.absorb(little_endian(id.first(8)));
  state.absorb(little_endian(id) | length << 56);
  MessageKey key;
  state.v2 ^= 0xee;
  state.rounds(4);
  key.low = state.fold();
  state.v1 ^= 0xdd;
  state.rounds(4);
  key.high = state.fold();
  return key;
}

void KeyIndex::insert(const MessageKey& key, std::uint32_t value) {
  if ((size_ + 1) * 4 > slots_.size() * 3) grow();
  Slot& slot = slots_[place_of(key)];
  ASSERT(slot.value_plus_one == 0);
  slot = {key, value + 1};
  ++size_;
}

std::optional<std::uint32_t> KeyIndex::find(const MessageKey& key) const {
  if (slots_.empty()) return std::nullopt;
  const Slot& slot = slots_[place_of(key)];
  if (slot.value_plus_one == 0) return std::nullopt;
  return slot.value_plus_one - 1;
}

void KeyIndex::erase(const MessageKey& key) {
  ASSERT(!slots_.empty());
  std::size_t gap = place_of(key);
  ASSERT(slots_[gap].value_plus_one != 0);
  // Whatever stands behind and would be found through the gap moves into it: no tombstones.
  for (std::size_t at = next(gap); slots_[at].value_plus_one != 0; at = next(at)) {
    const std::size_t mask = slots_.size() - 1;
    const std::size_t distance = (at - home(slots_[at].key)) & mask;
    if (distance >= ((at - gap) & mask)) {
      slots_[gap] = slots_[at];
      gap = at;
    }
  }
  slots_[gap] = {};
  --size_;
}

void KeyIndex::grow() {
  std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.value_plus_one != 0) slots_[place_of(slot.key)] = slot;
  }
}

}  // namespace kith::gossip
