// Finds in jobs: a planted counterexample is found by whoever computes its task, confirmed by
// others who look at the number alone, and is on the ledger under its finder's name.
#include <algorithm>

#include "compute/workload_collatz.h"
#include "node/worker.h"
#include "node/worker_test_util.h"

namespace kith::node::test {
namespace {

using compute::collatz::KernelKind;

/// Under 3n + 29 in the place of 3n + 1, 2531 is the least of ten numbers in the first three units
/// that never come below where these begin (compute/collatz/kernel_test.cpp); the sieve's rules
/// leave four of them, for the others come to the same as a smaller one.
constexpr std::uint64_t planted_map = 29;
constexpr std::size_t planted = 4;

compute::CollatzParams planted_params() { return {{8, 8, 1, 0, 8, 8, {planted_map}}, 16, 4'000}; }

codec::JobSpec planted_spec() {
  codec::JobSpec spec = goldbach_spec();
  spec.workload = 1;
  spec.params = compute::encode_params(planted_params());
  return spec;
}

Result<std::unique_ptr<compute::Workload>> make_collatz(std::uint8_t workload, ByteView) {
  if (workload != 1) return fail(Code::unsupported, "only Collatz here");
  return std::make_unique<compute::CollatzWorkload>(KernelKind::scalar);
}

std::string decimal(const std::array<std::uint8_t, 16>& number) {
  compute::collatz::U128 value = 0;
  for (const std::uint8_t byte : number) value = value << 8 | byte;
  return compute::collatz::to_decimal(value);
}

/// Peers of their own, with another kernel: they say of each number that is claimed what they see.
struct Validators {
  explicit Validators(JobWorld& in) : world(in) {}
  void look() {
    const compute::CollatzWorkload own(KernelKind::reference);
    for (const ledger::AskedVerdict& asked : ledger::verdicts_asked(world.entries)) {
      ASSERT_EQ(asked.kind, codec::DisputeKind::find);
      const compute::Find find{static_cast<compute::Find::Kind>(asked.what), decimal(asked.number),
                               ""};
      const bool is_one = own.check_find(asked.params, find).value();
      (is_one ? confirmed : refused) += 1;
      ASSERT_TRUE(world.judge(asked.dispute, is_one ? asked.find : Hash{}).has_value());
    }
  }
  JobWorld& world;
  std::size_t confirmed = 0;
  std::size_t refused = 0;
};

std::vector<codec::FindEntry> finds_in(const JobWorld& world) {
  std::vector<codec::FindEntry> finds;
  world.entries.visit(codec::EntryKind::find, {}, [&](ByteView, const auto& bytes) {
    finds.push_back(codec::decode_entry<codec::FindEntry>(*bytes).value());
    return true;
  });
  return finds;
}

/// The slot's owner that has the job's first task, in which all of them are.
std::uint32_t whose_is_the_first_task(const WorkerWorld& net) {
  for (const auto& [n, member] : net.members) {
    const codec::SlotEntry slot = net.world.slot(n);
    if (!slot.queue.empty() && slot.queue.front().task.value == 0) return n;
  }
  return 0;
}

TEST(WorkerFind, APlantedCounterexampleIsFoundConfirmedByOthersAndOnTheLedger) {
  for (const bool is_killed : {false, true}) {
    WorkerWorld net(planted_spec(), make_collatz);
    for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
    std::uint32_t finder = 0;
    for (int i = 0; i < 40 && finder == 0; ++i) {
      net.block();
      finder = whose_is_the_first_task(net);
    }
    ASSERT_NE(finder, 0u);
    auto& member = net.members.at(finder);
    if (is_killed) {  // at each keep, and once more behind it
      auto lived = std::make_shared<bool>(false);
      member.dies_after = [lived] { return !std::exchange(*lived, !*lived); };
    }
    Validators validators(net.world);
    for (int i = 0; i < 400 && validators.confirmed < planted; ++i) {
      net.block();
      validators.look();
    }
    EXPECT_EQ(validators.confirmed, planted);
    EXPECT_EQ(validators.refused, 0u);
    EXPECT_EQ(net.world.count(Kind::found), planted);
    const auto finds = finds_in(net.world);
    ASSERT_EQ(finds.size(), planted);
    std::vector<std::string> numbers;
    for (const codec::FindEntry& find : finds) {
      EXPECT_EQ(find.account, JobWorld::account(finder));
      EXPECT_EQ(find.worker, identity(finder).key);
      EXPECT_EQ(find.task.value, 0u);
      EXPECT_EQ(find.what, 1);
      numbers.push_back(decimal(find.number));
    }
    EXPECT_NE(std::ranges::find(numbers, "2531"), numbers.end());
    net.rounds(4);
    EXPECT_EQ(finds_in(net.world).size(), planted) << "nothing is claimed twice";
    EXPECT_EQ(net.world.count(Kind::fault) + net.world.count(Kind::silent), 0u);
    if (is_killed) {
      EXPECT_GT(member.kills, 3);
      continue;
    }
    EXPECT_EQ(member.worker->stats().finds, planted);
    EXPECT_EQ(member.worker->stats().claims, planted);
    for (const auto& [n, other] : net.members) {
      if (n != finder) EXPECT_EQ(other.worker->stats().finds, 0u) << "who checks has no claim";
    }
    EXPECT_EQ(std::ranges::count_if(
                  member.news,
                  [](const WorkerOutput& news) { return std::holds_alternative<FindMade>(news); }),
              static_cast<std::ptrdiff_t>(planted));
  }
}

TEST(WorkerFind, WhereNobodyGivesVerdictsAFindIsClaimedThreeTimesAndNoMore) {
  WorkerWorld net(planted_spec(), make_collatz);
  for (std::uint32_t n = 10; n < 22; ++n) net.add(n);
  for (int i = 0; i < 1'000; ++i) net.block();
  std::uint64_t claims = 0;
  for (const auto& [n, member] : net.members) claims += member.worker->stats().claims;
  EXPECT_GT(claims, planted);
  EXPECT_LE(claims, Worker::claims_max * planted);
  EXPECT_TRUE(finds_in(net.world).empty());
  EXPECT_EQ(net.world.count(Kind::fault), 0u) << "a find that nobody looked at costs nothing";
}

TEST(WorkerFind, IsKeptAsItWas) {
  KeptFinds finds{{1}, {7}, {{3, {}, 1}, {4, {}, 2}}};
  finds.finds[0].number[15] = 27;
  const Bytes bytes = encode_kept(finds);
  EXPECT_EQ(decode_kept(bytes).value(), Kept(finds));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_kept(ByteView(bytes).first(size)).has_value());
  }
  WorkerMemory memory;
  memory.keep(finds);
  EXPECT_EQ(memory.all(), std::vector<Bytes>{bytes});
  finds.finds.resize(kept_finds_max + 1);
  EXPECT_EQ(decode_kept(encode_kept(finds)).error().code, Code::too_large);
}

}  // namespace
}  // namespace kith::node::test
