#include "cli/reports_account.h"

#include <gtest/gtest.h>

#include "cli/reports_job.h"

namespace kith::cli {
namespace {

constexpr std::string_view account_text =
    R"({"account":"ab","name":"alice","key":"cd","address":"kith1q","is_closed":false,)"
    R"("bond":300000000,"held":100000000,"earned":5,"unbonding":[{"epoch":3,"amount":7},)"
    R"({"epoch":4,"amount":8}],"is_team":true,"team":"ef","seal":null,"sealed":null,)"
    R"("workers":["01","02"],"height":9})";

constexpr std::string_view job_text =
    R"({"job":1,"state":"working","account":"ab","name":"alice","spec":{"workload":1,)"
    R"("params":"00","tasks":200,"units":16,"slices":4,"region_tasks":64,"round_blocks":32,)"
    R"("lease_rounds":2,"checked_min":8,"eps_ppm":1000,"passes":1,"second_every":0,)"
    R"("price":100000000,"price2":0,"bond":1},"start":100,"round":3,"mature":19,)"
    R"("escrow":"18014398509481984","reserved":5,"leased":9,"leased_second":0,"redo":0,)"
    R"("accepted":50,"accepted_second":0,"leases":9,"slots":4,"regions":4,"height":200})";

TEST(AccountWire, ReadsAnAccount) {
  const auto account = read_account(account_text);
  ASSERT_TRUE(account.has_value()) << account.error().message;
  EXPECT_EQ(account->id + account->name + account->key + account->team, "abalicecdef");
  EXPECT_EQ(account->unbonding, 15U);
  EXPECT_EQ(account->workers.size(), 2U);
  EXPECT_TRUE(account->is_team && account->seal.empty() && !account->sealed);
  const std::string shown = to_text(*account);
  for (const char* part : {"alice", "3, 1 of it held", "in team    ef", "worker     02"}) {
    EXPECT_NE(shown.find(part), std::string::npos) << part;
  }
}

TEST(AccountWire, WhatIsMissingIsNamed) {
  for (const char* text : {"", "[]", "{}", R"({"account":"ab"})"}) {
    EXPECT_FALSE(read_account(text).has_value()) << text;
    EXPECT_FALSE(read_accounts(text).has_value()) << text;
    EXPECT_FALSE(read_job(text).has_value()) << text;
    EXPECT_FALSE(read_regions(text).has_value()) << text;
    EXPECT_FALSE(read_leaderboard(text).has_value()) << text;
    EXPECT_FALSE(count_items(text, "disputes").has_value()) << text;
  }
  EXPECT_NE(read_account(R"({"account":"ab"})").error().message.find("\"key\""), std::string::npos);
  EXPECT_NE(
      read_job(R"({"job":1,"state":"working","account":"ab","mature":1,"escrow":1,)"
               R"("reserved":1,"leased":1,"accepted":1,"accepted_second":1,"slots":1,"regions":1})")
          .error()
          .message.find("\"spec\""),
      std::string::npos);
}

TEST(AccountWire, ReadsPages) {
  const auto page = read_accounts(R"({"height":9,"accounts":[)" + std::string(account_text) +
                                  R"(],"next":"ab"})");
  ASSERT_TRUE(page.has_value()) << page.error().message;
  EXPECT_EQ(page->next, "ab");
  EXPECT_NE(to_text(page->accounts).find("alice"), std::string::npos);
  EXPECT_NE(accounts_json(page->height, page->accounts, page->next).find(R"("next":"ab")"),
            std::string::npos);
  EXPECT_EQ(to_text(std::vector<NodeAccount>{}), "no accounts");
  const auto jobs = read_jobs(R"({"height":9,"jobs":[)" + std::string(job_text) + R"(],"next":7})");
  ASSERT_TRUE(jobs.has_value()) << jobs.error().message;
  EXPECT_EQ(jobs->next, "7");
  EXPECT_EQ(count_items(R"({"disputes":[1,2]})", "disputes").value(), 2U);
}

TEST(JobReports, SayHowFarAJobIsAndHowLongTheRestTakes) {
  JobReport report;
  report.job = read_job(job_text).value();
  EXPECT_EQ(report.job.escrow, std::uint64_t{1} << 54);
  report.workload = "collatz";
  // 50 tasks in 100 blocks: 16 a round of 32, and 150 more in 300 blocks of 2 s.
  fill_rates(report, 2000);
  ASSERT_TRUE(report.tasks_per_round && report.left_s);
  EXPECT_DOUBLE_EQ(*report.tasks_per_round, 16);
  EXPECT_DOUBLE_EQ(*report.left_s, 600);
  const std::string text = to_text(report);
  for (const char* part : {"[#######....", "25.0 %  working  16 tasks a round  0:10 h to go",
                           "50 of 200 accepted", "1 a task"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_NE(to_json(report).find(R"("done":0.25)"), std::string::npos);
  EXPECT_NE(to_json(report).find(R"("escrow":"18014398509481984")"), std::string::npos);
  // Nothing is known of what has not begun.
  JobReport waiting = report;
  waiting.tasks_per_round.reset();
  waiting.left_s.reset();
  waiting.job.start.reset();
  fill_rates(waiting, 2000);
  EXPECT_FALSE(waiting.left_s.has_value());
}

TEST(JobReports, ThePlanSaysWhatAJobCostsAndWhenItCounts) {
  JobPlan plan;
  plan.workload = "goldbach";
  plan.mature = 19;
  plan.cost_least = 150'000'000;
  plan.cost_most = 300'000'000;
  const std::string text = to_text(plan);
  EXPECT_NE(text.find("19 tasks more"), std::string::npos);
  EXPECT_NE(text.find("1.5 to 3 coins"), std::string::npos);
  EXPECT_NE(to_json(plan).find(R"("mature":19)"), std::string::npos);
}

TEST(JobReports, FindsSayWhatAndWhose) {
  const std::string text = render_finds(
      R"({"height":1,"job":1,"next":null,"finds":[{"find":"aa","number":"2531",)"
      R"("what":"counterexample","account":"ab","name":"alice","worker":"cd","task":0,"unit":3,)"
      R"("height":9}]})");
  for (const char* part : {"counterexample 2531", "alice", "unit 3 of task 0, block 9", "aa"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
  EXPECT_EQ(render_finds(R"({"height":1,"job":1,"next":null,"finds":[]})"), "nothing yet");
  CertificateReport report;
  report.job = 1;
  report.find = "aa";
  report.number = "2531";
  report.what = "counterexample";
  EXPECT_NE(to_text(report).find("found    2531, a counterexample, in job 1"), std::string::npos);
  EXPECT_NE(to_json(report).find(R"("number":"2531","what":"counterexample")"), std::string::npos);
}

TEST(JobReports, ARecordSaysWhatItCoversAndThatItIsSettled) {
  RecordReport report;
  report.is_signed = true;
  report.covers = RecordReport::Covers{1, 5, 16, 336, 16, 4, "even numbers"};
  report.settled = "maturing";
  report.proven_at = 77;
  report.account_name = "alice";
  const std::string maturing = to_text(report);
  for (const char* part :
       {"task 5 of 16 in region 1: units 336 to 351", "even numbers",
        "account (alice) and job, as of block 77", "settled    with this root"}) {
    EXPECT_NE(maturing.find(part), std::string::npos) << part << " in " << maturing;
  }
  report.settled = "accepted";
  report.region = 1;
  report.region_root = "ef";
  report.place = 2;
  report.place_of = 3;
  EXPECT_NE(to_text(report).find("place      2 of 3"), std::string::npos);
  EXPECT_NE(to_json(report).find(R"("settled":"accepted","place":2,"place_of":3)"),
            std::string::npos);
}

TEST(JobReports, WorkIsToldAsAPersonReadsIt) {
  EXPECT_EQ(render_work(R"({"is_enabled":false})"), "this node works for no jobs");
  EXPECT_EQ(render_work(R"({"is_paused":true})"), "paused");
  const std::string text = render_work(
      R"({"is_enabled":true,"worker":"ab","is_paused":false,"slices_wanted":64,)"
      R"("slices_done":9,"jobs":[{"job":1,"slots":2,"queued":3,)"
      R"("pending":1,"maturing":4,"duties":0,"trouble":"no bond"}],"counts":{"slices":64,)"
      R"("tasks":5,"settled":4,"checks":9}})");
  EXPECT_EQ(text,
            "working as ab\njob 1: 2 slots, 3 tasks leased, 1 committed, 4 maturing; no bond\n"
            "9 of 64 slices that are leased or to be checked are computed\n"
            "64 slices computed, 5 tasks done, 4 checked by others, 9 checks made");
}

TEST(JobReports, TheLeaderboardHasRanks) {
  const std::string board = render_leaderboard(
      R"({"height":1,"is_whole":true,"accounts":[{"account":"ab","name":"alice","team":null,)"
      R"("tasks":3,"units":48,"checks":5,"faults":0,"jobs":1},{"account":"cd","name":null,)"
      R"("team":null,"tasks":1,"units":16,"checks":0,"faults":2,"jobs":1}]})");
  EXPECT_LT(board.find("alice"), board.find("cd"));
  EXPECT_NE(board.find("   2  cd"), std::string::npos);
  EXPECT_EQ(to_text(std::vector<NodeStanding>{}), "nobody yet");
}

}  // namespace
}  // namespace kith::cli
