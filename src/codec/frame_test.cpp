#include "codec/frame.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

TEST(Frame, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("frame.txt")) {
    SCOPED_TRACE(line[2]);
    const FramePrefix prefix = line[0] == "varint" ? FramePrefix::varint : FramePrefix::be32;
    const Bytes body = unhex(line[1]);
    const Bytes bytes = unhex(line[2]);
    Bytes written;
    append_frame(written, prefix, body);
    EXPECT_EQ(written, bytes);
    const auto frame = peek_frame(bytes, prefix, body.size());
    ASSERT_TRUE(frame && *frame);
    EXPECT_TRUE(base::equal((*frame)->body, body));
    EXPECT_EQ((*frame)->size, bytes.size());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const auto part = peek_frame(ByteView(bytes).first(cut), prefix, body.size());
      ASSERT_TRUE(part);
      EXPECT_FALSE(*part);
    }
  }
}

TEST(Frame, CapComesBeforeTheBody) {
  const Bytes be32{0xff, 0xff, 0xff, 0xff};
  EXPECT_EQ(peek_frame(be32, FramePrefix::be32, 1000).error().code, Code::too_large);
  const Bytes varint{0xe9, 0x07};  // 1001
  EXPECT_EQ(peek_frame(varint, FramePrefix::varint, 1000).error().code, Code::too_large);
  const Bytes huge{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
  EXPECT_EQ(peek_frame(huge, FramePrefix::varint, 1000).error().code, Code::too_large);
  EXPECT_EQ(peek_frame(Bytes{0x80, 0x00}, FramePrefix::varint, 9).error().code, Code::malformed);
}

TEST(Frame, ReaderKeepsItsError) {
  FrameReader reader(FramePrefix::be32, 2);
  const Bytes bytes{0, 0, 0, 3, 'a', 'b', 'c'};
  ByteView input(bytes);
  EXPECT_EQ(reader.next(input).error().code, Code::too_large);
  EXPECT_EQ(reader.buffered(), 0u);
  const Bytes good{0, 0, 0, 1, 'a'};
  input = good;
  EXPECT_EQ(reader.next(input).error().code, Code::too_large);
  EXPECT_EQ(input.size(), good.size());
}

TEST(Frame, ReaderDoesNotCopyWholeFrames) {
  FrameReader reader(FramePrefix::varint, 10);
  const Bytes bytes{1, 'a', 2, 'b', 'c', 0, 3, 'd'};
  ByteView input(bytes);
  EXPECT_EQ(reader.next(input).value()->data(), bytes.data() + 1);
  EXPECT_EQ(reader.next(input).value()->data(), bytes.data() + 3);
  EXPECT_EQ(reader.next(input).value()->size(), 0u);
  EXPECT_FALSE(reader.next(input).value());
  EXPECT_EQ(reader.buffered(), 2u);
  const Bytes more{'e', 'f'};
  input = more;
  EXPECT_EQ(base::as_text(*reader.next(input).value()), "def");
  EXPECT_EQ(reader.buffered(), 0u);
}

/// Any split of a run of frames gives the same frames, and never holds more than one.
TEST(Frame, EverySplitGivesTheSame) {
  ASSERT_TRUE(rc::check([](const std::vector<Bytes>& bodies, bool be32) {
    const FramePrefix prefix = be32 ? FramePrefix::be32 : FramePrefix::varint;
    Bytes stream;
    std::size_t largest = 0;
    for (const Bytes& body : bodies) {
      append_frame(stream, prefix, body);
      largest = std::max(largest, body.size());
    }
    FrameReader reader(prefix, largest);
    std::vector<Bytes> got;
    for (ByteView rest(stream); !rest.empty();) {
      const auto size = *rc::gen::inRange<std::size_t>(1, rest.size() + 1);
      const Bytes piece = base::to_bytes(rest.first(size));  // ASan sees a view that outlives it
      rest = rest.subspan(size);
      ByteView input(piece);
      for (;;) {
        const auto body = reader.next(input);
        RC_ASSERT(body.has_value());
        RC_ASSERT(reader.buffered() <= largest + frame_prefix_bytes_max);
        if (!*body) break;
        got.push_back(base::to_bytes(**body));
      }
      RC_ASSERT(input.empty());
    }
    RC_ASSERT(got == bodies);
    RC_ASSERT(reader.buffered() == 0u);
  }));
}

}  // namespace
}  // namespace kith::codec
