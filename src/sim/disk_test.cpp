#include "sim/disk.h"

#include <gtest/gtest.h>

namespace kith::sim {
namespace {

Bytes all_of(Disk& disk, const std::string& path) { return disk.read(path, 0, 1 << 20).value(); }
std::string text_of(Disk& disk, const std::string& path) {
  return std::string(base::as_text(all_of(disk, path)));
}
void put(Disk& disk, const std::string& path, std::string_view text) {
  ASSERT_TRUE(disk.append(path, base::as_bytes(text)));
}
void put_durable(Disk& disk, const std::string& path, std::string_view text) {
  put(disk, path, text);
  ASSERT_TRUE(disk.sync(path));
  ASSERT_TRUE(disk.sync_directory());
}

TEST(Disk, ReadsWhatWasWritten) {
  SeededRng rng(1);
  Disk disk({}, rng);
  put(disk, "a", "hello");
  ASSERT_TRUE(disk.write("a", 7, base::as_bytes("x")));
  EXPECT_EQ(all_of(disk, "a"), base::to_bytes(std::string_view("hello\0\0x", 8)));
  EXPECT_EQ(disk.read("a", 3, 100).value().size(), 5U);
  EXPECT_TRUE(disk.read("a", 8, 1).value().empty());
  ASSERT_TRUE(disk.truncate("a", 2));
  EXPECT_EQ(text_of(disk, "a"), "he");
  EXPECT_EQ(disk.read("b", 0, 1).error().code, Code::not_found);
  ASSERT_TRUE(disk.rename("a", "b"));
  EXPECT_FALSE(disk.exists("a"));
  EXPECT_EQ(disk.list(), std::vector<std::string>{"b"});
  ASSERT_TRUE(disk.remove("b"));
  EXPECT_EQ(disk.used_bytes(), 0U);
  EXPECT_EQ(disk.write("a", Disk::file_bytes_max, base::as_bytes("x")).error().code,
            Code::too_large);
}

TEST(Disk, ACrashKeepsWhatWasSyncedAndABeginningOfTheRest) {
  bool lost = false;
  bool torn = false;
  bool whole = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SeededRng rng(seed);
    Disk disk({}, rng);
    put_durable(disk, "log", "AAAA");
    put(disk, "log", "BBBB");
    put(disk, "log", "CCCC");
    disk.crash();
    const std::string text = text_of(disk, "log");
    ASSERT_TRUE(std::string_view("AAAABBBBCCCC").starts_with(text)) << text;
    ASSERT_GE(text.size(), 4U);
    lost |= text.size() == 4;
    torn |= text.size() % 4 != 0;
    whole |= text.size() == 12;
    disk.crash();
    EXPECT_EQ(text_of(disk, "log"), text) << "what survived is durable";
  }
  EXPECT_TRUE(lost && torn && whole);
}

TEST(Disk, AKindCrashKeepsAll) {
  SeededRng rng(1);
  Disk disk({.lose_unsynced = false, .tear_last_write = false}, rng);
  put(disk, "log", "BBBB");
  disk.crash();
  EXPECT_EQ(text_of(disk, "log"), "BBBB");
}

TEST(Disk, ReorderedWritesMayLeaveGaps) {
  bool gap = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SeededRng rng(seed);
    Disk disk({.tear_last_write = false, .reorder_unsynced = true}, rng);
    put_durable(disk, "log", "AA");
    put(disk, "log", "BB");
    put(disk, "log", "CC");
    disk.crash();
    gap |= all_of(disk, "log") == base::to_bytes(std::string_view("AA\0\0CC", 6));
  }
  EXPECT_TRUE(gap);
}

TEST(Disk, NamesNeedTheDirectorySynced) {
  bool lost = false;
  bool kept = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SeededRng rng(seed);
    Disk disk({}, rng);
    put_durable(disk, "state", "old");
    put(disk, "state.new", "new");
    ASSERT_TRUE(disk.sync("state.new"));
    ASSERT_TRUE(disk.rename("state.new", "state"));
    disk.crash();
    const std::string text = text_of(disk, "state");
    ASSERT_TRUE(text == "old" || text == "new") << text;
    lost |= text == "old";
    kept |= text == "new";
  }
  EXPECT_TRUE(lost && kept);
}

TEST(Disk, ErrorsComeAsOftenAsTheyShould) {
  SeededRng rng(3);
  Disk disk({.read_error = 0.2, .write_error = 0.1, .sync_error = 0.3}, rng);
  int writes = 0;
  int reads = 0;
  int syncs = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto wrote = disk.append("f", base::as_bytes("x"));
    if (!wrote) EXPECT_EQ(wrote.error().code, Code::io);
    writes += !wrote;
    reads += !disk.read("f", 0, 1);
    syncs += !disk.sync("f");
  }
  EXPECT_NEAR(writes, 100, 30);
  EXPECT_NEAR(reads, 200, 40);
  EXPECT_NEAR(syncs, 300, 45);
  EXPECT_EQ(disk.size("f").value(), static_cast<std::uint64_t>(1000 - writes));
}

TEST(Disk, AFailedSyncLosesItsBytesForGood) {
  SeededRng rng(3);
  Disk disk({}, rng);
  put_durable(disk, "f", "AA");
  put(disk, "f", "BB");
  disk.set_faults({.sync_error = 1});
  EXPECT_EQ(disk.sync("f").error().code, Code::io);
  disk.set_faults({.lose_unsynced = false, .tear_last_write = false});
  put(disk, "f", "CC");
  ASSERT_TRUE(disk.sync("f")) << "and says nothing of the bytes before";
  EXPECT_EQ(text_of(disk, "f"), "AABBCC");
  disk.crash();
  EXPECT_EQ(all_of(disk, "f"), base::to_bytes(std::string_view("AA\0\0CC", 6)));
}

TEST(Disk, AFullDiskTakesNoMore) {
  SeededRng rng(3);
  Disk disk({.capacity_bytes = 10}, rng);
  put(disk, "f", "12345678");
  EXPECT_EQ(disk.append("f", base::as_bytes("9ab")).error().code, Code::limit);
  EXPECT_EQ(text_of(disk, "f"), "12345678");
  ASSERT_TRUE(disk.write("f", 0, base::as_bytes("xx"))) << "overwriting needs no space";
  put(disk, "f", "9a");
  EXPECT_EQ(disk.append("g", base::as_bytes("x")).error().code, Code::limit);
  EXPECT_FALSE(disk.exists("g"));
  ASSERT_TRUE(disk.remove("f"));
  put(disk, "g", "x");
}

TEST(Disk, ASlowDiskSaysHowSlow) {
  SeededRng rng(3);
  Disk disk({.access_takes = 1ms, .sync_takes = 5ms, .bytes_per_s = 1000}, rng);
  put(disk, "f", "0123456789");
  EXPECT_EQ(disk.take_delay(), 11ms);
  ASSERT_TRUE(disk.sync("f"));
  EXPECT_EQ(disk.take_delay(), 6ms);
  EXPECT_EQ(disk.take_delay(), 0ms);
}

}  // namespace
}  // namespace kith::sim
