// Gossip through whole nodes in virtual time: real Noise, yamux, identify and signatures.
#include "node/gossip_service.h"

#include "node/node_test_util.h"

namespace kith::node {
namespace {

class GossipNodes : public NodeTest {
 protected:
  void add_line(std::size_t count, const gossip::TopicOptions& options = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      add();
      command(i, gossip::Subscribe{"news", options});
    }
    for (std::size_t i = 1; i < count; ++i) connect(i, i - 1);
    world_.run_for(5s);  // streams, subscriptions, and a few heartbeats for the meshes
  }
  void publish(std::size_t from, const std::string& text,
               const gossip::TopicOptions& options = {}) {
    command(from, gossip::Publish{Token{99}, "news", Buffer(text), options});
  }
  std::vector<std::string> heard(std::size_t node) {
    std::vector<std::string> texts;
    for (const auto& report : members_[node]->reports) {
      if (const auto* deliver = std::get_if<gossip::Deliver>(&report)) {
        texts.emplace_back(base::as_text(deliver->message.data.view()));
      }
    }
    return texts;
  }
};

TEST_F(GossipNodes, AMessageReachesEverybodyOnce) {
  add_line(6);
  publish(0, "first");
  publish(5, "last");
  world_.run_for(2s);
  for (std::size_t i = 0; i < 6; ++i) {
    auto texts = heard(i);
    std::ranges::sort(texts);
    EXPECT_EQ(texts, (std::vector<std::string>{"first", "last"})) << i;
  }
  const auto* deliver = members_[5]->last<gossip::Deliver>();
  ASSERT_NE(deliver, nullptr);
  EXPECT_EQ(members_[0]->last<gossip::Deliver>()->message.author, members_[5]->id());
  const auto* published = members_[0]->last<gossip::Published>();
  ASSERT_NE(published, nullptr);
  EXPECT_EQ(published->recipients, 1U);
}

// What was heard before a restart is old after it; what comes anew is not.
TEST_F(GossipNodes, SeqnosOutliveARestart) {
  add_line(2);
  publish(0, "heard");
  world_.run_for(3s);
  ASSERT_EQ(world_.stored.seqnos.size(), 1U);
  EXPECT_EQ(world_.stored.seqnos[0].author, members_[0]->id());
  world_.stored.seqnos[0].highest += 1;  // the next one: a later run had heard it too
  add();
  command(2, gossip::Subscribe{"news", {}});
  connect(2, 0);
  world_.run_for(5s);
  publish(0, "old to the third");
  publish(0, "new to all");
  world_.run_for(3s);
  EXPECT_EQ(heard(1).size(), 3U);
  EXPECT_EQ(heard(2), std::vector<std::string>{"new to all"});
}

TEST_F(GossipNodes, APeerOverItsLimitWaitsAndLosesNothing) {
  NodeConfig slow = config();
  slow.limits.per_peer = {10, 20};
  add();
  add(slow);
  for (std::size_t i = 0; i < 2; ++i) command(i, gossip::Subscribe{"news", {}});
  connect(1, 0);
  world_.run_for(5s);
  constexpr std::size_t count = 100;
  for (std::size_t i = 0; i < count; ++i) publish(0, std::to_string(i));
  world_.run_for(2s);
  EXPECT_GE(heard(1).size(), 20U);
  EXPECT_LE(heard(1).size(), 50U);
  EXPECT_GT(members_[1]->node.gossip_pauses(), 0U);
  world_.run_for(20s);
  EXPECT_EQ(heard(1).size(), count);
  EXPECT_TRUE(are_connected(0, 1));
}

// A peer that is gone while it owes is not asked again; one that comes back owes nothing less.
TEST_F(GossipNodes, APeerThatOwesMayLeave) {
  NodeConfig slow = config();
  slow.limits.per_peer = {1, 20};
  add();
  add(slow);
  for (std::size_t i = 0; i < 2; ++i) command(i, gossip::Subscribe{"news", {}});
  connect(1, 0);
  world_.run_for(5s);
  for (std::size_t i = 0; i < 100; ++i) publish(0, std::to_string(i));
  world_.run_for(1s);
  const std::size_t before = heard(1).size();
  command(1, Disconnect{members_[0]->id()});
  world_.run_for(10s);
  connect(1, 0);
  world_.run_for(5s);
  publish(0, "after");
  world_.run_for(5s);
  EXPECT_LE(heard(1).size(), before + 25);
  world_.run_for(1min);
  EXPECT_EQ(heard(1).back(), "after");
}

TEST_F(GossipNodes, WhatTheApplicationRejectsGoesNoFurther) {
  gossip::TopicOptions checked;
  checked.has_validator = true;
  add_line(3, checked);
  publish(0, "good", checked);
  publish(0, "bad", checked);
  world_.run_for(100ms);
  std::size_t asked = 0;
  for (const auto& report : std::vector<Report>(members_[1]->reports)) {
    const auto* validate = std::get_if<gossip::Validate>(&report);
    if (validate == nullptr) continue;
    ++asked;
    const bool is_good = base::as_text(validate->message.data.view()) == "good";
    command(1, gossip::Validated{validate->token,
                                 is_good ? gossip::Verdict::accept : gossip::Verdict::reject});
  }
  EXPECT_EQ(asked, 2U);
  world_.run_for(100ms);
  EXPECT_EQ(heard(1), std::vector<std::string>{"good"});
  std::size_t asked_behind = 0;
  for (const auto& report : members_[2]->reports) {
    asked_behind += std::holds_alternative<gossip::Validate>(report) ? 1 : 0;
  }
  EXPECT_EQ(asked_behind, 1U) << "the bad one was not handed on";
}

TEST_F(GossipNodes, A37AStreamThatClosesIsOpenedAgain) {
  add_line(2);
  ASSERT_TRUE(world_.break_link(0));
  world_.run_for(1s);
  EXPECT_EQ(members_[0]->node.router()->peer_count(), 0U) << "no dead entry";
  connect(1, 0, 2);
  world_.run_for(5s);
  publish(0, "again");
  world_.run_for(1s);
  EXPECT_EQ(heard(1), std::vector<std::string>{"again"});
}

// Node 0 has room for one of two peers that are not connected to each other, and recommends each to
// the other by the record that identify brought.
TEST_F(GossipNodes, APruneCarriesTheRecordsOfOthers) {
  NodeConfig narrow = config();
  narrow.gossip.mesh = {.d = 1, .d_lo = 1, .d_hi = 2, .d_score = 0, .d_out = 0};
  narrow.gossip.fanout.hops_max = 0;
  add(narrow);
  NodeConfig credulous = config();
  credulous.gossip.thresholds.accept_px = 0;
  credulous.gossip.px_takes_private_addresses = true;
  for (std::size_t i = 1; i < 3; ++i) {
    add(credulous);
    connect(i, 0);
  }
  for (std::size_t i = 0; i < 3; ++i) command(i, gossip::Subscribe{"news", {}});
  world_.run_for(5s);
  EXPECT_GT(members_[0]->node.router()->stats().prunes, 0U);
  EXPECT_TRUE(are_connected(1, 2));
}

TEST_F(GossipNodes, ALargeMessageCrossesInPieces) {
  add_line(3);
  const std::string large(900'000, 'x');
  publish(0, large);
  world_.run_for(20s);
  ASSERT_EQ(heard(2).size(), 1U);
  EXPECT_EQ(heard(2)[0], large);
}

TEST_F(GossipNodes, ANodeWithoutGossipIsNoPeerOfTheRouter) {
  add();
  NodeConfig silent = config();
  silent.speaks_gossip = false;
  add(silent);
  connect(0, 1);
  world_.run_for(5s);
  ASSERT_TRUE(are_connected(0, 1));
  EXPECT_EQ(members_[0]->node.router()->peer_count(), 0U);
  EXPECT_EQ(members_[1]->node.router(), nullptr);
}

}  // namespace
}  // namespace kith::node
