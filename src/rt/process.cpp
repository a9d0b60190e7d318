#include "rt/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "rt/os.h"

extern char** environ;

namespace kith::rt {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(5);

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> merged_environment(const ProcessConfig& config) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    bool is_replaced = false;
    for (const auto& [name, value] : config.environment) {
      is_replaced = is_replaced || text.starts_with(name + "=");
    }
    if (!is_replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : config.environment) result.push_back(name + "=" + value);
  return result;
}

Result<Fd> open_output(const std::string& path) {
  const char* name = path.empty() ? "/dev/null" : path.c_str();
  Fd fd(::open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) return fail(os_error(errno, "cannot open " + path));
  return fd;
}

/// Made ready before the fork: behind it only async-signal-safe calls are allowed.
struct Start {
  char* const* arguments;
  char* const* environment;
  const char* folder;  // null: stay
  int input, output, error;
  int report;  // gets errno when it does not work
  pid_t parent;
};

[[noreturn]] void become(const Start& start) {
  const auto give_up = [&] {
    const int error_number = errno;
    [[maybe_unused]] const auto count = ::write(start.report, &error_number, sizeof error_number);
    ::_exit(127);
  };
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGCHLD}) {
    ::sigaction(number, &plain, nullptr);
  }
  // A terminal's Ctrl-C goes to the whole group: our parent alone decides when we end.
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != start.parent) ::_exit(127);  // it ended before prctl could tell
  if (::dup2(start.input, 0) < 0 || ::dup2(start.output, 1) < 0 || ::dup2(start.error, 2) < 0) {
    give_up();
  }
  if (start.folder != nullptr && ::chdir(start.folder) != 0) give_up();
  ::execve(start.arguments[0], start.arguments, start.environment);
  give_up();
  ::_exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const ProcessConfig& config) {
  ASSERT(!config.arguments.empty());
  const Fd output = TRY(open_output(config.output_file));
  const Fd error = TRY(open_output(config.error_file));
  const Fd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  int ends[2];
  if (!input || ::pipe2(ends, O_CLOEXEC) != 0)
    return fail(os_error(errno, "cannot start a process"));
  const Fd report_read(ends[0]);
  Fd report_write(ends[1]);
  auto arguments = config.arguments;
  auto environment = merged_environment(config);
  const auto argument_list = pointers(arguments);
  const auto environment_list = pointers(environment);
  const Start start{argument_list.data(),
                    environment_list.data(),
                    config.folder.empty() ? nullptr : config.folder.c_str(),
                    input.get(),
                    output.get(),
                    error.get(),
                    report_write.get(),
                    ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return fail(os_error(errno, "cannot start " + arguments[0]));
  if (pid == 0) become(start);
  ChildProcess child(pid);
  report_write.reset();
  // The pipe closes by itself when the program runs.
  int error_number = 0;
  ssize_t count = 0;
  do {
    count = ::read(report_read.get(), &error_number, sizeof error_number);
  } while (count < 0 && errno == EINTR);
  if (count == sizeof error_number) {
    return fail(os_error(error_number, "cannot start " + arguments[0]));
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), end_(std::exchange(other.end_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill_now();
    pid_ = std::exchange(other.pid_, -1);
    end_ = std::exchange(other.end_, std::nullopt);
  }
  return *this;
}

ChildProcess::~ChildProcess() { kill_now(); }

void ChildProcess::kill_now() {
  if (pid_ < 0 || end_) return;
  signal(SIGKILL);
  wait(std::chrono::hours(1));
}

std::optional<ProcessEnd> ChildProcess::poll() {
  if (end_ || pid_ < 0) return end_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) {
    end_ =
        WIFEXITED(status) ? ProcessEnd{WEXITSTATUS(status), 0} : ProcessEnd{-1, WTERMSIG(status)};
  } else if (ended < 0 && errno == ECHILD) {
    end_ = ProcessEnd{};  // somebody else reaped it
  }
  return end_;
}

std::optional<ProcessEnd> ChildProcess::wait(Duration timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  while (!poll()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) break;
    // Without pidfd_open (before Linux 5.3, or in a strict sandbox) it is asked again and again.
    const auto most = handle ? std::chrono::milliseconds(1000) : poll_interval;
    const auto step = std::min<Duration>(left, most);
    pollfd state{.fd = handle.get(), .events = POLLIN, .revents = 0};
    ::poll(&state, 1, static_cast<int>(base::to_ms(step)) + 1);
  }
  return end_;
}

void ChildProcess::signal(int number) {
  // Not reaped yet, so the id is still the child's own.
  if (pid_ > 0 && !poll()) ::kill(pid_, number);
}

ProcessEnd ChildProcess::stop(Duration grace) {
  signal(SIGTERM);
  if (!wait(grace)) {
    signal(SIGKILL);
    wait(std::chrono::hours(1));
  }
  return end_.value_or(ProcessEnd{});
}

}  // namespace kith::rt
