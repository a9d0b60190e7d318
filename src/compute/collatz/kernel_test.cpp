#include "compute/collatz/kernel.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "compute/collatz/orbit.h"
#include "compute/collatz/records_test_util.h"
#include "compute/collatz/units_test_util.h"

namespace kith::compute::collatz {
namespace {

std::vector<SliceResult> run_all(Kernel& kernel, const Plan& plan) {
  std::vector<SliceResult> slices(plan.unit().slices());
  const auto done = kernel.run(plan, 0, slices);
  EXPECT_TRUE(done.has_value());
  return slices;
}

std::string describe(const SliceResult& r) {
  return std::to_string(r.candidates) + " candidates, sum " + std::to_string(r.stop_sum) + ", " +
         std::to_string(r.escapes) + " escapes, " + std::to_string(r.suspects) +
         " suspects, peak " + to_decimal(r.peak);
}

/// Every kernel of this machine gives the same slices; gives them.
std::vector<SliceResult> agreed(const Unit& unit) {
  const auto checked = check_unit(unit);
  EXPECT_TRUE(checked) << checked.error().message;
  const Plan plan(unit);
  const auto expected = run_all(*make_kernel(KernelKind::reference), plan);
  for (const KernelKind kind : supported_kernels()) {
    const auto got = run_all(*make_kernel(kind), plan);
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i], expected[i])
          << name_of(kind) << ", slice " << i << " of the unit of " << to_decimal(unit.start())
          << " K " << unit.sieve_bits << " F " << unit.free_bits << " q " << unit.map.increment
          << ": " << describe(got[i]) << "; expected " << describe(expected[i]);
    }
  }
  return expected;
}

TEST(Kernel, ThisMachineHasAtLeastThePlainOnes) {
  const auto kinds = supported_kernels();
  ASSERT_GE(kinds.size(), 2u);
  EXPECT_EQ(kinds[0], KernelKind::reference);
  EXPECT_EQ(kinds[1], KernelKind::scalar);
  for (const KernelKind kind : kinds) {
    EXPECT_EQ(make_kernel(kind)->name(), name_of(kind));
    EXPECT_EQ(kernel_from_name(name_of(kind)).value(), kind);
  }
  EXPECT_EQ(kernel_from_name("abacus").error().code, Code::usage);
}

RC_GTEST_PROP(Kernel, AllAgreeOnAnything, ()) {
  const Unit unit = any_unit();
  agreed(unit);
  RC_ASSERT(!testing::Test::HasFailure());
}

TEST(Kernel, AllAgreeAtEveryEdge) {
  for (const unsigned edge : {20u, 41u, 53u, 56u, 57u, 64u, 65u, 71u, 87u, 88u, 92u, 126u}) {
    for (const unsigned sieve : {8u, 17u}) {
      const U128 at = U128{1} << (edge - sieve);
      for (const U128& first : {at, at - std::min<U128>(at - 1, 70), at + 12345}) {
        agreed({sieve, std::min(sieve, 10u), 3, 0, first, 145, {}});
      }
    }
  }
}

// Enough a's that kernels take the steps in common which those 64 or 512 apart have: just too few
// of them, a short row, whole rows with something behind, and several of them.
TEST(Kernel, AllAgreeOnManyNumbersOfAClass) {
  for (const std::uint64_t count : {2047u, 3583u, 3584u, 4096u, 5003u, 9999u}) {
    for (const unsigned edge : {45u, 64u, 71u, 87u}) {
      for (const std::uint64_t increment : {1u, 5u}) {
        const U128 first = (U128{1} << (edge - 30)) - 1234;
        agreed({30, 7, 1, 5, first, count, {increment}});
      }
    }
  }
}

/// A part of the region of `sieve` bits that has `n` in it.
Unit unit_around(U128 n, unsigned sieve, unsigned free) {
  const auto b = static_cast<std::uint64_t>(n) & ((std::uint64_t{1} << sieve) - 1);
  const U128 a = n >> sieve;
  return {sieve, free, 2, b >> free, a > 30 ? a - 30 : 1, 80, {}};
}

// The numbers that climb highest are found where they are, and attributed, by every kernel.
TEST(Kernel, PathRecordsAreFound) {
  int found = 0;
  for (const TestRecord& record : read_records("path")) {
    // What peaks here has escaped before (docs/compute.md, Records).
    if (bit_width(record.number) < 50 || record.peak.size() < 32) continue;
    const Unit unit = unit_around(record.number, 30, 8);
    const Plan plan(unit);
    const auto slices = agreed(unit);
    const SliceResult total = total_of(slices);
    EXPECT_EQ(to_decimal(total.peak), record.peak) << to_decimal(record.number);
    for (std::uint32_t i = 0; i < slices.size(); ++i) {
      if (slices[i].peak != total.peak) continue;
      const auto number = find_peak(plan, i, total.peak);
      ASSERT_TRUE(number);
      EXPECT_TRUE(*number == record.number) << to_decimal(*number);
      ++found;
    }
  }
  EXPECT_EQ(found, 22);
}

// Under 3n + 29 all numbers below 2531 fall into a cycle through 1, 11 or 29, and 2531 leads to one
// whose least number is 3811: the least counterexample to "all end below 2048". Every kernel sees
// it, and it is named and confirmed.
TEST(Kernel, PlantedCounterexampleIsFound) {
  const Unit unit{8, 8, 1, 0, 8, 8, {29}};
  const Plan plan(unit);
  const auto is_counterexample = [&](U128 n) {
    return walk_orbit(n, unit.start(), {3, 29}).verdict == Verdict::cycles;
  };
  for (U128 n = 2048; n < 2531; ++n) ASSERT_FALSE(is_counterexample(n));

  const auto slices = agreed(unit);
  EXPECT_GT(total_of(slices).suspects, 0u);
  std::vector<U128> found;
  for (std::uint32_t i = 0; i < slices.size(); ++i) {
    const auto suspects = find_suspects(plan, i, 1000);
    EXPECT_EQ(suspects.size(), slices[i].suspects);
    std::ranges::copy_if(suspects, std::back_inserter(found), is_counterexample);
  }
  ASSERT_FALSE(found.empty());
  EXPECT_TRUE(std::ranges::min(found) == 2531);
  EXPECT_EQ(to_decimal(walk_orbit(2531, unit.start(), {3, 29}).least), "3811");
  // The same unit under Collatz's own map is clean.
  Unit real = unit;
  real.map = {};
  EXPECT_EQ(total_of(agreed(real)).suspects, 0u);
}

TEST(Kernel, ManyNumbersThatNeverStopDoNotStopAKernel) {
  // Far more than fit a kernel's buffer.
  const Unit unit{4, 4, 0, 0, 2, 4000, {79}};
  const Plan plan(unit);
  SliceResult scalar;
  ASSERT_TRUE(make_kernel(KernelKind::scalar)->run(plan, 0, std::span(&scalar, 1)));
  for (const KernelKind kind : supported_kernels()) {
    if (kind == KernelKind::reference) continue;
    SliceResult result;
    ASSERT_TRUE(make_kernel(kind)->run(plan, 0, std::span(&result, 1)));
    EXPECT_EQ(result, scalar) << name_of(kind);
  }
}

/// Gives what the scalar kernel gives, but for one sum in a thousand slices.
class SlightlyWrongKernel : public Kernel {
 public:
  std::string_view name() const override { return "slightly wrong"; }
  Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) override {
    const auto done = inner_->run(plan, first, out);
    // A carry that is lost above 2^64, say.
    for (SliceResult& slice : out) {
      if (slice.escapes > 0) slice.stop_sum += std::uint64_t{1} << 35;
    }
    return done;
  }

 private:
  std::unique_ptr<Kernel> inner_ = make_kernel(KernelKind::scalar);
};

TEST(Kernel, SelfTestPassesTheGoodAndCatchesABadOne) {
  for (const KernelKind kind : supported_kernels()) {
    const auto passed = self_test(*make_kernel(kind));
    EXPECT_TRUE(passed) << passed.error().message;
  }
  SlightlyWrongKernel wrong;
  const auto caught = self_test(wrong);
  ASSERT_FALSE(caught);
  EXPECT_EQ(caught.error().code, Code::internal);
}

TEST(Kernel, FasterKernelsAgreeOnAWholeSliceOfARegion) {
  const Plan plan(region_unit(51, U128{1} << 20, 12345));
  SliceResult scalar;
  ASSERT_TRUE(make_kernel(KernelKind::scalar)->run(plan, 77, std::span(&scalar, 1)));
  EXPECT_GT(scalar.candidates, 1'000'000u);
  EXPECT_GT(scalar.escapes, 0u);
  for (const KernelKind kind : supported_kernels()) {
    if (kind == KernelKind::reference) continue;
    SliceResult result;
    ASSERT_TRUE(make_kernel(kind)->run(plan, 77, std::span(&result, 1)));
    EXPECT_EQ(result, scalar) << name_of(kind);
  }
}

TEST(Slice, RootCommitsToAllOfIt) {
  const Unit unit{12, 12, 2, 0, 64, 72, {}};
  const auto slices = agreed(unit);
  const auto root = unit_root(unit, slices);
  auto changed = slices;
  changed[3].stop_sum ^= 1;
  EXPECT_NE(unit_root(unit, changed), root);
  changed = slices;
  std::swap(changed[0], changed[1]);
  EXPECT_NE(unit_root(unit, changed), root);
  changed = slices;
  changed[2].peak = Big(U128{1});
  EXPECT_NE(unit_root(unit, changed), root);
  Unit other = unit;
  other.a_first += 1;
  EXPECT_NE(unit_root(other, slices), root);
  // A slice is shown to belong by a proof of codec/chain_merkle.h.
  std::vector<codec::Hash> entries;
  for (std::uint32_t i = 0; i < 4; ++i) entries.push_back(slice_digest(unit, i, slices[i]));
  const auto proof = codec::prove_merkle(entries, 2);
  EXPECT_TRUE(codec::verify_merkle_proof(root, slice_digest(unit, 2, slices[2]), proof));
  EXPECT_FALSE(codec::verify_merkle_proof(root, slice_digest(unit, 2, slices[1]), proof));
}

}  // namespace
}  // namespace kith::compute::collatz
