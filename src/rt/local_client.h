// The command line's end of the local API (local_server.h): blocking, with time limits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "rt/os.h"

namespace kith::rt {

class LocalClient {
 public:
  /// `unreachable` when nobody listens there, `permission` when it is another user's.
  static Result<LocalClient> connect(const std::string& path);

  /// `line` without its end, and without another inside.
  Result<void> send_line(std::string_view line, Duration timeout = 10s);
  /// The next line of the response; nothing at its end, after which the next request may go out.
  /// `timeout`, `closed` when the node went away, `too_large` for a line over line_bytes_max.
  Result<std::optional<std::string>> read_line(Duration timeout);
  /// For who waits on several things.
  int fd() const { return fd_.get(); }

  static constexpr std::size_t line_bytes_max = 64 * 1024 * 1024;

 private:
  explicit LocalClient(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
  std::string received_;
  std::size_t scanned_ = 0;
};

}  // namespace kith::rt
