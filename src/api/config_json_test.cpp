#include "api/config_json.h"

#include <gtest/gtest.h>

namespace kith::api {
namespace {

TEST(ConfigJson, ReadsTheSameKeysAsToml) {
  const auto settings = parse_config_json(
      R"({"max_peers": 50, "listen": ["/ip4/1.2.3.4/tcp/1"], "log": {"level": "debug"},
          "perf.serve": true})",
      "config.json");
  ASSERT_TRUE(settings.has_value()) << settings.error().message;
  const auto loaded = node::load_settings(*settings);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->node.host.peers_high, 50U);
  EXPECT_EQ(loaded->node.host.listen.size(), 1U);
  EXPECT_EQ(loaded->log_level, "debug");
  EXPECT_TRUE(loaded->node.serves_perf);
}

TEST(ConfigJson, FaultsNameFileAndKey) {
  const auto broken = parse_config_json("{\n\"max_peers\": }", "config.json");
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().code, Code::config);
  EXPECT_NE(broken.error().message.find("config.json: not JSON: line 2"), std::string::npos)
      << broken.error().message;
  EXPECT_FALSE(parse_config_json("[]", "config.json").has_value());
  EXPECT_FALSE(parse_config_json(R"({"log":{"level":null}})", "config.json").has_value());
  EXPECT_FALSE(parse_config_json(R"({"listen":[["x"]]})", "config.json").has_value());
  const auto unknown = parse_config_json(R"({"max_peer": 1})", "config.json");
  ASSERT_TRUE(unknown.has_value());
  const auto loaded = node::load_settings(*unknown);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_NE(loaded.error().message.find("did you mean max_peers?"), std::string::npos);
}

TEST(ConfigJson, ValuesAreWrittenByTheirTypes) {
  const auto settings = node::load_settings({{"perf.serve", {"yes"}, node::Origin::flag, "--set"}});
  ASSERT_TRUE(settings.has_value());
  const std::string text = config_json(settings->effective);
  for (const char* part :
       {R"({"key":"max_peers","value":100,"origin":"default","where":null})",
        R"({"key":"perf.serve","value":true,"origin":"flag","where":"--set"})",
        R"({"key":"bootstrap","value":[],"origin":"default","where":null})",
        R"({"key":"peer_timeout","value":"30s","origin":"default","where":null})"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

}  // namespace
}  // namespace kith::api
