#include "app/terminal.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/format.h"
#include "rt/os.h"

namespace kith::app {
namespace {

constexpr std::size_t line_bytes_max = 4096;
constexpr std::uint8_t ctrl_c = 3;

/// Echo is off while it lives. So are the keys that end a program: they would leave it off.
class Hidden {
 public:
  explicit Hidden(int fd) : fd_(fd) {
    is_set_ = ::tcgetattr(fd_, &before_) == 0;
    if (!is_set_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    hidden.c_cc[VEOL] = ctrl_c;  // ends a line too, so that it is read at once
    is_set_ = ::tcsetattr(fd_, TCSAFLUSH, &hidden) == 0;
  }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;
  ~Hidden() {
    if (is_set_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool is_set_ = false;
};

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

/// Up to the end of the line, which is not part of it, or of the input.
Result<crypto::SecretBytes> read_until(int fd, std::size_t bytes_max, bool is_one_line) {
  crypto::SecretBytes buffer(bytes_max);
  std::size_t size = 0;
  while (true) {
    std::uint8_t byte = 0;
    const ssize_t count = ::read(fd, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(rt::os_error(errno, "cannot read"));
    if (count == 0 || (is_one_line && byte == '\n')) break;
    if (is_one_line && byte == ctrl_c) return fail(Code::canceled, "interrupted");
    if (size == bytes_max) {
      return fail(Code::too_large, base::format("more than {} bytes of input", bytes_max));
    }
    buffer.span()[size++] = byte;
  }
  return crypto::SecretBytes::copy_of(buffer.view().first(size));
}

}  // namespace

bool is_terminal() { return ::isatty(STDIN_FILENO) != 0; }

Result<crypto::SecretBytes> ask_hidden(const std::string& prompt) {
  const rt::Fd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  // Standard input may be a file with the words.
  if (!tty || (!is_terminal() && ::isatty(STDERR_FILENO) == 0)) {
    return fail(Code::passphrase,
                "a passphrase is needed, and there is no terminal to ask for it: --passphrase-file "
                "or KITH_WALLET_PASSPHRASE gives it");
  }
  auto line = [&] {
    const Hidden hidden(tty.get());  // before the prompt: it drops what was typed so far
    write_all(tty.get(), prompt);
    return read_until(tty.get(), line_bytes_max, /*is_one_line=*/true);
  }();
  write_all(tty.get(), "\n");
  if (line && line->empty()) return fail(Code::passphrase, "an empty passphrase");
  return line;
}

bool ask_yes(const std::string& question) {
  if (!is_terminal()) return false;
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  const auto line = read_until(STDIN_FILENO, line_bytes_max, /*is_one_line=*/true);
  if (!line) return false;
  const std::string_view answer = base::as_text(line->view());
  return answer == "y" || answer == "yes";
}

Result<crypto::SecretBytes> read_input(const std::string& prompt, std::size_t bytes_max) {
  if (is_terminal()) std::fprintf(stderr, "%s", prompt.c_str());
  return read_until(STDIN_FILENO, bytes_max, is_terminal());
}

}  // namespace kith::app
