#include "cli/args_account.h"

#include <gtest/gtest.h>

#include "cli/args.h"

namespace kith::cli {
namespace {

std::variant<Parsed, ParseEnd> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "kith");
  return parse_args(static_cast<int>(words.size()), words.data());
}

template <class Group, class Args>
Args parsed(const std::vector<const char*>& words) {
  const auto result = parse(words);
  if (const auto* end = std::get_if<ParseEnd>(&result)) {
    ADD_FAILURE() << end->err;
    return {};
  }
  const auto* group = std::get_if<Group>(&std::get<Parsed>(result).command);
  if (group != nullptr) {
    if (const auto* args = std::get_if<Args>(group)) return *args;
  }
  ADD_FAILURE() << "another verb than " << words[1];
  return {};
}
template <class Args>
Args account(const std::vector<const char*>& words) {
  return parsed<AccountArgs, Args>(words);
}
template <class Args>
Args job(const std::vector<const char*>& words) {
  return parsed<JobArgs, Args>(words);
}

std::string refusal(const std::vector<const char*>& words) {
  const auto result = parse(words);
  const auto* end = std::get_if<ParseEnd>(&result);
  if (end == nullptr) return "";
  EXPECT_EQ(end->exit_code, exit_usage);
  return end->err + end->out;
}

TEST(AccountArgs, EveryVerbBecomesItsStruct) {
  const auto create =
      account<AccountCreateArgs>({"account", "create", "alice", "--bond", "2", "--index", "3",
                                  "--later", "--timeout", "5m", "--wallet", "w", "--max-fee", "1"});
  EXPECT_EQ(create.name + create.bond + create.wallet.wallet + create.payment.max_fee, "alice2w1");
  EXPECT_EQ(create.index, 3U);
  EXPECT_TRUE(create.naming.is_later);
  EXPECT_EQ(create.naming.timeout, 5min);
  const auto rename = account<AccountRenameArgs>({"account", "rename", "bob", "--account", "id"});
  EXPECT_EQ(rename.name + rename.options.account, "bobid");
  EXPECT_EQ(account<AccountShowArgs>({"account", "show"}).account, "");
  EXPECT_EQ(account<AccountShowArgs>({"account", "show", "bob"}).account, "bob");
  EXPECT_TRUE(account<AccountListArgs>({"account", "list", "--own"}).is_own);
  EXPECT_EQ(account<AccountUseArgs>({"account", "use", "bob"}).account, "bob");
  EXPECT_EQ(account<AccountBondArgs>({"account", "bond", "--amount", "7"}).amount, "7");
  EXPECT_TRUE(account<AccountWithdrawArgs>({"account", "withdraw", "--amount", "7", "--wait"})
                  .options.payment.wait);
  EXPECT_TRUE(
      account<AccountCloseArgs>({"account", "close", "--dry-run"}).options.payment.is_dry_run);
  EXPECT_EQ(account<AccountChangeKeyArgs>({"account", "change-key", "--index", "2"}).index, 2U);
  const auto worker = account<AccountAddWorkerArgs>(
      {"account", "add-worker", "--worker", "dir", "--device", "nvidia"});
  EXPECT_EQ(worker.folder + worker.device, "dirnvidia");
  EXPECT_EQ(account<AccountRemoveWorkerArgs>({"account", "remove-worker", "ab"}).worker, "ab");
  EXPECT_EQ(account<AccountJoinArgs>({"account", "join", "team"}).team, "team");
  account<AccountLeaveArgs>({"account", "leave"});
  EXPECT_TRUE(account<AccountTeamArgs>({"account", "team", "--close"}).is_closed);
  const auto exported = account<AccountExportArgs>({"account", "export", "f", "--seal", "p"});
  EXPECT_EQ(exported.file + exported.seal_file, "fp");
  EXPECT_EQ(account<AccountImportArgs>({"account", "import", "f"}).file, "f");
}

TEST(AccountArgs, WhatDoesNotFitIsRefused) {
  EXPECT_NE(refusal({"account"}).find("account"), std::string::npos);
  EXPECT_NE(refusal({"account", "create"}).find("NAME"), std::string::npos);
  EXPECT_NE(refusal({"account", "crate", "x"}).find("kith account create"), std::string::npos);
  EXPECT_NE(refusal({"account", "create", "x", "--index", "20"}).find("20"), std::string::npos);
  EXPECT_NE(refusal({"account", "bond"}).find("--amount"), std::string::npos);
  EXPECT_NE(refusal({"account", "add-worker", "--device", "abacus"}).find("abacus"),
            std::string::npos);
  EXPECT_NE(refusal({"account", "export", "f", "--seal", "p", "--no-passphrase"}), "");
  EXPECT_NE(refusal({"account", "withdraw", "--amount", "1", "--wait", "--dry-run"}), "");
}

TEST(JobArgs, EveryVerbBecomesItsStruct) {
  const auto submit = job<JobSubmitArgs>(
      {"compute", "submit", "--workload", "collatz", "--from", "2^71", "--to", "2^71+1", "--price",
       "0.5", "--passes", "2", "--eps-ppm", "1000", "--checked-min", "16", "--amount", "9"});
  EXPECT_EQ(submit.workload + submit.from + submit.to + submit.price + submit.amount,
            "collatz2^712^71+10.59");
  EXPECT_EQ(submit.passes * 1'000'000 + submit.eps_ppm * 100 + submit.checked_min, 2'100'016U);
  const auto fund = job<JobFundArgs>({"compute", "fund", "4", "--amount", "1"});
  EXPECT_EQ(fund.job, 4U);
  EXPECT_EQ(job<JobEndArgs>({"compute", "end", "5"}).job, 5U);
  EXPECT_EQ(job<JobListArgs>({"compute", "jobs", "--after", "2"}).after, 2U);
  EXPECT_EQ(job<JobShowArgs>({"compute", "job", "6"}).job, 6U);
  EXPECT_EQ(job<LeaderboardArgs>({"compute", "leaderboard"}).limit, 20U);
  EXPECT_EQ(job<RecordShowArgs>({"compute", "record", "show", "r"}).record, "r");
  const auto verify = job<RecordVerifyArgs>(
      {"compute", "record", "verify", "r", "--cid", "c", "--place", "p", "--node"});
  EXPECT_EQ(verify.record + verify.cid + verify.place, "rcp");
  EXPECT_TRUE(verify.asks_node);
  const auto light = job<RecordVerifyArgs>(
      {"compute", "record", "verify", "r", "--light", "--genesis", "g", "--trust-old-keys"});
  EXPECT_TRUE(light.is_light && light.trusts_old_keys && !light.asks_node);
  EXPECT_EQ(light.genesis, "g");
  const auto proof = job<RecordVerifyArgs>(
      {"compute", "record", "verify", "r", "--proof", "f", "--genesis", "g", "--place", "p"});
  EXPECT_EQ(proof.proof + proof.place, "fp");
  job<WorkStatusArgs>({"compute", "status"});
  job<WorkPauseArgs>({"compute", "pause"});
  job<WorkResumeArgs>({"compute", "resume"});
  const auto finds = job<JobFindsArgs>({"compute", "finds", "3", "--after", "ab", "--limit", "5"});
  EXPECT_EQ(finds.after + std::to_string(finds.job * 10 + finds.limit), "ab35");
  const auto found = account<AccountCertificateArgs>(
      {"account", "certificate", "f", "--job", "1", "--find", "ab"});
  EXPECT_EQ(found.find + std::to_string(found.job), "ab1");
}

TEST(JobArgs, WhatDoesNotFitIsRefused) {
  EXPECT_NE(refusal({"compute", "submit", "--workload", "chess", "--from", "1", "--to", "2",
                     "--price", "1"})
                .find("chess"),
            std::string::npos);
  EXPECT_NE(refusal({"compute", "submit", "--workload", "collatz", "--from", "1", "--to", "2"})
                .find("--price"),
            std::string::npos);
  EXPECT_NE(refusal({"compute", "job"}).find("JOB"), std::string::npos);
  EXPECT_NE(refusal({"compute", "job", "0"}).find("0 is not within"), std::string::npos);
  EXPECT_NE(refusal({"compute", "fund", "1"}).find("--amount"), std::string::npos);
  EXPECT_NE(refusal({"compute", "record", "verify", "r", "--node"}).find("--place"),
            std::string::npos);
  EXPECT_NE(refusal({"compute", "record", "verify", "r", "--light"}).find("--genesis"),
            std::string::npos);
  EXPECT_NE(
      refusal({"compute", "record", "verify", "r", "--light", "--proof", "f", "--genesis", "g"}),
      "");
  EXPECT_NE(refusal({"account", "certificate", "f", "--find", "ab"}).find("--job"),
            std::string::npos);
}

TEST(JobArgs, EveryVerbHasAnExample) {
  for (const auto& words : std::vector<std::vector<const char*>>{{"account", "create"},
                                                                 {"account", "rename"},
                                                                 {"account", "show"},
                                                                 {"account", "list"},
                                                                 {"account", "bond"},
                                                                 {"account", "close"},
                                                                 {"account", "add-worker"},
                                                                 {"account", "join"},
                                                                 {"account", "export"},
                                                                 {"account", "import"},
                                                                 {"compute", "submit"},
                                                                 {"compute", "fund"},
                                                                 {"compute", "end"},
                                                                 {"compute", "jobs"},
                                                                 {"compute", "job"},
                                                                 {"compute", "leaderboard"},
                                                                 {"compute", "record", "verify"}}) {
    std::vector<const char*> asked = words;
    asked.push_back("--help");
    const auto result = parse(asked);
    const auto* end = std::get_if<ParseEnd>(&result);
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(end->exit_code, exit_done);
    EXPECT_NE(end->out.find(std::string("Example:\n  kith ") + words[0]), std::string::npos);
  }
}

}  // namespace
}  // namespace kith::cli
