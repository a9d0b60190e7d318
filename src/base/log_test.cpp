#include "base/log.h"

namespace kith::base {
namespace {

class RecordingLog final : public Log {
 public:
  bool is_on(LogLevel level, std::string_view) const override { return level >= LogLevel::info; }
  void write(LogLevel, std::string_view subsystem, std::string_view sentence) override {
    lines.push_back(std::string(subsystem) + "|" + std::string(sentence));
  }
  std::vector<std::string> lines;
};

TEST(Log, FormatsOnlyForALevelThatIsOn) {
  RecordingLog log;
  log.debug("host", "{}", 1);
  log.info("host", "{} of {}", 1, 2);
  log.error("mux", "plain");
  EXPECT_EQ(log.lines, (std::vector<std::string>{"host|1 of 2", "mux|plain"}));
  EXPECT_FALSE(null_log().is_on(LogLevel::error, "host"));
  null_log().error("host", "{}", "nobody hears it");
}

}  // namespace
}  // namespace kith::base
