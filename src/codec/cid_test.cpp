#include "codec/cid.h"

#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/multibase.h"

namespace kith::codec {
namespace {

TEST(Cid, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("cid.txt")) {
    SCOPED_TRACE(line.back().substr(0, 100));
    const auto cid = Cid::parse(line.back());
    if (line[0] == "bad") {
      EXPECT_FALSE(cid);
      continue;
    }
    ASSERT_TRUE(cid) << to_string(cid.error());
    if (line[0] == "same") {
      EXPECT_EQ(cid->to_string(), line[1]);
      continue;
    }
    EXPECT_EQ(cid->version(), std::stoul(line[1]));
    EXPECT_EQ(cid->codec(), std::stoull(line[2]));
    EXPECT_EQ(base::to_hex(cid->bytes()), line[3]);
    EXPECT_EQ(cid->to_string(), line[4]);
    const auto decoded = Cid::decode(unhex(line[3]));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, *cid);
    EXPECT_TRUE(decode_multihash(cid->multihash()));
    if (cid->version() == 1) EXPECT_EQ(Cid::make(cid->codec(), cid->multihash()), *cid);
  }
}

TEST(Cid, MakeChecks) {
  Bytes hash;
  append_multihash(hash, HashCode::sha2_256, Bytes(32, 1));
  EXPECT_TRUE(Cid::make(codec_raw, hash));
  EXPECT_TRUE(Cid::make((std::uint64_t{1} << 63) - 1, hash));
  EXPECT_EQ(Cid::make(std::uint64_t{1} << 63, hash).error().code, Code::too_large);
  EXPECT_FALSE(Cid::make(codec_raw, ByteView(hash).first(33)));
}

TEST(Cid, A60RefusesHostileBytesAndText) {
  const auto code_of = [](const Result<Cid>& cid) {
    EXPECT_FALSE(cid);
    return cid ? Code::internal : cid.error().code;
  };
  EXPECT_EQ(code_of(Cid::decode({})), Code::truncated);
  EXPECT_EQ(code_of(Cid::decode(unhex("01"))), Code::truncated);
  EXPECT_EQ(code_of(Cid::decode(unhex("0155"))), Code::truncated);
  EXPECT_EQ(code_of(Cid::decode(unhex("015512ffffffff07"))), Code::too_large);  // 2^31 of digest
  EXPECT_EQ(code_of(Cid::decode(unhex("01551220aabb"))), Code::truncated);
  EXPECT_EQ(code_of(Cid::decode(unhex("1220aabb"))), Code::malformed);  // version 0, cut short
  EXPECT_EQ(code_of(Cid::decode(Bytes(100'000'000, 1))), Code::too_large);
  EXPECT_EQ(code_of(Cid::parse("")), Code::malformed);
  EXPECT_EQ(code_of(Cid::parse("b")), Code::truncated);
  EXPECT_EQ(code_of(Cid::parse(std::string(10'000'000, 'b'))), Code::too_large);
  EXPECT_EQ(code_of(Cid::parse(std::string(10'000'000, 'z'))), Code::too_large);
}

TEST(Cid, AcceptedBytesAreCanonical) {
  ASSERT_TRUE(rc::check([] {
    Bytes bytes{0x01, static_cast<std::uint8_t>(*rc::gen::inRange(0, 256)), 0x00, 0x02, 1, 2};
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    const auto cid = Cid::decode(bytes);
    if (!cid) return;
    RC_ASSERT(base::equal(cid->bytes(), bytes));
    const auto parsed = Cid::parse(cid->to_string());
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(*parsed == *cid);
  }));
}

}  // namespace
}  // namespace kith::codec
