// What a topic's options ask for: priority, messages that expire, compression.
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

// --- messages that expire, or are compressed -----------------------------------------------------

constexpr WallTime day{1'700'000'000'000};

TopicOptions expiring(Duration max_age = 10s) {
  TopicOptions options;
  options.max_age = max_age;
  return options;
}
TopicOptions compressed() {
  TopicOptions options;
  options.is_compressed = true;
  return options;
}
std::string long_text() {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

/// A router in "t", with peers 1 to n there too, that knows the date.
struct TopicBench : RouterBench {
  explicit TopicBench(const TopicOptions& options_, std::uint32_t n = 2) : options(options_) {
    input(WallClock{day});
    RouterBench::subscribe("t", options);
    for (std::uint32_t i = 1; i <= n; ++i) {
      add_peer(i);
      peer_subscribes(i, "t");
      (void)sent_to(i);
    }
  }
  codec::TopicDataRules rules() const {
    return {options.max_age.has_value(), options.is_compressed};
  }
  Bytes data(std::string_view payload, std::optional<WallTime> expires = std::nullopt) {
    return codec.write(base::as_bytes(payload), expires, rules());
  }
  /// Message `seqno` of author 9, through peer `n`.
  void say(std::uint32_t n, std::uint64_t seqno, ByteView bytes) {
    raw(n, signed_message(9, seqno, "t", base::as_text(bytes)));
  }
  WallTime in(std::int64_t ms) const { return {day.unix_ms + base::to_ms(now - start) + ms}; }

  const TopicOptions options;
  codec::TopicDataCodec codec;
};

std::string text_of(const Buffer& data) { return std::string(base::as_text(data.view())); }

TEST(RouterTopic, PublishesWithAHeaderAndDeliversThePayload) {
  TopicOptions options = expiring(10s);
  options.is_compressed = true;
  TopicBench bench(options);
  bench.run_for(2s);
  (void)bench.sent_to(1);
  const std::string payload = long_text();
  bench.input(Publish{Token{1}, "t", Buffer(payload), {}});
  ASSERT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(text_of(bench.delivered[0].data), payload);
  const auto sent = bench.sent_to(1);
  ASSERT_EQ(count_messages(sent), 1u);
  const Bytes data = base::to_bytes(*sent[0].rpc.publish[0].data);
  const auto header = codec::read_topic_data(data, bench.rules()).value();
  EXPECT_EQ(header.expires, bench.in(10'000));
  EXPECT_TRUE(header.is_compressed);
  EXPECT_LT(data.size(), payload.size() / 2);
  // And the same on the way in, handed on as it came.
  TopicBench other(options);
  other.run_for(2s);
  (void)other.sent_to(2);
  other.say(1, 1, data);
  ASSERT_EQ(other.delivered.size(), 1u);
  EXPECT_EQ(text_of(other.delivered[0].data), payload);
  const auto forwarded = other.sent_to(2);
  ASSERT_EQ(count_messages(forwarded), 1u);
  EXPECT_EQ(base::to_bytes(*forwarded[0].rpc.publish[0].data), data);
}

TEST(RouterTopic, APayloadThatDoesNotFitWithItsHeaderIsRefused) {
  TopicBench bench(expiring());
  const std::size_t most = bench.config.message_bytes_max;
  bench.input(Publish{Token{1}, "t", Buffer::zeros(most), {}});
  EXPECT_EQ(bench.published.back().recipients.error().code, Code::too_large);
  bench.input(Publish{Token{1}, "t", Buffer::zeros(most - 10), {}});
  EXPECT_EQ(bench.published.back().recipients, 2u);
}

TEST(RouterTopic, OfATopicThatIsNotHeardEachPublicationSaysTheRules) {
  RouterBench bench;
  bench.input(WallClock{day});
  bench.add_peer(1);
  bench.peer_subscribes(1, "u");
  std::vector<std::size_t> sizes;
  for (const TopicOptions& options : {TopicOptions{}, expiring(), TopicOptions{}}) {
    (void)bench.sent_to(1);
    bench.input(Publish{Token{1}, "u", Buffer("hello"), options});
    sizes.push_back(bench.sent_to(1).at(0).rpc.publish.at(0).data->size());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{5, 15, 5}));
  EXPECT_EQ(bench.router.options_of("u"), nullptr);
  bench.subscribe("u", expiring());
  EXPECT_EQ(bench.router.options_of("u")->max_age, 10s);
  (void)bench.sent_to(1);
  bench.input(Publish{Token{1}, "u", Buffer("hello"), {}});  // the subscription's
  EXPECT_EQ(bench.sent_to(1).at(0).rpc.publish.at(0).data->size(), 15u);
}

TEST(RouterTopic, TheValidatorSeesThePayload) {
  TopicOptions options = compressed();
  options.has_validator = true;
  TopicBench bench(options);
  bench.say(1, 1, bench.data(long_text()));
  ASSERT_EQ(bench.to_validate.size(), 1u);
  EXPECT_EQ(text_of(bench.to_validate[0].message.data), long_text());
  bench.input(Validated{bench.to_validate[0].token, Verdict::accept});
  ASSERT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(text_of(bench.delivered[0].data), long_text());
}

TEST(RouterTopic, WhatHasExpiredIsIgnoredAndNobodyIsToBlame) {
  TopicBench bench(expiring());
  bench.checks_signatures = false;
  bench.say(1, 1, bench.data("late", bench.in(0)));
  EXPECT_TRUE(bench.to_check.empty());  // it is not even checked
  EXPECT_EQ(bench.router.stats().expired, 1u);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 0u);
  bench.checks_signatures = true;
  bench.say(1, 2, bench.data("in time", bench.in(1)));
  ASSERT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(count_messages(bench.sent_to(2)), 1u);
  // Of our own clock's making: up to half a minute further ahead than the topic's age.
  bench.say(1, 3, bench.data("a fast clock", bench.in(40'000)));
  EXPECT_EQ(bench.delivered.size(), 2u);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 0u);
  bench.say(1, 4, bench.data("a lie", bench.in(40'001)));
  EXPECT_EQ(bench.delivered.size(), 2u);
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 1u);
  bench.say(1, 5, bench.data("for ever", WallTime{INT64_MAX}));
  EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 2u);
}

TEST(RouterTopic, WhatIsNotTheTopicsFormIsRejected) {
  for (const std::string_view data : {"", "hello", "\x01", "\x01\x04x", "\x01\x01xxxxxxxxx"}) {
    TopicBench bench(compressed());
    bench.raw(1, signed_message(9, 1, "t", data));
    EXPECT_EQ(bench.count_events(1, PeerEventReason::invalid_message), 1u);
  }
  TopicBench bench(compressed(), 3);
  // A frame that breaks off is found out when its signature has been checked; copies are known.
  Bytes broken = bench.data(long_text());
  broken.pop_back();
  bench.say(2, 100, broken);
  bench.say(3, 100, broken);
  EXPECT_EQ(bench.count_events(2, PeerEventReason::invalid_message), 1u);
  EXPECT_EQ(bench.count_events(3, PeerEventReason::invalid_message), 1u);
  EXPECT_TRUE(bench.delivered.empty());
}

TEST(RouterTopic, WhatHasExpiredIsNeitherAnnouncedNorServed) {
  TopicBench bench(expiring(10s), 20);  // some are outside the mesh
  bench.say(1, 1, bench.data("short", bench.in(1500)));
  bench.say(1, 2, bench.data("long", bench.in(9000)));
  bench.run_for(1400ms);
  std::size_t announced = 0;
  for (std::uint32_t n = 2; n <= 20; ++n) announced += count_ihave_ids(bench.sent_to(n));
  EXPECT_GT(announced, 0u);
  bench.iwant(20, id_of(9, 1));
  EXPECT_EQ(count_messages(bench.sent_to(20)), 1u);
  bench.run_for(100ms);
  bench.iwant(20, id_of(9, 1));
  EXPECT_EQ(count_messages(bench.sent_to(20)), 0u);
  bench.iwant(20, id_of(9, 2));
  EXPECT_EQ(count_messages(bench.sent_to(20)), 1u);
  bench.run_for(1s);
  for (std::uint32_t n = 2; n <= 20; ++n) {
    for (const SentRpc& rpc : bench.sent_to(n)) {
      for (const ByteView id : rpc.rpc.ids) EXPECT_NE(base::to_bytes(id), id_of(9, 1));
    }
  }
}

// The verdict comes too late for others: it is ours, and goes no further.
TEST(RouterTopic, WhatExpiresWhileItIsJudgedIsNotHandedOn) {
  TopicOptions options = expiring();
  options.has_validator = true;
  TopicBench bench(options);
  bench.say(1, 1, bench.data("x", bench.in(500)));
  ASSERT_EQ(bench.to_validate.size(), 1u);
  bench.now += 500ms;
  bench.input(Validated{bench.to_validate[0].token, Verdict::accept});
  EXPECT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(count_messages(bench.sent_to(2)), 0u);
  bench.iwant(2, id_of(9, 1));
  EXPECT_EQ(count_messages(bench.sent_to(2)), 0u);
}

// Whoever announced it and keeps it back may have seen it expire.
TEST(RouterTopic, WhatExpiresIsNoPromise) {
  for (const bool expires : {false, true}) {
    TopicBench bench(expires ? expiring() : TopicOptions{});
    bench.ihave(1, "t", id_of(9, 1));
    bench.run_for(10s);
    EXPECT_EQ(count_iwant_ids(bench.sent_to(1)), 1u);
    EXPECT_EQ(bench.router.stats().broken_promises, expires ? 0u : 1u);
  }
}

TEST(RouterTopic, AnUnsignedTopicNamesTheBytesThatTravel) {
  TopicOptions options = compressed();
  options.policy = codec::SignaturePolicy::strict_no_sign;
  TopicBench bench(options);
  const Bytes data = bench.data(long_text());
  bench.raw(1, anonymous_message("t", base::as_text(data)));
  bench.raw(2, anonymous_message("t", base::as_text(data)));
  ASSERT_EQ(bench.delivered.size(), 1u);
  EXPECT_EQ(text_of(bench.delivered[0].data), long_text());
  // The same payload in other bytes is another message.
  bench.raw(2, anonymous_message("t", std::string("\x01\0", 2) + long_text()));
  EXPECT_EQ(bench.delivered.size(), 2u);
}

TEST(RouterTopic, AClockThatJumpsIsBelieved) {
  TopicBench bench(expiring());
  bench.say(1, 1, bench.data("x", bench.in(5000)));
  bench.input(WallClock{{day.unix_ms + 60'000}});  // a machine that slept
  bench.say(1, 2, bench.data("x", bench.in(5000)));
  EXPECT_EQ(bench.router.stats().expired, 1u);
  bench.iwant(2, id_of(9, 1));
  (void)bench.sent_to(2);
  bench.input(WallClock{{INT64_MAX}});
  bench.input(Publish{Token{1}, "t", Buffer("x"), {}});
  bench.input(WallClock{{INT64_MIN}});
  bench.say(1, 3, bench.data("x", bench.in(5000)));
  EXPECT_EQ(bench.delivered.size(), 2u);
}

}  // namespace
}  // namespace kith::gossip::test
