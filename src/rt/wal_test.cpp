#include "rt/wal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "rt/files.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

using Records = std::vector<Bytes>;

class WalTest : public testing::Test {
 protected:
  std::unique_ptr<Wal> open(WalConfig config = {}) {
    auto wal = Wal::open(folder(), rng_, config);
    EXPECT_TRUE(wal) << base::to_string(wal.error());
    return *std::move(wal);
  }
  std::string folder() const { return dir_ / "log"; }
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      if (entry.path().extension() != "") found.push_back(entry.path().string());
    }
    std::ranges::sort(found);
    return found;
  }
  /// The folder as a crash would leave it: the same files, of other bytes.
  void put(const std::string& path, ByteView bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << base::as_text(bytes);
  }
  static Records records(std::initializer_list<std::string_view> texts) {
    Records all;
    for (const auto text : texts) all.push_back(base::to_bytes(text));
    return all;
  }
  static void must(Result<void> result) { ASSERT_TRUE(result) << base::to_string(result.error()); }

  TempDir dir_;
  SeededRng rng_{7};
};

TEST_F(WalTest, GivesBackWhatWasAppended) {
  {
    auto wal = open();
    EXPECT_TRUE(wal->was_empty());
    must(wal->append(3, records({"a", "", "bb"})));
    must(wal->append(4, records({"c"})));
    must(wal->append(3, records({"d"})));
    must(wal->append(3, {}));
  }
  {
    auto wal = open();
    EXPECT_FALSE(wal->was_empty());
    EXPECT_FALSE(wal->damage());
    EXPECT_EQ(wal->take_records(),
              (Wal::Segments{{3, records({"a", "", "bb", "d"})}, {4, records({"c"})}}));
    must(wal->append(4, records({"e"})));
  }
  EXPECT_EQ(open()->take_records().at(4), records({"c", "e"}));
}

TEST_F(WalTest, BeginsAnew) {
  {
    auto wal = open();
    must(wal->append(1, records({"old"})));
    must(wal->append(2, records({"older than the next"})));
    must(wal->append(2, records({"new"}), true));
    EXPECT_EQ(files().size(), 1u);
    must(wal->append(2, records({"newer"})));
    EXPECT_EQ(files().size(), 1u);
  }
  auto wal = open();
  EXPECT_EQ(wal->take_records(), (Wal::Segments{{2, records({"new", "newer"})}}));
  must(wal->append(9, {}, true));
  wal.reset();
  EXPECT_EQ(open()->take_records(), (Wal::Segments{{9, {}}}));
}

// A crash between the making of the new file and the removal of the old ones.
TEST_F(WalTest, OlderFilesThatStayedAreIgnoredEvenIfDamaged) {
  std::string old;
  Bytes bytes;
  {
    auto wal = open();
    must(wal->append(1, records({"old"})));
    old = files().at(0);
    bytes = read_file(old, 1 << 30).value();
    must(wal->append(2, records({"new"}), true));
  }
  bytes[50] ^= 1;
  put(old, bytes);
  ASSERT_EQ(files().size(), 2u);
  auto wal = open();
  EXPECT_FALSE(wal->damage());
  EXPECT_EQ(wal->take_records(), (Wal::Segments{{2, records({"new"})}}));
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(WalTest, FilesOfOneSegmentFollowEachOther) {
  const WalConfig small{.step_bytes = 4096, .file_bytes_max = 1000};
  Records all;
  {
    auto wal = open(small);
    for (std::uint8_t i = 0; i < 50; ++i) {
      all.push_back(Bytes(100, i));
      must(wal->append(5, std::span(&all.back(), 1)));
    }
  }
  EXPECT_GE(files().size(), 5u);
  for (const auto& file : files()) EXPECT_LT(std::filesystem::file_size(file), 1200u);
  EXPECT_EQ(open(small)->take_records().at(5), all);
}

TEST_F(WalTest, RefusesAnotherProcess) {
  auto first = open();
  const auto second = Wal::open(folder(), rng_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::locked);
  EXPECT_NE(second.error().message.find(folder()), std::string::npos);
}

TEST_F(WalTest, RefusesTooLargeARecordAndGoesOn) {
  auto wal = open();
  must(wal->append(1, records({"a"})));
  const Records large = {Bytes(wal_record_bytes_max + 1)};
  EXPECT_EQ(wal->append(1, large).error().code, Code::too_large);
  EXPECT_EQ(wal->append(1, large, true).error().code, Code::too_large);
  must(wal->append(1, records({"b"})));
  wal.reset();
  EXPECT_EQ(open()->take_records().at(1), records({"a", "b"}));
}

// Killed at every byte of the last append: what was durable before is there, and of the append all
// or nothing. What was reserved reads as zeros, or the file is as short as what reached the disk.
TEST_F(WalTest, ATornTailIsCutOffWhereverItIsTorn) {
  std::vector<std::uint64_t> ends;
  {
    auto wal = open();
    for (const auto text : {"first", "second", "third"}) {
      must(wal->append(1, records({text, "and"})));
      ends.push_back(ends.empty() ? wal_header_bytes : ends.back());
      ends.back() += wal_frame_header_bytes + 2 * wal_record_overhead + 3 + strlen(text);
    }
  }
  const std::string path = files().at(0);
  const Bytes whole = read_file(path, 1 << 20).value();
  ASSERT_EQ(whole.size(), ends.back());
  const Records all = records({"first", "and", "second", "and", "third", "and"});
  for (std::size_t size = ends[0]; size <= whole.size(); ++size) {
    for (const std::size_t zeros : {0UL, 5000UL}) {
      Bytes torn(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      torn.resize(size + zeros);
      put(path, torn);
      const auto count = static_cast<std::size_t>(
          std::ranges::count_if(ends, [&](std::uint64_t end) { return end <= size; }));
      auto wal = open();
      ASSERT_FALSE(wal->damage()) << size << ": " << wal->damage()->message;
      const auto some = std::span(all).first(2 * count);
      ASSERT_EQ(wal->take_records().at(1), Records(some.begin(), some.end())) << size;
      ASSERT_EQ(std::filesystem::file_size(path), ends[count - 1]);
      if (size % 7 != 0) continue;
      must(wal->append(1, records({"more"})));
      wal.reset();
      wal = open();
      ASSERT_FALSE(wal->damage());
      ASSERT_EQ(wal->take_records().at(1).back(), records({"more"}).front());
      std::filesystem::remove(files().back());
    }
  }
  // Shorter than what was durable before the file had its name: no crash does that.
  for (std::size_t size = 0; size < ends[0]; ++size) {
    put(path, ByteView(whole).first(size));
    auto wal = open();
    ASSERT_TRUE(wal->damage()) << size;
    ASSERT_NE(wal->damage()->message.find(path), std::string::npos);
    ASSERT_NE(wal->damage()->message.find("offset"), std::string::npos);
  }
}

// Parts of the last append reached the disk, others did not, in any order of blocks.
TEST_F(WalTest, AnAppendWithHolesIsTorn) {
  const Records large = {Bytes(1000, 'x'), Bytes(3000, 'y'), Bytes(9000, 'z')};
  {
    auto wal = open();
    must(wal->append(1, records({"a"})));
    must(wal->append(1, large));
  }
  const std::string path = files().at(0);
  const Bytes whole = read_file(path, 1 << 20).value();
  for (std::size_t lost = 0; lost < whole.size() / 512; ++lost) {
    Bytes torn = whole;
    const std::size_t from = std::max<std::size_t>(lost * 512, 69);
    std::fill_n(torn.begin() + static_cast<std::ptrdiff_t>(from),
                std::min<std::size_t>(512, torn.size() - from), std::uint8_t{0});
    put(path, torn);
    auto wal = open();
    ASSERT_FALSE(wal->damage()) << wal->damage()->message;
    ASSERT_EQ(wal->take_records().at(1), records({"a"})) << lost;
  }
}

// Any flipped bit is found. In the last append it cannot be told from a torn one; before it, it is
// damage, and named.
TEST_F(WalTest, FlippedBitsAreFound) {
  std::size_t last = 0;
  {
    auto wal = open();
    must(wal->append(1, records({"first", "and"})));
    must(wal->append(1, records({"second"})));
    last = wal_header_bytes + 2 * wal_frame_header_bytes + 3 * wal_record_overhead +
           strlen("firstandsecond");
    must(wal->append(1, records({"third"})));
  }
  const std::string path = files().at(0);
  const Bytes whole = read_file(path, 1 << 20).value();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    put(path, flipped);
    auto wal = open();
    if (bit / 8 >= last) {
      ASSERT_FALSE(wal->damage()) << bit;
      ASSERT_EQ(wal->take_records().at(1), records({"first", "and", "second"}));
    } else {
      ASSERT_TRUE(wal->damage()) << bit;
      ASSERT_NE(wal->damage()->message.find(path + ": offset "), std::string::npos);
      ASSERT_EQ(read_file(path, 1 << 20).value(), flipped);  // and left as it is
    }
  }
}

TEST_F(WalTest, OnlyTheLastFileMayBeTorn) {
  {
    auto wal = open();
    must(wal->append(1, records({"a"})));
    must(wal->append(1, records({"b"})));
    must(wal->append(2, records({"c"})));
  }
  const std::string path = files().at(0);
  const Bytes whole = read_file(path, 1 << 20).value();
  Bytes torn = whole;
  torn.back() ^= 1;
  put(path, torn);
  EXPECT_TRUE(open()->damage());
  put(path, ByteView(whole).first(0));
  EXPECT_TRUE(open()->damage());
  std::filesystem::remove(path);
  auto wal = open();
  ASSERT_TRUE(wal->damage());
  EXPECT_NE(wal->damage()->message.find("the file before it is missing"), std::string::npos);
}

TEST_F(WalTest, AMissingFileIsDamage) {
  for (std::size_t missing = 0; missing < 2; ++missing) {
    {
      auto wal = open();
      must(wal->append(1, records({"a"}), true));
      must(wal->append(2, records({"b"})));
      must(wal->append(3, records({"c"})));
    }
    std::filesystem::remove(files().at(missing));
    auto wal = open();
    ASSERT_TRUE(wal->damage()) << missing;
    EXPECT_NE(wal->damage()->message.find("the file before it is missing"), std::string::npos);
  }
}

TEST_F(WalTest, AfterDamageItMayBeginAnewAndOnlyThenIsWhole) {
  {
    auto wal = open();
    must(wal->append(1, records({"a"})));
    must(wal->append(2, records({"b"})));
  }
  put(files().at(0), base::as_bytes("no log at all"));
  {
    auto wal = open();
    EXPECT_TRUE(wal->damage());
    must(wal->append(2, records({"a follower's certificate"})));
    EXPECT_TRUE(wal->damage());
  }
  {
    auto wal = open();
    EXPECT_TRUE(wal->damage());
    must(wal->append(3, records({"c"}), true));
    EXPECT_FALSE(wal->damage());
  }
  auto wal = open();
  EXPECT_FALSE(wal->damage());
  EXPECT_EQ(wal->take_records(), (Wal::Segments{{3, records({"c"})}}));
}

// Before it has its name, a new file may be any part of itself: nothing of it counts.
TEST_F(WalTest, AnUnfinishedFileIsForgotten) {
  Bytes next;
  std::string next_path;
  {
    auto wal = open();
    must(wal->append(1, records({"a"})));
    must(wal->append(2, records({"b"})));
    next_path = files().at(1);
  }
  next = read_file(next_path, 1 << 20).value();
  std::filesystem::remove(next_path);
  for (std::size_t size = 0; size <= next.size(); ++size) {
    put(next_path + ".tmp", ByteView(next).first(size));
    auto wal = open();
    ASSERT_FALSE(wal->damage());
    ASSERT_EQ(wal->take_records(), (Wal::Segments{{1, records({"a"})}}));
    ASSERT_EQ(files().size(), 1u);
  }
}

// --- a disk that refuses -------------------------------------------------------------------------

/// Runs `test` in a child of its own; 0 when it gave true.
int in_child(const std::function<bool()>& test) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(test() ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST_F(WalTest, AFileThatMayNotGrowIsAnErrorForGood) {
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    auto wal = open({.step_bytes = 4096});
    const rlimit limit{10000, 10000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const Records one = {Bytes(900, 'x')};
    std::size_t done = 0;
    while (wal->append(1, one)) ++done;
    const auto again = wal->append(1, records({"small enough"}));
    const auto anew = wal->append(2, records({"small enough"}), true);
    return done == 10 && !again && !anew && again.error().message.find(".wal") != std::string::npos;
  });
  EXPECT_EQ(status, 0);
  auto wal = open();
  EXPECT_FALSE(wal->damage());
  EXPECT_EQ(wal->take_records().at(1).size(), 10u);
}

TEST_F(WalTest, AFullDiskIsAnError) {
  const std::string mount = dir_ / "full";
  ASSERT_TRUE(make_dirs(mount, private_dir_mode));
  if (::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "NOT TESTED: a full disk; a tmpfs needs root: " << errno_text(errno);
  }
  std::size_t done = 0;
  {
    auto wal = Wal::open(mount + "/log", rng_, {.step_bytes = 8192}).value();
    const Records one = {Bytes(900, 'x')};
    Result<void> last;
    while ((last = wal->append(1, one))) ++done;
    EXPECT_NE(last.error().message.find("cannot write"), std::string::npos) << last.error().message;
    EXPECT_FALSE(wal->append(1, records({"x"})));
  }
  EXPECT_GT(done, 40u);
  {
    auto wal = Wal::open(mount + "/log", rng_).value();
    EXPECT_FALSE(wal->damage());
    EXPECT_EQ(wal->take_records().at(1).size(), done);
  }
  EXPECT_EQ(::umount(mount.c_str()), 0);
}

// kill -9 of a process that appends as fast as it can: what it said is durable is there.
TEST_F(WalTest, SurvivesKills) {
  for (int round = 0; round < 5; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      auto wal = open();
      for (std::uint32_t i = 0;; ++i) {
        const Records one = {Bytes(1 + i % 3000, static_cast<std::uint8_t>(i))};
        if (!wal->append(1, one) || ::write(pipe[1], &i, sizeof i) != sizeof i) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    std::uint32_t durable = 0;
    while (::read(pipe[0], &durable, sizeof durable) == sizeof durable && durable < 100) continue;
    ::kill(pid, SIGKILL);
    while (::read(pipe[0], &durable, sizeof durable) == sizeof durable) continue;
    ::close(pipe[0]);
    ::waitpid(pid, nullptr, 0);
    auto wal = open();
    ASSERT_FALSE(wal->damage());
    const Records all = wal->take_records()[1];
    ASSERT_GE(all.size(), durable + 1);
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i], Bytes(1 + i % 3000, static_cast<std::uint8_t>(i)));
    }
    must(wal->append(2, {}, true));
    must(wal->append(1, {}, true));
  }
}

}  // namespace
}  // namespace kith::rt
