#include "compute/job_work.h"

#include <gtest/gtest.h>

#include "compute/workload_external.h"

namespace kith::compute {
namespace {

using collatz::U128;

TEST(JobWork, ARegionOfCollatzIsTheEnginesOwn) {
  const U128 from = U128{1} << 71;
  const auto work = collatz_job_work(from, from + (U128{1} << 65) - 1);
  ASSERT_TRUE(work.has_value()) << work.error().message;
  EXPECT_EQ(work->shape.tasks, 1u << 15);
  EXPECT_EQ(work->shape.units, 1'024U);
  EXPECT_EQ(work->shape.slices, 16U);
  EXPECT_EQ(work->region_tasks, 1u << 15);
  const auto range = job_range(1, work->params);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->from, collatz::to_decimal(from));
  EXPECT_EQ(range->to, collatz::to_decimal(from + (U128{1} << 65) - 1));
}

TEST(JobWork, ConsecutiveNumbersAreWholeTasksOfAPowerOf4) {
  const U128 from = U128{1} << 71;
  for (const unsigned bits : {22u, 23u, 30u, 48u}) {
    const U128 count = U128{1} << bits;
    const auto work = collatz_job_work(from, from + count - 1);
    ASSERT_TRUE(work.has_value()) << bits << " " << work.error().message;
    const std::uint32_t units = work->shape.units;
    EXPECT_TRUE(units == 4 || units == 16 || units == 64 || units == 256 || units == 1'024)
        << units;
    EXPECT_LE(work->shape.slices, 64U);
    EXPECT_EQ(job_range(1, work->params).value().to, collatz::to_decimal(from + count - 1));
  }
  EXPECT_EQ(collatz_job_work(from, from + (U128{1} << 21) - 1).error().code, Code::usage);
  EXPECT_EQ(collatz_job_work(from + 1, from + (U128{1} << 22)).error().code, Code::usage);
  EXPECT_EQ(collatz_job_work(from, from - 1).error().code, Code::usage);
  EXPECT_EQ(collatz_job_work(0, 9).error().code, Code::usage);
}

TEST(JobWork, GoldbachCoversItsRangeExactly) {
  for (const auto& [from, to] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {4, 1'000'000}, {1'000'000, 1'000'000'000}, {4, 10'000'000'000}}) {
    const auto work = goldbach_job_work(from, to);
    ASSERT_TRUE(work.has_value()) << work.error().message;
    EXPECT_EQ(work->workload, WorkloadId::goldbach);
    EXPECT_EQ(work->region_tasks, work->shape.tasks);
    EXPECT_EQ(work->shape.units % 4, 0U);
    const auto range = job_range(2, work->params).value();
    EXPECT_EQ(range.from, std::to_string(from));
    EXPECT_EQ(range.to, std::to_string(to));
  }
  EXPECT_EQ(goldbach_job_work(4, 8).error().code, Code::usage);
  EXPECT_EQ(goldbach_job_work(5, 5).error().code, Code::usage);
  EXPECT_EQ(job_range(9, {}).error().code, Code::unsupported);
  EXPECT_FALSE(job_range(1, {}).has_value());
}

TEST(JobWork, AProgramsRangeIsCutAsItsOwnerSays) {
  const Hash program{7};
  const auto work = program_job_work(program, {1, 6'400, 640, 16, 4});
  ASSERT_TRUE(work.has_value()) << work.error().message;
  EXPECT_EQ(work->shape, (TaskShape{10, 16, 4}));
  EXPECT_EQ(work->region_tasks, 10u);
  const auto range = job_range(128, work->params).value();
  EXPECT_EQ(range.name, "external:07" + std::string(62, '0'));
  EXPECT_EQ((std::pair(range.from, range.to)), (std::pair<std::string, std::string>("1", "6400")));
  EXPECT_EQ(describe_task(128, work->params, {3}).value(),
            "task 3 of 10 of the program 0700000000000000");
  const auto refused = [&](ProgramCut cut) {
    const auto made = program_job_work(program, cut);
    return made ? Code::internal : made.error().code;
  };
  EXPECT_EQ(refused({1, 6'400, 600, 16, 4}), Code::usage);  // slices of unequal size
  EXPECT_EQ(refused({1, 6'401, 640, 16, 4}), Code::usage);  // and a number more
  EXPECT_EQ(refused({9, 8, 640, 16, 4}), Code::usage);
  EXPECT_EQ(refused({1, 6'400, 0, 16, 4}), Code::usage);
  for (const std::uint32_t units : {0u, 1u, 8u, 4'096u}) {
    EXPECT_EQ(refused({1, 6'400, 640, units, 1}), Code::usage) << units;
  }
  EXPECT_EQ(refused({1, 6'400, 640, 16, 0}), Code::usage);
  EXPECT_EQ(refused({1, 6'400, 640, 4, 65}), Code::usage);
  EXPECT_EQ(refused({0, UINT64_MAX, 64, 16, 4}), Code::limit);
  // A program's argument may be something else.
  ExternalParams other{program, 1, 4, 1, {1, 2, 3}};
  EXPECT_EQ(job_range(128, encode_params(other)).error().code, Code::unsupported);
}

TEST(JobWork, TasksAreDescribedWhereTheWorkloadIsKnown) {
  const JobWork work = goldbach_job_work(1'000, 1'000'000).value();
  EXPECT_NE(describe_task(2, work.params, {0}).value().find("even numbers from 1000 on"),
            std::string::npos);
  EXPECT_EQ(describe_task(9, work.params, {0}).error().code, Code::unsupported);
  EXPECT_FALSE(describe_task(128, work.params, {0}).has_value());
}

}  // namespace
}  // namespace kith::compute
