// kith::PubSub over real loopback sockets: two or three hosts in one process.
#include <gtest/gtest.h>
#include <kith/host.h>
#include <kith/pubsub.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace kith {
namespace {

using namespace std::chrono_literals;

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string text(const Message& message) { return {message.data.begin(), message.data.end()}; }

std::unique_ptr<Host> start() {
  auto host = Host::start({.listen = {"/ip4/127.0.0.1/tcp/0"}});
  EXPECT_TRUE(host.has_value()) << to_string(host.error());
  return std::move(*host);
}

/// Until `holds`, asking again and again: for what another process decides (here: another host).
void wait_until(const std::function<bool()>& holds) {
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (!holds() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  ASSERT_TRUE(holds());
}

/// Two connected hosts that have joined one topic.
struct Two {
  explicit Two(const TopicOptions& options = {}, TopicOptions second = {})
      : a(start()), b(start()) {
    second.is_signed = options.is_signed;
    EXPECT_TRUE(b->connect_wait(a->addresses().at(0)).has_value());
    topic_a = PubSub(*a).join("news", options).value();
    topic_b = PubSub(*b).join("news", std::move(second)).value();
  }
  /// Both sides know of each other's subscription and are in each other's mesh.
  void settle() {
    wait_until([&] { return topic_a->mesh().size() == 1 && topic_b->mesh().size() == 1; });
  }

  std::unique_ptr<Host> a, b;
  std::optional<Topic> topic_a, topic_b;
};

TEST(PublicPubSub, AMessageArrivesWithItsAuthorAndOnce) {
  Two two;
  auto at_a = two.topic_a->subscribe();
  auto at_b = two.topic_b->subscribe();
  two.settle();
  const auto recipients = two.topic_a->publish_wait(bytes("hello"));
  ASSERT_TRUE(recipients.has_value()) << to_string(recipients.error());
  EXPECT_EQ(*recipients, 1U);
  const auto got = at_b.next(20s);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(text(*got), "hello");
  EXPECT_EQ(got->topic, "news");
  EXPECT_EQ(got->author, two.a->peer_id());
  EXPECT_EQ(got->received_from, two.a->peer_id());
  EXPECT_TRUE(got->seqno.has_value());
  const auto own = at_a.next(20s);
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->received_from, "");
  EXPECT_FALSE(at_b.next(0ms).has_value());
}

TEST(PublicPubSub, UnsignedMessagesHaveNoAuthorAndTheirDataNamesThem) {
  Two two({.is_signed = false});
  auto at_b = two.topic_b->subscribe();
  two.topic_a->subscribe();
  auto at_a = two.topic_a->subscribe();
  two.settle();
  ASSERT_TRUE(two.topic_a->publish_wait(bytes("once")).has_value());
  EXPECT_EQ(two.topic_a->publish_wait(bytes("once")).error().code, Code::exists);
  const auto got = at_b.next(20s);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->author, "");
  EXPECT_FALSE(got->seqno.has_value());
}

TEST(PublicPubSub, AValidatorDecides) {
  std::atomic<int> judged = 0;
  const Validator validator = [&](const Message& message, std::function<void(Verdict)> answer) {
    ++judged;
    const Verdict verdict = text(message) == "good" ? Verdict::accept : Verdict::ignore;
    std::thread([answer, verdict] { answer(verdict), answer(Verdict::accept); }).detach();
  };
  Two two({}, {.validator = validator});
  auto at_b = two.topic_b->subscribe();
  auto at_a = two.topic_a->subscribe();
  two.settle();
  ASSERT_TRUE(two.topic_a->publish_wait(bytes("bad")).has_value());
  ASSERT_TRUE(two.topic_a->publish_wait(bytes("good")).has_value());
  const auto got = at_b.next(20s);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(text(*got), "good");
  wait_until([&] { return judged == 2; });
  EXPECT_FALSE(at_b.next(0ms).has_value());
}

TEST(PublicPubSub, ACustomNameMakesTwoMessagesOne) {
  const auto first_byte = [](std::span<const std::uint8_t> data) {
    return std::vector<std::uint8_t>(data.begin(),
                                     data.begin() + std::min<std::ptrdiff_t>(1, std::ssize(data)));
  };
  Two two({.is_signed = false, .message_id = first_byte},
          {.is_signed = false, .message_id = first_byte});
  auto at_a = two.topic_a->subscribe();
  auto at_b = two.topic_b->subscribe();
  two.settle();
  ASSERT_TRUE(two.topic_a->publish_wait(bytes("apple")).has_value());
  EXPECT_EQ(two.topic_a->publish_wait(bytes("ant")).error().code, Code::exists);
  ASSERT_TRUE(two.topic_a->publish_wait(bytes("bee")).has_value());
  EXPECT_EQ(text(*at_b.next(20s)), "apple");
  EXPECT_EQ(text(*at_b.next(20s)), "bee");
}

TEST(PublicPubSub, MessagesThatExpireAreCompressedOnTheirWay) {
  const TopicOptions options = {
      .priority = TopicOptions::Priority::bulk, .max_age = 1min, .is_compressed = true};
  Two two(options, options);
  auto at_a = two.topic_a->subscribe();
  auto at_b = two.topic_b->subscribe();
  two.settle();
  const std::string sent(100'000, 'x');
  std::string line;
  for (int i = 0; i < 10'000; ++i) line += "position " + std::to_string(i * i) + "\n";
  ASSERT_TRUE(two.topic_a->publish_wait(bytes(line)).has_value());
  ASSERT_TRUE(two.topic_a->publish_wait(bytes(sent)).has_value());
  for (auto* side : {&at_a, &at_b}) {
    EXPECT_EQ(text(*side->next(20s)), line);
    EXPECT_EQ(text(*side->next(20s)), sent);
  }
}

TEST(PublicPubSub, AFullSubscriptionDropsAndCounts) {
  Two two;
  auto at_a = two.topic_a->subscribe();
  auto slow = two.topic_b->subscribe({.messages_max = 2});
  auto quick = two.topic_b->subscribe();
  two.settle();
  for (const char* each : {"1", "2", "3", "4"}) {
    ASSERT_TRUE(two.topic_a->publish_wait(bytes(each)).has_value());
  }
  std::set<std::string> all;
  for (int i = 0; i < 4; ++i) all.insert(text(*quick.next(20s)));
  EXPECT_EQ(all.size(), 4U);
  wait_until([&] { return slow.dropped() == 2; });
  EXPECT_TRUE(slow.next(0ms).has_value());
  EXPECT_TRUE(slow.next(0ms).has_value());
  EXPECT_FALSE(slow.next(0ms).has_value());
}

TEST(PublicPubSub, AHoldingSubscriptionLosesNothing) {
  Two two;
  auto at_a = two.topic_a->subscribe();
  auto at_b =
      two.topic_b->subscribe({.messages_max = 2, .when_full = SubscriptionOptions::WhenFull::hold});
  two.settle();
  constexpr int count = 40;
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(two.topic_a->publish_wait(bytes(std::to_string(i))).has_value());
  }
  std::set<std::string> all;
  for (int i = 0; i < count; ++i) {
    const auto message = at_b.next(20s);
    ASSERT_TRUE(message.has_value()) << i;
    all.insert(text(*message));
  }
  EXPECT_EQ(all.size(), std::size_t{count});
  EXPECT_EQ(at_b.dropped(), 0U);
}

TEST(PublicPubSub, ACallbackHearsWhatWaitedFirst) {
  Two two;
  auto at_a = two.topic_a->subscribe();
  auto at_b = two.topic_b->subscribe();
  auto witness = two.topic_b->subscribe();
  two.settle();
  ASSERT_TRUE(two.topic_a->publish_wait(bytes("early")).has_value());
  ASSERT_TRUE(witness.next(20s).has_value());
  std::mutex mutex;
  std::vector<std::string> heard;
  at_b.on_message([&](const Message& message) {
    const std::lock_guard lock(mutex);
    heard.push_back(text(message));
  });
  ASSERT_TRUE(two.topic_a->publish_wait(bytes("late")).has_value());
  wait_until([&] {
    const std::lock_guard lock(mutex);
    return heard == std::vector<std::string>{"early", "late"};
  });
}

TEST(PublicPubSub, TheLastSubscriptionEndsIt) {
  Two two;
  auto at_a = two.topic_a->subscribe();
  {
    auto first = two.topic_b->subscribe();
    auto second = two.topic_b->subscribe();
    two.settle();
    second.cancel();
    EXPECT_FALSE(second.next(20s).has_value());  // at once: it is over
    wait_until([&] { return PubSub(*two.b).topics() == std::vector<std::string>{"news"}; });
    EXPECT_EQ(two.topic_a->peers(), std::vector<std::string>{two.b->peer_id()});
  }
  wait_until([&] { return PubSub(*two.b).topics().empty() && two.topic_a->peers().empty(); });
}

TEST(PublicPubSub, ATopicIsJoinedOnceAtATime) {
  auto host = start();
  PubSub pubsub(*host);
  auto topic = pubsub.join("t");
  ASSERT_TRUE(topic.has_value());
  EXPECT_EQ(pubsub.join("t").error().code, Code::exists);
  EXPECT_EQ(pubsub.join(std::string(257, 'x')).error().code, Code::too_large);
  topic = fail(Code::closed, "let go");
  wait_until([&] { return pubsub.join("t").has_value(); });
}

TEST(PublicPubSub, SaysWhatIsTooLarge) {
  auto host = start();
  auto topic = PubSub(*host).join("t").value();
  const std::vector<std::uint8_t> data((1 << 20) + 1);
  EXPECT_EQ(topic.publish_wait(data).error().code, Code::too_large);
  EXPECT_EQ(topic.publish_wait(bytes("alone")).value(), 0U);
}

TEST(PublicPubSub, RemembersAsManyMessagesAsItWasTold) {
  const auto host = Host::start({.pubsub = {.dedup_entries = 2}}).value();
  Topic topic = PubSub(*host).join("news").value();
  EXPECT_TRUE(topic.publish_wait(bytes("one")).has_value());
  EXPECT_TRUE(topic.publish_wait(bytes("two")).has_value());
  EXPECT_EQ(topic.publish_wait(bytes("three")).error().code, Code::limit);
}

TEST(PublicPubSub, RefusesLimitsThatAreOutOfRange) {
  for (const PubSubLimits& limits :
       {PubSubLimits{.dedup_entries = 0}, PubSubLimits{.dedup_entries = 10'000'001},
        PubSubLimits{.peer_messages = 0}, PubSubLimits{.peer_messages = 1'000'001},
        PubSubLimits{.messages = 0}, PubSubLimits{.messages = 100'000'001}}) {
    const auto host = Host::start({.pubsub = limits});
    ASSERT_FALSE(host.has_value());
    EXPECT_EQ(host.error().code, Code::usage);
  }
}

// With the defaults it would take no time; how slow the machine is does not matter.
TEST(PublicPubSub, ReadsNoFasterThanItWasTold) {
  constexpr std::size_t count = 20;  // eight at once, then four a second: 3 s
  const auto a = start();
  Topic out = PubSub(*a).join("news").value();
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<Subscription> subscriptions;
  for (const PubSubLimits& limits : {PubSubLimits{.peer_messages = 4}, {.messages = 4}}) {
    hosts.push_back(Host::start({.pubsub = limits}).value());
    ASSERT_TRUE(hosts.back()->connect_wait(a->addresses().at(0)).has_value());
    subscriptions.push_back(PubSub(*hosts.back()).join("news").value().subscribe());
  }
  wait_until([&] { return out.peers().size() == hosts.size(); });
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(out.publish_wait(bytes("news")).value(), 2U);
  for (auto& subscription : subscriptions) {
    for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(subscription.next(20s).has_value()) << i;
    EXPECT_GE(std::chrono::steady_clock::now() - began, 1500ms);
  }
}

// One that does not listen is there before its thread has done anything.
TEST(PublicPubSub, AHostThatOnlyDialsPublishesAtOnce) {
  for (int i = 0; i < 20; ++i) {
    const auto host = Host::start({}).value();
    Topic topic = PubSub(*host).join("news").value();
    EXPECT_EQ(topic.publish_wait(bytes("first")).value(), 0U);
  }
}

TEST(PublicPubSub, AStoppedHostAnswersClosed) {
  auto host = start();
  PubSub pubsub(*host);
  auto topic = pubsub.join("t").value();
  auto subscription = topic.subscribe();
  auto waiting = std::async(std::launch::async, [&] { return subscription.next(60s); });
  host.reset();
  EXPECT_FALSE(waiting.get().has_value());
  EXPECT_EQ(topic.publish_wait(bytes("late")).error().code, Code::closed);
  EXPECT_EQ(pubsub.join("u").error().code, Code::closed);
  EXPECT_TRUE(topic.peers().empty());
  EXPECT_TRUE(pubsub.topics().empty());
}

}  // namespace
}  // namespace kith
