#include "base/machine.h"

#include "base/queue.h"

namespace kith::base {
namespace {

/// Answers every input n with the outputs n, n - 1, ... 1, and wants to be called again n ns later.
class Countdown {
 public:
  using Input = int;
  using Output = std::unique_ptr<int>;  // move-only, so that drain must not copy

  void on_input(Instant now, Input from) {
    for (int n = from; n > 0; --n) pending_.push_back(n);
    deadline_ = now + Duration(from);
  }
  void on_deadline(Instant) { deadline_.reset(); }
  std::optional<Output> poll_output(Instant) {
    if (pending_.empty()) return std::nullopt;
    return std::make_unique<int>(pending_.pop_front());
  }
  std::optional<Instant> next_deadline() const { return deadline_; }

 private:
  Queue<int> pending_;
  std::optional<Instant> deadline_;
};

/// A machine with a loop of its own, which the driver must stop.
class Endless {
 public:
  using Input = int;
  using Output = int;
  void on_input(Instant, Input) {}
  void on_deadline(Instant) {}
  std::optional<Output> poll_output(Instant) { return 1; }
  std::optional<Instant> next_deadline() const { return std::nullopt; }
};

class Pipe : public Countdown {
 public:
  std::size_t on_bytes(Instant, ByteSpan bytes) { return bytes.size(); }
  std::size_t poll_transmit(Instant, ByteSpan) { return 0; }
};

struct WithoutDeadline {
  using Input = int;
  using Output = int;
  void on_input(Instant, Input) {}
  void on_deadline(Instant) {}
  std::optional<Output> poll_output(Instant) { return std::nullopt; }
};

static_assert(Machine<Countdown> && Machine<Endless> && Machine<Pipe>);
static_assert(ByteMachine<Pipe> && !ByteMachine<Countdown>);
static_assert(!Machine<WithoutDeadline> && !Machine<int>);

TEST(Drain, HandsOverEveryOutputInOrderAndTheDeadline) {
  Countdown machine;
  const Instant now(Duration(100));
  machine.on_input(now, 3);
  std::vector<int> seen;
  const auto deadline =
      drain(machine, now, [&](std::unique_ptr<int> output) { seen.push_back(*output); });
  EXPECT_EQ(seen, (std::vector{3, 2, 1}));
  EXPECT_EQ(deadline, Instant(Duration(103)));
  EXPECT_FALSE(machine.poll_output(now));
}

TEST(Drain, GivesNothingForAnIdleMachine) {
  Countdown machine;
  bool was_called = false;
  EXPECT_FALSE(drain(machine, Instant(), [&](std::unique_ptr<int>) { was_called = true; }));
  EXPECT_FALSE(was_called);
}

TEST(Drain, TakesWhatPerformingAnOutputProduces) {
  // A shell may answer at once, for example a store that is only memory.
  Countdown machine;
  machine.on_input(Instant(), 2);
  std::vector<int> seen;
  drain(machine, Instant(), [&](std::unique_ptr<int> output) {
    seen.push_back(*output);
    if (seen.size() == 1) machine.on_input(Instant(), 1);
  });
  EXPECT_EQ(seen, (std::vector{2, 1, 1}));
}

TEST(DrainDeathTest, StopsAMachineThatNeverEnds) {
  Endless machine;
  EXPECT_DEATH(drain(machine, Instant(), [](int) {}), "turn_outputs_max");
}

TEST(Overload, PicksTheExactAlternative) {
  const auto name = Overload{[](int) { return "int"; }, [](const std::string&) { return "text"; }};
  EXPECT_STREQ(std::visit(name, std::variant<int, std::string>(1)), "int");
  EXPECT_STREQ(std::visit(name, std::variant<int, std::string>("a")), "text");
}

}  // namespace
}  // namespace kith::base
