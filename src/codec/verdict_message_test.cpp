#include "codec/verdict_message.h"

#include <rapidcheck.h>

#include <numeric>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

SaidVerdict said(std::uint64_t dispute, std::uint32_t repeat) {
  SaidVerdict made{dispute, {}, {}, {}, repeat};
  std::iota(made.digest.begin(), made.digest.end(), std::uint8_t{0});
  std::iota(made.validator.begin(), made.validator.end(), std::uint8_t{32});
  std::iota(made.signature.begin(), made.signature.end(), std::uint8_t{64});
  return made;
}

TEST(VerdictMessage, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("verdict_message.txt")) {
    SCOPED_TRACE(line[0]);
    const SaidVerdict verdict =
        said(std::stoull(line[0]), static_cast<std::uint32_t>(std::stoul(line[1])));
    EXPECT_EQ(base::to_hex(encode(verdict)), line[2]);
    EXPECT_EQ(decode_said_verdict(unhex(line[2])).value(), verdict);
  }
}

TEST(VerdictMessage, RefusesWhatIsNone) {
  const Bytes bytes = encode(said(7, 1));
  ASSERT_EQ(bytes.size(), said_verdict_bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_said_verdict(ByteView(bytes).first(size)));
  }
  Bytes other = bytes;
  other.push_back(0);
  EXPECT_FALSE(decode_said_verdict(other));
  other = bytes;
  other[0] = 2;
  EXPECT_EQ(decode_said_verdict(other).error().code, Code::unsupported);
  rc::check("bytes decode to what encodes to them", [] {
    auto noise = *rc::gen::container<Bytes>(said_verdict_bytes, rc::gen::arbitrary<std::uint8_t>());
    noise[0] = 1;
    RC_ASSERT(encode(decode_said_verdict(noise).value()) == noise);
  });
}

}  // namespace
}  // namespace kith::codec
