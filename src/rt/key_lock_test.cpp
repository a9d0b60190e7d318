#include "rt/key_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "rt/files.h"

namespace kith::rt {
namespace {

class KeyLockTest : public testing::Test {
 protected:
  KeyLockTest() {
    std::string path = std::filesystem::temp_directory_path() / "kith-key-lock-XXXXXX";
    folder_ = ::mkdtemp(path.data());
    std::filesystem::create_directories(folder_ + "/a");
    std::filesystem::create_directories(folder_ + "/b");
    // A key that no other test has.
    key_ = base::to_bytes(base::as_bytes(folder_));
  }
  ~KeyLockTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  Bytes key_;
};

TEST_F(KeyLockTest, OneKeyOneHolder) {
  auto first = KeyLock::take(folder_ + "/a", key_);
  ASSERT_TRUE(first) << first.error().message;
  const std::string pid = "pid " + std::to_string(::getpid());
  for (const char* where : {"/a", "/b"}) {
    const auto second = KeyLock::take(folder_ + where, key_);
    ASSERT_FALSE(second) << where;
    EXPECT_EQ(second.error().code, Code::locked);
    EXPECT_NE(second.error().message.find(pid), std::string::npos) << second.error().message;
  }
  // Another key in another folder is nobody's business.
  EXPECT_TRUE(KeyLock::take(folder_ + "/b", base::as_bytes("another")));
  first = fail(Code::closed, "it ends");
  EXPECT_TRUE(KeyLock::take(folder_ + "/b", key_));
}

TEST_F(KeyLockTest, WithoutItsFolderThereIsNoLock) {
  EXPECT_FALSE(KeyLock::take(folder_ + "/nowhere", key_));
}

}  // namespace
}  // namespace kith::rt
