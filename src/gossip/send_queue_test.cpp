#include "gossip/send_queue.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace kith::gossip {
namespace {

constexpr std::size_t plenty = 1 << 20;

std::string text(const std::optional<SendQueue::Piece>& piece) {
  return piece ? std::string(base::as_text(piece->bytes.view())) : "(nothing)";
}

/// A queue with its configuration and counts.
struct Bench {
  explicit Bench(const SendQueueConfig& config_ = {}) : config(config_) {}
  /// Gives how many frames were dropped for it.
  std::uint64_t push(Buffer frame, FrameKind kind, Priority priority = Priority::application) {
    const std::uint64_t before = drops.total();
    queue.push(config, std::move(frame), kind, priority, drops);
    return drops.total() - before;
  }
  std::uint64_t push(std::string_view frame, FrameKind kind,
                     Priority priority = Priority::application) {
    return push(Buffer(frame), kind, priority);
  }
  std::uint64_t message(std::string_view frame, Priority priority) {
    return push(frame, FrameKind::message, priority);
  }
  std::optional<SendQueue::Piece> pop(std::size_t room = plenty) { return queue.pop(config, room); }
  std::uint64_t dropped(Priority priority) const {
    return drops.messages[static_cast<std::size_t>(priority)];
  }

  const SendQueueConfig config;
  SendQueue queue;
  SendDrops drops;
};

TEST(SendQueue, ControlGoesFirstAndGossipLast) {
  Bench bench;
  bench.push("gossip", FrameKind::gossip);
  bench.message("bulk", Priority::bulk);
  bench.message("message", Priority::application);
  bench.push("urgent", FrameKind::urgent);
  bench.message("vote", Priority::consensus);
  bench.message("payment", Priority::transactions);
  bench.push("control", FrameKind::control);
  bench.message("message 2", Priority::application);
  bench.message("block", Priority::blocks);
  for (const char* expected : {"control", "urgent", "vote", "block", "payment", "message",
                               "message 2", "bulk", "gossip", "(nothing)"}) {
    EXPECT_EQ(text(bench.pop()), expected);
  }
  EXPECT_TRUE(bench.queue.empty());
  EXPECT_EQ(bench.queue.bytes(), 0u);
}

// Row A36.
TEST(SendQueue, DropsGossipFirstAndControlNever) {
  Bench bench({4, 1000});
  bench.push("c", FrameKind::control);
  bench.push("g1", FrameKind::gossip);
  bench.push("m1", FrameKind::message);
  bench.push("u1", FrameKind::urgent);
  EXPECT_EQ(bench.push("m2", FrameKind::message), 1u);  // for g1
  EXPECT_EQ(bench.queue.frames_of(FrameKind::gossip), 0u);
  EXPECT_EQ(bench.push("g2", FrameKind::gossip), 1u);   // itself
  EXPECT_EQ(bench.push("m3", FrameKind::message), 1u);  // for u1
  EXPECT_EQ(bench.push("u2", FrameKind::urgent), 1u);   // itself
  EXPECT_EQ(bench.push("m4", FrameKind::message), 1u);  // for m1, the oldest
  EXPECT_EQ(bench.push("c2", FrameKind::control), 1u);  // for m2
  for (int i = 0; i < 10; ++i) bench.push("c3", FrameKind::control);
  EXPECT_EQ(bench.queue.frames_of(FrameKind::message), 0u);
  EXPECT_EQ(bench.queue.frames_of(FrameKind::control), 12u);
  EXPECT_EQ(bench.push("m5", FrameKind::message), 1u);  // itself
  EXPECT_EQ(bench.drops.gossip, 2u);
  EXPECT_EQ(bench.drops.urgent, 2u);
  EXPECT_EQ(bench.dropped(Priority::application), 5u);
}

TEST(SendQueue, TheLeastUrgentMakesRoom) {
  Bench bench({4, 1000});
  bench.message("b1", Priority::bulk);
  bench.message("b2", Priority::bulk);
  bench.push("u", FrameKind::urgent);
  bench.message("vote 1", Priority::consensus);
  EXPECT_EQ(bench.message("block", Priority::blocks), 1u);      // for b1
  EXPECT_EQ(bench.message("b3", Priority::bulk), 1u);           // for b2, the oldest of its own
  EXPECT_EQ(bench.message("vote 2", Priority::consensus), 1u);  // for b3
  EXPECT_EQ(bench.message("b4", Priority::bulk), 1u);           // itself: not for the announcement
  EXPECT_EQ(bench.message("vote 3", Priority::consensus), 1u);  // for the announcement
  EXPECT_EQ(bench.message("a", Priority::application), 1u);     // itself
  EXPECT_EQ(bench.message("vote 4", Priority::consensus), 1u);  // for the block
  EXPECT_EQ(bench.dropped(Priority::bulk), 4u);
  EXPECT_EQ(bench.dropped(Priority::application), 1u);
  EXPECT_EQ(bench.dropped(Priority::blocks), 1u);
  EXPECT_EQ(bench.dropped(Priority::consensus), 0u);
  EXPECT_EQ(bench.drops.urgent, 1u);
  for (const char* expected : {"vote 1", "vote 2", "vote 3", "vote 4", "(nothing)"}) {
    EXPECT_EQ(text(bench.pop()), expected);
  }
}

TEST(SendQueue, IsBoundedInBytes) {
  Bench bench({100, 1000});
  bench.push(Buffer::zeros(600), FrameKind::message);
  EXPECT_EQ(bench.push(Buffer::zeros(600), FrameKind::message), 1u);
  EXPECT_EQ(bench.queue.bytes(), 600u);
  // What can never fit costs the others nothing.
  EXPECT_EQ(bench.push(Buffer::zeros(1001), FrameKind::message), 1u);
  EXPECT_EQ(bench.queue.frames(), 1u);
}

TEST(SendQueue, CutsAFrameAndFinishesItFirst) {
  Bench bench;
  bench.message("abcdefgh", Priority::bulk);
  const auto first = bench.pop(3);
  EXPECT_EQ(text(first), "abc");
  EXPECT_FALSE(first->is_whole);
  bench.push("control", FrameKind::control);
  EXPECT_EQ(text(bench.pop(0)), "(nothing)");
  EXPECT_EQ(text(bench.pop()), "defgh");
  const auto whole = bench.pop();
  EXPECT_EQ(text(whole), "control");
  EXPECT_TRUE(whole->is_whole);
  EXPECT_TRUE(bench.queue.empty());
}

// However much comes ahead of them, the lanes behind get their share, in bytes: a large frame has
// to wait for more.
TEST(SendQueue, NobodyStarves) {
  Bench bench({100'000, 1 << 30, 16});
  for (int i = 0; i < 200; ++i) {
    bench.push(Buffer::zeros(1000), FrameKind::message, Priority::bulk);
    bench.push(Buffer::zeros(100), FrameKind::gossip);
  }
  std::map<FrameKind, std::size_t> others;
  std::size_t votes = 0, bulk = 0;
  for (int i = 0; i < 10'000; ++i) {
    bench.push(Buffer::zeros(100), FrameKind::message, Priority::consensus);
    const auto piece = bench.pop();
    ASSERT_TRUE(piece);
    if (piece->kind == FrameKind::gossip) {
      ++others[FrameKind::gossip];
    } else {
      (piece->bytes.size() == 1000 ? bulk : votes) += piece->bytes.size();
    }
  }
  EXPECT_EQ(others[FrameKind::gossip], 200u);  // all
  EXPECT_NEAR(static_cast<double>(bulk) / static_cast<double>(votes), 1.0 / 16, 0.01);
}

TEST(SendQueue, APatienceOfZeroIsNoOrderButNoStarvingEither) {
  Bench bench({100, 1000, 0});
  bench.message("b", Priority::bulk);
  bench.message("v", Priority::consensus);
  EXPECT_EQ(text(bench.pop()), "b");
  EXPECT_EQ(text(bench.pop()), "v");
}

// Against a plain model: limits hold, each lane is first in, first out, and all is accounted for.
TEST(SendQueue, AgreesWithAModel) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint16_t>& steps) {
    const SendQueueConfig config{8, 64, 3};
    SendQueue queue;
    SendDrops drops;
    std::map<std::size_t, std::uint8_t> last;  // by size, which stands for the lane
    std::uint64_t pushed = 0, popped = 0;
    for (const std::uint16_t step : steps) {
      if (step % 3 == 0) {
        const auto piece = queue.pop(config, plenty);
        RC_ASSERT(piece.has_value() || queue.empty());
        if (!piece) continue;
        ++popped;
        RC_ASSERT(piece->is_whole);
        const std::uint8_t number = piece->bytes.view()[0];
        RC_ASSERT(number > last[piece->bytes.size()]);
        last[piece->bytes.size()] = number;
      } else if (pushed < 255) {
        const auto priority = static_cast<Priority>(step % base::priorities);
        const bool is_message = step % 7 != 0;
        const std::size_t size = is_message ? 2 + static_cast<std::size_t>(priority) : 1;
        Bytes frame(size, static_cast<std::uint8_t>(++pushed));
        queue.push(config, Buffer(std::move(frame)),
                   is_message ? FrameKind::message : FrameKind::gossip, priority, drops);
      }
      RC_ASSERT(queue.frames() <= config.frames_max && queue.bytes() <= config.bytes_max);
      RC_ASSERT(pushed == popped + drops.total() + queue.frames());
    }
  }));
}

}  // namespace
}  // namespace kith::gossip
