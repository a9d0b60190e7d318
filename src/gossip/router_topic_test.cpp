// What a topic's options ask for: priority.
#include <gtest/gtest.h>

#include "gossip/router.h"
#include "gossip/test_router.h"

namespace kith::gossip::test {
namespace {

TopicOptions of(Priority priority) {
  TopicOptions options;
  options.priority = priority;
  return options;
}

TEST(RouterTopic, AMoreUrgentTopicGoesFirstToAPeerThatIsBehind) {
  Config config;
  config.send_queue.frames_max = 20;
  RouterBench bench(config);
  bench.room = 0;
  bench.add_peer(1);
  const std::map<std::string, Priority> topics = {{"a", Priority::bulk},
                                                  {"b", Priority::consensus}};
  for (const auto& [topic, priority] : topics) {
    bench.subscribe(topic, of(priority));
    bench.peer_subscribes(1, topic);
  }
  for (int i = 0; i < 30; ++i) {
    for (const auto& [topic, priority] : topics) {
      bench.input(Publish{Token{1}, topic, Buffer(std::to_string(i)), {}});
    }
  }
  bench.input(Room{identity(1).id, std::size_t{1} << 20});
  std::map<std::string, std::vector<std::string>> heard;
  std::string order;
  for (const SentRpc& rpc : bench.sent_to(1)) {
    for (const codec::GossipMessage& message : rpc.rpc.publish) {
      order += base::as_text(*message.topic);
      heard[std::string(base::as_text(*message.topic))].emplace_back(base::as_text(*message.data));
    }
  }
  // The consensus messages that came last, in their order; all others made room, bulk to the last.
  EXPECT_EQ(order, std::string(heard["b"].size(), 'b'));
  ASSERT_GE(heard["b"].size(), 10u);
  EXPECT_EQ(heard["b"].back(), "29");
  EXPECT_TRUE(std::ranges::is_sorted(heard["b"], {}, [](const auto& n) { return std::stoi(n); }));
  const SendDrops& dropped = bench.router.stats().dropped;
  EXPECT_EQ(dropped.messages[static_cast<std::size_t>(Priority::bulk)], 30u);
  EXPECT_EQ(dropped.messages[static_cast<std::size_t>(Priority::consensus)],
            30u - heard["b"].size());
  EXPECT_EQ(dropped.total(), bench.router.stats().frames_dropped());
}

}  // namespace
}  // namespace kith::gossip::test
