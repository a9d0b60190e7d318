#include "rt/log_sink.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/format.h"

namespace kith::rt {
namespace {

constexpr std::array<std::string_view, 6> level_names = {"trace", "debug", "info",
                                                         "warn",  "error", "off"};

// The length of the well-formed UTF-8 sequence at the front; 0 when there is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (at(i) & 0xc0) == 0x80; };
  const std::uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xe0 && at(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && at(1) > 0x9f) return 0;  // a surrogate
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xf0 && at(1) < 0x90) return 0;
    if (first == 0xf4 && at(1) > 0x8f) return 0;  // over U+10FFFF
    return 4;
  }
  return 0;
}

// Control characters, the C1 ones too, could forge lines or drive a terminal.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<std::uint8_t>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  return sequence.size() == 2 && first == 0xc2 && static_cast<std::uint8_t>(sequence[1]) < 0xa0;
}

void append_escaped(std::string& to, std::string_view text, LogFormat format) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(sequence.size());
    if (length == 0) {
      to += "\xef\xbf\xbd";  // U+FFFD
    } else if (sequence == "\n") {
      to += "\\n";
    } else if (sequence == "\t" || sequence == "\r") {
      to += sequence == "\t" ? "\\t" : "\\r";
    } else if (is_control(sequence)) {
      const auto last = static_cast<std::uint8_t>(sequence.back());
      to += base::format("\\u{:04x}", last);
    } else if (format == LogFormat::json && (sequence == "\"" || sequence == "\\")) {
      to += "\\";
      to += sequence;
    } else {
      to += sequence;
    }
  }
}

std::string utc_text(std::int64_t unix_ms) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds(unix_ms)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  return base::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                      clock.subseconds().count());
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

LogLevel lowest_of(const LogLevels& levels) {
  LogLevel lowest = levels.all;
  for (const auto& [subsystem, level] : levels.by_subsystem) lowest = std::min(lowest, level);
  return lowest;
}

}  // namespace

// --- levels --------------------------------------------------------------------------------------

LogLevel LogLevels::of(std::string_view subsystem) const {
  const auto found = by_subsystem.find(subsystem);
  return found == by_subsystem.end() ? all : found->second;
}

std::string_view name_of(LogLevel level) { return level_names.at(static_cast<std::size_t>(level)); }

Result<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == text) return static_cast<LogLevel>(i);
  }
  return fail(Code::config, base::format("log level \"{}\": not one of trace, debug, info, warn, "
                                         "error, off",
                                         text));
}

Result<LogLevels> parse_log_levels(std::string_view text) {
  LogLevels levels;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = trim(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      levels.all = TRY(parse_log_level(part));
      continue;
    }
    const std::string_view subsystem = trim(part.substr(0, equals));
    if (subsystem.empty()) {
      return fail(Code::config, base::format("log level \"{}\": no subsystem before \"=\"", part));
    }
    levels.by_subsystem[std::string(subsystem)] =
        TRY(parse_log_level(trim(part.substr(equals + 1))));
  }
  return levels;
}

std::string to_string(const LogLevels& levels) {
  std::string text(name_of(levels.all));
  for (const auto& [subsystem, level] : levels.by_subsystem) {
    text += base::format(",{}={}", subsystem, name_of(level));
  }
  return text;
}

std::string log_line(LogFormat format, std::int64_t unix_ms, LogLevel level,
                     std::string_view subsystem, std::string_view sentence) {
  std::string line;
  line.reserve(sentence.size() + 96);
  if (format == LogFormat::text) {
    line += base::format("{} {:<5} ", utc_text(unix_ms), name_of(level));
    append_escaped(line, subsystem, format);
    line += ": ";
    append_escaped(line, sentence, format);
    return line;
  }
  line += base::format(R"({{"time":"{}","level":"{}","subsystem":")", utc_text(unix_ms),
                       name_of(level));
  append_escaped(line, subsystem, format);
  line += R"(","message":")";
  append_escaped(line, sentence, format);
  line += "\"}";
  return line;
}

// --- the sink ------------------------------------------------------------------------------------

struct LogSink::Inside {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  spdlog::sink_ptr sink;
  std::shared_ptr<spdlog::async_logger> logger;
};

Result<std::unique_ptr<LogSink>> LogSink::open(LogSinkConfig config) {
  auto inside = std::make_unique<Inside>();
  try {
    if (config.file.empty()) {
      inside->sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      inside->sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          config.file, config.file_bytes_max, config.files_max);
    }
    inside->sink->set_pattern("%v");
    inside->pool = std::make_shared<spdlog::details::thread_pool>(config.lines_max, 1);
    inside->logger = std::make_shared<spdlog::async_logger>(
        "kith", inside->sink, inside->pool, spdlog::async_overflow_policy::overrun_oldest);
    inside->logger->set_level(spdlog::level::trace);
    inside->logger->flush_on(spdlog::level::trace);
  } catch (const std::exception& thrown) {
    return fail(Code::io, base::format("cannot open the log {}: {}", config.file, thrown.what()));
  }
  return std::unique_ptr<LogSink>(
      new LogSink(std::move(inside), std::move(config.levels), config.format));
}

LogSink::LogSink(std::unique_ptr<Inside> inside, LogLevels levels, LogFormat format)
    : inside_(std::move(inside)),
      format_(format),
      levels_(std::move(levels)),
      lowest_(lowest_of(levels_)) {}

// The pool's end writes what is queued; the sink flushes last.
LogSink::~LogSink() {
  inside_->logger.reset();
  inside_->pool.reset();
  inside_->sink->flush();
}

bool LogSink::is_on(LogLevel level, std::string_view subsystem) const {
  if (level == LogLevel::off || level < lowest_.load(std::memory_order_relaxed)) return false;
  const std::shared_lock lock(mutex_);
  return level >= levels_.of(subsystem);
}

void LogSink::write(LogLevel level, std::string_view subsystem, std::string_view sentence) {
  if (!is_on(level, subsystem)) return;
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  const std::string line = log_line(format_, ms, level, subsystem, sentence);
  inside_->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

void LogSink::set_levels(LogLevels levels) {
  const std::unique_lock lock(mutex_);
  levels_ = std::move(levels);
  lowest_.store(lowest_of(levels_), std::memory_order_relaxed);
}

void LogSink::set_level(std::string_view subsystem, LogLevel level) {
  const std::unique_lock lock(mutex_);
  levels_.by_subsystem[std::string(subsystem)] = level;
  lowest_.store(lowest_of(levels_), std::memory_order_relaxed);
}

LogLevels LogSink::levels() const {
  const std::shared_lock lock(mutex_);
  return levels_;
}

}  // namespace kith::rt
