#include "rt/compute_external.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "rt/files.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using namespace compute;

class Watcher final : public Progress {
 public:
  bool go_on(std::uint64_t done, std::uint64_t of) override {
    seen.emplace_back(done, of);
    return goes_on;
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  bool goes_on = true;
};

/// A Python program whose turn is `body`; `line` has the words of the run line.
std::string turn(const std::string& body) {
  return "#!/usr/bin/python3\n"
         "import os, sys\n"
         "def say(text):\n"
         "    sys.stdout.write(text + '\\n')\n"
         "    sys.stdout.flush()\n"
         "say('kith-work 1')\n"
         "for text in sys.stdin:\n"
         "    line = text.split()\n" +
         body;
}

std::shared_ptr<const ExternalFile> file_of(const std::string& text) {
  auto file = std::make_shared<ExternalFile>();
  file->name = "worker";
  file->bytes = base::to_bytes(text);
  return file;
}

/// Where there are no namespaces, that it refuses is all that can be shown.
class Sandbox : public testing::Test {
 protected:
  void SetUp() override {
    ExternalProgram program(file_of(turn("    say('result -')\n")), quick());
    Watcher progress;
    const auto result = program.run({}, {0}, 0, 0, progress);
    if (!result && result.error().code == Code::unsupported) {
      EXPECT_NE(result.error().message.find("not run without a sandbox"), std::string::npos);
      GTEST_SKIP() << "no sandbox on this machine: " << result.error().message;
    }
    ASSERT_TRUE(result) << result.error().message;
  }

  static ExternalConfig quick() {
    ExternalConfig config;
    config.hello_timeout = 30s;  // of a machine that is busy with other tests
    config.turn_timeout = 20s;
    config.limits.memory_bytes = std::uint64_t{256} << 20;
    config.limits.file_bytes = std::uint64_t{1} << 20;
    return config;
  }

  Error error_of(const std::string& text, const ExternalConfig& config) {
    ExternalProgram program(file_of(text), config);
    Watcher progress;
    const auto result = program.run(Bytes{1}, {2}, 3, 4, progress);
    EXPECT_FALSE(program.is_running() && !result);
    if (result) return {Code::internal, "gave a result: " + base::to_hex(*result)};
    return result.error();
  }
  Error error_of(const std::string& text) { return error_of(text, quick()); }
  /// What the turn answers: of programs that look at their surroundings.
  std::string answer_of(const std::string& body) {
    ExternalProgram program(file_of(turn(body)), quick());
    Watcher progress;
    const auto result = program.run({}, {0}, 0, 0, progress);
    return result ? std::string(base::as_text(*result)) : result.error().message;
  }
};

TEST_F(Sandbox, ComputesTurnAfterTurn) {
  ExternalProgram program(
      file_of(turn("    say('progress 1 2')\n"
                   "    say('result ' + '%02x' % (int(line[2]) + 1))\n")));
  Watcher progress;
  for (std::uint8_t task = 0; task < 5; ++task) {
    EXPECT_EQ(program.run(Bytes{0xab}, {task}, 0, 0, progress).value(),
              Bytes{static_cast<std::uint8_t>(task + 1)});
    EXPECT_TRUE(program.is_running());
  }
  EXPECT_NE(std::ranges::find(progress.seen, std::pair<std::uint64_t, std::uint64_t>(1, 2)),
            progress.seen.end());
}

TEST_F(Sandbox, WhatItSaysItselfIsPassedOn) {
  const Error error = error_of(turn("    say('error out of paper')\n"));
  EXPECT_EQ(error.code, Code::refused);
  EXPECT_EQ(error.message, "worker says: out of paper");
}

TEST_F(Sandbox, WrongLinesAreNamed) {
  EXPECT_EQ(error_of(turn("    say('hello there')\n")).code, Code::protocol);
  EXPECT_EQ(error_of(turn("    say('kith-work 1')\n")).code, Code::protocol);
  EXPECT_EQ(error_of(turn("    say('result 00\\nresult 00')\n")).code, Code::protocol);
  EXPECT_EQ(error_of(turn("    say('result ' + '00' * 5000)\n")).code, Code::protocol);
  EXPECT_EQ(error_of(turn("    os.write(1, b'\\xff\\xfe\\n')\n")).code, Code::protocol);
  const Error endless = error_of(turn("    while True: os.write(1, b'x' * 4096)\n"));
  EXPECT_EQ(endless.code, Code::too_large);
  EXPECT_NE(endless.message.find("worker wrote a line of more than 16384"), std::string::npos);
  const Error flood = error_of(turn("    while True: os.write(1, b'progress 0 1\\n' * 100)\n"));
  EXPECT_EQ(flood.code, Code::protocol);
}

TEST_F(Sandbox, OutOfTurnIsNamed) {
  const std::string eager =
      "#!/usr/bin/python3\nimport sys, time\n"
      "print('kith-work 1\\nresult 00', flush=True)\nfor text in sys.stdin: pass\n";
  const Error error = error_of(eager);
  EXPECT_EQ(error.code, Code::protocol);
  EXPECT_NE(error.message.find("out of turn"), std::string::npos);
  const Error stranger = error_of("#!/usr/bin/python3\nprint('good day', flush=True)\ninput()\n");
  EXPECT_EQ(stranger.code, Code::protocol);
  EXPECT_NE(stranger.message.find("good day"), std::string::npos);
  const Error newer = error_of("#!/usr/bin/python3\nprint('kith-work 2', flush=True)\ninput()\n");
  EXPECT_EQ(newer.code, Code::protocol);
}

TEST_F(Sandbox, SilenceEnds) {
  ExternalConfig config = quick();
  config.turn_timeout = 300ms;
  const Error silent = error_of(turn("    while True: pass\n"), config);
  EXPECT_EQ(silent.code, Code::timeout);
  config.hello_timeout = 300ms;
  EXPECT_EQ(error_of("#!/usr/bin/python3\nimport time\ntime.sleep(99)\n", config).code,
            Code::timeout);
}

TEST_F(Sandbox, CalledOffIsKilled) {
  ExternalProgram program(file_of(turn("    while True: pass\n")), quick());
  Watcher progress;
  progress.goes_on = false;
  EXPECT_EQ(program.run({}, {0}, 0, 0, progress).error().code, Code::canceled);
  EXPECT_FALSE(program.is_running());
}

TEST_F(Sandbox, ItsOwnEndIsNamed) {
  const Error error = error_of(turn("    sys.exit(7)\n"));
  EXPECT_EQ(error.code, Code::closed);
  EXPECT_NE(error.message.find("exit code 7"), std::string::npos) << error.message;
}

// Each of these is the end of the program: by SIGSYS.
TEST_F(Sandbox, WhatCouldLeaveTheSandboxKills) {
  for (const std::string body :
       {"    import socket; socket.socket()\n", "    import socket; socket.socketpair()\n",
        "    os.execv('/usr/bin/python3', ['python3', '-c', '1'])\n",
        "    import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)\n",
        "    import ctypes; ctypes.CDLL(None).unshare(0x10000000)\n",
        "    import ctypes; ctypes.CDLL(None).mount(b'a', b'/tmp', b'tmpfs', 0, 0)\n",
        "    import ctypes; ctypes.CDLL(None).syscall(321, 0, 0, 0)\n",
        "    import ctypes; ctypes.CDLL(None).syscall(322, 5, b'/usr/bin/python3', 0, 0, 0)\n",
        "    import ctypes; ctypes.CDLL(None).syscall(425, 1, 0)\n"}) {
    const Error error = error_of(turn(body));
    EXPECT_EQ(error.code, Code::permission) << body << error.message;
    EXPECT_NE(error.message.find("its sandbox forbids"), std::string::npos);
  }
}

TEST_F(Sandbox, LimitsHold) {
  const auto answers = [&](const std::string& attempt) {
    return answer_of("    try:\n        " + attempt +
                     "\n        said = b'done'\n"
                     "    except BaseException as e:\n        said = type(e).__name__.encode()\n"
                     "    say('result ' + said.hex())\n");
  };
  EXPECT_EQ(answers("bytearray(1 << 30)"), "MemoryError");
  // Both of one file and of all of them.
  EXPECT_EQ(answers("open('big', 'wb').write(bytes(2 << 20))"), "OSError");
  EXPECT_EQ(answers("[open(str(i), 'wb', 0).write(bytes(300000)) for i in range(8)]"), "OSError");
  EXPECT_EQ(answers("[os.fork() or __import__('time').sleep(99) for i in range(99)]"),
            "BlockingIOError");
  EXPECT_EQ(answers("x = [os.dup(0) for i in range(99)]"), "OSError");
  EXPECT_EQ(answers("__import__('resource').setrlimit(7, (9999, 9999))"), "ValueError");
}

TEST_F(Sandbox, ForksWithoutEndEnd) {
  ExternalConfig config = quick();
  config.turn_timeout = 1s;
  const Error error = error_of(turn("    while True:\n"
                                    "        try: os.fork()\n"
                                    "        except OSError: pass\n"),
                               config);
  // The children write as well, and what comes first depends on who runs: but it ends, all of it.
  EXPECT_TRUE(error.code == Code::timeout || error.code == Code::protocol) << error.message;
}

TEST_F(Sandbox, ProcessorTimeEnds) {
  ExternalConfig config = quick();
  config.limits.cpu = 1s;
  const Error error = error_of(turn("    while True: pass\n"), config);
  EXPECT_EQ(error.code, Code::limit) << error.message;
}

TEST_F(Sandbox, SeesNobodysFiles) {
  TempDir dir;
  const std::string secret = dir / "secret";
  ASSERT_TRUE(write_file_atomic(secret, base::as_bytes("hidden"), public_file_mode));
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  const auto answers = [&](const std::string& attempt) {
    return answer_of("    try: said = str(" + attempt +
                     ")\n    except OSError as e: said = type(e).__name__\n"
                     "    say('result ' + said.encode().hex())\n");
  };
  EXPECT_EQ(answers("open('" + secret + "').read()"), "FileNotFoundError");
  for (const std::string path : {"/root", "/home", "/etc/passwd", "/proc/self", "/sys", "/var"}) {
    EXPECT_EQ(answers("os.stat('" + path + "')"), "FileNotFoundError") << path;
  }
  EXPECT_EQ(answers("sorted(os.listdir('/tmp'))"), "[]");
  EXPECT_EQ(answers("open('/usr/new', 'w')"), "OSError");
  EXPECT_EQ(answers("open('/new', 'w')"), "OSError");
  EXPECT_EQ(answers("open('/program', 'r+')"), "PermissionError");
  EXPECT_EQ(answers("os.getpid()"), "1");
  EXPECT_EQ(answers("(os.getuid(), os.geteuid())"), "(65534, 65534)");
  EXPECT_EQ(answers("sorted(os.environ)"), "['HOME', 'LANG', 'PATH', 'TMPDIR']");
  EXPECT_EQ(answers("open('mine', 'w').write('abc')"), "3");
  // Nor our descriptors: the first that is asked for is not there.
  EXPECT_EQ(answers("[n for n in range(3, 300) if not __import__('fcntl').fcntl(n, 1)]"),
            "OSError");
}

TEST_F(Sandbox, WhatItStartedIsGoneToo) {
  // A grandchild in a session of its own holds on to the output; ended with its program.
  const auto began = std::chrono::steady_clock::now();
  const Error error =
      error_of(turn("    if os.fork() == 0:\n"
                    "        os.setsid()\n"
                    "        while True: pass\n"
                    "    sys.exit(3)\n"));
  EXPECT_NE(error.message.find("exit code 3"), std::string::npos) << error.message;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(9));
}

TEST(ExternalFile, OnlyProgramsAreRun) {
  const auto error_of = [](const std::string& text) {
    ExternalProgram program(file_of(text));
    Watcher progress;
    return program.run({}, {0}, 0, 0, progress).error();
  };
  for (const std::string text : {"", "print(1)\n", "#!", "#!/usr/bin/python3", "#!python3\n",
                                 "#!/opt/x\n", "#!/usr/../bin/sh\n"}) {
    EXPECT_EQ(error_of(text).code, Code::unsupported) << text;
  }
  EXPECT_EQ(error_of("#!/usr/bin/env no-such-program-there\n").code, Code::not_found);
  EXPECT_EQ(load_external("/nowhere/at/all").error().code, Code::not_found);
}

TEST_F(Sandbox, EnvIsFollowed) {
  std::string text = turn("    say('result 07')\n");
  text.replace(0, text.find('\n'), "#!/usr/bin/env python3");
  ExternalProgram program(file_of(text));
  Watcher progress;
  EXPECT_EQ(program.run({}, {0}, 0, 0, progress).value(), Bytes{7});
}

}  // namespace
}  // namespace kith::rt
