#include "compute/collatz/range.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kith::compute::collatz {
namespace {

bool never() { return false; }
bool always() { return true; }

const ExactWalker& walker() {
  static const ExactWalker made;
  return made;
}

RC_GTEST_PROP(Range, PiecesAreTheRange, ()) {
  const bool is_fast = *rc::gen::arbitrary<bool>();
  const unsigned bits = *rc::gen::inRange(1u, 126u);
  const U128 from =
      std::max<U128>(1, (U128{*rc::gen::arbitrary<std::uint64_t>()} << 62) >> (126 - bits));
  const U128 to = from + (*rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(24, 64));
  const auto pieces = plan_range(from, to, is_fast);
  RC_ASSERT(pieces.has_value());
  U128 next = from;
  for (const Piece& piece : *pieces) {
    RC_ASSERT(piece.from == next);
    RC_ASSERT(piece.to >= piece.from);
    next = piece.to + 1;
    if (!piece.unit) continue;
    RC_ASSERT(is_fast);
    RC_ASSERT(check_unit(*piece.unit).has_value());
    RC_ASSERT(piece.unit->start() == piece.from);
    RC_ASSERT(piece.unit->numbers() == piece.to - piece.from + 1);
  }
  RC_ASSERT(next == to + 1);
}

TEST(Range, RefusesWhatIsNone) {
  EXPECT_EQ(plan_range(2, 1, false).error().code, Code::usage);
  EXPECT_EQ(plan_range(0, 1, false).error().code, Code::usage);
  EXPECT_EQ(plan_range(1, U128{1} << 127, true).error().code, Code::usage);
  EXPECT_EQ(plan_range(1, U128{1} << 60, false).error().code, Code::limit);
  EXPECT_EQ(plan_range(1, U128{1} << 100, true).error().code, Code::limit);
  EXPECT_TRUE(plan_range(1, U128{1} << 58, true));
}

TEST(Range, FastKernelsAgreeOnItsChecksum) {
  const U128 from = (U128{1} << 40) - 3'000'000;
  const auto pieces = plan_range(from, from + 8'000'000, true).value();
  std::optional<std::uint64_t> checksum;
  for (const KernelKind kind : supported_kernels()) {
    if (kind == KernelKind::reference) continue;
    PieceRunner runner(make_kernel(kind));
    RangeResult all;
    for (const Piece& piece : pieces) {
      add_to(all, runner.run(piece, walker(), never).value());
    }
    EXPECT_TRUE(all.count == 8'000'001);
    EXPECT_FALSE(all.counterexample);
    if (!checksum) checksum = all.checksum;
    EXPECT_EQ(all.checksum, *checksum);
  }
}

TEST(Range, StopsBetweenSlices) {
  PieceRunner runner(make_kernel(KernelKind::scalar));
  const auto pieces = plan_range(U128{1} << 40, (U128{1} << 40) + (U128{1} << 36), true).value();
  const auto stopped = runner.run(pieces.front(), walker(), always);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::canceled);
}

// Under 3n + 29, numbers from 2531 on lead to a cycle above 2048 (kernel_test.cpp).
TEST(Range, NamesTheLeastCounterexample) {
  for (const KernelKind kind : supported_kernels()) {
    PieceRunner runner(make_kernel(kind));
    const Piece planted{2048, 4095, Unit{8, 8, 1, 0, 8, 8, {29}}};
    const auto result = runner.run(planted, walker(), never);
    ASSERT_TRUE(result && result->counterexample) << name_of(kind);
    EXPECT_TRUE(*result->counterexample == 2531) << name_of(kind);
    const Piece real{2048, 4095, Unit{8, 8, 1, 0, 8, 8, {}}};
    EXPECT_FALSE(runner.run(real, walker(), never)->counterexample);
  }
}

}  // namespace
}  // namespace kith::compute::collatz
