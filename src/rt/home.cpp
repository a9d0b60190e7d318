#include "rt/home.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/format.h"
#include "crypto/keystore.h"
#include "crypto/secret.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

constexpr std::size_t token_random_bytes = 32;
constexpr std::size_t token_bytes_min = 32;
constexpr std::size_t token_file_bytes_max = 4096;
constexpr int lock_attempts = 5;
constexpr auto lock_attempt_interval = std::chrono::milliseconds(10);

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // read at the start, before there are threads
  return value == nullptr ? "" : value;
}

std::string lock_path(const std::string& home) { return home + "/lock"; }

// What a holder wrote; 0 when there is nothing readable.
int written_pid(int fd) {
  char text[16] = {};
  const ssize_t count = ::pread(fd, text, sizeof text - 1, 0);
  int pid = 0;
  if (count > 0) std::from_chars(text, text + count, pid);
  return pid;
}

}  // namespace

Result<std::string> default_home() {
  if (auto home = environment("KITH_HOME"); !home.empty()) return home;
  if (auto data = environment("XDG_DATA_HOME"); !data.empty()) return data + "/kith";
  std::string user = environment("HOME");
  if (user.empty()) {
    if (const passwd* entry = ::getpwuid(::geteuid()); entry != nullptr) user = entry->pw_dir;
  }
  if (user.empty()) {
    return fail(Code::config, "no home folder: none of KITH_HOME, XDG_DATA_HOME and HOME is set");
  }
  return user + "/.local/share/kith";
}

Result<void> make_home(const std::string& home) { return make_dirs(home, private_dir_mode); }

Result<HomeLock> HomeLock::take(const std::string& home) {
  const std::string path = lock_path(home);
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file_mode));
  if (!file) return fail(os_error(errno, "cannot open " + path));
  // Whoever asks for the holder has the file for an instant, so it is tried more than once.
  int status = ::flock(file.get(), LOCK_EX | LOCK_NB);
  for (int attempt = 1; status != 0 && errno == EWOULDBLOCK && attempt < lock_attempts; ++attempt) {
    std::this_thread::sleep_for(lock_attempt_interval);
    status = ::flock(file.get(), LOCK_EX | LOCK_NB);
  }
  if (status != 0) {
    if (errno != EWOULDBLOCK) return fail(os_error(errno, "cannot lock " + path));
    return fail(Code::locked, base::format("the home {} is in use by another process (pid {})",
                                           home, written_pid(file.get())));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(os_error(errno, "cannot write " + path));
  }
  return HomeLock(std::move(file));
}

std::optional<int> HomeLock::holder(const std::string& home) {
  const Fd file(::open(lock_path(home).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  return written_pid(file.get());
}

Result<Identity> load_or_create_identity(const std::string& home,
                                         std::optional<std::string_view> passphrase, Rng& rng) {
  const std::string path = identity_path(home);
  auto file = read_secret_file(path, crypto::identity_key_file_bytes_max);
  if (file) {
    auto key = crypto::decode_identity_key(*file, passphrase);
    crypto::wipe(*file);
    if (!key) return fail(key.error().code, path + ": " + key.error().message);
    return Identity{*std::move(key), false};
  }
  if (file.error().code != Code::not_found) return fail(std::move(file).error());
  auto key = crypto::KeyPair::generate(rng);
  TRY_VOID(write_identity(home, key, passphrase, rng));
  return Identity{std::move(key), true};
}

Result<void> write_identity(const std::string& home, const crypto::KeyPair& key,
                            std::optional<std::string_view> passphrase, Rng& rng) {
  Bytes encoded = crypto::encode_identity_key(key, passphrase, rng);
  auto written = write_file_atomic(identity_path(home), encoded, private_file_mode);
  crypto::wipe(encoded);
  return written;
}

Result<std::string> load_or_create_api_token(const std::string& home, Rng& rng) {
  const std::string path = home + "/api.token";
  auto file = read_secret_file(path, token_file_bytes_max);
  if (file) {
    std::string token(base::as_text(*file));
    crypto::wipe(*file);
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
    const bool is_plain = std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; });
    if (token.size() < token_bytes_min || !is_plain) {
      return fail(Code::malformed,
                  base::format("{} must be one line of at least {} characters without blanks; "
                               "without the file a new one is made",
                               path, token_bytes_min));
    }
    return token;
  }
  if (file.error().code != Code::not_found) return fail(std::move(file).error());
  std::array<std::uint8_t, token_random_bytes> bytes{};
  rng.fill(bytes);
  std::string token = base::to_hex(bytes);
  TRY_VOID(write_file_atomic(path, base::as_bytes(token + "\n"), private_file_mode));
  return token;
}

}  // namespace kith::rt
