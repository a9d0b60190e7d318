#include "rt/local_socket.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kith::rt {

Result<LocalAddress> to_local_address(const std::string& path) {
  LocalAddress result;
  result.address.sun_family = AF_UNIX;
  std::string reachable = path;
  if (path.size() >= sizeof result.address.sun_path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
    result.folder = Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!result.folder) return fail(os_error(errno, "cannot open " + folder));
    reachable = "/proc/self/fd/" + std::to_string(result.folder.get()) + "/" +
                path.substr(slash == std::string::npos ? 0 : slash + 1);
  }
  if (reachable.size() >= sizeof result.address.sun_path) {
    return fail(Code::config, "the socket's name is too long: " + path);
  }
  std::memcpy(result.address.sun_path, reachable.data(), reachable.size());
  return result;
}

namespace {

constexpr int backlog = 64;

// Somebody accepts there, or the file is a leftover.
Result<void> remove_stale(const std::string& path, const LocalAddress& address) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) return fail(Code::exists, path + " is there, and is not a socket");
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return fail(os_error(errno, "cannot look at " + path));
  const int status = ::connect(probe.get(), address.get(), sizeof address.address);
  if (status == 0 || errno == EAGAIN) {
    return fail(Code::locked, "another process serves " + path);
  }
  if (errno == ECONNREFUSED && ::unlink(path.c_str()) == 0) return {};
  return fail(os_error(errno, "cannot take over " + path));
}

}  // namespace

Result<Fd> listen_local(const std::string& path) {
  const LocalAddress address = TRY(to_local_address(path));
  TRY_VOID(remove_stale(path, address));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // The file gets the mode that the socket has when it is bound: there is no moment at which
  // others may connect.
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::bind(fd.get(), address.get(), sizeof address.address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd.get(), backlog) != 0) {
    return fail(os_error(errno, "cannot listen on " + path));
  }
  return fd;
}

// The file's mode says the same; this holds where a file system ignores modes.
bool is_own_user(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return false;
  return credentials.uid == ::geteuid() || credentials.uid == 0;
}

}  // namespace kith::rt
