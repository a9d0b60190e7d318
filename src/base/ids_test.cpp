#include "base/ids.h"

namespace kith::base {
namespace {

TEST(PeerId, TakesFrom1To44Bytes) {
  EXPECT_FALSE(PeerId::from_multihash({}));
  EXPECT_FALSE(PeerId::from_multihash(Bytes(45, 1)));
  const Bytes longest(44, 7);
  EXPECT_TRUE(equal(PeerId::from_multihash(longest)->bytes(), longest));
  EXPECT_TRUE(PeerId().empty());
  EXPECT_FALSE(PeerId::from_multihash(Bytes{0})->empty());
}

TEST(PeerId, ComparesByAllItsBytes) {
  const auto a = *PeerId::from_multihash(Bytes{1, 2});
  EXPECT_EQ(a, *PeerId::from_multihash(Bytes{1, 2}));
  EXPECT_NE(a, *PeerId::from_multihash(Bytes{1, 3}));
  EXPECT_NE(a, *PeerId::from_multihash(Bytes{1, 2, 0}));  // padding is not content
  EXPECT_LT(a, *PeerId::from_multihash(Bytes{1, 3}));
}

}  // namespace
}  // namespace kith::base
