#include "cli/reports_work.h"

#include <gtest/gtest.h>

#include "cli/args.h"

namespace kith::cli {
namespace {

WorkReport some_report() {
  WorkReport report;
  report.workload = "goldbach";
  report.from = "4";
  report.to = "2361183241434822606847";
  report.params = "00ff";
  report.job_tasks = 9;
  report.first_task = 7;
  report.tasks = 2;
  report.task_roots = {"aa", std::nullopt};
  report.statistics = "0102";
  report.figures = {{"numbers", "77"}, {"sum", "18446744073709551615"}};
  report.finds = {{"counterexample", "503222", ""}};
  report.slices = 32;
  report.slices_done = 31;
  report.wall_s = 1.5;
  report.cpu_s = 2.5;
  return report;
}

TEST(WorkReport, IsReadAgain) {
  const WorkReport report = some_report();
  EXPECT_EQ(parse_work_report(to_json(report)).value(), report);
  WorkReport complete = report;
  complete.is_complete = true;
  complete.root = "bb";
  complete.task_roots[1] = "cc";
  EXPECT_EQ(parse_work_report(to_json(complete)).value(), complete);
  EXPECT_NE(to_text(report).find("COUNTEREXAMPLE: 503222"), std::string::npos);
  EXPECT_NE(to_text(report).find("not complete"), std::string::npos);
}

TEST(WorkReport, WhatIsNoneIsRefused) {
  const std::string good = to_json(some_report());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_TRUE(parse_work_report(good));
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(1),
        with("\"tasks\":2", "\"tasks\":3"), with("\"tasks\":2", "\"tasks\":-2"),
        with("\"first_task\":7", "\"first_task\":8"),
        with("\"first_task\":7", "\"first_task\":18446744073709551615"), with("\"aa\"", "5"),
        with("\"workload\"", "\"werkload\""), with("\"00ff\"", "[]"), with("77", "-77"),
        with("77", "\"x\""), with("77", "\"07\""), with("false", "0"),
        with("\"counterexample\"", "{}")}) {
    const auto parsed = parse_work_report(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::malformed);
  }
}

TEST(WorkReport, Bar) {
  EXPECT_EQ(progress_bar(0.5, 2, "slices", 90, ""),
            "[############............]  50.0 %  2 slices/s  90 s to go");
  EXPECT_EQ(progress_bar(2, 2, "slices", 7260, ""),
            "[########################] 100.0 %  2 slices/s  2:01 h to go");
  EXPECT_EQ(progress_bar(0, 0, "slices", std::nullopt, "on battery"),
            "[........................]   0.0 %  0 slices/s  resting: on battery");
}

TEST(WorkArgs, AreParsed) {
  const char* const words[] = {
      "kith", "compute",  "run",    "--workload", "goldbach", "--from",      "4",
      "--to", "1e6",      "--part", "2/3",        "--hours",  "22:00-06:00", "--cpu-percent",
      "50",   "--memory", "1GiB",   "--snooze",   "5m"};
  const auto parsed = parse_args(static_cast<int>(std::size(words)), words);
  const auto* const all = std::get_if<Parsed>(&parsed);
  ASSERT_NE(all, nullptr);
  const auto& args = std::get<ComputeRunArgs>(std::get<ComputeArgs>(all->command));
  EXPECT_EQ(args.part, "2/3");
  EXPECT_EQ(args.rules.cpu_percent, 50u);
  EXPECT_EQ(args.rules.memory_bytes_max, std::uint64_t{1} << 30);
  EXPECT_EQ(args.rules.snooze, 5min);
  EXPECT_FALSE(args.rules.celsius_max);
}

}  // namespace
}  // namespace kith::cli
