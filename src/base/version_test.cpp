#include "base/version.h"

#include <gtest/gtest.h>

#include <string>

#include <kith/version.h>

namespace kith::base {
namespace {

// The four macros are written by hand; a release that changes one and forgets another fails here.
TEST(Version, MacrosAgree) {
  const std::string parts = std::to_string(KITH_VERSION_MAJOR) + "." +
                            std::to_string(KITH_VERSION_MINOR) + "." +
                            std::to_string(KITH_VERSION_PATCH);
  EXPECT_EQ(parts, KITH_VERSION);
}

TEST(Version, OneVersionEverywhere) {
  EXPECT_EQ(version(), kith::version());
  EXPECT_EQ(agent_version(), "kith/" + std::string(version()));
}

}  // namespace
}  // namespace kith::base
