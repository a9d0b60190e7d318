#include "codec/multistream.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

TEST(Multistream, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("multistream.txt")) {
    SCOPED_TRACE(line.back());
    const Bytes bytes = unhex(line.back());
    const auto message = peek_multistream(bytes);
    if (line[0] == "ok") {
      Bytes written;
      append_multistream(written, line[1]);
      EXPECT_EQ(written, bytes);
      ASSERT_TRUE(message && *message);
      EXPECT_EQ((*message)->text, line[1]);
      EXPECT_EQ((*message)->size, bytes.size());
    } else if (line[0] == "bad") {
      EXPECT_FALSE(message);
    } else {
      ASSERT_TRUE(message);
      EXPECT_FALSE(*message);
    }
  }
}

TEST(Multistream, RefusesBeforeTheBodyArrives) {
  // 1025 bytes announced, none there.
  const Bytes announced{0x81, 0x08};
  const auto message = peek_multistream(announced);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, Code::too_large);
  EXPECT_NE(message.error().message.find("1025"), std::string::npos);
  // A length of more than two bytes is too large whatever its end.
  EXPECT_EQ(peek_multistream(Bytes{0x80, 0x80}).error().code, Code::too_large);
}

TEST(Multistream, LargestMessage) {
  Bytes bytes;
  append_multistream(bytes, std::string(multistream_message_bytes_max - 1, 'x'));
  const auto message = peek_multistream(bytes);
  ASSERT_TRUE(message && *message);
  EXPECT_EQ((*message)->text.size(), multistream_message_bytes_max - 1);
}

TEST(Multistream, ReadsOneAfterTheOther) {
  Bytes bytes;
  append_multistream(bytes, multistream_header);
  append_multistream(bytes, "/noise");
  const auto first = peek_multistream(bytes);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->text, multistream_header);
  const auto second = peek_multistream(ByteView(bytes).subspan((*first)->size));
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->text, "/noise");
}

TEST(Multistream, EveryCutNeedsMore) {
  ASSERT_TRUE(rc::check([] {
    const auto text = *rc::gen::resize(1023, rc::gen::arbitrary<std::string>());
    Bytes bytes;
    append_multistream(bytes, text);
    const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size());
    const auto part = peek_multistream(ByteView(bytes).first(cut));
    RC_ASSERT(part.has_value() && !part->has_value());
    const auto whole = peek_multistream(bytes);
    RC_ASSERT(whole.has_value() && whole->has_value());
    RC_ASSERT((*whole)->text == text);
  }));
}

}  // namespace
}  // namespace kith::codec
