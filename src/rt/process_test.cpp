#include "rt/process.h"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "rt/os.h"
#include "rt/process_usage.h"
#include "rt/signals.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

ProcessConfig shell(const std::string& script) { return {.arguments = {"/bin/sh", "-c", script}}; }

TEST(ChildProcess, RunsWithItsOutputInFiles) {
  TempDir dir;
  auto config = shell("echo \"$KITH_TEST in $PWD\"; echo bad >&2; exit 7");
  config.environment = {{"KITH_TEST", "here"}};
  config.folder = dir.path();
  config.output_file = dir / "out";
  config.error_file = dir / "err";
  auto child = ChildProcess::start(config);
  ASSERT_TRUE(child) << child.error().message;
  const auto end = child->wait(20s);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit_code, 7);
  EXPECT_FALSE(end->is_clean());
  EXPECT_EQ(text_of(dir / "out"),
            "here in " + std::filesystem::canonical(dir.path()).string() + "\n");
  EXPECT_EQ(text_of(dir / "err"), "bad\n");
  EXPECT_EQ(child->poll()->exit_code, 7);
}

TEST(ChildProcess, StopsGentlyThenHard) {
  auto gentle = ChildProcess::start({.arguments = {"/bin/sleep", "100"}}).value();
  EXPECT_FALSE(gentle.poll());
  EXPECT_FALSE(gentle.wait(10ms));
  EXPECT_EQ(gentle.stop(20s).signal, SIGTERM);

  TempDir dir;
  auto config = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
  config.output_file = dir / "out";
  auto stubborn = ChildProcess::start(config).value();
  while (text_of(dir / "out").empty()) ASSERT_FALSE(stubborn.wait(5ms));
  EXPECT_EQ(stubborn.stop(100ms).signal, SIGKILL);
}

TEST(ChildProcess, IsReapedWhenForgotten) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::start({.arguments = {"/bin/sleep", "100"}}).value();
    pid = child.pid();
    auto moved = std::move(child);
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ChildProcess, TellsWhatCannotBeStarted) {
  const auto none = ChildProcess::start({.arguments = {"/no/such/program"}});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_NE(none.error().message.find("/no/such/program"), std::string::npos);
  EXPECT_EQ(ChildProcess::start({.arguments = {"/etc/passwd"}}).error().code, Code::permission);
}

TEST(SignalWatch, SignalsAreTurns) {
  TestWorld world;
  Reactor reactor(world, {}, base::null_log(), nullptr);
  std::vector<int> numbers;
  SignalWatch watch(reactor, [&](int number) { numbers.push_back(number); });
  reactor.post([] { ::raise(SIGTERM); });
  reactor.post([] { ::raise(SIGINT); });
  ASSERT_TRUE(run_until(reactor, [&] { return numbers.size() == 2; }));
  EXPECT_NE(std::find(numbers.begin(), numbers.end(), SIGTERM), numbers.end());
  EXPECT_NE(std::find(numbers.begin(), numbers.end(), SIGINT), numbers.end());
}

TEST(ProcessUsage, IsWhatThisProcessUses) {
  const ProcessUsage before = process_usage();
  EXPECT_GT(before.resident_bytes, 1U << 20);
  EXPECT_GE(before.threads, 1u);
  EXPECT_GE(before.open_files, 3u);
  const Fd one(::dup(0)), two(::dup(0));
  EXPECT_EQ(process_usage().open_files, before.open_files + 2);
  while (process_usage().processor <= before.processor) {  // it grows with this very loop
  }
}

}  // namespace
}  // namespace kith::rt
