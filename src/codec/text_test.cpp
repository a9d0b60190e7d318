// utf8.h and printable.h.
#include <rapidcheck.h>

#include "codec/golden_test_util.h"
#include "codec/printable.h"
#include "codec/utf8.h"

namespace kith::codec {
namespace {

// The limits of RFC 3629, sections 3 and 4.
TEST(Utf8, Boundaries) {
  for (const char* good : {"-", "00", "7f", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbf",
                           "f0908080", "f48fbfbf", "61c3a962e282ac"}) {
    EXPECT_TRUE(is_utf8(unhex(good))) << good;
  }
  for (const char* bad :
       {"80",       "bf",       "c0",   "c080",   "c1bf",   "c2",       "c27f",     "c2c0",
        "e08080",   "e09fbf",   "e0a0", "eda080", "edbfbf", "f0808080", "f08fbfbf", "f0909080ff",
        "f4908080", "f5808080", "fe",   "ff",     "f09080", "61c3",     "e2c3a9"}) {
    EXPECT_FALSE(is_utf8(unhex(bad))) << bad;
  }
}

TEST(Utf8, EveryCodePoint) {
  for (std::uint32_t point = 0x800; point <= 0x10ffff; point += 13) {
    Bytes bytes;
    if (point >= 0x10000) {
      bytes = {static_cast<std::uint8_t>(0xf0 | point >> 18),
               static_cast<std::uint8_t>(0x80 | (point >> 12 & 0x3f))};
    } else {
      bytes = {static_cast<std::uint8_t>(0xe0 | point >> 12)};
    }
    bytes.push_back(static_cast<std::uint8_t>(0x80 | (point >> 6 & 0x3f)));
    bytes.push_back(static_cast<std::uint8_t>(0x80 | (point & 0x3f)));
    ASSERT_EQ(is_utf8(bytes), point < 0xd800 || point > 0xdfff) << std::hex << point;
  }
}

TEST(Printable, Escapes) {
  EXPECT_EQ(printable("a\"\\\n\x7f\xff "), "\"a\\\"\\\\\\x0a\\x7f\\xff \"");
  EXPECT_EQ(printable(""), "\"\"");
  EXPECT_EQ(printable("abcdef", 3), "\"abc\"...");
}

TEST(Printable, OnlyVisibleAscii) {
  ASSERT_TRUE(rc::check([](const std::string& text) {
    for (const char c : printable(text)) RC_ASSERT(c >= 0x20 && c < 0x7f);
  }));
}

}  // namespace
}  // namespace kith::codec
