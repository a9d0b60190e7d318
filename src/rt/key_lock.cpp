#include "rt/key_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "base/format.h"
#include "crypto/hash.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

constexpr std::size_t name_bytes = 16;

int written_pid(int fd) {
  char text[16] = {};
  const ssize_t count = ::pread(fd, text, sizeof text - 1, 0);
  int pid = 0;
  if (count > 0) std::from_chars(text, text + count, pid);
  return pid;
}

Result<Fd> take_file(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, private_file_mode));
  if (!file) return fail(os_error(errno, "cannot open " + path));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(os_error(errno, "cannot lock " + path));
    return fail(
        Code::locked,
        base::format("another process (pid {}) votes with this validator key (lock {}): two "
                     "that do contradict each other and are slashed for it",
                     written_pid(file.get()), path));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(os_error(errno, "cannot write " + path));
  }
  return file;
}

/// A folder that nobody else can put anything into.
Result<std::string> user_folder() {
  const char* const given = std::getenv("XDG_RUNTIME_DIR");  // before there are threads
  struct stat info{};
  std::string folder = base::format("/tmp/kith-{}", ::geteuid());
  if (given != nullptr && ::stat(given, &info) == 0 && info.st_uid == ::geteuid()) {
    folder = std::string(given) + "/kith";
  }
  if (::mkdir(folder.c_str(), private_dir_mode) != 0 && errno != EEXIST) {
    return fail(os_error(errno, "cannot make " + folder));
  }
  if (::lstat(folder.c_str(), &info) != 0) return fail(os_error(errno, folder));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 022U) != 0) {
    return fail(Code::permission,
                base::format("{} is not a folder of this user alone, and what locks validator "
                             "keys stands there; remove it",
                             folder));
  }
  return folder;
}

}  // namespace

Result<KeyLock> KeyLock::take(const std::string& folder, ByteView public_key) {
  std::vector<Fd> files;
  files.push_back(TRY(take_file(folder + "/key.lock")));
  const std::string shared = TRY(user_folder());
  const crypto::Hash256 hash = crypto::sha256(public_key);
  const std::string name = base::to_hex(ByteView(hash).first(name_bytes));
  files.push_back(TRY(take_file(base::format("{}/key-{}.lock", shared, name))));
  return KeyLock(std::move(files));
}

}  // namespace kith::rt
