#include "gossip/send_queue.h"

#include <gtest/gtest.h>

namespace kith::gossip {
namespace {

constexpr std::size_t plenty = 1 << 20;

std::string text(const std::optional<SendQueue::Piece>& piece) {
  return piece ? std::string(base::as_text(piece->bytes.view())) : "(nothing)";
}

TEST(SendQueue, ControlGoesFirstAndGossipLast) {
  SendQueue queue;
  const SendQueueConfig config;
  queue.push(config, Buffer("gossip"), Priority::gossip);
  queue.push(config, Buffer("message"), Priority::message);
  queue.push(config, Buffer("urgent"), Priority::urgent);
  queue.push(config, Buffer("control"), Priority::control);
  queue.push(config, Buffer("message 2"), Priority::message);
  for (const char* expected :
       {"control", "urgent", "message", "message 2", "gossip", "(nothing)"}) {
    EXPECT_EQ(text(queue.pop(plenty)), expected);
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0u);
}

// Row A36.
TEST(SendQueue, DropsGossipFirstAndControlNever) {
  SendQueue queue;
  const SendQueueConfig config{4, 1000};
  queue.push(config, Buffer("c"), Priority::control);
  queue.push(config, Buffer("g1"), Priority::gossip);
  queue.push(config, Buffer("m1"), Priority::message);
  queue.push(config, Buffer("u1"), Priority::urgent);
  EXPECT_EQ(queue.push(config, Buffer("m2"), Priority::message), 1u);  // for g1
  EXPECT_EQ(queue.frames_of(Priority::gossip), 0u);
  EXPECT_EQ(queue.push(config, Buffer("g2"), Priority::gossip), 1u);   // itself
  EXPECT_EQ(queue.push(config, Buffer("m3"), Priority::message), 1u);  // for u1
  EXPECT_EQ(queue.push(config, Buffer("u2"), Priority::urgent), 1u);   // itself
  EXPECT_EQ(queue.push(config, Buffer("m4"), Priority::message), 1u);  // for m1, the oldest
  EXPECT_EQ(queue.push(config, Buffer("c2"), Priority::control), 1u);  // for m2
  for (int i = 0; i < 10; ++i) queue.push(config, Buffer("c3"), Priority::control);
  EXPECT_EQ(queue.frames_of(Priority::message), 0u);
  EXPECT_EQ(queue.frames_of(Priority::control), 12u);
  EXPECT_EQ(queue.push(config, Buffer("m5"), Priority::message), 1u);  // itself
}

TEST(SendQueue, IsBoundedInBytes) {
  SendQueue queue;
  const SendQueueConfig config{100, 1000};
  queue.push(config, Buffer::zeros(600), Priority::message);
  EXPECT_EQ(queue.push(config, Buffer::zeros(600), Priority::message), 1u);
  EXPECT_EQ(queue.bytes(), 600u);
  // What can never fit costs the others nothing.
  EXPECT_EQ(queue.push(config, Buffer::zeros(1001), Priority::message), 1u);
  EXPECT_EQ(queue.frames(), 1u);
}

TEST(SendQueue, CutsAFrameAndFinishesItFirst) {
  SendQueue queue;
  const SendQueueConfig config;
  queue.push(config, Buffer("abcdefgh"), Priority::message);
  const auto first = queue.pop(3);
  EXPECT_EQ(text(first), "abc");
  EXPECT_FALSE(first->is_whole);
  queue.push(config, Buffer("control"), Priority::control);
  EXPECT_EQ(text(queue.pop(0)), "(nothing)");
  EXPECT_EQ(text(queue.pop(plenty)), "defgh");
  const auto whole = queue.pop(plenty);
  EXPECT_EQ(text(whole), "control");
  EXPECT_TRUE(whole->is_whole);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace kith::gossip
