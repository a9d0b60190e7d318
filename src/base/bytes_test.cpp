#include "base/bytes.h"

#include <rapidcheck.h>

namespace kith::base {
namespace {

TEST(Hex, KnowsItsDigits) {
  EXPECT_EQ(to_hex(Bytes{0x00, 0x0f, 0xa5, 0xff}), "000fa5ff");
  EXPECT_EQ(to_hex({}), "");
  EXPECT_EQ(from_hex("000FA5ff").value(), (Bytes{0x00, 0x0f, 0xa5, 0xff}));
  EXPECT_EQ(from_hex("").value(), Bytes{});
}

TEST(Hex, RoundTrips) {
  ASSERT_TRUE(rc::check([](const Bytes& bytes) {
    const std::string text = to_hex(bytes);
    RC_ASSERT(text.size() == 2 * bytes.size());
    RC_ASSERT(from_hex(text).value() == bytes);
  }));
}

TEST(Hex, NamesWhatIsWrong) {
  const auto odd = from_hex("abc");
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code, Code::malformed);
  EXPECT_EQ(odd.error().message, "hex text of odd length");
  for (const char* text : {"0g", "g0", "0 ", "0x", "/0", ":0", "@0", "G0", "`0"}) {
    const auto bad = from_hex(text);
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().code, Code::malformed);
    EXPECT_EQ(bad.error().message, "not a hex digit at offset 0");
  }
  EXPECT_EQ(from_hex("aabbxx").error().message, "not a hex digit at offset 4");
}

TEST(Views, GoBetweenTextAndBytes) {
  EXPECT_EQ(as_text(as_bytes("abc")), "abc");
  EXPECT_EQ(to_bytes(std::string_view("ab")), (Bytes{'a', 'b'}));
  Bytes to{1};
  append(to, Bytes{2, 3});
  append(to, {});
  EXPECT_EQ(to, (Bytes{1, 2, 3}));
}

TEST(Views, EqualIsByteWise) {
  EXPECT_TRUE(equal({}, {}));
  EXPECT_TRUE(equal(Bytes{1, 2}, Bytes{1, 2}));
  EXPECT_FALSE(equal(Bytes{1, 2}, Bytes{1, 3}));
  EXPECT_FALSE(equal(Bytes{1, 2}, Bytes{1}));
  EXPECT_FALSE(equal({}, Bytes{0}));
}

TEST(Buffer, CopiesWhatItIsGiven) {
  Bytes source{1, 2, 3};
  const Buffer buffer{ByteView(source)};
  source[0] = 9;
  EXPECT_TRUE(equal(buffer.view(), Bytes{1, 2, 3}));
  EXPECT_EQ(as_text(Buffer(std::string_view("abc")).view()), "abc");
}

TEST(Buffer, TakesOverWithoutCopying) {
  Bytes source(1000, 7);
  const auto* const address = source.data();
  const Buffer buffer(std::move(source));
  EXPECT_EQ(buffer.view().data(), address);
  EXPECT_EQ(buffer.size(), 1000U);
}

TEST(Buffer, CopiesAndSlicesShareTheBlock) {
  const Buffer whole(Bytes{0, 1, 2, 3, 4});
  const Buffer copy = whole;
  EXPECT_EQ(copy.view().data(), whole.view().data());
  const Buffer part = whole.slice(1, 3);
  EXPECT_EQ(part.view().data(), whole.view().data() + 1);
  EXPECT_TRUE(equal(part.view(), Bytes{1, 2, 3}));
  EXPECT_EQ(whole.slice(3, 100).size(), 2U);
  EXPECT_TRUE(whole.slice(5, 1).empty());
}

TEST(Buffer, ASliceOutlivesItsWhole) {
  Buffer part;
  {
    const Buffer whole{ByteView(Bytes(4096, 0xcd))};
    part = whole.slice(4000, 50);
  }
  EXPECT_TRUE(equal(part.view(), Bytes(50, 0xcd)));  // under ASan: no use after free
}

TEST(Buffer, EmptyIsNothing) {
  for (const Buffer& empty : {Buffer(), Buffer(ByteView()), Buffer(Bytes()), Buffer::zeros(0)}) {
    EXPECT_TRUE(empty.empty());
    EXPECT_EQ(empty.view().data(), nullptr);
    EXPECT_TRUE(empty.slice(0, 10).empty());
  }
  EXPECT_TRUE(equal(Buffer::zeros(3).view(), Bytes(3, 0)));
}

TEST(Buffer, DroppingAndSlicingMatchAVector) {
  ASSERT_TRUE(rc::check([](const Bytes& bytes, std::size_t a, std::size_t b) {
    const std::size_t offset = a % (bytes.size() + 1);
    const std::size_t count = b % (bytes.size() + 10);
    const ByteView tail = ByteView(bytes).subspan(offset);
    const Buffer whole{ByteView(bytes)};
    RC_ASSERT(equal(whole.slice(offset, count).view(), tail.first(std::min(count, tail.size()))));
    Buffer dropped = whole;
    dropped.drop_front(offset);
    RC_ASSERT(equal(dropped.view(), tail));
    RC_ASSERT(equal(whole.view(), bytes));
  }));
}

TEST(BufferDeathTest, StopsAtItsEnd) {
  Buffer buffer(Bytes{1, 2, 3});
  EXPECT_DEATH(buffer.drop_front(4), "assertion failed");
  EXPECT_DEATH((void)buffer.slice(4, 0), "assertion failed");
}

}  // namespace
}  // namespace kith::base
