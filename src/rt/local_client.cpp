#include "rt/local_client.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/format.h"
#include "rt/local_socket.h"

namespace kith::rt {
namespace {

using Clock = std::chrono::steady_clock;

// Waits until the socket is ready for `events`; false when the time is over.
Result<bool> wait_for(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd state{.fd = fd, .events = events, .revents = 0};
    // One more millisecond than is left: poll rounds down, and would spin at the end.
    const int wait_ms = static_cast<int>(std::clamp<long long>(left + 1, 0, 1'000'000'000));
    const int count = ::poll(&state, 1, wait_ms);
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return fail(os_error(errno, "cannot wait for the node"));
    if (Clock::now() >= until) return false;
  }
}

Clock::time_point after(Duration timeout) {
  return Clock::now() + std::min<Duration>(timeout, std::chrono::hours(24 * 365));
}

}  // namespace

Result<LocalClient> LocalClient::connect(const std::string& path) {
  auto address = to_local_address(path);
  if (!address) {
    const Code code =
        address.error().code == Code::not_found ? Code::unreachable : address.error().code;
    return fail(code, address.error().message);
  }
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(os_error(errno, "cannot open a socket"));
  if (::connect(fd.get(), address->get(), sizeof address->address) != 0) {
    if (errno == EACCES || errno == EPERM) return fail(os_error(errno, "cannot use " + path));
    return fail(Code::unreachable,
                base::format("no node listens on {} ({})", path, errno_text(errno)));
  }
  return LocalClient(std::move(fd));
}

Result<void> LocalClient::send_line(std::string_view line, Duration timeout) {
  ASSERT(line.find('\n') == std::string_view::npos);
  const auto until = after(timeout);
  std::string text(line);
  text.push_back('\n');
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!TRY(wait_for(fd_.get(), POLLOUT, until))) {
        return fail(Code::timeout, "the node does not take the request");
      }
    } else if (errno != EINTR) {
      return fail(Code::closed, "the node closed the connection: " + errno_text(errno));
    }
  }
  return {};
}

Result<std::optional<std::string>> LocalClient::read_line(Duration timeout) {
  const auto until = after(timeout);
  for (;;) {
    const std::size_t end = received_.find('\n', scanned_);
    if (end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      scanned_ = 0;
      if (line.empty()) return std::optional<std::string>();
      return std::optional(std::move(line));
    }
    scanned_ = received_.size();
    if (received_.size() > line_bytes_max) {
      return fail(Code::too_large,
                  base::format("a reply line of more than {} bytes", line_bytes_max));
    }
    if (!TRY(wait_for(fd_.get(), POLLIN, until))) {
      return fail(Code::timeout,
                  base::format("no answer from the node within {} ms", base::to_ms(timeout)));
    }
    char chunk[64 * 1024];
    const ssize_t count = ::recv(fd_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (count == 0) return fail(Code::closed, "the node closed the connection");
    if (count > 0) {
      received_.append(chunk, static_cast<std::size_t>(count));
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      return fail(Code::closed, "the node closed the connection: " + errno_text(errno));
    }
  }
}

}  // namespace kith::rt
