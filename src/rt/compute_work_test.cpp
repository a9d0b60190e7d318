#include "rt/compute_work.h"

#include <gtest/gtest.h>

#include <atomic>

#include "compute/workload_collatz.h"
#include "compute/workload_goldbach.h"
#include "rt/compute_journal.h"
#include "rt/files.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using namespace compute;

/// Eight tasks of two units of four slices.
GoldbachParams small_params() { return {1000, 16 * 1000, 1000, 2, 4, 65536}; }

WorkOptions goldbach(unsigned threads) {
  WorkOptions options;
  options.make_workload = []() -> Result<std::unique_ptr<Workload>> {
    return std::make_unique<GoldbachWorkload>();
  };
  options.params = encode_params(small_params());
  options.tasks = 8;
  options.threads = threads;
  options.is_idle_priority = false;  // other tests run beside these
  return options;
}

void no_progress(const WorkProgress&) {}

std::atomic<int> asked = 0;
std::atomic<int> asked_max = 0;
/// True from the asked_max-th time on.
bool is_stopped_then() { return ++asked > asked_max; }

TEST(ComputeWork, ComesToTheSameHoweverItIsDone) {
  const auto one = do_work(goldbach(1), no_progress);
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_TRUE(one->is_complete);
  EXPECT_EQ(one->slices_done, 64u);
  ASSERT_EQ(one->tasks.size(), 8u);
  goldbach::Partitioner whole;
  EXPECT_EQ(decode_goldbach_result(one->statistics).value(), whole.run(1000, 16'000, 65536));
  const auto three = do_work(goldbach(3), no_progress);
  EXPECT_EQ(three->tasks, one->tasks);
  EXPECT_EQ(three->statistics, one->statistics);
  // A part of it has its tasks' roots.
  WorkOptions part = goldbach(2);
  part.first_task = 3;
  part.tasks = 2;
  const auto some = do_work(part, no_progress);
  EXPECT_EQ(some->tasks, (std::vector<TaskOutcome>{one->tasks[3], one->tasks[4]}));
}

TEST(ComputeWork, CollatzRootsAreTheEngines) {
  WorkOptions options;
  options.make_workload = []() -> Result<std::unique_ptr<Workload>> {
    return std::make_unique<CollatzWorkload>(collatz::KernelKind::scalar);
  };
  const CollatzParams params{{12, 12, 2, 0, 9, 40, {}}, 1, 2};
  options.params = encode_params(params);
  options.tasks = 2;
  const auto done = do_work(options, no_progress);
  ASSERT_TRUE(done) << done.error().message;
  std::vector<collatz::SliceResult> slices(4);
  ASSERT_TRUE(collatz::make_kernel(collatz::KernelKind::reference)
                  ->run(collatz::Plan(params.first), 0, slices));
  const Hash unit = collatz::unit_root(params.first, slices);
  EXPECT_EQ(done->tasks[0].root, task_root(std::span(&unit, 1)));
}

TEST(ComputeWork, FindsAreTold) {
  WorkOptions options = goldbach(2);
  GoldbachParams params = small_params();
  params.first = 503'000 - 8000;
  params.limit = 500;
  options.params = encode_params(params);
  const auto done = do_work(options, no_progress);
  EXPECT_EQ(done->finds, (std::vector<Find>{{Find::Kind::counterexample, "503222", ""}}));
}

TEST(ComputeWork, StoppedAndResumedIsTheSame) {
  TempDir dir;
  const auto whole = do_work(goldbach(1), no_progress);
  WorkOptions options = goldbach(1);
  options.journal = dir / "journal";
  std::uint64_t before = 0;
  int lives = 0;
  for (asked_max = 20;; asked_max = asked_max * 2) {
    ++lives;
    asked = 0;
    options.is_stopped = is_stopped_then;
    const auto part = do_work(options, no_progress);
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(part->slices_resumed, before);
    before = part->slices_done;
    if (!part->is_complete) continue;
    EXPECT_EQ(part->tasks, whole->tasks);
    EXPECT_EQ(part->statistics, whole->statistics);
    break;
  }
  EXPECT_GT(lives, 2);
  // What is done is done.
  options.is_stopped = [] { return false; };
  const auto again = do_work(options, no_progress);
  EXPECT_EQ(again->slices_resumed, 64u);
  EXPECT_EQ(again->tasks, whole->tasks);
}

TEST(ComputeWork, AJournalThatDoesNotFitIsRefused) {
  TempDir dir;
  WorkOptions options = goldbach(1);
  options.journal = dir / "journal";
  const auto refusal = [&](const std::vector<JournalEntry>& entries) -> std::optional<Code> {
    Bytes bytes = encode(JournalHeader{WorkloadId::goldbach, options.params, 0, 8});
    const Bytes header = bytes;
    for (const JournalEntry& entry : entries) {
      base::append(bytes, encode_frame(header, bytes.size(), 0, entry));
    }
    EXPECT_TRUE(write_file_atomic(options.journal, bytes, 0600));
    const auto done = do_work(options, no_progress);
    return done ? std::optional<Code>() : done.error().code;
  };
  // A slice that the run does not have, one that is there twice, a result that is none.
  const Bytes good = encode_result(goldbach::EvenResult{1, 3, 3, 8, 0, 0});
  EXPECT_EQ(refusal({{{8}, 0, 0, good}}), Code::malformed);
  EXPECT_EQ(refusal({{{0}, 2, 0, good}}), Code::malformed);
  EXPECT_EQ(refusal({{{0}, 0, 0, good}, {{0}, 0, 0, good}}), Code::malformed);
  EXPECT_EQ(refusal({{{0}, 0, 0, Bytes{1}}}), Code::truncated);
  EXPECT_EQ(refusal({{{0}, 0, 0, good}}), std::nullopt);
}

TEST(ComputeWork, RulesPauseAndResume) {
  WorkOptions options = goldbach(2);
  int looks = 0;
  options.rules = [&] {
    WorkRules rules;
    rules.is_paused = ++looks <= 2;
    return rules;
  };
  std::vector<WorkPause> seen;
  const auto done = do_work(options, [&](const WorkProgress& progress) {
    seen.push_back(progress.pause);
    EXPECT_EQ(progress.slices_done, 0u);
    EXPECT_FALSE(progress.left_s);
  });
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->is_complete);
  EXPECT_GE(looks, 3);
  ASSERT_GE(seen.size(), 1u);
  EXPECT_EQ(seen[0], WorkPause::paused);
}

TEST(ComputeWork, KeepsToItsShareOfTheTime) {
  WorkOptions options = goldbach(1);
  const GoldbachParams params{4, 1 << 26, 1 << 23, 1, 16, 65536};
  options.params = encode_params(params);
  options.tasks = 8;
  options.rules = [] {
    WorkRules rules;
    rules.cpu_percent = 20;
    return rules;
  };
  const auto done = do_work(options, no_progress);
  ASSERT_TRUE(done && done->is_complete);
  EXPECT_GT(done->wall_s, 3 * done->cpu_s);
}

TEST(ComputeWork, TooMuchMemoryEndsIt) {
  WorkOptions options = goldbach(1);
  options.rules = [] {
    WorkRules rules;
    rules.memory_bytes_max = 1;
    return rules;
  };
  EXPECT_EQ(do_work(options, no_progress).error().code, Code::limit);
}

TEST(ComputeWork, BadRangesAreNamed) {
  const auto code_of = [](std::uint64_t first, std::uint64_t tasks) {
    WorkOptions options = goldbach(1);
    options.first_task = first;
    options.tasks = tasks;
    return do_work(options, no_progress).error().code;
  };
  EXPECT_EQ(code_of(0, 0), Code::usage);
  EXPECT_EQ(code_of(8, 1), Code::usage);
  EXPECT_EQ(code_of(7, 2), Code::usage);
  EXPECT_EQ(code_of(1, UINT64_MAX), Code::usage);
  WorkOptions options = goldbach(1);
  options.params = encode_params(GoldbachParams{4, std::uint64_t{1} << 40, 1, 1, 1, 65536});
  options.tasks = work_tasks_max + 1;
  EXPECT_EQ(do_work(options, no_progress).error().code, Code::limit);
  options.params.pop_back();
  EXPECT_EQ(do_work(options, no_progress).error().code, Code::truncated);
}

}  // namespace
}  // namespace kith::rt
