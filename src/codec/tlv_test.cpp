#include "codec/tlv.h"

#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <map>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

using List = TlvValue::List;
using Map = TlvValue::Map;

TlvValue text(const char* value) { return {std::string(value)}; }
TlvValue null() { return {std::monostate{}}; }

TlvValue nested(std::size_t depth) {
  TlvValue value = null();
  for (std::size_t i = 0; i < depth; ++i) value = {List{value}};
  return value;
}

/// The values behind the names of tests/golden/tlv.txt.
std::map<std::string, TlvValue> named_values() {
  return {
      {"null", null()},
      {"false", {false}},
      {"true", {true}},
      {"u8_zero", {std::uint8_t{0}}},
      {"u8_max", {std::uint8_t{255}}},
      {"u16", {std::uint16_t{4770}}},
      {"u32", {std::uint32_t{0xdeadbeef}}},
      {"u64_max", {std::numeric_limits<std::uint64_t>::max()}},
      {"i8_min", {std::int8_t{-128}}},
      {"i16_minus_one", {std::int16_t{-1}}},
      {"i32", {std::int32_t{-2}}},
      {"i64_min", {std::numeric_limits<std::int64_t>::min()}},
      {"f32_one_and_half", {1.5f}},
      {"f32_infinity", {std::numeric_limits<float>::infinity()}},
      {"f64_zero", {0.0}},
      {"f64_minus_tenth", {-0.1}},
      {"bytes_empty", {Bytes{}}},
      {"bytes", {Bytes{0x00, 0xff}}},
      {"string_empty", text("")},
      {"string", text("gr\xc3\xbc\xc3\x9f"
                      "e")},
      {"string_200", {std::string(200, 'a')}},
      {"list_empty", {List{}}},
      {"list", {List{{std::uint8_t{1}}, text("a"), null()}}},
      {"map_empty", {Map{}}},
      {"map",
       {Map{{"a", {std::uint8_t{1}}},
            {"", null()},
            {"ab", {true}},
            {"b", {List{{List{}}}}},
            {"\xc3\xa9", {std::int8_t{-1}}},
            {"Z", {Bytes{'z'}}}}}},
      {"job",
       {Map{{"name", text("sum")},
            {"inputs", {List{{std::uint32_t{1}}, {std::uint32_t{2}}}}},
            {"limit_ms", {std::uint64_t{5000}}}}}},
      {"depth_16", nested(16)},
  };
}

TEST(Tlv, GoldenVectors) {
  const std::map<std::string, TlvValue> values = named_values();
  std::size_t named = 0;
  for (const GoldenLine& line : golden_lines("tlv.txt")) {
    SCOPED_TRACE(line[0]);
    const Bytes bytes = unhex(line[1]);
    const auto decoded = decode_tlv(bytes);
    if (line[0].starts_with("bad_")) {
      EXPECT_FALSE(decoded);
      continue;
    }
    ASSERT_TRUE(values.contains(line[0]));
    const TlvValue& value = values.at(line[0]);
    EXPECT_EQ(encode_tlv(value), bytes);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, value);
    ++named;
  }
  EXPECT_EQ(named, values.size());
}

TEST(Tlv, OneEncodingForZeroNoneForNan) {
  EXPECT_EQ(encode_tlv({-0.0}).value(), encode_tlv({0.0}).value());
  EXPECT_EQ(encode_tlv({-0.0f}).value(), encode_tlv({0.0f}).value());
  EXPECT_EQ(encode_tlv({std::numeric_limits<double>::quiet_NaN()}).error().code, Code::malformed);
  EXPECT_EQ(encode_tlv({std::numeric_limits<float>::quiet_NaN()}).error().code, Code::malformed);
}

TEST(Tlv, EncoderRefusesBadText) {
  EXPECT_EQ(encode_tlv(text("\xff")).error().code, Code::malformed);
  EXPECT_EQ(encode_tlv({Map{{"\xff", null()}}}).error().code, Code::malformed);
}

TEST(Tlv, LimitsHoldBothWays) {
  EXPECT_EQ(encode_tlv(nested(17)).error().code, Code::too_large);
  EXPECT_EQ(decode_tlv(unhex("40"
                             "01"
                             "00"),
                       {.depth_max = 0})
                .error()
                .code,
            Code::too_large);
  EXPECT_TRUE(decode_tlv(unhex("00"), {.depth_max = 0}));

  const TlvValue list{List(9, null())};
  const Bytes bytes = encode_tlv(list).value();
  EXPECT_TRUE(decode_tlv(bytes, {.items_max = 10}));
  EXPECT_EQ(decode_tlv(bytes, {.items_max = 9}).error().code, Code::too_large);
  EXPECT_TRUE(encode_tlv(list, {.items_max = 10}));
  EXPECT_EQ(encode_tlv(list, {.items_max = 9}).error().code, Code::too_large);
  EXPECT_EQ(decode_tlv(unhex("00"), {.items_max = 0}).error().code, Code::too_large);

  EXPECT_TRUE(decode_tlv(bytes, {.bytes_max = 11}));
  EXPECT_EQ(decode_tlv(bytes, {.bytes_max = 10}).error().code, Code::too_large);
  EXPECT_TRUE(encode_tlv(list, {.bytes_max = 11}));
  EXPECT_EQ(encode_tlv(list, {.bytes_max = 10}).error().code, Code::too_large);
  EXPECT_EQ(encode_tlv({Bytes(1024 * 1024)}).error().code, Code::too_large);
  EXPECT_TRUE(encode_tlv({Bytes(1024 * 1024 - 4)}));
}

TEST(Tlv, CountIsComparedWithTheBytesThatAreLeft) {
  const auto list =
      decode_tlv(unhex("40"
                       "b0ea01"  // 30000
                       "0000"));
  EXPECT_EQ(list.error().code, Code::truncated);
  EXPECT_NE(list.error().message.find("30000 values in 2 bytes"), std::string::npos);
}

/// A list in a list may not spend the outer list's items again.
TEST(Tlv, ItemsAreCountedOverTheWholeTree) {
  List rows(256, TlvValue{List(255, null())});
  EXPECT_EQ(encode_tlv({rows}).error().code, Code::too_large);  // 1 + 256 + 65280
  Bytes bytes{0x40, 0x80, 0x02};
  for (int i = 0; i < 256; ++i) {
    bytes.insert(bytes.end(), {0x40, 0xff, 0x01});
    bytes.insert(bytes.end(), 255, 0x00);
  }
  EXPECT_EQ(decode_tlv(bytes).error().code, Code::too_large);
  EXPECT_TRUE(decode_tlv(bytes, {.items_max = 65537}));
}

rc::Gen<TlvValue> any_value(int depth) {
  return rc::gen::exec([depth]() -> TlvValue {
    switch (*rc::gen::inRange(0, depth > 0 ? 16 : 14)) {
      case 0: return null();
      case 1: return {*rc::gen::arbitrary<bool>()};
      case 2: return {*rc::gen::arbitrary<std::uint8_t>()};
      case 3: return {*rc::gen::arbitrary<std::uint16_t>()};
      case 4: return {*rc::gen::arbitrary<std::uint32_t>()};
      case 5: return {*rc::gen::arbitrary<std::uint64_t>()};
      case 6: return {*rc::gen::arbitrary<std::int8_t>()};
      case 7: return {*rc::gen::arbitrary<std::int16_t>()};
      case 8: return {*rc::gen::arbitrary<std::int32_t>()};
      case 9: return {*rc::gen::arbitrary<std::int64_t>()};
      case 10: return {*rc::gen::arbitrary<float>()};
      case 11: return {*rc::gen::arbitrary<double>()};
      case 12: return {*rc::gen::arbitrary<Bytes>()};
      case 13: return {*rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127))};
      case 14: {
        List list(*rc::gen::inRange<std::size_t>(0, 5));
        for (TlvValue& item : list) item = *any_value(depth - 1);
        return {list};
      }
      default: {
        Map map;
        const int size = *rc::gen::inRange(0, 5);
        for (int i = 0; i < size; ++i) {
          std::string key = *rc::gen::container<std::string>(rc::gen::inRange<char>('a', 'd'));
          map[key] = *any_value(depth - 1);
        }
        return {map};
      }
    }
  });
}

TEST(Tlv, DecodeUndoesEncode) {
  ASSERT_TRUE(rc::check([] {
    const TlvValue value = *any_value(4);
    const auto bytes = encode_tlv(value);
    RC_PRE(bytes.has_value());  // not a NaN
    const auto decoded = decode_tlv(*bytes);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == value);
    RC_ASSERT(encode_tlv(*decoded).value() == *bytes);
  }));
}

TEST(Tlv, EncodeUndoesDecode) {
  int accepted = 0;
  ASSERT_TRUE(rc::check([&accepted] {
    auto bytes = encode_tlv(*any_value(3)).value_or(Bytes{0});
    const int changes = *rc::gen::inRange(1, 4);
    for (int i = 0; i < changes; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<std::uint8_t>();
    }
    const auto decoded = decode_tlv(bytes);
    if (!decoded) return;
    ++accepted;
    RC_ASSERT(encode_tlv(*decoded).value() == bytes);
  }));
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace kith::codec
