#include "codec/varint.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

TEST(Varint, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("varint.txt")) {
    SCOPED_TRACE(line.back());
    const Bytes bytes = unhex(line.back());
    const auto peeked = peek_varint(bytes);
    if (line[0] == "ok") {
      const std::uint64_t value = std::stoull(line[1]);
      Bytes written;
      append_varint(written, value);
      EXPECT_EQ(written, bytes);
      EXPECT_EQ(varint_size(value), bytes.size());
      ASSERT_TRUE(peeked && *peeked);
      EXPECT_EQ((*peeked)->value, value);
      EXPECT_EQ((*peeked)->size, bytes.size());
    } else if (line[0] == "bad") {
      ASSERT_FALSE(peeked);
      EXPECT_EQ(peeked.error().code, Code::malformed);
    } else {
      ASSERT_TRUE(peeked);
      EXPECT_FALSE(*peeked);
      EXPECT_EQ(read_varint(bytes).error().code, Code::truncated);
    }
  }
}

TEST(Varint, NothingNeedsMore) {
  const auto peeked = peek_varint({});
  ASSERT_TRUE(peeked);
  EXPECT_FALSE(*peeked);
}

TEST(Varint, RoundTrip) {
  ASSERT_TRUE(rc::check([] {
    const auto value = *rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange<unsigned>(1, 64);
    Bytes bytes;
    append_varint(bytes, value);
    std::uint8_t out[varint_bytes_max];
    RC_ASSERT(write_varint(out, value) == bytes.size());
    RC_ASSERT(base::equal(ByteView(out).first(bytes.size()), bytes));
    RC_ASSERT(varint_size(value) == bytes.size());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const auto part = peek_varint(ByteView(bytes).first(cut));
      RC_ASSERT(part.has_value() && !part->has_value());
    }
    bytes.push_back(0xff);  // what follows does not matter
    const auto read = read_varint(bytes);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->value == value);
    RC_ASSERT(read->size == bytes.size() - 1);
  }));
}

TEST(Varint, OneEncodingAValue) {
  ASSERT_TRUE(rc::check([](const Bytes& bytes) {
    const auto read = read_varint(bytes);
    if (!read) return;
    Bytes again;
    append_varint(again, read->value);
    RC_ASSERT(base::equal(again, ByteView(bytes).first(read->size)));
  }));
}

}  // namespace
}  // namespace kith::codec
