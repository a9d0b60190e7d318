#include "codec/packed.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "base/rng.h"

namespace kith::codec {
namespace {

Bytes packed_random(std::size_t size) {
  Bytes bytes(size);
  base::SeededRng(7).fill(bytes);
  return bytes;
}

/// Shrinks to about a half.
Bytes packed_words(std::size_t size) {
  Bytes bytes = packed_random(size);
  for (std::uint8_t& byte : bytes) byte = byte % 16U + 'a';
  return bytes;
}

TEST(Packed, WhatShrinksComesBack) {
  Packer packer;
  for (const std::size_t size : {512U, 5000U, 200'000U}) {
    const Bytes content = packed_words(size);
    const auto packed = packer.pack(content);
    ASSERT_TRUE(packed) << size;
    EXPECT_LT(packed->size(), size);
    EXPECT_EQ(packer.unpack(*packed).value(), content);
  }
}

TEST(Packed, WhatDoesNotShrinkByAnEighthAtItsFrontIsLeftAlone) {
  Packer packer;
  EXPECT_FALSE(packer.pack(packed_random(10'000)));
  // The front decides: random bytes before many that would shrink.
  Bytes content = packed_random(packed_sample_bytes);
  content.resize(100'000);
  EXPECT_FALSE(packer.pack(content));
  // A quarter of the front shrinks.
  content = packed_random(packed_sample_bytes);
  std::fill(content.begin(), content.begin() + packed_sample_bytes / 4, std::uint8_t{0});
  EXPECT_TRUE(packer.pack(content));
}

TEST(Packed, NothingIsMadeThatTheOtherSideWouldRefuse) {
  Packer packer;
  const Bytes zeros(1'000'000);  // far more than 100 to 1
  EXPECT_FALSE(packer.pack(zeros));
  EXPECT_TRUE(packer.pack(zeros, {.ratio_max = 1'000'000}));
  EXPECT_FALSE(packer.pack(zeros, {.content_bytes_max = 999'999, .ratio_max = 1'000'000}));
}

TEST(Packed, LimitsHoldBeforeAnythingIsUnpacked) {
  Packer packer;
  const Bytes content(5000, 9);
  const Bytes packed = packer.pack(content, {.ratio_max = 1000}).value();
  const std::uint64_t ratio = (content.size() + packed.size() - 1) / packed.size();
  EXPECT_TRUE(packer.unpack(packed, {.content_bytes_max = 5000, .ratio_max = ratio}));
  EXPECT_EQ(packer.unpack(packed, {.content_bytes_max = 4999}).error().code, Code::too_large);
  EXPECT_EQ(packer.unpack(packed, {.ratio_max = ratio - 1}).error().code, Code::too_large);
}

TEST(Packed, OnlyOneWholeFrameThatTellsItsSize) {
  Packer packer;
  const Bytes packed = packer.pack(packed_words(5000)).value();
  EXPECT_TRUE(packer.unpack(packed));
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(packer.unpack(ByteView(packed).first(size))) << size;
  }
  for (const Bytes& more : {packed, Bytes{0}, Bytes{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}}) {
    Bytes longer = packed;
    base::append(longer, more);
    EXPECT_FALSE(packer.unpack(longer));
  }
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  Bytes silent(1000);
  const Bytes content(5000, 9);
  silent.resize(
      ZSTD_compress2(context, silent.data(), silent.size(), content.data(), content.size()));
  ZSTD_freeCCtx(context);
  EXPECT_EQ(packer.unpack(silent).error().code, Code::malformed);
}

}  // namespace
}  // namespace kith::codec
