#include "rt/compute_external.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/format.h"
#include "base/machine.h"
#include "crypto/hash.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

using namespace compute;
using Clock = std::chrono::steady_clock;

/// How often whoever waits for a slice is asked whether it still does.
constexpr auto ask_interval = std::chrono::milliseconds(200);
constexpr std::uint32_t progress_lines_max = 100'000;  // of a turn
constexpr auto write_timeout = std::chrono::seconds(10);

bool wait_for(int fd, short events, Duration timeout) {
  pollfd state{.fd = fd, .events = events, .revents = 0};
  return ::poll(&state, 1, static_cast<int>(base::to_ms(timeout)) + 1) > 0;
}

}  // namespace

Result<std::shared_ptr<const ExternalFile>> load_external(const std::string& path) {
  auto file = std::make_shared<ExternalFile>();
  file->bytes = TRY(read_file(path, program_bytes_max));
  file->name = path.substr(path.rfind('/') + 1);
  file->hash = crypto::sha256(file->bytes);
  return std::shared_ptr<const ExternalFile>(std::move(file));
}

Result<SliceResult> ExternalProgram::run(ByteView params, TaskIndex task, std::uint32_t unit,
                                         std::uint32_t slice, Progress& progress) {
  if (!process_) TRY_VOID(start());
  auto result = take_turn({base::to_bytes(params), task, unit, slice}, progress);
  if (!result && process_) return end_with(result.error());
  return result;
}

std::unexpected<Error> ExternalProgram::end_with(Error error) {
  if (process_) {
    const Error end = process_->end();
    process_.reset();
    // That it is gone says less than why.
    if (error.code == Code::closed) error = end;
  }
  buffer_.clear();
  return fail(std::move(error));
}

Result<void> ExternalProgram::start() {
  buffer_.clear();
  auto process = SandboxedProcess::start(file_->bytes, file_->name, config_.limits);
  if (!process) return fail(process.error());
  process_.emplace(*std::move(process));
  TimePoint until = Clock::now() + config_.hello_timeout;
  const auto line = read_line(until, nullptr);
  if (!line) return end_with(line.error());
  const auto hello = decode_external_line(*line);
  if (!hello) return end_with({Code::protocol, file_->name + ": " + hello.error().message});
  if (*hello != ExternalLine(ExternalHello{})) {
    return end_with({Code::protocol, base::format("{} began with \"{}\", not with \"{}\"",
                                                  file_->name, *line, encode(ExternalHello{}))});
  }
  return {};
}

Result<void> ExternalProgram::check_silent() {
  if (buffer_.empty() && !wait_for(process_->output(), POLLIN, Duration::zero())) return {};
  TimePoint until = Clock::now() + ask_interval;
  if (buffer_.empty()) TRY_VOID(read_more(until, nullptr));
  return fail(Code::protocol, base::format("{} spoke out of turn", file_->name));
}

Result<SliceResult> ExternalProgram::take_turn(const ExternalRun& run, Progress& progress) {
  TRY_VOID(check_silent());
  told_ = {0, 1};
  TRY_VOID(write_line(encode(run), Clock::now() + write_timeout));
  TimePoint until = Clock::now() + config_.turn_timeout;
  for (std::uint32_t lines = 0; lines < progress_lines_max; ++lines) {
    const std::string line = TRY(read_line(until, &progress));
    const auto decoded = decode_external_line(line);
    if (!decoded) return fail(Code::protocol, file_->name + ": " + decoded.error().message);
    if (const auto* said = std::get_if<ExternalProgress>(&*decoded)) {
      told_ = *said;
      TRY_VOID(ask(until, progress));
      continue;
    }
    if (const auto* said = std::get_if<ExternalError>(&*decoded)) {
      return fail(Code::refused, base::format("{} says: {}", file_->name, said->text));
    }
    const auto* result = std::get_if<ExternalResult>(&*decoded);
    if (result == nullptr) {
      return fail(Code::protocol, base::format("{} said \"{}\" in its turn", file_->name, line));
    }
    if (!buffer_.empty()) {
      return fail(Code::protocol, base::format("{} went on behind its result", file_->name));
    }
    return result->result;
  }
  return fail(Code::protocol, base::format("{} said progress {} times, and no result", file_->name,
                                           progress_lines_max));
}

Result<void> ExternalProgram::ask(TimePoint& until, Progress& progress) const {
  const auto began = Clock::now();
  const bool goes_on = progress.go_on(told_.done, told_.of);
  until += Clock::now() - began;
  if (goes_on) return {};
  return fail(Code::canceled, base::format("{} was called off", file_->name));
}

Result<void> ExternalProgram::write_line(const std::string& line, TimePoint until) {
  const std::string text = line + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::write(process_->input(), rest.data(), rest.size());
    if (count > 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EPIPE) {
      return fail(Code::closed, base::format("{} has ended", file_->name));
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail(os_error(errno, "cannot write to " + file_->name));
    } else if (Clock::now() >= until) {
      return fail(Code::timeout, base::format("{} does not read what it is told", file_->name));
    } else {
      wait_for(process_->input(), POLLOUT, ask_interval);
    }
  }
  return {};
}

Result<std::string> ExternalProgram::read_line(TimePoint& until, Progress* progress) {
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos && end <= external_line_bytes_max) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (buffer_.size() > external_line_bytes_max) {
      return fail(Code::too_large, base::format("{} wrote a line of more than {} characters",
                                                file_->name, external_line_bytes_max));
    }
    TRY_VOID(read_more(until, progress));
  }
}

Result<void> ExternalProgram::read_more(TimePoint& until, Progress* progress) {
  for (;;) {
    char chunk[4096];
    const ssize_t count = ::read(process_->output(), chunk, sizeof chunk);
    if (count > 0) {
      buffer_.append(chunk, static_cast<std::size_t>(count));
      return {};
    }
    if (count == 0) return fail(Code::closed, base::format("{} has ended", file_->name));
    if (errno != EAGAIN && errno != EINTR) {
      return fail(os_error(errno, "cannot read from " + file_->name));
    }
    const auto now = Clock::now();
    if (now >= until) {
      return fail(Code::timeout, base::format("{} did not answer in time", file_->name));
    }
    if (progress != nullptr) TRY_VOID(ask(until, *progress));
    wait_for(process_->output(), POLLIN, std::min<Duration>(ask_interval, until - now));
  }
}

}  // namespace kith::rt
