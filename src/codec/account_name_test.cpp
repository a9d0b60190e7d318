#include "codec/account_name.h"

#include <rapidcheck.h>

#include <array>

#include "codec/golden_test_util.h"

namespace kith::codec {
namespace {

/// One that may be a name, from any bytes.
std::string name_from(const Bytes& noise) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789vrncl-";
  std::string name;
  for (const std::uint8_t byte : noise) {
    const char c = letters[byte % letters.size()];
    if (c == '-' && (name.empty() || name.back() == '-')) continue;
    if (name.size() < name_bytes_max) name.push_back(c);
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  while (name.size() < name_bytes_min) name.push_back('x');
  return name;
}

TEST(AccountName, GoldenVectors) {
  for (const GoldenLine& line : golden_lines("account_name.txt")) {
    SCOPED_TRACE(line[0]);
    EXPECT_EQ(skeleton_of(line[0]).value(), line[1]);
    EXPECT_EQ(base::to_hex(name_id(line[0])), line[2]);
  }
}

TEST(AccountName, SaysWhyANameIsNone) {
  const auto why = [](std::string_view name) { return check_name(name).error().message; };
  EXPECT_EQ(why("ab"), "name of 2 characters, not 3 to 20");
  EXPECT_EQ(why(std::string(21, 'a')), "name of 21 characters, not 3 to 20");
  EXPECT_EQ(why("Kith"), "name \"Kith\": only a-z, 0-9 and - may be in it");
  EXPECT_EQ(why("k\nth"), "name \"k\\x0ath\": only a-z, 0-9 and - may be in it");
  EXPECT_EQ(why("k\xc3\xadth"), "name \"k\\xc3\\xadth\": only a-z, 0-9 and - may be in it");
  EXPECT_EQ(why("-kith"), "name \"-kith\": - is first or last");
  EXPECT_EQ(why("kith-"), "name \"kith-\": - is first or last");
  EXPECT_EQ(why("ki--th"), "name \"ki--th\": - twice in a row");
  EXPECT_EQ(skeleton_of("ki--th").error().code, Code::malformed);
  EXPECT_TRUE(check_name("k-i-t-h"));
  EXPECT_TRUE(check_name("000"));
  EXPECT_TRUE(check_name(std::string(20, 'a')));
}

TEST(AccountName, FoldsOnlyAsciiCapitals) {
  EXPECT_EQ(fold_name("KiTH-09z"), "kith-09z");
  EXPECT_EQ(fold_name("K\xc3\x8dTH"), "k\xc3\x8dth");
  EXPECT_EQ(fold_name(""), "");
}

TEST(AccountName, WhatLooksAlikeIsOneName) {
  const auto alike = [](std::string_view a, std::string_view b) {
    return name_id(a) == name_id(b);
  };
  EXPECT_TRUE(alike("kith", "k1th"));
  EXPECT_TRUE(alike("kith", "k-ith"));
  EXPECT_TRUE(alike("o0o", "0o0"));
  EXPECT_TRUE(alike("wine", "vvine"));
  EXPECT_TRUE(alike("wine", "v-vine"));
  EXPECT_TRUE(alike("modern", "modem"));
  EXPECT_TRUE(alike("clara", "dara"));
  // A pair that a digit hides: characters come before pairs.
  EXPECT_TRUE(alike("c1ara", "clara"));
  EXPECT_FALSE(alike("kith", "kiths"));
  EXPECT_FALSE(alike("vwv", "wvv"));
}

TEST(AccountName, ASkeletonIsItsOwn) {
  EXPECT_TRUE(rc::check([](const Bytes& noise) {
    const std::string name = name_from(noise);
    RC_ASSERT(check_name(name).has_value());
    const std::string skeleton = *skeleton_of(name);
    RC_ASSERT(skeleton.find_first_of("-01i5289") == std::string::npos);
    for (const std::string_view pair : {"vv", "rn", "cl"}) {
      RC_ASSERT(skeleton.find(pair) == std::string::npos);
    }
    if (const auto again = skeleton_of(skeleton)) RC_ASSERT(*again == skeleton);
  }));
}

TEST(AccountName, NoChangeOfOneLookAlikeMakesAnotherName) {
  EXPECT_TRUE(rc::check([](const Bytes& noise, std::size_t at) {
    const std::string name = name_from(noise);
    // Each character stands for the next one here, the last for the first.
    constexpr std::array<std::string_view, 6> alike = {"0o", "1li", "5s", "2z", "8b", "9g"};
    std::string changed = name;
    char& c = changed[at % changed.size()];
    for (const std::string_view group : alike) {
      const std::size_t place = group.find(c);
      if (place == std::string_view::npos) continue;
      c = group[(place + 1) % group.size()];
      break;
    }
    RC_ASSERT(name_id(changed) == name_id(name));
  }));
}

}  // namespace
}  // namespace kith::codec
