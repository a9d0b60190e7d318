#include "compute/collatz/records.h"

#include <gtest/gtest.h>

#include "base/sanitizer_test_util.h"
#include "compute/collatz/records_test_util.h"

namespace kith::compute::collatz {
namespace {

/// Those of others' list below `limit`, as this finder numbers them.
std::vector<TestRecord> known(RecordKind kind, U128 limit) {
  std::vector<TestRecord> records = read_records(std::string(name_of(kind)));
  std::erase_if(records, [&](const TestRecord& record) { return record.number >= limit; });
  return records;
}

// In uneven strides: where a stride ends must not matter.
TEST(RecordFinder, FindsWhatOthersHaveFoundAndNoMore) {
  constexpr std::uint64_t limit = test::less_if_sanitized<std::uint64_t>(1 << 24, 1 << 20);
  RecordFinder finder;
  std::vector<CollatzRecord> all;
  for (std::uint64_t to = 1; finder.looked_at() < limit - 1; to = to * 3 + 1) {
    for (const CollatzRecord& record : finder.go_on(std::min(to, limit - 1))) all.push_back(record);
  }
  EXPECT_TRUE(finder.go_on(limit / 2).empty());
  for (const RecordKind kind : {RecordKind::path, RecordKind::delay, RecordKind::glide}) {
    std::vector<CollatzRecord> found;
    for (const CollatzRecord& record : all) {
      if (record.kind == kind) found.push_back(record);
    }
    const auto expected = known(kind, limit);
    ASSERT_EQ(found.size(), expected.size()) << name_of(kind);
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(to_decimal(found[i].number), to_decimal(expected[i].number));
      EXPECT_EQ(found[i].steps, expected[i].steps) << to_decimal(found[i].number);
      if (kind == RecordKind::path) EXPECT_EQ(to_decimal(found[i].peak), expected[i].peak);
    }
  }
}

}  // namespace
}  // namespace kith::compute::collatz
