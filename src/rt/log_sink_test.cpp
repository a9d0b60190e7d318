#include "rt/log_sink.h"

#include <fstream>
#include <thread>
#include <vector>

#include "rt/test_world.h"

namespace kith::rt {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(LogLevels, AreParsed) {
  const auto levels = parse_log_levels("warn, host=debug,rt = off");
  ASSERT_TRUE(levels);
  EXPECT_EQ(levels->all, LogLevel::warn);
  EXPECT_EQ(levels->of("host"), LogLevel::debug);
  EXPECT_EQ(levels->of("rt"), LogLevel::off);
  EXPECT_EQ(levels->of("mux"), LogLevel::warn);
  EXPECT_EQ(parse_log_levels(to_string(*levels)).value(), *levels);
  EXPECT_EQ(parse_log_levels("").value(), LogLevels());
  for (const char* wrong : {"loud", "info,host=", "=info", "host=debug=x", "info,,warn"}) {
    const auto refused = parse_log_levels(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, Code::config);
  }
}

TEST(LogLine, HasItsForms) {
  EXPECT_EQ(log_line(LogFormat::text, 1'700'000'000'123, LogLevel::warn, "host", "hi"),
            "2023-11-14T22:13:20.123Z warn  host: hi");
  EXPECT_EQ(log_line(LogFormat::json, 0, LogLevel::error, "rt", "say \"x\\y\""),
            R"({"time":"1970-01-01T00:00:00.000Z","level":"error","subsystem":"rt",)"
            R"("message":"say \"x\\y\""})");
}

// A peer's words may be anything: no line may be forged, no terminal driven, no JSON broken.
TEST(LogLine, EscapesWhatPeersSay) {
  const auto message = [](LogFormat format, std::string_view sentence) {
    const std::string line = log_line(format, 0, LogLevel::info, "s", sentence);
    const std::string before = log_line(format, 0, LogLevel::info, "s", "");
    const std::size_t end = format == LogFormat::json ? 2 : 0;
    return line.substr(before.size() - end, line.size() - before.size());
  };
  for (const LogFormat format : {LogFormat::text, LogFormat::json}) {
    EXPECT_EQ(message(format, "a\nb\r\t"), "a\\nb\\r\\t");
    EXPECT_EQ(message(format, "\x1b[2J\x7f"), "\\u001b[2J\\u007f");
    EXPECT_EQ(message(format, std::string_view("\0", 1)), "\\u0000");
    EXPECT_EQ(message(format, "\xc2\x9b"), "\\u009b");                   // C1's CSI
    EXPECT_EQ(message(format, "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),  // é, euro, a face
              "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    EXPECT_EQ(message(format, "\xff|\xc3|\xe2\x82"),
              "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(message(format, "\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");  // overlong
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string line =
        log_line(LogFormat::json, 0, LogLevel::info, "s", std::string(1, static_cast<char>(byte)));
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  }
}

TEST(LogSink, WritesWhatIsOn) {
  TempDir dir;
  {
    auto opened = LogSink::open({.levels = parse_log_levels("info,host=debug,mux=off").value(),
                                 .format = LogFormat::json,
                                 .file = dir / "log"});
    ASSERT_TRUE(opened);
    LogSink& log = **opened;
    log.debug("rt", "not {}", "this");
    log.info("rt", "this {}", 1);
    log.debug("host", "this {}", 2);
    log.error("mux", "not this");
    EXPECT_FALSE(log.is_on(LogLevel::debug, "rt"));
    log.set_level("rt", LogLevel::trace);
    EXPECT_TRUE(log.is_on(LogLevel::debug, "rt"));
    log.debug("rt", "this {}", 3);
    log.set_levels({.all = LogLevel::error});
    log.info("rt", "not this");
    log.error("host", "this {}", 4);
  }
  const auto lines = lines_of(dir / "log");
  ASSERT_EQ(lines.size(), 4u);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_NE(lines[i].find("\"message\":\"this " + std::to_string(i + 1) + "\"}"),
              std::string::npos)
        << lines[i];
  }
}

TEST(LogSink, LevelsMayChangeWhileThreadsWrite) {
  TempDir dir;
  auto log = LogSink::open({.file = dir / "log", .file_bytes_max = 20'000, .files_max = 2}).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 500; ++i) {
        if (t == 0) log->set_level("rt", i % 2 == 0 ? LogLevel::error : LogLevel::info);
        log->info("rt", "thread {} line {}", t, i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.reset();
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    EXPECT_LE(entry.file_size(), 20'000u);
  }
}

TEST(LogSink, TellsWhenTheFileCannotBeOpened) {
  TempDir dir;
  const auto refused = LogSink::open({.file = dir.path()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::io);
  EXPECT_NE(refused.error().message.find(dir.path()), std::string::npos);
}

}  // namespace
}  // namespace kith::rt
