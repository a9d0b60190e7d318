#include "rt/os.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace kith::rt {
namespace {

std::vector<std::string> reachable(const char* bound) {
  std::vector<std::string> all;
  for (const auto& address : reachable_addresses(codec::Multiaddr::parse(bound).value())) {
    all.push_back(address.to_string());
  }
  return all;
}

TEST(ReachableAddresses, AnAddressIsItself) {
  for (const char* bound : {"/ip4/127.0.0.1/tcp/4001", "/ip6/::1/udp/4001/kith"}) {
    EXPECT_EQ(reachable(bound), std::vector<std::string>{bound});
  }
}

// Loopback is there on every machine and in every network namespace whose loopback is up.
TEST(ReachableAddresses, AWildcardIsEachInterfaceAndLoopbackLast) {
  for (const std::string behind : {"/tcp/4001", "/tcp/4001/ws", "/udp/4001/kith"}) {
    const auto all = reachable(("/ip4/0.0.0.0" + behind).c_str());
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.back(), "/ip4/127.0.0.1" + behind);
    for (const auto& address : all) {
      EXPECT_TRUE(address.starts_with("/ip4/") && address.ends_with(behind)) << address;
      EXPECT_FALSE(address.starts_with("/ip4/0.0.0.0/")) << address;
      EXPECT_EQ(std::ranges::count(all, address), 1) << address;
    }
  }
}

TEST(ReachableAddresses, OfItsOwnFamilyAndNoneThatMeansNothingElsewhere) {
  for (const auto& address : reachable("/ip6/::/tcp/4001")) {
    EXPECT_TRUE(address.starts_with("/ip6/")) << address;
    EXPECT_FALSE(address.starts_with("/ip6/fe80:")) << address;
  }
}

}  // namespace
}  // namespace kith::rt
