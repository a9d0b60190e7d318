#include "gossip/message_cache.h"

#include <gtest/gtest.h>

namespace kith::gossip {
namespace {

MessageKey key(std::uint64_t n) { return {n, n * 7}; }
CachedMessage message(std::uint64_t n, TopicSlot topic = 0, std::size_t size = 100) {
  return {key(n), Buffer("id-" + std::to_string(n)), topic, Buffer::zeros(size)};
}
std::vector<std::string> texts(const std::vector<ByteView>& ids) {
  std::vector<std::string> all;
  for (const ByteView id : ids) all.emplace_back(base::as_text(id));
  return all;
}
using Texts = std::vector<std::string>;

TEST(MessageCache, KeepsFiveWindowsAndAnnouncesThree) {
  MessageCache cache({});
  cache.put(message(1));
  for (int heartbeat = 1; heartbeat <= 5; ++heartbeat) {
    EXPECT_NE(cache.find(key(1)), nullptr) << heartbeat;
    EXPECT_EQ(cache.gossip_ids(0, 10).size(), heartbeat <= 3 ? 1u : 0u) << heartbeat;
    cache.shift();
  }
  EXPECT_EQ(cache.find(key(1)), nullptr);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(MessageCache, AnnouncesATopicsNewestFirst) {
  MessageCache cache({});
  cache.put(message(1, 7));
  cache.shift();
  cache.put(message(2, 7));
  cache.put(message(3, 8));
  EXPECT_EQ(texts(cache.gossip_ids(7, 10)), (Texts{"id-2", "id-1"}));
  EXPECT_EQ(texts(cache.gossip_ids(7, 1)), (Texts{"id-2"}));
  cache.forget_topic(7);
  EXPECT_TRUE(cache.gossip_ids(7, 10).empty());
  EXPECT_NE(cache.find(key(1)), nullptr);
}

TEST(MessageCache, GivesAPeerThreeTimes) {
  MessageCache cache({});
  cache.put(message(1));
  for (int i = 0; i < 3; ++i) EXPECT_NE(cache.ask(key(1), 5), nullptr);
  EXPECT_EQ(cache.ask(key(1), 5), nullptr);
  EXPECT_NE(cache.ask(key(1), 6), nullptr);
  EXPECT_EQ(cache.ask(key(2), 5), nullptr);
  cache.forget_peer(5);
  EXPECT_NE(cache.ask(key(1), 5), nullptr);
}

TEST(MessageCache, ForgetsWhatHasExpired) {
  MessageCache cache({});
  cache.put(message(1));
  for (std::uint64_t n = 2; n <= 4; ++n) {
    CachedMessage expiring = message(n);
    expiring.expires = WallTime{static_cast<std::int64_t>(n * 1000)};
    cache.put(expiring);
  }
  EXPECT_EQ(texts(cache.gossip_ids(0, 10, {2999})), (Texts{"id-4", "id-3", "id-1"}));
  EXPECT_EQ(cache.ask(key(2), 5, {2000}), nullptr);
  EXPECT_NE(cache.ask(key(3), 5, {2000}), nullptr);
  EXPECT_EQ(cache.size(), 4u);
  const std::size_t bytes = cache.bytes();
  cache.shift({3000});
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.bytes(), bytes / 2);
  EXPECT_EQ(texts(cache.gossip_ids(0, 10, {0})), (Texts{"id-4", "id-1"}));
  cache.put(message(2));  // it may come again
  EXPECT_NE(cache.find(key(2)), nullptr);
  for (int i = 0; i < 6; ++i) cache.shift({3000});
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(MessageCache, IsBoundedInMessagesAndBytes) {
  MessageCacheConfig config;
  config.messages_max = 3;
  config.bytes_max = 1000;
  MessageCache cache(config);
  for (std::uint64_t i = 0; i < 10; ++i) cache.put(message(i));
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.find(key(6)), nullptr);
  EXPECT_NE(cache.find(key(7)), nullptr);
  cache.put(message(20, 0, 900));  // pushes the others out
  EXPECT_EQ(cache.size(), 1u);
  cache.put(message(21, 0, 2000));  // would never fit: nothing is lost for it
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_NE(cache.find(key(20)), nullptr);
  EXPECT_LE(cache.bytes(), 1000u);
}

TEST(MessageCache, FindsWhatItHasAfterManyHaveGone) {
  MessageCache cache({});
  for (std::uint64_t i = 0; i < 1000; ++i) {
    cache.put(message(i));
    cache.put(message(i));  // once is enough
    cache.shift();
    ASSERT_EQ(cache.find(key(i))->id.view().size(), ("id-" + std::to_string(i)).size());
    ASSERT_LE(cache.size(), 5u);
  }
}

}  // namespace
}  // namespace kith::gossip
