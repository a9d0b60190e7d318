// The log's face: levels, subsystems, and a sentence made by fmt only when somebody listens.
// The sink comes by constructor (rt/log_sink.h writes text or JSON through spdlog; tests may pass
// null_log()). A log line is never part of a trace: nothing may depend on it.
//
//   log_.info("host", "{} connected by {} in {} ms", peer, address, ms);
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace kith::base {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

class Log {
 public:
  virtual ~Log() = default;

  /// Cheap: called before a sentence is formatted.
  virtual bool is_on(LogLevel level, std::string_view subsystem) const = 0;
  /// Writes one line. Any thread in rt; a sink does not block on a slow disk.
  virtual void write(LogLevel level, std::string_view subsystem, std::string_view sentence) = 0;

  template <class... Args>
  void log(LogLevel level, std::string_view subsystem, fmt::format_string<Args...> format,
           Args&&... args) {
    if (!is_on(level, subsystem)) return;
    write(level, subsystem, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void debug(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::debug, subsystem, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::info, subsystem, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::warn, subsystem, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(std::string_view subsystem, fmt::format_string<Args...> format, Args&&... args) {
    log(LogLevel::error, subsystem, format, std::forward<Args>(args)...);
  }
};

/// Listens to nothing; lives for ever.
Log& null_log();

}  // namespace kith::base

namespace kith {
using base::Log;
using base::LogLevel;
}  // namespace kith
