// The log that people and machines read: one line a message, as text or as one JSON object, to
// standard error or to a file that rotates. Lines are written by a thread of their own, from a
// bounded queue that drops its oldest when the disk does not keep up.
//
// What a peer says may stand in a line, so control characters are escaped in both forms.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/log.h"

namespace kith::rt {

/// "info,host=debug,rt=off": a level for all, and others by subsystem.
struct LogLevels {
  LogLevel all = LogLevel::info;
  std::map<std::string, LogLevel, std::less<>> by_subsystem = {};

  LogLevel of(std::string_view subsystem) const;
  friend bool operator==(const LogLevels&, const LogLevels&) = default;
};
Result<LogLevel> parse_log_level(std::string_view text);
Result<LogLevels> parse_log_levels(std::string_view text);
std::string_view name_of(LogLevel level);
std::string to_string(const LogLevels& levels);

enum class LogFormat : std::uint8_t { text, json };

struct LogSinkConfig {
  LogLevels levels = {};
  LogFormat format = LogFormat::text;
  std::string file = {};  // empty: standard error
  std::size_t file_bytes_max = 16 * 1024 * 1024;
  std::size_t files_max = 5;     // rotated ones, beside the current
  std::size_t lines_max = 2048;  // waiting for the disk; the queue takes some 400 bytes a line
};

class LogSink final : public base::Log {
 public:
  /// `io` when the file cannot be opened.
  static Result<std::unique_ptr<LogSink>> open(LogSinkConfig config);
  /// Writes what waits.
  ~LogSink() override;

  bool is_on(LogLevel level, std::string_view subsystem) const override;
  void write(LogLevel level, std::string_view subsystem, std::string_view sentence) override;

  /// At run time, from any thread.
  void set_levels(LogLevels levels);
  void set_level(std::string_view subsystem, LogLevel level);
  LogLevels levels() const;

 private:
  struct Inside;
  LogSink(std::unique_ptr<Inside> inside, LogLevels levels, LogFormat format);

  std::unique_ptr<Inside> inside_;
  LogFormat format_;
  mutable std::shared_mutex mutex_;
  LogLevels levels_;
  std::atomic<LogLevel> lowest_;  // of all levels: most questions end here
};

/// One line without its end, as the sink writes it. `unix_ms` in UTC.
std::string log_line(LogFormat format, std::int64_t unix_ms, LogLevel level,
                     std::string_view subsystem, std::string_view sentence);

}  // namespace kith::rt
