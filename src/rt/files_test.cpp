#include "rt/files.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/home.h"
#include "rt/rng_system.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 07777;
}

TEST(Files, WritesWholeFilesWithTheirMode) {
  TempDir dir;
  const std::string path = dir / "file";
  const mode_t old = ::umask(0077);
  ASSERT_TRUE(write_file_atomic(path, base::as_bytes("one"), 0644));
  ::umask(old);
  EXPECT_EQ(mode_of(path), 0644u);
  ASSERT_TRUE(write_file_atomic(path, base::as_bytes("two, longer"), 0600));
  EXPECT_EQ(mode_of(path), 0600u);
  const auto read = read_file(path, 100);
  ASSERT_TRUE(read);
  EXPECT_EQ(base::as_text(*read), "two, longer");
  // No temporary is left behind.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(Files, AFailedWriteLeavesTheOldFile) {
  TempDir dir;
  const std::string target = dir / "is-a-folder";
  ASSERT_TRUE(make_dirs(target + "/child", 0700));
  const auto written = write_file_atomic(target, base::as_bytes("x"), 0600);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find(target), std::string::npos);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
  EXPECT_EQ(write_file_atomic(dir / "no/such/folder/x", {}, 0600).error().code, Code::not_found);
}

TEST(Files, ReadingIsCapped) {
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "file", Bytes(1001), 0600));
  EXPECT_TRUE(read_file(dir / "file", 1001));
  const auto capped = read_file(dir / "file", 1000);
  ASSERT_FALSE(capped);
  EXPECT_EQ(capped.error().code, Code::too_large);
  EXPECT_EQ(read_file(dir / "none", 10).error().code, Code::not_found);
  EXPECT_EQ(read_file(dir.path(), 10).error().code, Code::malformed);
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_file(dir / "fifo", 10).error().code, Code::malformed);
  EXPECT_EQ(read_file("/dev/zero", 10).error().code, Code::malformed);
}

TEST(Files, ASecretOthersMayReadIsRefused) {
  TempDir dir;
  const std::string path = dir / "secret";
  ASSERT_TRUE(write_file_atomic(path, base::as_bytes("x"), 0600));
  EXPECT_TRUE(read_secret_file(path, 10));
  for (const mode_t mode : {0640u, 0604u, 0620u, 0601u}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto refused = read_secret_file(path, 10);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::permission);
    char text[8];
    std::snprintf(text, sizeof text, "%04o", mode);
    EXPECT_NE(refused.error().message.find(text), std::string::npos);
    EXPECT_NE(refused.error().message.find("chmod 600 " + path), std::string::npos);
  }
}

TEST(Files, MakesFolders) {
  TempDir dir;
  ASSERT_TRUE(make_dirs(dir / "a/b/c", 0700));
  ASSERT_TRUE(make_dirs(dir / "a/b/c", 0700));
  EXPECT_EQ(mode_of(dir / "a/b"), 0700u);
  ASSERT_TRUE(write_file_atomic(dir / "a/file", {}, 0600));
  EXPECT_FALSE(make_dirs(dir / "a/file", 0700));
  EXPECT_FALSE(make_dirs(dir / "a/file/b", 0700));
}

TEST(Home, FollowsTheEnvironment) {
  ::setenv("KITH_HOME", "/k", 1);
  ::setenv("XDG_DATA_HOME", "/x", 1);
  EXPECT_EQ(default_home().value(), "/k");
  ::unsetenv("KITH_HOME");
  EXPECT_EQ(default_home().value(), "/x/kith");
  ::unsetenv("XDG_DATA_HOME");
  const char* user = std::getenv("HOME");
  if (user != nullptr) {
    EXPECT_EQ(default_home().value(), std::string(user) + "/.local/share/kith");
  }
}

TEST(HomeLock, KeepsASecondProcessOut) {
  TempDir dir;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(HomeLock::holder(dir.path()), std::nullopt);
  const pid_t child = ::fork();
  if (child == 0) {
    auto lock = HomeLock::take(dir.path());
    const char told = lock ? '1' : '0';
    if (::write(ends[1], &told, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char told = 0;
  ASSERT_EQ(::read(ends[0], &told, 1), 1);
  ASSERT_EQ(told, '1');
  const auto refused = HomeLock::take(dir.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::locked);
  EXPECT_NE(refused.error().message.find(std::to_string(child)), std::string::npos);
  EXPECT_EQ(HomeLock::holder(dir.path()), child);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  // A killed holder holds nothing.
  EXPECT_EQ(HomeLock::holder(dir.path()), std::nullopt);
  auto lock = HomeLock::take(dir.path());
  ASSERT_TRUE(lock);
  EXPECT_EQ(HomeLock::holder(dir.path()), ::getpid());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Identity, IsMadeOnceAndKept) {
  TempDir dir;
  SystemRng rng;
  const auto made = load_or_create_identity(dir.path(), std::nullopt, rng);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(made->created);
  EXPECT_EQ(mode_of(identity_path(dir.path())), 0600u);
  const auto again = load_or_create_identity(dir.path(), std::nullopt, rng);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(made->key.public_key(), again->key.public_key());
  ASSERT_EQ(::chmod(identity_path(dir.path()).c_str(), 0644), 0);
  EXPECT_EQ(load_or_create_identity(dir.path(), std::nullopt, rng).error().code, Code::permission);
}

TEST(Identity, ADamagedFileIsNotReplaced) {
  TempDir dir;
  SystemRng rng;
  ASSERT_TRUE(write_file_atomic(identity_path(dir.path()), base::as_bytes("rubbish"), 0600));
  const auto loaded = load_or_create_identity(dir.path(), std::nullopt, rng);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::bad_key);
  EXPECT_NE(loaded.error().message.find(identity_path(dir.path())), std::string::npos);
  EXPECT_EQ(base::as_text(*read_file(identity_path(dir.path()), 100)), "rubbish");
}

TEST(ApiToken, IsMadeOnceAndGuarded) {
  TempDir dir;
  SystemRng rng;
  const auto made = load_or_create_api_token(dir.path(), rng);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->size(), 64u);
  const std::string path = dir / "api.token";
  EXPECT_EQ(mode_of(path), 0600u);
  EXPECT_EQ(load_or_create_api_token(dir.path(), rng), *made);
  ASSERT_TRUE(write_file_atomic(path, base::as_bytes("short\n"), private_file_mode));
  EXPECT_EQ(load_or_create_api_token(dir.path(), rng).error().code, Code::malformed);
  const std::string blank = std::string(20, 'a') + " " + std::string(20, 'a');
  ASSERT_TRUE(write_file_atomic(path, base::as_bytes(blank), private_file_mode));
  EXPECT_EQ(load_or_create_api_token(dir.path(), rng).error().code, Code::malformed);
  ASSERT_TRUE(write_file_atomic(path, base::as_bytes(*made), public_file_mode));
  EXPECT_EQ(load_or_create_api_token(dir.path(), rng).error().code, Code::permission);
}

}  // namespace
}  // namespace kith::rt
