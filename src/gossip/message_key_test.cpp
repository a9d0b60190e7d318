#include "gossip/message_key.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace kith::gossip {
namespace {

std::string hex(const MessageKey& key) {
  Bytes bytes;
  for (const std::uint64_t word : {key.low, key.high}) {
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
  }
  return base::to_hex(bytes);
}

// The reference's key and messages (00, 01, …); answers also by `openssl mac SIPHASH`.
TEST(MessageKey, IsSipHash128) {
  const KeyHasher hash(0x0706050403020100, 0x0f0e0d0c0b0a0908);
  Bytes message;
  const auto of_size = [&](std::size_t size) {
    while (message.size() < size) message.push_back(static_cast<std::uint8_t>(message.size()));
    return hex(hash(ByteView(message).first(size)));
  };
  EXPECT_EQ(of_size(0), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(of_size(1), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(of_size(15), "5493e99933b0a8117e08ec0f97cfc3d9");
  EXPECT_EQ(of_size(63), "5150d1772f50834a503e069a973fbd7c");
}

TEST(MessageKey, DependsOnTheSecret) {
  base::SeededRng one(1), two(2);
  EXPECT_NE(KeyHasher(one)(base::as_bytes("id")), KeyHasher(two)(base::as_bytes("id")));
}

TEST(KeyIndex, AgreesWithAMap) {
  ASSERT_TRUE(rc::check([] {
    KeyIndex index;
    std::map<MessageKey, std::uint32_t> model;
    const auto steps = *rc::gen::container<std::vector<std::pair<bool, std::uint8_t>>>(
        rc::gen::arbitrary<std::pair<bool, std::uint8_t>>());
    std::uint32_t number = 0;
    for (const auto& [inserts, at] : steps) {
      // Few homes, so that runs collide, wrap and close over gaps.
      const MessageKey key{static_cast<std::uint64_t>(at % 7), at};
      if (inserts && !model.contains(key)) {
        index.insert(key, ++number);
        model[key] = number;
      } else if (!inserts && model.contains(key)) {
        index.erase(key);
        model.erase(key);
      }
      RC_ASSERT(index.size() == model.size());
      for (int i = 0; i < 256; ++i) {
        const MessageKey each{static_cast<std::uint64_t>(i % 7), static_cast<std::uint64_t>(i)};
        const auto found = model.find(each);
        RC_ASSERT(index.find(each) ==
                  (found == model.end() ? std::nullopt : std::optional(found->second)));
      }
    }
  }));
}

TEST(KeyIndex, UsesTheWholeTable) {
  KeyIndex index;
  for (std::uint64_t i = 0; i < 1000; ++i) index.insert({~std::uint64_t{0}, i}, 1);
  EXPECT_LE(index.capacity(), 2048u);
  for (std::uint64_t i = 0; i < 1000; ++i) index.erase({~std::uint64_t{0}, i});
  EXPECT_EQ(index.size(), 0u);
  EXPECT_FALSE(index.find({~std::uint64_t{0}, 5}).has_value());
}

}  // namespace
}  // namespace kith::gossip
