#include "rt/compute_sandbox_child.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include <linux/seccomp.h>

namespace kith::rt {
namespace {

constexpr uid_t nobody = 65534;
constexpr int report_fd = sandbox_exec_fd - 1;
constexpr rlim_t open_files = 64;
constexpr unsigned namespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;

const char* const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8",
                                   "TMPDIR=/tmp", nullptr};

void say(int fd, SandboxStage stage, int value) {
  const SandboxReport report{stage, value};
  [[maybe_unused]] const auto count = ::write(fd, &report, sizeof report);
}

[[noreturn]] void give_up(int fd, SandboxStage stage) {
  say(fd, stage, errno);
  ::_exit(127);
}

bool write_text(const char* path, const char* text, std::size_t size) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool is_written = ::write(fd, text, size) == static_cast<ssize_t>(size);
  ::close(fd);
  return is_written;
}

bool write_file(const char* path, ByteView bytes) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555);
  if (fd < 0) return false;
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return ::close(fd) == 0;
}

bool seal(const char* path, std::uint64_t attributes, unsigned flags) {
  mount_attr change{};
  change.attr_set = attributes;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &change, sizeof change) == 0;
}

bool add_mount(const SandboxMount& mount) {
  using Kind = SandboxMount::Kind;
  const char* const target = mount.target.c_str();
  if (mount.kind == Kind::link) return ::symlink(mount.source.c_str(), target) == 0;
  if (mount.kind == Kind::folder) {
    if (::mkdir(target, 0755) != 0) return false;
  } else {
    const int fd = ::open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (fd < 0) return false;
    ::close(fd);
  }
  if (::mount(mount.source.c_str(), target, nullptr, MS_BIND | MS_REC, nullptr) != 0) return false;
  const std::uint64_t devices = mount.kind == Kind::device ? 0 : MOUNT_ATTR_NODEV;
  return seal(target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | devices, AT_RECURSIVE);
}

/// A new root in memory, with what the program may see.
bool build_root(const SandboxLaunch& launch) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", sandbox_root, "tmpfs", MS_NOSUID | MS_NODEV, launch.root_options.c_str()) !=
          0 ||
      ::chdir(sandbox_root) != 0) {
    return false;
  }
  for (const char* const folder : {"dev", "etc", "tmp"}) {
    if (::mkdir(folder, 0755) != 0) return false;
  }
  for (const SandboxMount& mount : launch.mounts) {
    if (!add_mount(mount)) return false;
  }
  return true;
}

bool enter_root(const SandboxLaunch& launch) {
  // The old root lands under the new one, and goes.
  return ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
         ::chdir("/") == 0 &&
         ::mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                 launch.folder_options.c_str()) == 0 &&
         seal("/", MOUNT_ATTR_RDONLY, 0) && ::chdir("/tmp") == 0;
}

/// Descriptors 0 to 2, the report and the executable; all others go.
bool place_descriptors(const SandboxLaunch& launch) {
  const int executable = ::open(launch.executable.c_str(), O_PATH | O_CLOEXEC);
  if (executable < 0) return false;
  return ::dup2(launch.input, 0) == 0 && ::dup2(launch.output, 1) == 1 &&
         ::dup2(launch.nothing, 2) == 2 &&
         ::dup3(executable, sandbox_exec_fd, O_CLOEXEC) == sandbox_exec_fd &&
         ::syscall(SYS_close_range, 3u, static_cast<unsigned>(report_fd - 1), 0u) == 0 &&
         ::syscall(SYS_close_range, static_cast<unsigned>(sandbox_exec_fd + 1), ~0u, 0u) == 0;
}

bool limit(__rlimit_resource resource, rlim_t value) {
  const rlimit both{value, value};
  return ::setrlimit(resource, &both) == 0;
}

bool set_limits(const SandboxLimits& limits) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limits.cpu).count();
  // One process more: the warden counts as the same user.
  return limit(RLIMIT_AS, limits.memory_bytes) && limit(RLIMIT_DATA, limits.memory_bytes) &&
         limit(RLIMIT_NPROC, limits.processes + 1) && limit(RLIMIT_FSIZE, limits.file_bytes) &&
         limit(RLIMIT_CPU, static_cast<rlim_t>(seconds < 1 ? 1 : seconds)) &&
         limit(RLIMIT_NOFILE, open_files) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_MEMLOCK, 0) &&
         limit(RLIMIT_MSGQUEUE, 0);
}

/// Process 1 of its namespace: whatever it started ends with it.
[[noreturn]] void become_program(const SandboxLaunch& launch) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::dup3(launch.report, report_fd, O_CLOEXEC) < 0) ::_exit(127);
  if (!build_root(launch)) give_up(report_fd, SandboxStage::files);
  if (!write_file("program", launch.program)) give_up(report_fd, SandboxStage::program);
  if (!enter_root(launch)) give_up(report_fd, SandboxStage::root);
  if (!place_descriptors(launch)) give_up(report_fd, SandboxStage::program);
  if (!set_limits(launch.limits)) give_up(report_fd, SandboxStage::limits);
  ::umask(077);
  const sock_fprog filter{static_cast<unsigned short>(launch.filter.size()),
                          const_cast<sock_filter*>(launch.filter.data())};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    give_up(report_fd, SandboxStage::filter);
  }
  say(report_fd, SandboxStage::ready, 0);
  ::syscall(SYS_execveat, sandbox_exec_fd, "", launch.argument_list.data(), environment,
            AT_EMPTY_PATH);
  give_up(report_fd, SandboxStage::exec);
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGCHLD, SIGXFSZ}) {
    ::sigaction(number, &plain, nullptr);
  }
}

/// Nobody's processes are not ours: root's would not be counted.
bool drop_root() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
      ::setresuid(nobody, nobody, nobody) != 0) {
    return false;
  }
  // Else /proc/self would stay root's, and its maps could not be written.
  return ::prctl(PR_SET_DUMPABLE, 1) == 0;
}

}  // namespace

void become_warden(const SandboxLaunch& launch) {
  reset_signals();
  ::setpgid(0, 0);
  if (launch.is_root && !drop_root()) give_up(launch.report, SandboxStage::drop_root);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);  // it ended before prctl could tell
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    give_up(launch.report, SandboxStage::privileges);
  }
  if (::unshare(static_cast<int>(namespaces)) != 0) {
    give_up(launch.report, SandboxStage::namespaces);
  }
  constexpr std::string_view deny = "deny";
  if (!write_text("/proc/self/setgroups", deny.data(), deny.size()) ||
      !write_text("/proc/self/uid_map", launch.user_map.data(), launch.user_map.size()) ||
      !write_text("/proc/self/gid_map", launch.group_map.data(), launch.group_map.size())) {
    give_up(launch.report, SandboxStage::ids);
  }
  const pid_t program = ::fork();
  if (program < 0) give_up(launch.report, SandboxStage::process);
  if (program == 0) become_program(launch);
  // It holds no other descriptor of its parent's: ends of pipes would seem open.
  if (::dup3(launch.report, report_fd, O_CLOEXEC) < 0) ::_exit(127);
  ::syscall(SYS_close_range, 0u, static_cast<unsigned>(report_fd - 1), 0u);
  ::syscall(SYS_close_range, static_cast<unsigned>(report_fd + 1), ~0u, 0u);
  int status = 0;
  while (::waitpid(program, &status, 0) < 0 && errno == EINTR) {
  }
  say(report_fd, SandboxStage::ended, status);
  ::_exit(0);
}

}  // namespace kith::rt
