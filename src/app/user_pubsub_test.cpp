// What subscriptions hold back, through whole nodes in virtual time: node 0 publishes, node 1
// reads.
#include "app/user_pubsub.h"

#include "node/node_test_util.h"

namespace kith::app {
namespace {

using WhenFull = SubscriptionOptions::WhenFull;

class HoldingTest : public node::NodeTest {
 protected:
  void SetUp() override {
    node::NodeConfig in_order = config();
    in_order.gossip.seqno.rule = gossip::SeqnoRule::monotonic;
    for (std::size_t i = 0; i < 2; ++i) add(in_order);
    world_.after_turn = [this](std::size_t i) { drain(i); };
    inbox_ = std::make_shared<Inbox>(
        [this](const Inbox::Work& work) {
          work();
          world_.turn(1);  // what it said…
          world_.turn(1);  // …and what the reports of that made us say
        },
        [] {});
    inbox_->open();
    service_ =
        std::make_unique<UserPubSub>(inbox_, members_[1]->node, [this](node::Command command) {
          members_[1]->node.on_command(world_.now(), std::move(command));
        });
  }
  void TearDown() override {
    subscription_.reset();
    topic_.reset();
    inbox_->close();  // the ends of the handles
    service_->end_all({Code::closed, "the end"});
  }

  void begin(const TopicOptions& options = {}, WhenFull when_full = WhenFull::hold) {
    topic_.emplace(join(options).value());
    subscription_.emplace(topic_->subscribe({.messages_max = 1, .when_full = when_full}));
    command(0, gossip::Subscribe{"news", {}});
    connect(1, 0);
    world_.run_for(5s);
  }
  Result<Topic> join(const TopicOptions& options = {}) {
    auto state = std::make_shared<Topic::State>();
    state->link = service_->link();
    state->name = "news";
    state->options = options;
    TRY_VOID(service_->join(state));
    return Topic(std::move(state));
  }
  void drain(std::size_t i) {
    while (auto report = members_[i]->node.poll_report()) {
      if (i != 1) continue;
      std::visit(
          Overload{
              [&](gossip::Deliver& d) { service_->on_deliver(std::move(d.message)); },
              [&](gossip::Validate& v) { service_->on_validate(v.token, std::move(v.message)); },
              [&](gossip::Settled& s) { service_->on_settled(s.token); },
              [&](gossip::Published& p) { service_->on_published(std::move(p)); }, [](auto&) {}},
          *report);
    }
  }
  /// By node 0; has arrived.
  void publish(const std::string& text) {
    command(0, gossip::Publish{Token{1}, "news", Buffer(text), {}});
    world_.run_for(100ms);
  }
  std::string next() {
    const auto message = subscription_->next(0ms);
    return message ? std::string(message->data.begin(), message->data.end()) : "";
  }
  std::size_t delivered() const { return members_[1]->node.router()->stats().delivered; }

  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<UserPubSub> service_;
  std::optional<Topic> topic_;
  std::optional<Subscription> subscription_;
};

TEST_F(HoldingTest, GivesAllInTheirOrderAsTheReaderTakesThem) {
  begin();
  for (int i = 0; i < 5; ++i) publish(std::to_string(i));
  EXPECT_EQ(delivered(), 1U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(next(), std::to_string(i));
  EXPECT_EQ(next(), "");
  EXPECT_EQ(delivered(), 5U);
  EXPECT_EQ(subscription_->dropped(), 0U);
}

TEST_F(HoldingTest, GoesOnAfterWhatTookTooLong) {
  begin();
  publish("taken");
  publish("given up");
  world_.run_for(62s);
  EXPECT_EQ(next(), "taken");
  EXPECT_EQ(next(), "");
  for (const char* text : {"later", "and later"}) {
    publish(text);
    EXPECT_EQ(next(), text);
  }
}

TEST_F(HoldingTest, AValidatorMayAnswerTwiceAndAsLateAsItLikes) {
  std::vector<std::function<void(Verdict)>> answers;
  begin({.validator = [&](const Message&, const std::function<void(Verdict)>& answer) {
    answers.push_back(answer);
  }});
  publish("1");
  publish("2");
  ASSERT_EQ(answers.size(), 2U);
  answers[1](Verdict::accept);
  answers[1](Verdict::accept);
  answers[0](Verdict::accept);  // an older one of the same author: held, and then a replay
  answers[0](Verdict::accept);
  EXPECT_EQ(next(), "2");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(members_[1]->node.router()->stats().replayed, 1U);
  publish("3");
  world_.run_for(62s);
  answers.at(2)(Verdict::accept);  // the router waits no more
  publish("4");
  answers.at(3)(Verdict::ignore);
  answers.at(3)(Verdict::accept);
  publish("5");
  answers.at(4)(Verdict::accept);
  EXPECT_EQ(next(), "5");
  EXPECT_EQ(next(), "");
}

TEST_F(HoldingTest, ACallbackIsNeverFull) {
  begin();
  std::vector<std::string> heard;
  publish("0");
  publish("1");
  subscription_->on_message([&](const Message& message) {
    heard.emplace_back(message.data.begin(), message.data.end());
  });
  EXPECT_EQ(heard.size(), 2U);
  for (int i = 2; i < 10; ++i) {
    command(0, gossip::Publish{Token{1}, "news", Buffer(std::to_string(i)), {}});
  }
  world_.run_for(1s);
  ASSERT_EQ(heard.size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(heard[i], std::to_string(i));
}

TEST_F(HoldingTest, WhatThisHostPublishesIsRefusedRatherThanLost) {
  begin();
  const auto publish_own = [&](const char* text) {
    std::optional<Result<std::size_t>> result;
    topic_->publish({reinterpret_cast<const std::uint8_t*>(text), 1},
                    [&](Result<std::size_t> done) { result = std::move(done); });
    EXPECT_TRUE(result.has_value());
    return result.value_or(std::size_t{0});
  };
  EXPECT_TRUE(publish_own("a").has_value());
  EXPECT_EQ(publish_own("b").error().code, Code::limit);
  publish("held");
  EXPECT_EQ(next(), "a");
  EXPECT_EQ(publish_own("c").error().code, Code::limit) << "what was held came first";
  EXPECT_EQ(next(), "held");
  EXPECT_TRUE(publish_own("d").has_value());
  EXPECT_EQ(next(), "d");
  EXPECT_EQ(subscription_->dropped(), 0U);
}

TEST_F(HoldingTest, TheLastReaderLetsGoOfAll) {
  begin();
  for (int i = 0; i < 3; ++i) publish(std::to_string(i));
  subscription_.reset();
  inbox_->drain();
  EXPECT_EQ(members_[1]->node.router()->topic_count(), 0U);
  subscription_.emplace(topic_->subscribe({.messages_max = 1, .when_full = WhenFull::hold}));
  world_.run_for(5s);
  publish("anew");
  EXPECT_EQ(next(), "anew");
}

// Others would get what it asked for, or the other way round.
TEST_F(HoldingTest, ATopicWithSubscriptionsIsNotJoinedAnew) {
  begin({}, WhenFull::drop);
  topic_.reset();
  inbox_->drain();
  EXPECT_EQ(join({.is_signed = false}).error().code, Code::exists);
  subscription_.reset();
  inbox_->drain();
  EXPECT_TRUE(join({.is_signed = false}).has_value());
  inbox_->drain();
}

}  // namespace
}  // namespace kith::app
