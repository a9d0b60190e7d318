#include "codec/chain_entry.h"

#include <set>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

TEST(ChainEntry, GoldenVectors) {
  const auto lines = golden_lines("chain_entry.txt");
  ASSERT_EQ(lines.size(), entry_kind_max);
  std::set<Hash> keys;
  for (const GoldenLine& line : lines) {
    SCOPED_TRACE(line[0]);
    const auto kind = static_cast<EntryKind>(std::stoi(line[0]));
    const Bytes id = unhex(line[1]);
    EXPECT_EQ(entry_id_bytes(kind), id.size());
    EXPECT_LE(id.size(), entry_id_bytes_max);
    EXPECT_EQ(base::to_hex(entry_key(kind, id)), line[2]);
    Bytes entry{1};
    base::append(entry, id);
    EXPECT_EQ(base::to_hex(entry_hash(kind, entry)), line[3]);
    EXPECT_TRUE(keys.insert(entry_key(kind, id)).second);
  }
}

}  // namespace
}  // namespace kith::codec
