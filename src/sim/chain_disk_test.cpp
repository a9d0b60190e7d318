#include "sim/chain_disk.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/test_machine.h"

namespace kith::sim {
namespace {

using Answer = PuppetMachine::Answer;

PuppetMachine& puppet(World& world, std::uint32_t node) {
  return static_cast<PuppetMachine&>(*world.machine(node));
}
void ask(World& world, std::uint32_t node, std::vector<host::WorldOutput> outputs) {
  world.mutate(node, [&](host::WorldMachine& machine, Instant) {
    for (auto& each : outputs) {
      static_cast<PuppetMachine&>(machine).outputs.push_back(std::move(each));
    }
  });
}
std::unique_ptr<host::WorldMachine> make_puppet(NodeContext&) {
  return std::make_unique<PuppetMachine>();
}

host::AppendLog append_of(std::uint8_t number, std::uint64_t segment = 1,
                          bool begins_anew = false) {
  return {Token{number}, segment, {Bytes{number}}, begins_anew};
}
host::WriteChain write_of(std::uint8_t number) {
  auto batch = std::make_shared<ledger::WriteBatch>();
  batch->height = {number};
  batch->records.push_back({ledger::Table::meta, {number}, Bytes{number}});
  batch->first_leaf = number;
  batch->leaves.push_back({});
  return {Token{number}, batch};
}

class CountJob final : public host::Job {
 public:
  explicit CountJob(int& runs) : runs_(runs) {}
  void run() override { ++runs_; }

 private:
  int& runs_;
};

TEST(SimChainDisk, AnswersInOrderWhenItIsDurable) {
  World world({.seed = 1});
  const auto node = world.add_node(
      make_puppet, {.job_takes = 7ms, .chain_disk = {.append_takes = 1ms, .write_takes = 2ms}});
  world.run_for(1s);
  int runs = 0;
  ask(world, node,
      {append_of(1), append_of(2), write_of(0), write_of(1),
       host::RunJob{Token{9}, std::make_shared<CountJob>(runs)}});
  EXPECT_EQ(runs, 1);  // at once
  EXPECT_TRUE(world.chain_disk(node).log().empty());
  world.run_for(1s);
  const Instant at{1s};
  auto answers = puppet(world, node).answers;
  std::ranges::sort(answers, [](const Answer& a, const Answer& b) {
    return std::tie(a.what, a.token) < std::tie(b.what, b.token);
  });
  EXPECT_EQ(answers, (std::vector<Answer>{{'c', Token{0}, at + 2ms},
                                          {'c', Token{1}, at + 4ms},
                                          {'j', Token{9}, at + 7ms},
                                          {'l', Token{1}, at + 1ms},
                                          {'l', Token{2}, at + 2ms}}));
  EXPECT_EQ(world.chain_disk(node).log(), (ChainDisk::Segments{{1, {{1}, {2}}}}));
  EXPECT_EQ(world.chain_disk(node).store().leaves().size(), 2u);
}

TEST(SimChainDisk, AJobThatTakesNoTimeIsAnsweredInALaterTurn) {
  World world({.seed = 1});
  const auto node = world.add_node(make_puppet);
  world.run_for(1s);
  int runs = 0;
  ask(world, node, {host::RunJob{Token{9}, std::make_shared<CountJob>(runs)}});
  EXPECT_TRUE(puppet(world, node).answers.empty());
  world.run_for(0s);
  EXPECT_EQ(puppet(world, node).answers, (std::vector<Answer>{{'j', Token{9}, Instant{1s}}}));
}

TEST(SimChainDisk, BeginsAnew) {
  World world({.seed = 1});
  const auto node = world.add_node(make_puppet);
  ask(world, node, {append_of(1, 4), append_of(2, 5), append_of(3, 5, true), append_of(4, 5)});
  world.run_for(1s);
  EXPECT_EQ(world.chain_disk(node).log(), (ChainDisk::Segments{{5, {{3}, {4}}}}));
}

// Whatever was answered is there after the crash, what was not may be, in order; and the next life
// sees exactly that.
TEST(SimChainDisk, ACrashKeepsWhatWasAnsweredAndSomeOfTheRest) {
  std::vector<std::size_t> logs(11);
  std::vector<std::size_t> writes(11);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    World world({.seed = seed});
    const ChainDisk* seen = nullptr;
    ChainDisk::Segments at_start;
    const auto factory = [&](NodeContext& context) {
      seen = &context.chain;
      at_start = context.chain.log();
      return std::make_unique<PuppetMachine>();
    };
    const auto node =
        world.add_node(factory, {.chain_disk = {.append_takes = 10ms, .write_takes = 10ms}});
    for (std::uint8_t i = 0; i < 10; ++i) ask(world, node, {append_of(i), write_of(i)});
    world.run_for(45ms);
    EXPECT_EQ(puppet(world, node).answers.size(), 8u);
    world.restart(node);
    ASSERT_EQ(seen, &world.chain_disk(node));
    const std::size_t log = at_start.at(1).size();
    ASSERT_GE(log, 4u);
    for (std::uint8_t i = 0; i < log; ++i) ASSERT_EQ(at_start.at(1)[i], Bytes{i});
    ++logs[log];
    const std::size_t written = seen->store().size(ledger::Table::meta);
    ASSERT_GE(written, 4u);
    ASSERT_EQ(seen->store().leaves().size(), written);
    ++writes[written];
    world.run_for(1s);
    EXPECT_TRUE(puppet(world, node).answers.empty());
    EXPECT_EQ(world.chain_disk(node).log(), at_start);
  }
  for (std::size_t count = 4; count <= 10; ++count) {
    EXPECT_GT(logs[count], 0u) << count;
    EXPECT_GT(writes[count], 0u) << count;
  }
}

TEST(SimChainDisk, ASlowSyncDelaysWhatIsBehindIt) {
  World world({.seed = 1});
  const auto node =
      world.add_node(make_puppet, {.chain_disk = {.append_takes = 1ms, .slow_chance = 1}});
  ask(world, node, {append_of(1), append_of(2)});
  world.run_for(10s);
  EXPECT_EQ(puppet(world, node).answers, (std::vector<Answer>{{'l', Token{1}, Instant{501ms}},
                                                              {'l', Token{2}, Instant{1002ms}}}));
}

TEST(SimChainDisk, DamageLastsUntilTheLogBeginsAnew) {
  World world({.seed = 1});
  const auto node = world.add_node(make_puppet);
  ask(world, node, {append_of(1)});
  world.run_for(1s);
  world.crash(node);
  world.chain_disk(node).damage_log();
  world.start(node);
  ask(world, node, {append_of(2)});
  world.run_for(1s);
  EXPECT_TRUE(world.chain_disk(node).log_damage());
  ask(world, node, {append_of(3, 2, true)});
  world.run_for(1s);
  EXPECT_FALSE(world.chain_disk(node).log_damage());
  world.crash(node);
  world.chain_disk(node).lose_log();
  EXPECT_TRUE(world.chain_disk(node).log().empty());
}

}  // namespace
}  // namespace kith::sim
