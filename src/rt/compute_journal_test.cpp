#include "rt/compute_journal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "rt/files.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

JournalHeader some_header() { return {compute::WorkloadId::goldbach, {1, 2, 3}, 5, 100}; }
JournalEntry entry(std::uint32_t number) {
  return {{number / 4}, number % 4 / 2, number % 2, Bytes(number % 40, 0x77)};
}

TEST(Journal, KeepsWhatIsAppended) {
  TempDir dir;
  const std::string path = dir / "journal";
  std::vector<JournalEntry> expected;
  for (std::uint32_t life = 0; life < 3; ++life) {
    auto journal = Journal::open(path, some_header());
    ASSERT_TRUE(journal) << journal.error().message;
    EXPECT_EQ((*journal)->take_entries(), expected);
    for (std::uint32_t i = 0; i < 5; ++i) {
      expected.push_back(entry(5 * life + i));
      ASSERT_TRUE((*journal)->append(expected.back()));
      if (i == 2) ASSERT_TRUE((*journal)->sync());
    }
  }
}

TEST(Journal, IsOfOneWorkAndOneProcess) {
  TempDir dir;
  const auto journal = Journal::open(dir / "journal", some_header());
  ASSERT_TRUE(journal);
  EXPECT_EQ(Journal::open(dir / "journal", some_header()).error().code, Code::locked);
  const auto other = [&](auto change) {
    JournalHeader header = some_header();
    change(header);
    TempDir another;
    {
      EXPECT_TRUE(Journal::open(another / "journal", some_header()));
    }
    return Journal::open(another / "journal", header).error().code;
  };
  EXPECT_EQ(other([](JournalHeader& h) { h.params[0] = 9; }), Code::usage);
  EXPECT_EQ(other([](JournalHeader& h) { h.first_task = 6; }), Code::usage);
  EXPECT_EQ(other([](JournalHeader& h) { h.tasks = 99; }), Code::usage);
  EXPECT_EQ(other([](JournalHeader& h) { h.workload = compute::WorkloadId::collatz; }),
            Code::usage);
  ASSERT_TRUE(write_file_atomic(dir / "text", base::as_bytes("hello, world"), 0600));
  EXPECT_EQ(Journal::open(dir / "text", some_header()).error().code, Code::malformed);
  ASSERT_TRUE(write_file_atomic(dir / "empty", {}, 0600));
  EXPECT_EQ(Journal::open(dir / "empty", some_header()).error().code, Code::truncated);
  EXPECT_FALSE(Journal::open("/nowhere/at/all", some_header()));
}

TEST(Journal, OneOfOtherResultsIsRefusedAndLeftAsItIs) {
  TempDir dir;
  const std::string path = dir / "journal";
  ASSERT_TRUE(Journal::open(path, some_header()).value()->append(entry(1)));
  const Bytes bytes = read_file(path, journal_bytes_max).value();
  JournalHeader later = some_header();
  ++later.results;
  const auto refused = Journal::open(path, later);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_NE(refused.error().message.find("of results 1, this version's are 2"), std::string::npos);
  EXPECT_EQ(read_file(path, journal_bytes_max).value(), bytes);
  later.params = {9};
  EXPECT_EQ(Journal::open(path, later).error().code, Code::usage);  // the first thing to say
}

// By another program: the bytes that a header had before it named the results, and one frame.
TEST(Journal, OneThatDoesNotSayItsResultsIsRefusedAndLeftAsItIs) {
  const Bytes old =
      base::from_hex(
          "6b6974686a6f623100020003010203000000000000000500000000000000646a7733c90000001200"
          "000000000000005bc93a17000000000000000500000000000000007777682d2527")
          .value();
  TempDir dir;
  ASSERT_TRUE(write_file_atomic(dir / "journal", old, 0600));
  const auto refused = Journal::open(dir / "journal", some_header());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_NE(refused.error().message.find("journal of an older version"), std::string::npos);
  EXPECT_EQ(read_file(dir / "journal", 1000).value(), old);
}

struct Made {
  Bytes bytes;
  std::vector<JournalEntry> entries;
  std::vector<std::size_t> begins;  // of frames, and the end
};
/// `synced_before`: frames before this one know nothing to be durable, the others all before them.
Made make(std::uint32_t frames, std::uint32_t synced_before) {
  Made made;
  const Bytes header = encode(some_header());
  made.bytes = header;
  for (std::uint32_t i = 0; i < frames; ++i) {
    made.begins.push_back(made.bytes.size());
    made.entries.push_back(entry(i));
    const std::uint64_t synced = i < synced_before ? 0 : made.begins[synced_before];
    base::append(made.bytes, encode_frame(header, made.bytes.size(), synced, made.entries.back()));
  }
  made.begins.push_back(made.bytes.size());
  return made;
}

TEST(Journal, ATornTailGoes) {
  const Made made = make(4, 4);
  for (std::size_t size = made.begins[0]; size < made.bytes.size(); ++size) {
    const auto read = read_journal(ByteView(made.bytes).first(size));
    ASSERT_TRUE(read) << size;
    std::size_t whole = 0;
    while (made.begins[whole + 1] <= size) ++whole;
    EXPECT_EQ(read->entries.size(), whole);
    EXPECT_EQ(read->end, made.begins[whole]);
    EXPECT_EQ(read->is_torn, size != made.begins[whole]);
  }
  for (std::size_t size = 0; size < made.begins[0]; ++size) {
    EXPECT_FALSE(read_journal(ByteView(made.bytes).first(size)));
  }
}

// Pages of what was not synced may be lost in any order.
TEST(Journal, AHoleInWhatWasNeverSyncedIsATornTail) {
  Made made = make(4, 4);
  std::fill(made.bytes.begin() + static_cast<std::ptrdiff_t>(made.begins[1]),
            made.bytes.begin() + static_cast<std::ptrdiff_t>(made.begins[2]), 0);
  const auto read = read_journal(made.bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->entries.size(), 1u);
  EXPECT_TRUE(read->is_torn);
}

TEST(Journal, DamageOfWhatWasDurableIsNamed) {
  const Made made = make(5, 3);  // frames 3 and 4 know that 0 to 2 are durable
  for (std::size_t at = made.begins[0]; at < made.begins[3]; ++at) {
    Bytes changed = made.bytes;
    changed[at] ^= 4;
    const auto read = read_journal(changed);
    ASSERT_FALSE(read) << at;
    EXPECT_EQ(read.error().code, Code::malformed);
    EXPECT_NE(read.error().message.find("damaged at byte"), std::string::npos);
  }
  for (std::size_t at = 0; at < made.begins[0]; ++at) {
    Bytes changed = made.bytes;
    changed[at] ^= 4;
    EXPECT_FALSE(read_journal(changed)) << at;
  }
}

TEST(Journal, IsCutAndGoesOn) {
  TempDir dir;
  const Made made = make(3, 3);
  ASSERT_TRUE(
      write_file_atomic(dir / "journal", ByteView(made.bytes).first(made.bytes.size() - 1), 0600));
  {
    auto journal = Journal::open(dir / "journal", some_header());
    ASSERT_TRUE(journal);
    EXPECT_EQ((*journal)->take_entries().size(), 2u);
    ASSERT_TRUE((*journal)->append(made.entries[2]));
  }
  EXPECT_EQ(Journal::open(dir / "journal", some_header()).value()->take_entries(), made.entries);
}

}  // namespace
}  // namespace kith::rt
