#include "crypto/sha256_stream.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace kith::crypto {
namespace {

TEST(Sha256Stream, PiecesGiveTheHashOfTheWhole) {
  SeededRng rng(1);
  Bytes data(300'000);
  rng.fill(data);
  for (const std::size_t piece : {1u, 63u, 64u, 65u, 4096u, 300'000u}) {
    Sha256 hash;
    for (std::size_t at = 0; at < data.size(); at += piece) {
      hash.update(ByteView(data).subspan(at, std::min(piece, data.size() - at)));
    }
    EXPECT_EQ(hash.digest(), sha256(data)) << piece;
  }
}

TEST(Sha256Stream, OfNothingIsTheHashOfNothing) {
  Sha256 hash;
  hash.update({});
  EXPECT_EQ(hash.digest(), sha256(ByteView()));
}

TEST(Sha256Stream, GoesOnBehindADigestAndInACopy) {
  const Bytes data(100, 7);
  Sha256 hash;
  hash.update(ByteView(data).first(30));
  EXPECT_EQ(hash.digest(), sha256(ByteView(data).first(30)));
  Sha256 copy = hash;
  hash.update(ByteView(data).subspan(30));
  EXPECT_EQ(hash.digest(), sha256(data));
  EXPECT_EQ(copy.digest(), sha256(ByteView(data).first(30)));
  copy.update(ByteView(data).subspan(30));
  EXPECT_EQ(copy.digest(), sha256(data));
}

}  // namespace
}  // namespace kith::crypto
