#include "codec/bech32m.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace kith::codec {
namespace {

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

TEST(Bech32m, ValidVectorsOfTheBip) {
  const std::pair<const char*, std::size_t> vectors[] = {
      {"A1LQFN3A", 0},
      {"a1lqfn3a", 0},
      {"an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
       0},
      {"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", 32},
      {"11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
       82},
      {"split1checkupstagehandshakeupstreamerranterredcaperredlc445v", 48},
      {"?1v759aa", 0}};
  for (const auto& [text, values] : vectors) {
    SCOPED_TRACE(text);
    const auto parts = decode_bech32m(text);
    ASSERT_TRUE(parts) << parts.error().message;
    EXPECT_EQ(parts->values.size(), values);
    EXPECT_EQ(encode_bech32m(*parts), lower_case(text));
  }
}

TEST(Bech32m, InvalidVectorsOfTheBip) {
  const std::pair<const char*, Code> vectors[] = {
      {"\x20"
       "1xj0phk",
       Code::malformed},
      {"\x7f"
       "1g6xzxy",
       Code::malformed},
      {"\x80"
       "1vctc34",
       Code::malformed},
      {"an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts"
       "4",
       Code::too_large},
      {"qyrz8wqd2c9m", Code::malformed},
      {"1qyrz8wqd2c9m", Code::malformed},
      {"y1b0jsk6g", Code::malformed},
      {"lt1igcx5c0", Code::malformed},
      {"in1muywd", Code::truncated},
      {"mm1crxm3i", Code::malformed},
      {"au1s5cgom", Code::malformed},
      {"M1VUXWEZ", Code::malformed},
      {"16plkw9", Code::malformed},
      {"1p2gdwpf", Code::malformed},
      // Mixed case, nothing at all, and Bech32 as it was before.
      {"A1lqfn3a", Code::malformed},
      {"", Code::malformed},
      {"a12uel5l", Code::malformed},
      {"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", Code::malformed}};
  for (const auto& [text, code] : vectors) {
    SCOPED_TRACE(text);
    const auto parts = decode_bech32m(text);
    ASSERT_FALSE(parts);
    EXPECT_EQ(parts.error().code, code) << parts.error().message;
  }
}

TEST(Bech32m, ValuesOfFiveBits) {
  using Values = std::vector<std::uint8_t>;
  EXPECT_EQ(five_bits_of({}), Values());
  EXPECT_EQ(five_bits_of(Bytes{0xff}), (Values{31, 28}));
  EXPECT_EQ(five_bits_of(Bytes{0x08, 0x86, 0x42, 0x98, 0xe8}), (Values{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(bytes_of_five_bits(Values{31, 28}).value(), Bytes{0xff});
  EXPECT_EQ(bytes_of_five_bits(Values{31, 29}).error().code, Code::malformed);
  EXPECT_EQ(bytes_of_five_bits(Values{31, 28, 0}).error().code, Code::malformed);
  EXPECT_EQ(bytes_of_five_bits(Values{0}).error().code, Code::malformed);
  EXPECT_EQ(bytes_of_five_bits(Values{}).value(), Bytes());
}

TEST(Bech32m, BytesComeBackAndAFewErrorsAreFound) {
  EXPECT_TRUE(rc::check([](std::vector<std::uint8_t> bytes) {
    if (bytes.size() > 45) bytes.resize(45);
    const Bech32m parts{"kith", five_bits_of(bytes)};
    std::string text = encode_bech32m(parts);
    RC_ASSERT(text.size() <= bech32m_chars_max);
    RC_ASSERT(decode_bech32m(text).value() == parts);
    RC_ASSERT(bytes_of_five_bits(parts.values).value() == bytes);
    // Up to four characters replaced.
    const std::string good = text;
    for (int errors = *rc::gen::inRange(1, 5); errors > 0; --errors) {
      text[*rc::gen::inRange<std::size_t>(5, text.size())] =
          *rc::gen::elementOf(std::string("qpzry9x8gf2tvdw0s3jn54khce6mua7l"));
    }
    RC_ASSERT(decode_bech32m(text).has_value() == (text == good));
  }));
}

TEST(Bech32m, AnyTextDecodesToItselfOrNotAtAll) {
  EXPECT_TRUE(rc::check([](const std::string& text, const std::vector<std::uint8_t>& values) {
    if (const auto parts = decode_bech32m(text)) {
      RC_ASSERT(encode_bech32m(*parts) == lower_case(text));
    }
    (void)bytes_of_five_bits(values);
  }));
}

TEST(Bech32mDeathTest, OursAreWithinTheLimits) {
  EXPECT_DEATH(encode_bech32m({"", {}}), "is_encodable");
  EXPECT_DEATH(encode_bech32m({"Kith", {}}), "is_encodable");
  EXPECT_DEATH(encode_bech32m({"kith", {32}}), "is_encodable");
  EXPECT_DEATH(encode_bech32m({"kith", std::vector<std::uint8_t>(80)}), "is_encodable");
}

}  // namespace
}  // namespace kith::codec
