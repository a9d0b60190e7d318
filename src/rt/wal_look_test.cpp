#include "rt/wal_look.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "rt/rng_system.h"
#include "rt/wal.h"

namespace kith::rt {
namespace {

class WalLookTest : public testing::Test {
 protected:
  WalLookTest() {
    std::string path = std::filesystem::temp_directory_path() / "kith-wal-look-XXXXXX";
    root_ = ::mkdtemp(path.data());
    folder_ = root_ + "/votes";
  }
  ~WalLookTest() override { std::filesystem::remove_all(root_); }

  void write(std::uint64_t segment, std::vector<Bytes> records, bool begins_anew = false) {
    auto wal = Wal::open(folder_, rng_);
    ASSERT_TRUE(wal) << wal.error().message;
    ASSERT_TRUE((*wal)->append(segment, records, begins_anew));
  }

  SystemRng rng_;
  std::string root_, folder_;
};

TEST_F(WalLookTest, ShowsWhatIsThereAndChangesNothing) {
  EXPECT_EQ(look_at_wal(folder_).error().code, Code::not_found);
  write(3, {base::to_bytes("one"), base::to_bytes("two")});
  write(4, {base::to_bytes("three")});
  const auto looks = look_at_wal(folder_);
  ASSERT_TRUE(looks) << looks.error().message;
  ASSERT_EQ(looks->size(), 2u);
  EXPECT_EQ((*looks)[0].header.segment, 3u);
  EXPECT_EQ((*looks)[0].records.size(), 2u);
  EXPECT_EQ((*looks)[1].header.segment, 4u);
  EXPECT_EQ((*looks)[1].records.at(0), base::to_bytes("three"));

  // A torn tail is seen, and still there afterwards.
  const std::string last = folder_ + "/" + (*looks)[1].name;
  std::filesystem::resize_file(last, (*looks)[1].end);
  std::ofstream(last, std::ios::app | std::ios::binary) << "torn";
  const auto size = std::filesystem::file_size(last);
  const auto torn = look_at_wal(folder_);
  ASSERT_TRUE(torn);
  EXPECT_TRUE((*torn)[1].is_torn);
  EXPECT_FALSE((*torn)[1].damage);
  EXPECT_EQ(std::filesystem::file_size(last), size);

  // In an older file the same is damage.
  const std::string first = folder_ + "/" + (*looks)[0].name;
  std::filesystem::resize_file(first, 41);
  const auto damaged = look_at_wal(folder_);
  ASSERT_TRUE(damaged);
  EXPECT_TRUE((*damaged)[0].damage);
}

}  // namespace
}  // namespace kith::rt
