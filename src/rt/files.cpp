#include "rt/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "base/format.h"
#include "rt/os.h"

namespace kith::rt {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(os_error(errno, "cannot write " + path));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> write_temporary(const std::string& path, ByteView bytes, mode_t mode) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return fail(os_error(errno, "cannot create " + path));
  if (::fchmod(fd.get(), mode) != 0) return fail(os_error(errno, "cannot set mode of " + path));
  TRY_VOID(write_all(fd.get(), bytes, path));
  if (::fsync(fd.get()) != 0) return fail(os_error(errno, "cannot sync " + path));
  return {};
}

Result<void> check_secret(const struct stat& info, const std::string& path) {
  const unsigned mode = info.st_mode & 07777;
  if ((mode & 077) != 0) {
    return fail(Code::permission,
                base::format("{} holds a secret but its mode is {:04o}: others may use it; "
                             "mend with: chmod 600 {}",
                             path, mode, path));
  }
  if (info.st_uid != ::geteuid()) {
    return fail(Code::permission, base::format("{} holds a secret but belongs to user {}, not {}",
                                               path, info.st_uid, ::geteuid()));
  }
  return {};
}

Result<Bytes> read_checked(const std::string& path, std::size_t bytes_max, bool is_secret) {
  // Non-blocking, so that a FIFO in a file's place does not hold us up.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail(os_error(errno, "cannot open " + path));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail(os_error(errno, "cannot read " + path));
  if (!S_ISREG(info.st_mode)) return fail(Code::malformed, path + " is not a regular file");
  if (is_secret) TRY_VOID(check_secret(info, path));
  const auto too_large = [&](std::size_t size) {
    return fail(Code::too_large, base::format("{} has {} bytes, limit {}", path, size, bytes_max));
  };
  if (static_cast<std::size_t>(info.st_size) > bytes_max) {
    return too_large(static_cast<std::size_t>(info.st_size));
  }
  Bytes bytes;
  std::uint8_t chunk[16 * 1024];
  for (;;) {
    const ssize_t count = ::read(fd.get(), chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(os_error(errno, "cannot read " + path));
    if (count == 0) break;
    base::append(bytes, ByteView(chunk, static_cast<std::size_t>(count)));
    if (bytes.size() > bytes_max) return too_large(bytes.size());  // it grew
  }
  if (is_secret) ::explicit_bzero(chunk, sizeof chunk);
  return bytes;
}

}  // namespace

Result<void> sync_folder(const std::string& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail(os_error(errno, "cannot sync " + folder));
  return {};
}

Result<void> write_file_atomic(const std::string& path, ByteView bytes, mode_t mode) {
  static std::atomic<unsigned> counter = 0;  // two writers in one process do not meet
  const std::string temporary =
      base::format("{}.{}-{}.tmp", path, ::getpid(), counter.fetch_add(1));
  auto written = write_temporary(temporary, bytes, mode);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = fail(os_error(errno, "cannot rename " + temporary + " to " + path));
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder(folder_of(path));
}

Result<Bytes> read_file(const std::string& path, std::size_t bytes_max) {
  return read_checked(path, bytes_max, false);
}

Result<Bytes> read_secret_file(const std::string& path, std::size_t bytes_max) {
  return read_checked(path, bytes_max, true);
}

Result<void> make_dirs(const std::string& path, mode_t mode) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (!part.empty() && ::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      return fail(os_error(errno, "cannot make the folder " + part));
    }
    if (end == std::string::npos) break;
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fail(os_error(errno, "cannot use " + path));
  if (!S_ISDIR(info.st_mode)) return fail(Code::exists, path + " is there, and is not a folder");
  return {};
}

bool file_exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace kith::rt
