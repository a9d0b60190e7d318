#include "base/assert.h"

namespace kith::base {
namespace {

TEST(AssertDeathTest, NamesTheConditionAndItsPlace) {
  EXPECT_DEATH(ASSERT(1 + 1 == 3), "assert_test.cpp:[0-9]+: assertion failed: 1 \\+ 1 == 3");
  EXPECT_DEATH(UNREACHABLE(), "unreachable");
  ASSERT(true);
}

}  // namespace
}  // namespace kith::base
