#include "cli/render.h"

#include <gtest/gtest.h>

namespace kith::cli {
namespace {

TEST(RenderStats, IsATableWithoutZeros) {
  const std::string table = render_stats(
      R"({"since_s":12.5,"figures":[
        {"figure":"kith_host_sent_bytes_total","labels":"","value":1234,"per_s":5.5},
        {"figure":"kith_host_connections","labels":"direction=\"inbound\"","value":2,"per_s":null},
        {"figure":"kith_host_faults_total","labels":"","value":0,"per_s":0.0}],
        "timings":[{"figure":"kith_ping_rtt_seconds","count":3,"average_ms":1.5,"p50_ms":1.0,
                    "p99_ms":null,"max_ms":2.0}]})");
  EXPECT_NE(table.find("since 12.5 s"), std::string::npos);
  EXPECT_NE(table.find("host_sent_bytes "), std::string::npos);
  EXPECT_NE(table.find("1234          5.5"), std::string::npos) << table;
  EXPECT_NE(table.find("host_connections{direction=\"inbound\"} "), std::string::npos);
  EXPECT_EQ(table.find("host_faults"), std::string::npos);
  EXPECT_NE(table.find("ping_rtt_seconds "), std::string::npos);
  EXPECT_EQ(table.find("kith_"), std::string::npos);
}

TEST(RenderStats, WhatIsNoStatsHarmsNobody) {
  for (const char* odd :
       {"", "[]", "{}", "7", R"({"figures":7,"timings":{}})", R"({"figures":[7,null,[]]})",
        R"({"figures":[{"figure":7,"labels":[],"value":"x"}],"timings":[1]})"}) {
    render_stats(odd);
  }
  EXPECT_EQ(render_stats("\x1b[2J"), "\x1b[2J") << "as it came, like all that is no object";
  const std::string table =
      render_stats("{\"figures\":[{\"figure\":\"a\\u001b[2J\",\"labels\":\"\",\"value\":1}]}");
  EXPECT_EQ(table.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace kith::cli
