#include "base/rng.h"

#include <rapidcheck.h>

namespace kith::base {
namespace {

/// Says what it is told to.
class ScriptedRng final : public Rng {
 public:
  explicit ScriptedRng(std::vector<std::uint64_t> words) : words_(std::move(words)) {}
  void fill(ByteSpan out) override {
    ASSERT(out.size() == 8 && at_ < words_.size());
    std::memcpy(out.data(), &words_[at_++], 8);
  }
  std::size_t drawn() const { return at_; }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t at_ = 0;
};

// Traces and golden scenarios hang on this sequence: it must never change. The words come from
// another implementation of xoshiro256++ over splitmix64, itself checked against the published
// outputs of both.
TEST(SeededRng, GivesTheSameSequenceForEver) {
  SeededRng zero(0);
  for (const std::uint64_t word : {0x53175d61490b23dfULL, 0x61da6f3dc380d507ULL,
                                   0x5c0fdf91ec9a7bfcULL, 0x02eebf8c3bbe5e1aULL}) {
    EXPECT_EQ(zero.next(), word);
  }
  SeededRng other(42);
  for (const std::uint64_t word : {0xd0764d4f4476689fULL, 0x519e4174576f3791ULL,
                                   0xfbe07cfb0c24ed8cULL, 0xb37d9f600cd835b8ULL}) {
    EXPECT_EQ(other.next(), word);
  }
}

TEST(SeededRng, FillTakesWholeWords) {
  SeededRng words(9), bytes(9);
  Bytes out(20);
  bytes.fill(out);
  std::array<std::uint64_t, 3> expected{words.next(), words.next(), words.next()};
  EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size()), 0);
  EXPECT_EQ(bytes.next(), words.next());  // the rest of the third word is not kept
  bytes.fill({});
  EXPECT_EQ(bytes.next(), words.next());
}

TEST(SeededRng, SeedsDiffer) {
  SeededRng a(1), b(2);
  EXPECT_NE(a.next(), b.next());
}

TEST(Rng, NextReadsEightBytes) {
  ScriptedRng rng({0x0123456789abcdefULL});
  EXPECT_EQ(rng.next(), 0x0123456789abcdefULL);
}

TEST(Rng, BelowDrawsAgainWhereRemaindersWouldBeUneven) {
  // 2^64 mod 10 = 6: the values 0..5 are the uneven part.
  ScriptedRng rng({0, 5, 6, 17});
  EXPECT_EQ(rng.below(10), 6U);
  EXPECT_EQ(rng.drawn(), 3U);
  EXPECT_EQ(rng.below(10), 7U);
  // A power of two divides evenly: nothing is thrown away.
  ScriptedRng even({0, ~0ULL});
  EXPECT_EQ(even.below(16), 0U);
  EXPECT_EQ(even.below(16), 15U);
  // Just over half: nearly half of all draws are refused.
  ScriptedRng half({0, (1ULL << 63) - 2, (1ULL << 63) - 1});
  EXPECT_EQ(half.below((1ULL << 63) + 1), (1ULL << 63) - 1);
  EXPECT_EQ(half.drawn(), 3U);
}

TEST(Rng, BelowStaysBelow) {
  ASSERT_TRUE(rc::check([](std::uint64_t seed, std::uint64_t raw) {
    const std::uint64_t bound = raw == 0 ? 1 : raw;
    SeededRng rng(seed);
    for (int i = 0; i < 20; ++i) RC_ASSERT(rng.below(bound) < bound);
    RC_ASSERT(rng.below(1) == 0U);
  }));
}

TEST(Rng, BelowIsEven) {
  // 60,000 draws of 6: each face 10,000 times, standard deviation 91; six of them are allowed.
  SeededRng rng(3);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60'000; ++i) ++counts[rng.below(6)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 550);
}

TEST(Rng, UnitIsInTheHalfOpenInterval) {
  ScriptedRng ends({0, ~0ULL});
  EXPECT_EQ(ends.unit(), 0.0);
  const double top = ends.unit();
  EXPECT_LT(top, 1.0);
  EXPECT_GT(top, 0.999999);
  SeededRng rng(8);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) sum += rng.unit();
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

TEST(RngDeathTest, BelowNothingIsOurBug) {
  SeededRng rng(1);
  EXPECT_DEATH((void)rng.below(0), "assertion failed");
}

}  // namespace
}  // namespace kith::base
