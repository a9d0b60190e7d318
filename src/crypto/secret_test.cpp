#include "crypto/secret.h"

namespace kith::crypto {
namespace {

TEST(Secret, ComparesLikeOrdinaryEquality) {
  const Bytes a{1, 2, 3};
  EXPECT_TRUE(equal_in_constant_time(a, Bytes{1, 2, 3}));
  EXPECT_FALSE(equal_in_constant_time(a, Bytes{1, 2, 4}));
  EXPECT_FALSE(equal_in_constant_time(a, Bytes{0, 2, 3}));
  EXPECT_FALSE(equal_in_constant_time(a, Bytes{1, 2}));
  EXPECT_FALSE(equal_in_constant_time(a, {}));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
}

TEST(Secret, Wipes) {
  Bytes bytes(100, 0xff);
  wipe(ByteSpan(bytes).subspan(1));
  EXPECT_EQ(bytes[0], 0xff);
  EXPECT_TRUE(std::all_of(bytes.begin() + 1, bytes.end(), [](auto byte) { return byte == 0; }));
  wipe({});
}

TEST(SecretBytes, OwnsMovesAndEmpties) {
  const Bytes source{1, 2, 3};
  SecretBytes secret = SecretBytes::copy_of(source);
  EXPECT_TRUE(base::equal(secret.view(), source));
  SecretBytes moved(std::move(secret));
  EXPECT_TRUE(secret.empty());  // NOLINT: what a move leaves behind is the point
  EXPECT_TRUE(base::equal(moved.view(), source));
  SecretBytes zeros(4);
  EXPECT_TRUE(base::equal(zeros.view(), Bytes(4)));
  zeros = std::move(moved);
  EXPECT_EQ(zeros.size(), 3U);
  SecretBytes& self = zeros;
  zeros = std::move(self);
  EXPECT_TRUE(base::equal(zeros.view(), source));
  EXPECT_TRUE(SecretBytes().empty());
}

}  // namespace
}  // namespace kith::crypto
