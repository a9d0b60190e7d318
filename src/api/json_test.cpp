#include "api/json.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace kith::api {
namespace {

TEST(Json, ReadsWhatIsWellFormed) {
  const auto json = parse_json(R"({"a":[1,"\"]}{[",true,null]})");
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ((*json)["a"][1], "\"]}{[");
}

TEST(Json, FaultsNameTheirPlace) {
  const auto json = parse_json("{\n  \"a\": 1,\n  \"b\" 2\n}");
  ASSERT_FALSE(json.has_value());
  EXPECT_EQ(json.error().code, Code::malformed);
  EXPECT_NE(json.error().message.find("line 3"), std::string::npos) << json.error().message;
  for (const char* bad : {"", "{", "}", "nul", "{\"a\":}", "[1,]", "\"\xff\"", "1 2"}) {
    EXPECT_FALSE(parse_json(bad).has_value()) << bad;
  }
}

TEST(Json, DepthAndSizeAreLimited) {
  const std::string at_limit = std::string(json_depth_max, '[') + std::string(json_depth_max, ']');
  EXPECT_TRUE(parse_json(at_limit).has_value());
  const auto deep = parse_json("[" + at_limit + "]");
  ASSERT_FALSE(deep.has_value());
  EXPECT_EQ(deep.error().code, Code::too_large);
  EXPECT_EQ(parse_json(std::string(1'000'000, '[')).error().code, Code::too_large);
  EXPECT_EQ(parse_json(std::string(json_bytes_max + 1, ' ')).error().code, Code::too_large);
}

std::string object_of(std::size_t members) {
  std::string text = "{";
  for (std::size_t i = 0; i < members; ++i) {
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":{\"a:\":0}";
  }
  return text + "}";
}

// Its keys are looked up one by one: a megabyte of them would take half a minute.
TEST(Json, AnObjectHasSoManyMembers) {
  const std::string at_limit = object_of(json_members_max);
  EXPECT_TRUE(parse_json(at_limit).has_value());
  EXPECT_TRUE(parse_json("[" + at_limit + "," + at_limit + "]").has_value()) << "each of its own";
  EXPECT_TRUE(parse_json("[\"" + std::string(1000, ':') + "\"]").has_value());
  for (const std::size_t members : {json_members_max + 1, std::size_t{50'000}}) {
    const auto large = parse_json("[" + object_of(members));
    ASSERT_FALSE(large.has_value());
    EXPECT_EQ(large.error().code, Code::too_large);
    EXPECT_NE(large.error().message.find("256 members"), std::string::npos);
  }
}

TEST(Json, AnyTextIsAnswered) {
  ASSERT_TRUE(rc::check("parse_json neither crashes nor throws", [](const std::string& text) {
    (void)parse_json(text);
    (void)parse_json("{\"a\":" + text);
  }));
}

TEST(Json, WhatAPeerSaidNeedNotBeUtf8) {
  EXPECT_EQ(to_line(Json{{"agent", "\xff\n"}}), "{\"agent\":\"\xef\xbf\xbd\\n\"}");
}

TEST(Json, LargeNumbersAreStrings) {
  EXPECT_EQ(to_json(std::uint64_t{1} << 53).dump(), "9007199254740992");
  EXPECT_EQ(to_json((std::uint64_t{1} << 53) + 1).dump(), "\"9007199254740993\"");
}

}  // namespace
}  // namespace kith::api
