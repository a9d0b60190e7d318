#include "base/crc32c.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kith::base {
namespace {

// RFC 3720 B.4 gives them as they lie in memory, least byte first.
TEST(Crc32c, KnownAnswers) {
  Bytes rising(32);
  for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(crc32c(base::as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8a9136aau);
  EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62a8ab43u);
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(crc32c({}), 0u);
}

RC_GTEST_PROP(Crc32c, IsTheSameInPiecesAndWithoutTheInstruction, (Bytes bytes, std::size_t at)) {
  const ByteView all(bytes);
  const std::size_t cut = at % (bytes.size() + 1);
  const std::uint32_t whole = crc32c(all);
  RC_ASSERT(whole == crc32c_portable(all));
  RC_ASSERT(whole == crc32c(all.subspan(cut), crc32c(all.first(cut))));
  RC_ASSERT(whole == crc32c_portable(all.subspan(cut), crc32c_portable(all.first(cut))));
}

}  // namespace
}  // namespace kith::base
