#include "rt/compute_sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>

#include "base/format.h"
#include "rt/compute_sandbox_child.h"
#include "rt/compute_seccomp.h"

namespace kith::rt {
namespace {

constexpr uid_t nobody = 65534;
constexpr auto start_timeout = std::chrono::seconds(10);
constexpr auto kill_timeout = std::chrono::seconds(10);
constexpr std::size_t first_line_max = 256;
constexpr std::uint64_t root_spare_bytes = std::uint64_t{1} << 20;

std::string within(const std::string& path) { return sandbox_root + path; }

/// What of the host can be seen: what programs and interpreters need, and no file of anybody.
std::vector<SandboxMount> visible_files() {
  using Kind = SandboxMount::Kind;
  std::vector<SandboxMount> mounts;
  for (const std::string folder : {"/usr", "/bin", "/lib", "/lib64", "/etc/alternatives"}) {
    struct stat info{};
    if (::lstat(folder.c_str(), &info) != 0) continue;
    if (!S_ISLNK(info.st_mode)) {
      mounts.push_back({Kind::folder, folder, within(folder)});
      continue;
    }
    char to[PATH_MAX];
    const ssize_t size = ::readlink(folder.c_str(), to, sizeof to);
    if (size <= 0) continue;
    mounts.push_back({Kind::link, {to, static_cast<std::size_t>(size)}, within(folder)});
  }
  if (::access("/etc/ld.so.cache", R_OK) == 0) {
    mounts.push_back({Kind::file, "/etc/ld.so.cache", within("/etc/ld.so.cache")});
  }
  for (const std::string device : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
    mounts.push_back({Kind::device, device, within(device)});
  }
  return mounts;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// What /usr/bin/env would have found: it may not exec.
Result<std::string> found_in_path(const std::string& name) {
  for (const char* const folder : {"/usr/local/bin/", "/usr/bin/"}) {
    const std::string path = folder + name;
    if (name.find('/') == std::string::npos && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(Code::not_found, base::format("no \"{}\" in /usr/local/bin or /usr/bin", name));
}

/// The kernel's rule for "#!": an interpreter and at most one argument; but the exec is ours.
Result<void> read_first_line(SandboxLaunch& launch, const std::string& name) {
  launch.executable = "/program";
  launch.arguments = {"/program"};
  const std::string_view text = base::as_text(launch.program);
  constexpr std::string_view elf =
      "\x7f"
      "ELF";
  if (text.starts_with(elf)) return {};
  if (!text.starts_with("#!")) {
    return fail(Code::unsupported,
                base::format("{} is neither an ELF file nor does it begin with #!", name));
  }
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || end > first_line_max) {
    return fail(Code::unsupported, base::format("{} has a first line of more than {} characters",
                                                name, first_line_max));
  }
  const std::string_view line = trimmed(text.substr(2, end - 2));
  const std::size_t blank = line.find_first_of(" \t");
  std::string interpreter(line.substr(0, blank));
  std::string argument(blank == std::string_view::npos ? "" : trimmed(line.substr(blank)));
  if (interpreter == "/usr/bin/env") interpreter = TRY(found_in_path(std::exchange(argument, "")));
  if (!interpreter.starts_with("/usr/") || interpreter.find("/../") != std::string::npos) {
    return fail(Code::unsupported,
                base::format("{} asks for \"{}\": only what is in /usr is in the sandbox", name,
                             interpreter));
  }
  launch.executable = interpreter;
  launch.arguments = {interpreter};
  if (!argument.empty()) launch.arguments.push_back(argument);
  launch.arguments.push_back("/program");
  return {};
}

std::string_view what_of(SandboxStage stage) {
  switch (stage) {
    case SandboxStage::ready: return "nothing";
    case SandboxStage::drop_root: return "becoming nobody";
    case SandboxStage::privileges: return "giving up privileges (no_new_privs)";
    case SandboxStage::namespaces:
      return "namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone, or a "
             "container's own filter forbid them)";
    case SandboxStage::ids: return "an identity in a user namespace";
    case SandboxStage::process: return "a process namespace";
    case SandboxStage::files: return "a read-only view of /usr (mount_setattr needs Linux 5.12)";
    case SandboxStage::program: return "the program's own file";
    case SandboxStage::root: return "a root folder of its own";
    case SandboxStage::limits: return "limits of its memory, processes and files";
    case SandboxStage::filter: return "a filter of system calls (seccomp)";
    case SandboxStage::exec: return "the start of the program";
    case SandboxStage::ended: return "an end";
  }
  return "something unknown";
}

Error cannot_have(const std::string& name, const SandboxReport& report) {
  const bool is_program =
      report.stage == SandboxStage::exec || report.stage == SandboxStage::program;
  return {is_program ? errno_code(report.value) : Code::unsupported,
          base::format("{} is not run without a sandbox, and this machine does not give it {}: {}",
                       name, what_of(report.stage), errno_text(report.value))};
}

/// The next report; nothing at the end of the pipe, or when none comes in time.
std::optional<SandboxReport> next_report(int fd, Duration timeout) {
  pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&state, 1, static_cast<int>(base::to_ms(timeout))) <= 0) return std::nullopt;
  SandboxReport report;
  ssize_t count = 0;
  do {
    count = ::read(fd, &report, sizeof report);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof report) return std::nullopt;
  return report;
}

struct Pipe {
  Fd read, write;
};
Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(os_error(errno, "cannot make a pipe"));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<void> set_nonblocking(int fd) {
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return fail(os_error(errno, "cannot set up a pipe"));
  return {};
}

Error error_of_end(const std::string& name, const SandboxLimits& limits, int status) {
  if (WIFEXITED(status)) {
    return {Code::closed,
            base::format("{} ended by itself, with exit code {}", name, WEXITSTATUS(status))};
  }
  const int signal = WTERMSIG(status);
  if (signal == SIGSYS) {
    return {Code::permission,
            base::format("{} did what its sandbox forbids (sockets, exec, tracing, mounts), and "
                         "was killed",
                         name)};
  }
  if (signal == SIGKILL || signal == SIGXCPU) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limits.cpu).count();
    return {Code::limit, base::format("{} was killed: out of its {} s of processor time, or of "
                                      "memory",
                                      name, seconds)};
  }
  return {Code::closed, base::format("{} was ended by signal {}", name, signal)};
}

}  // namespace

Result<SandboxedProcess> SandboxedProcess::start(ByteView program, const std::string& name,
                                                 const SandboxLimits& limits) {
  SandboxLaunch launch;
  launch.program = program;
  if (program.size() > program_bytes_max) {
    return fail(Code::too_large,
                base::format("{} has {} bytes, limit {}", name, program.size(), program_bytes_max));
  }
  TRY_VOID(read_first_line(launch, name));
  launch.filter = worker_filter(sandbox_exec_fd);
  if (launch.filter.empty()) {
    return fail(Code::unsupported,
                base::format("{}: no filter of system calls for this processor", name));
  }
  launch.mounts = visible_files();
  launch.limits = limits;
  launch.is_root = ::geteuid() == 0;
  launch.user_map = base::format("{} {} 1\n", nobody, launch.is_root ? nobody : ::geteuid());
  launch.group_map = base::format("{} {} 1\n", nobody, launch.is_root ? nobody : ::getegid());
  launch.root_options = base::format("mode=0755,size={}", program.size() + root_spare_bytes);
  launch.folder_options = base::format("mode=0700,size={}", limits.file_bytes);
  launch.parent = ::getpid();
  for (std::string& argument : launch.arguments) launch.argument_list.push_back(argument.data());
  launch.argument_list.push_back(nullptr);

  Pipe input = TRY(make_pipe());
  Pipe output = TRY(make_pipe());
  Pipe report = TRY(make_pipe());
  const Fd nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  TRY_VOID(set_nonblocking(input.write.get()));
  TRY_VOID(set_nonblocking(output.read.get()));
  launch.input = input.read.get();
  launch.output = output.write.get();
  launch.report = report.write.get();
  launch.nothing = nothing.get();
  const pid_t warden = ::fork();
  if (warden < 0) return fail(os_error(errno, "cannot start " + name));
  if (warden == 0) become_warden(launch);

  SandboxedProcess process;
  process.name_ = name;
  process.limits_ = limits;
  process.warden_ = warden;
  process.input_ = std::move(input.write);
  process.output_ = std::move(output.read);
  process.report_ = std::move(report.read);
  input.read.reset();
  output.write.reset();
  report.write.reset();
  const auto first = next_report(process.report_.get(), start_timeout);
  if (!first) return fail(Code::timeout, base::format("the sandbox of {} was not built", name));
  if (first->stage != SandboxStage::ready) return fail(cannot_have(name, *first));
  return process;
}

SandboxedProcess::SandboxedProcess(SandboxedProcess&& other) noexcept
    : name_(std::move(other.name_)),
      limits_(other.limits_),
      warden_(std::exchange(other.warden_, -1)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      report_(std::move(other.report_)) {}

SandboxedProcess::~SandboxedProcess() { kill_all(); }

void SandboxedProcess::kill_all() {
  if (warden_ < 0) return;
  // The warden's end is the program's (PDEATHSIG), and its end that of all it started, since it is
  // process 1 of their namespace. The group has both unless the program made one of its own.
  ::kill(-warden_, SIGKILL);
  ::kill(warden_, SIGKILL);
  while (::waitpid(warden_, nullptr, 0) < 0 && errno == EINTR) {
  }
  warden_ = -1;
  // Their output is open as long as one of them is there.
  const auto until = std::chrono::steady_clock::now() + kill_timeout;
  char rest[4096];
  while (std::chrono::steady_clock::now() < until) {
    const ssize_t count = ::read(output_.get(), rest, sizeof rest);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return;
    if (count > 0) continue;
    pollfd state{.fd = output_.get(), .events = POLLIN, .revents = 0};
    ::poll(&state, 1, 100);
  }
}

Error SandboxedProcess::end() {
  // One that has ended by itself is about to say so; one that has not is killed.
  std::optional<SandboxReport> last = next_report(report_.get(), std::chrono::milliseconds(200));
  kill_all();
  if (!last) return {Code::closed, base::format("{} was killed", name_)};
  if (last->stage == SandboxStage::ended) return error_of_end(name_, limits_, last->value);
  return cannot_have(name_, *last);
}

}  // namespace kith::rt
