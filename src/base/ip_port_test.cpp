#include "base/ip_port.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace kith::base {
namespace {

TEST(IpPort, GivesAsManyBytesAsItsFamilyHas) {
  const IpPort v4{{192, 0, 2, 7}, 4771, false};
  EXPECT_EQ(to_bytes(v4.ip_bytes()), (Bytes{192, 0, 2, 7}));
  IpPort v6{{0x20, 0x01, 0x0d, 0xb8}, 4771, true};
  v6.ip[15] = 1;
  EXPECT_EQ(v6.ip_bytes().size(), 16U);
  EXPECT_EQ(v6.ip_bytes()[15], 1);
}

TEST(IpPort, DiffersByAddressPortAndFamily) {
  const IpPort one{{192, 0, 2, 7}, 4771, false};
  EXPECT_EQ(one, (IpPort{{192, 0, 2, 7}, 4771, false}));
  EXPECT_NE(one, (IpPort{{192, 0, 2, 8}, 4771, false}));
  EXPECT_NE(one, (IpPort{{192, 0, 2, 7}, 4772, false}));
  EXPECT_NE(one, (IpPort{{192, 0, 2, 7}, 4771, true}));
  EXPECT_LT(one, (IpPort{{192, 0, 2, 8}, 1, false}));
}

TEST(IpPort, IsSmallAndCopiedAsBytes) {
  EXPECT_EQ(sizeof(IpPort), 20U);
  EXPECT_TRUE(std::is_trivially_copyable_v<IpPort>);
}

}  // namespace
}  // namespace kith::base
