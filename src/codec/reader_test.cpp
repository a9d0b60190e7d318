#include "codec/reader.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

TEST(Reader, ReadsWhatWriterWrites) {
  ASSERT_TRUE(rc::check(
      [](std::uint8_t a, std::uint16_t b, std::uint32_t c, std::uint64_t d, const Bytes& run) {
        Bytes bytes;
        Writer writer(bytes);
        writer.u8(a);
        writer.u16(b);
        writer.u32(c);
        writer.u64(d);
        writer.varint(c);
        writer.sized(run);
        writer.bytes(run);
        Reader reader(bytes);
        RC_ASSERT(reader.u8().value() == a);
        RC_ASSERT(reader.u16().value() == b);
        RC_ASSERT(reader.u32().value() == c);
        RC_ASSERT(reader.u64().value() == d);
        RC_ASSERT(reader.varint().value() == c);
        RC_ASSERT(base::equal(reader.sized(run.size()).value(), run));
        RC_ASSERT(base::equal(reader.bytes(run.size()).value(), run));
        RC_ASSERT(reader.at_end());
        RC_ASSERT(reader.finish().has_value());
      }));
}

TEST(Reader, BigEndian) {
  const Bytes bytes = unhex("0102030405060708");
  EXPECT_EQ(Reader(bytes).u16(), 0x0102);
  EXPECT_EQ(Reader(bytes).u32(), 0x01020304u);
  EXPECT_EQ(Reader(bytes).u64(), 0x0102030405060708u);
}

TEST(Reader, ErrorsLeaveThePosition) {
  const Bytes bytes{5, 1, 2};
  Reader reader(bytes);
  EXPECT_EQ(reader.u32().error().code, Code::truncated);
  EXPECT_EQ(reader.sized(10).error().code, Code::truncated);
  EXPECT_EQ(reader.sized(4).error().code, Code::too_large);
  EXPECT_EQ(reader.bytes(4).error().code, Code::truncated);
  EXPECT_EQ(reader.bytes(SIZE_MAX).error().code, Code::truncated);
  EXPECT_EQ(reader.finish().error().code, Code::malformed);
  EXPECT_EQ(reader.offset(), 0u);
  EXPECT_EQ(reader.u8(), 5);
  EXPECT_EQ(reader.rest().size(), 2u);
  EXPECT_EQ(reader.u8().error().code, Code::truncated);
}

}  // namespace
}  // namespace kith::codec
