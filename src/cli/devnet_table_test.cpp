#include "cli/devnet_table.h"

#include <gtest/gtest.h>

namespace kith::cli {
namespace {

TEST(DevnetTable, ALineANode) {
  DevnetRow with;
  with.peer_id = "12D3KooWLTNSjzvEA8sbz1cxMKbeAHpoZAq88ca1Kp2m1xubXEzM";
  with.peers = 3;
  with.peers_healthy = 2;
  with.reputation_min = -4;
  with.has_chain = true;
  with.height = 1234;
  with.finality_p50_ms = 4.26;
  with.tx_per_s = 99.96;
  with.mempool = 7;
  with.heard = 12;
  const auto lines = devnet_table({with, DevnetRow()}, 3.25);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_NE(lines[0].find("3.2 s"), std::string::npos);
  EXPECT_EQ(lines[1],
            "1    …2m1xubXEzM       3        2         -4      1234       4.3     100.0       7"
            "      12\n");
  EXPECT_EQ(lines[2],
            "2                      0        0          -         -         -         -       -"
            "       0\n");
}

}  // namespace
}  // namespace kith::cli
