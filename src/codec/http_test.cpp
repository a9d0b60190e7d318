#include "codec/http.h"

#include <gtest/gtest.h>

namespace kith::codec {
namespace {

using Strings = std::vector<std::string>;

TEST(HttpTarget, IsSplitThenDecoded) {
  EXPECT_EQ(parse_http_target("/")->segments, Strings{});
  EXPECT_EQ(parse_http_target("/v1/peers")->segments, (Strings{"v1", "peers"}));
  EXPECT_EQ(parse_http_target("/livez/")->segments, (Strings{"livez", ""})) << "another path";
  EXPECT_EQ(parse_http_target("//x")->segments, (Strings{"", "x"}));
  EXPECT_EQ(parse_http_target("/a%2Fb/..")->segments, (Strings{"a/b", ".."})) << "one segment";
  const auto target = parse_http_target("/x?kinds=a,b&empty&n=%31%20+&=v&&");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, Strings{"x"});
  const std::vector<std::pair<std::string, std::string>> query = {
      {"kinds", "a,b"}, {"empty", ""}, {"n", "1 +"}, {"", "v"}};
  EXPECT_EQ(target->query, query);
}

TEST(HttpTarget, RefusesWhatIsNone) {
  for (const char* bad : {"", "x", "*", "http://a/b", "/%", "/%4", "/%zz", "/a?b=%g0", "?a"}) {
    const auto target = parse_http_target(bad);
    ASSERT_FALSE(target) << bad;
    EXPECT_EQ(target.error().code, Code::malformed);
  }
  std::string many;
  for (std::size_t i = 0; i <= http_segments_max; ++i) many += "/a";
  EXPECT_EQ(parse_http_target(many).error().code, Code::too_large);
  many = "/?";
  for (std::size_t i = 0; i <= http_query_max; ++i) many += "a&";
  EXPECT_EQ(parse_http_target(many).error().code, Code::too_large);
  EXPECT_EQ(parse_http_target("/" + std::string(http_target_bytes_max, 'a')).error().code,
            Code::too_large);
}

TEST(HttpHost, IsANameWithoutItsPort) {
  EXPECT_EQ(http_host_name("LocalHost:4775"), "localhost");
  EXPECT_EQ(http_host_name("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(http_host_name("[::1]:80"), "::1");
  EXPECT_EQ(http_host_name("[0:0:0:0:0:0:0:1]"), "::1");
  EXPECT_EQ(http_host_name("a.b-c_d:"), "a.b-c_d") << "RFC 3986: a port may be empty";
  for (const char* bad : {"", ":80", "a:b", "a:123456", "[::1", "[x]", "[::1]x", "a b", "a/b",
                          "a@b", "::1", "a:1:2"}) {
    EXPECT_FALSE(http_host_name(bad)) << bad;
  }
}

TEST(HttpHost, LoopbackHasFewNames) {
  for (const char* name : {"localhost", "node.localhost", "127.0.0.1", "127.9.8.7", "::1"}) {
    EXPECT_TRUE(is_loopback_name(name)) << name;
  }
  for (const char* name : {"localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1",
                           "evillocalhost", "0.0.0.0", "127.1", "2130706433", "::"}) {
    EXPECT_FALSE(is_loopback_name(name)) << name;
  }
}

TEST(HttpRequest, HeadersAreFoundInAnyCase) {
  HttpRequest request;
  request.headers = {{"HOST", "a"}, {"x", "1"}, {"Host", "b"}};
  EXPECT_EQ(request.header("host"), "a");
  EXPECT_EQ(request.count("host"), 2U);
  EXPECT_FALSE(request.header("hos"));
}

}  // namespace
}  // namespace kith::codec
