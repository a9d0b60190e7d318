#include "rt/local_socket.h"

#include <fcntl.h>

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

}  // namespace kith::rt
